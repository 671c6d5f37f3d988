"""Bounds around a value, symmetric on the scale of the value itself or of its logit."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from skvae.arguments import check_choice

SCALES = ("raw", "logit")


def check_confidence(confidence: float) -> None:
    """Raise unless the coverage lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"Got confidence={confidence!r}, expected 0 < confidence < 1.")


def bounds_around(
    value: float, half: float, scale: str, scores: "ArrayLike"
) -> tuple[float, float]:
    """Return both bounds, or NaN where an error of 0 says that there is no interval.

    Parameters
    ----------
    value : float
        The value, and the centre on the scale.
    half : float
        Half of the width on the raw scale; divided by value (1 - value), the derivative
        of the logit, on that of the logit.
    scale : str
        "raw" or "logit".
    scores : array-like
        What the caller gave, of which the logit demands [0, 1].
    """
    check_choice("an interval", "scale", scale, SCALES)
    if scale == "logit" and not (np.min(scores) >= 0 and np.max(scores) <= 1):
        raise ValueError(
            f"Got scale='logit' and scores from {np.min(scores):g} to {np.max(scores):g}, "
            "expected scores from 0 to 1; differences, R2 and losses take scale='raw'."
        )
    if half == 0 or (scale == "logit" and not 0 < value < 1):
        return np.nan, np.nan
    if scale == "raw":
        return float(value - half), float(value + half)
    half = half / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))
