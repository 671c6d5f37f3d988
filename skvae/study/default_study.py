"""The study that the command line runs: what autoencoder features add to simple ones."""

from tempfile import TemporaryDirectory
from typing import Any

from numpy.typing import NDArray

from skvae.study.default_arms import default_arms
from skvae.study.nested_cv import nested_cv
from skvae.study.result import NestedCVResult

__all__ = ["default_study"]


def default_study(
    X: NDArray[Any],
    y: NDArray[Any],
    groups: NDArray[Any],
    *,
    full: bool = False,
    n_jobs: int | None = None,
    random_state: int = 0,
    verbose: bool = False,
) -> NestedCVResult:
    """Compare the default arms on 5 outer and 3 inner folds by patient.

    Parameters
    ----------
    X : ndarray of shape (n_samples, channels, *spatial) or (n_samples, n_features)
        Images or a table.
    y : ndarray of shape (n_samples,)
        Two classes.
    groups : ndarray of shape (n_samples,)
        Patients.
    full : bool, default=False
        Whether to train for as long as is sensible, not as is quick.
    n_jobs : int or None, default=None
        Pairs of arm and fold at the same time, one thread each.
    random_state : int, default=0
        Seed of the folds and of the arms.
    verbose : bool, default=False
        Whether to show a live progress bar.

    Returns
    -------
    NestedCVResult
        The result.
    """
    # Networks are kept for the length of the study only: a grid over layers then trains
    # one for each fold. A killed worker may still write while the folder goes.
    with TemporaryDirectory(prefix="skvae-", ignore_cleanup_errors=True) as memory:
        return nested_cv(
            default_arms(X, full=full, memory=memory, random_state=random_state),
            X,
            y,
            groups=groups,
            outer=(5, 1),
            inner=3,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
