"""What a study finds where there is nothing to find."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skvae.arguments import check_number
from skvae.exceptions import said_once
from skvae.extras import import_extra
from skvae.statistics.grouping import numbered
from skvae.study.nested_cv import nested_cv

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["permutation_null"]


def permutation_null(
    arms: Mapping[str, BaseEstimator | tuple[BaseEstimator, Any]],
    X: Any,
    y: "ArrayLike",
    *,
    groups: "ArrayLike | None" = None,
    n_permutations: int = 20,
    random_state: int = 0,
    **options: Any,
) -> "DataFrame":
    """Nested cross-validation on outcomes that are shuffled between patients.

    The whole study runs once on the outcomes as they are and once on each permutation,
    search and all. With :math:`b` of :math:`m` permutations scoring at least as high,
    :math:`p = (b + 1) / (m + 1)` [1]_. Means above the score of chance under the null would
    show a leak.

    Parameters
    ----------
    arms : mapping of str to estimator or (estimator, param_grid)
        The pipelines to compare, as of `nested_cv`.
    X : array of shape (n_samples, ...), DataFrame, list, or mapping of str to these
        Inputs as the arms take them.
    y : array-like of shape (n_samples,)
        The outcome.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row.
    n_permutations : int, default=20
        Number of permutations: with 20, the smallest p is .048.
    random_state : int, default=0
        Draws splits and permutations.
    **options : dict
        Of `nested_cv`; `external`, `folder` and `resume` are not among them.

    Returns
    -------
    DataFrame
        One row for each arm: `arm`, `mean`, `p`, the mean, the 5 % and the 95 % quantile
        of the scores on permuted outcomes: `null_mean`, `null_low`, `null_high`.

    References
    ----------
    .. [1] M. Ojala and G. C. Garriga (2010). Permutation tests for studying classifier
       performance. Journal of Machine Learning Research 11, 1833-1863.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import permutation_null
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> null = permutation_null({"pca": LogisticRegression()}, X, y, n_permutations=9)
    >>> print(null[["arm", "mean", "p"]].round(1))
       arm  mean    p
    0  pca   1.0  0.1
    """
    check_number("permutation_null", "n_permutations", n_permutations, whole=True, low=1)
    for name in ("external", "folder", "resume"):
        if name in options:
            raise TypeError(f"Got {name} in permutation_null, which takes none.")
    options = {"reference": next(iter(arms)), **options, "random_state": random_state}
    values = np.asarray(y)
    rng = check_random_state(random_state)

    def means(outcomes: NDArray[Any]) -> Any:
        summary = nested_cv(arms, X, outcomes, groups=groups, **options).summary()
        return summary.set_index("arm")["mean"]

    with said_once():
        found = means(values)
        shuffled = (_shuffled(values, groups, rng) for _ in range(n_permutations))
        null = np.array([means(outcomes).to_numpy() for outcomes in shuffled])
    low, high = np.quantile(null, [0.05, 0.95], axis=0)
    return import_extra("pandas").DataFrame(
        {
            "arm": found.index,
            "mean": found.to_numpy(),
            "p": ((null >= found.to_numpy()).sum(axis=0) + 1) / (n_permutations + 1),
            "null_mean": null.mean(axis=0),
            "null_low": low,
            "null_high": high,
        }
    )


def _shuffled(
    y: NDArray[Any], groups: "ArrayLike | None", rng: np.random.RandomState
) -> NDArray[Any]:
    """Exchange the outcomes of patients, not of their rows."""
    if groups is None:
        return rng.permutation(y)
    patient = numbered(groups)
    first_row = np.unique(patient, return_index=True)[1]
    if (y[first_row][patient] == y).all():
        return rng.permutation(y[first_row])[patient]
    # Rows of a patient that differ, such as benign and malignant nodules, keep their
    # number of rows: outcomes wander among patients of as many.
    shuffled = y.copy()
    order = np.argsort(patient, kind="stable")
    n_rows = np.bincount(patient)
    starts = np.concatenate([[0], np.cumsum(n_rows)[:-1]])
    for size in np.unique(n_rows):
        (of_size,) = np.nonzero(n_rows == size)
        rows = order[starts[of_size][:, None] + np.arange(size)]
        shuffled[rows] = y[rows[rng.permutation(len(of_size))]]
    return shuffled
