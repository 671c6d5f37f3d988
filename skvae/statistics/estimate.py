"""A number with the bounds of its interval."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Estimate(NamedTuple):
    """A number with its bounds, NaN where there is none or no interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.low):
            return f"{self.value:.3f} [no interval]"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def percentile_bounds(
    draws: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds between which a share of the draws lies, column by column.

    A draw without a value is left out; one that is infinite counts as larger (or smaller)
    than all others. NaN where fewer than half of the draws have a value.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, ...)
        Bootstrap values.
    confidence : float
        Coverage.
    """
    if len(draws) == 0:
        nothing = np.full(draws.shape[1:], np.nan)
        return nothing, nothing
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    known = ~np.isnan(draws)
    enough = known.mean(axis=0) >= 0.5
    # The inverted distribution does not interpolate, which infinite values would not bear.
    low, high = np.nanquantile(
        np.where(enough, draws, 0.0), tails, axis=0, method="inverted_cdf"
    )
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def with_bounds(values: NDArray[np.float64], confidence: float) -> Estimate:
    """Return the first of the values with the percentiles of the others."""
    low, high = percentile_bounds(values[1:], confidence)
    return Estimate(float(values[0]), float(low), float(high))
