"""P-values of several tests, adjusted for their number."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["holm"]


def holm(p_values: "ArrayLike") -> NDArray[np.float64]:
    r"""Adjust p-values of several tests by Holm's step-down method.

    With :math:`p_{(1)} \le \dots \le p_{(m)}`,

    .. math::
        \tilde p_{(i)} = \max_{j \le i} \min\{1, (m - j + 1)\, p_{(j)}\}.

    Rejecting where :math:`\tilde p \le \alpha` keeps the chance of any false
    rejection at :math:`\alpha`, however the tests depend on one another.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        Raw p-values.

    Returns
    -------
    ndarray of shape (n_tests,)
        Adjusted p-values, in the order given.

    References
    ----------
    .. [1] S. Holm (1979). A simple sequentially rejective multiple test procedure.
       Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> from skvae.study import holm
    >>> print(holm([0.01, 0.04, 0.03, 0.5]))
    [0.04 0.09 0.09 0.5 ]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"Got p_values={p_values!r}, expected numbers from 0 to 1.")
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, np.arange(len(p), 0, -1) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted
