"""How the scores of a study grow with the number of patients to learn from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skvae.arguments import check_choice, check_number
from skvae.extras import import_extra
from skvae.statistics.grouping import numbered
from skvae.study.aggregation import AGGREGATES
from skvae.study.arm import named_arms
from skvae.study.cohort import Cohort
from skvae.study.evaluate import Finished, Task
from skvae.study.folds import OuterFold, draw_folds, inner_splits
from skvae.study.nested_cv import check_arms
from skvae.study.result import score_interval
from skvae.study.tasks import run_tasks
from skvae.study.warned_once import warn_of_undefined, warn_once

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["learning_curve"]


def learning_curve(
    arms: Mapping[str, BaseEstimator | tuple[BaseEstimator, Any]],
    X: Any,
    y: "ArrayLike",
    *,
    groups: "ArrayLike | None" = None,
    shares: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
    outer: tuple[int, int] = (5, 1),
    inner: int = 3,
    scoring: Any = None,
    positive: Any = None,
    outcome: str | None = None,
    aggregate: str | None = None,
    params: "Mapping[str, ArrayLike] | None" = None,
    n_threads: int | None = 1,
    n_jobs: int | None = None,
    random_state: int = 0,
    confidence: float = 0.95,
) -> "DataFrame":
    """Nested cross-validation with a part of the training patients of each fold.

    The test parts are those of `nested_cv`, the same for all sizes. Larger parts contain
    the smaller ones; each keeps the shares of the classes, and whole patients. A curve
    that still rises at the end says that more patients would help.

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
    shares : sequence of float, default=(0.25, 0.5, 0.75, 1.0)
        Shares of the training patients, above 0, at most 1.
    outer : (int, int), default=(5, 1)
        Outer folds and repeats.
    inner : int, default=3
        Inner folds.
    scoring : str, callable, list of str or mapping of str to these, default=None
        Scores, of which the first counts; by default that of the outcome.
    positive : object, default=None
        Of two classes the one that probabilities are of.
    outcome : {"classes", "number", "event"} or None, default=None
        What y is, as of `nested_cv`.
    aggregate : {"mean", "max"} or None, default=None
        Score patients instead of rows, as of `nested_cv`.
    params : mapping of str to array-like of n_samples rows, default=None
        Further metadata for `fit`.
    n_threads : int or None, default=1
        Threads of every step that has a parameter `n_threads`.
    n_jobs : int or None, default=None
        Pairs of arm and outer fold that run at the same time.
    random_state : int, default=0
        Draws the splits and the parts.
    confidence : float, default=0.95
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        One row for each arm and share: `arm`, `share`, `n_train` rows and
        `n_train_groups` patients on average, `mean`, `ci_low` and `ci_high`.

    See Also
    --------
    nested_cv : All training patients.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvae.study import learning_curve
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> plain = make_pipeline(StandardScaler(), LogisticRegression())
    >>> curve = learning_curve({"plain": plain}, X, y, shares=(0.05, 1.0))
    >>> print(curve[["share", "n_train", "mean"]].round({"n_train": 0, "mean": 2}))
       share  n_train  mean
    0   0.05     22.0  0.98
    1   1.00    455.0  1.00
    """
    pd = import_extra("pandas")
    for share in shares:
        check_number("learning_curve", "shares", share, low=0, high=1, above_low=True)
    cohort = Cohort.checked(X, y, groups, params, positive, outcome)
    scorings = cohort.outcome.scorings(scoring)
    if aggregate is not None:
        check_choice("learning_curve", "aggregate", aggregate, AGGREGATES)
        cohort.check_patients()
    with config_context(enable_metadata_routing=True):
        checked = named_arms(arms, next(iter(arms)), n_threads)
        check_arms(checked, cohort)
    folds = draw_folds(cohort, outer, inner, random_state)
    how = (scorings, None, aggregate, n_threads)
    rows: list[tuple[Any, ...]] = []
    all_finished: list[Finished] = []
    for share in shares:
        parts = [_part(fold, cohort, share, inner, random_state) for fold in folds]
        tasks = [Task(arm, fold, *how) for arm in checked for fold in parts]
        found = dict(run_tasks(tasks, cohort, None, n_jobs, None))
        finished = [found[i] for i in range(len(tasks))]
        all_finished += finished
        frame = pd.DataFrame([f.row for f in finished])
        for arm, part in frame.groupby("arm", sort=False):
            interval = score_interval(part, next(iter(scorings)), confidence)
            sizes = part[["n_train", "n_train_groups"]].mean()
            rows.append((arm, share, *sizes, *interval))
    warn_once(all_finished, n_folds=len(folds) * len(shares))
    warn_of_undefined(all_finished, next(iter(scorings)))
    columns = ["arm", "share", "n_train", "n_train_groups", "mean", "ci_low", "ci_high"]
    found_frame = pd.DataFrame(rows, columns=columns)
    order = {arm.name: i for i, arm in enumerate(checked)}
    return found_frame.sort_values(
        "arm", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )


def _part(
    fold: OuterFold, cohort: Cohort, share: float, inner: int, random_state: int
) -> OuterFold:
    """Return the fold with some of its training patients, its classes in proportion."""
    patients = numbered(cohort.patients[fold.train])
    strata = cohort.outcome.strata[fold.train]
    kept = np.zeros(patients.max() + 1, dtype=bool)
    rng = check_random_state(random_state)
    first_row = np.unique(patients, return_index=True)[1]
    for stratum in np.unique(strata):
        (of_stratum,) = np.nonzero(strata[first_row] == stratum)
        drawn = rng.permutation(of_stratum)
        kept[drawn[: max(1, round(share * len(drawn)))]] = True
    train: NDArray[np.intp] = fold.train[kept[patients]]
    splits = inner_splits(cohort, train, inner, random_state)
    return OuterFold(fold.repeat, fold.fold, train, fold.test, splits)
