"""The cohort of the default study: nodules of LIDC-IDRI with a clear label."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.datasets import load_lidc_nodules

__all__ = ["ABOUT", "QUICK_NODULES", "lidc_cohort", "some_rows"]

QUICK_NODULES = 600
ABOUT = (
    "The rows are lung nodules of LIDC-IDRI as binary masks: what at least half of the "
    "radiologists outlined, interpolated linearly on a grid of 32 x 32 x 32 voxels of "
    "1.25 mm around the nodule; masks of fewer than 4 voxels are left out. The class is 1 "
    "where the radiologists' mean rating of malignancy is above 3, and 0 where it is "
    "below: an opinion, not a diagnosis."
)


def lidc_cohort(
    *, full: bool = False, random_state: int = 0
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Load nodules, their malignancy and their patients.

    Parameters
    ----------
    full : bool, default=False
        Whether to take all nodules with a clear label, not 600 of them.
    random_state : int, default=0
        Draws the 600.

    Returns
    -------
    X : ndarray of shape (n_samples, 1, 32, 32, 32)
        Masks.
    y : ndarray of shape (n_samples,)
        1 where the radiologists' mean malignancy is above 3, 0 where it is below.
    groups : ndarray of shape (n_samples,)
        Patients.
    """
    nodules = load_lidc_nodules()
    X, y, groups = nodules.images, nodules.target, np.asarray(nodules.groups)
    if full:
        return X, y, groups
    rows = some_rows(groups, QUICK_NODULES, random_state)
    return X[rows], y[rows], groups[rows]


def some_rows(
    groups: NDArray[Any], n_rows: int, random_state: int | None
) -> NDArray[np.intp]:
    """Draw rows by drawing patients, so that patients keep all their rows.

    The last patient may lose some, so that the number of rows is as asked for.

    Parameters
    ----------
    groups : ndarray of shape (n_samples,)
        Patient of each row.
    n_rows : int
        Number of rows to draw; all, where there are no more.
    random_state : int or None
        Seed.

    Returns
    -------
    ndarray of int
        Row numbers, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.study.lidc_cohort import some_rows
    >>> some_rows(np.array(["a", "a", "b", "c", "c", "c"]), 4, random_state=0)
    array([2, 3, 4, 5])
    """
    patients, patient_of_row = np.unique(groups, return_inverse=True)
    place = np.random.default_rng(random_state).permutation(len(patients))
    return np.sort(np.argsort(place[patient_of_row], kind="stable")[:n_rows])
