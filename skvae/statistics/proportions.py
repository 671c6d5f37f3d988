"""Intervals of proportions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri


def wilson_interval(
    successes: "ArrayLike", n: "ArrayLike", *, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return both bounds of Wilson's score interval, NaN for counts out of 0.

    With :math:`\hat p` the share of successes and :math:`z` the normal quantile,

    .. math::
        \frac{\hat p + z^2 / 2n \pm z \sqrt{\hat p (1 - \hat p) / n + z^2 / 4n^2}}
        {1 + z^2 / n}.

    Counts may be means of counts, which scipy's ``binomtest`` does not take.

    Parameters
    ----------
    successes, n : array-like
        Counts.
    confidence : float, default=0.95
        Coverage.

    Returns
    -------
    low, high : ndarray
        The bounds.

    References
    ----------
    .. [1] E. B. Wilson (1927). Probable inference, the law of succession, and
       statistical inference. JASA 22, 209-212.
    """
    n = np.asarray(n, dtype=np.float64)
    n = np.where(n > 0, n, np.nan)
    share = np.asarray(successes, dtype=np.float64) / n
    z2 = ndtri((1 + confidence) / 2) ** 2
    centre = share + z2 / (2 * n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2)))
    low, high = (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)
    # Exact where nothing or everything is a success, but for rounding.
    return np.where(share == 0, 0, low), np.where(share == 1, 1, high)
