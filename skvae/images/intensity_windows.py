"""Windows of intensities: what is shown of a scan, and to what range it is brought."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NORMALIZATIONS", "WINDOWS", "checked_window", "normalized"]

# Bounds in Hounsfield units, as radiologists' workstations name them.
WINDOWS = {
    "bone": (-450.0, 1050.0),
    "brain": (0.0, 80.0),
    "liver": (-60.0, 160.0),
    "lung": (-1000.0, 400.0),
    "mediastinum": (-160.0, 240.0),
    "soft_tissue": (-160.0, 240.0),
}
NORMALIZATIONS = ("window", "zscore", "percentile")
_PERCENTILES = (1.0, 99.0)


def checked_window(window: Any) -> tuple[float, float] | None:
    """Return the bounds of a window.

    Parameters
    ----------
    window : str, (float, float) or None
        A name, or the bounds.

    Returns
    -------
    (float, float) or None
        The bounds.

    Examples
    --------
    >>> checked_window("lung")
    (-1000.0, 400.0)
    >>> checked_window((400, -1000))
    Traceback (most recent call last):
    ValueError: Got window=(400, -1000), expected (low, high) with low < high, or one of
    bone, brain, liver, lung, mediastinum, soft_tissue.
    """
    if window is None:
        return None
    if isinstance(window, str) and window in WINDOWS:
        return WINDOWS[window]
    try:
        low, high = (float(bound) for bound in window)
    except (TypeError, ValueError):
        low, high = 0.0, 0.0
    if not -np.inf < low < high < np.inf:
        raise ValueError(
            f"Got window={window!r}, expected (low, high) with low < high, or one of "
            f"{', '.join(WINDOWS)}."
        )
    return low, high


def normalized(
    values: NDArray[np.float32],
    window: tuple[float, float] | None,
    how: str | None,
    inside: NDArray[np.bool_] | None,
) -> NDArray[np.float32]:
    """Clip to the window, then bring to a common range.

    Parameters
    ----------
    values : ndarray of shape (z, y, x)
        Intensities.
    window : (float, float) or None
        Bounds.
    how : {"window", "zscore", "percentile"} or None
        To 0 at the lower bound and 1 at the upper; to mean 0 and standard deviation 1; or
        to 0 at the first percentile and 1 at the last but one.
    inside : ndarray of bool or None
        Where mean, deviation and percentiles are taken; everywhere by default.

    Returns
    -------
    ndarray of shape (z, y, x)
        The values, as float32.
    """
    if window is not None:
        values = np.clip(values, *window)
    if how is None:
        return values.astype(np.float32, copy=False)
    if how == "window":
        low, high = window  # type: ignore[misc]  # checked by the loader
        return ((values - low) / (high - low)).astype(np.float32)
    seen = values[inside] if inside is not None and inside.any() else values
    if how == "zscore":
        centre, scale = seen.mean(dtype=np.float64), seen.std(dtype=np.float64)
    else:
        centre, high = np.percentile(seen, _PERCENTILES)
        scale = high - centre
        values = np.clip(values, centre, high)
    return ((values - centre) / (scale if scale > 0 else 1.0)).astype(np.float32)
