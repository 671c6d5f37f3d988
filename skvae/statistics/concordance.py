"""Harrell's concordance of risks with the times to an event."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["concordance_index", "concordance_scorer"]

_MOST_PAIRS_AT_ONCE = 1 << 24


def concordance_index(event: "ArrayLike", time: "ArrayLike", risk: "ArrayLike") -> float:
    r"""Return the share of comparable pairs in which the higher risk had the event first.

    Of two rows, the one with the event at an earlier time should have the higher risk.
    Pairs can be compared if the earlier time is that of an event; where both times are
    equal, if one is an event and the other is censored, which then counts as later.
    Equal risks count one half:

    .. math:: C = \frac{\#\{r_i > r_j\} + \frac12 \#\{r_i = r_j\}}{\#\text{comparable}}.

    Parameters
    ----------
    event : array-like of shape (n_samples,)
        True where the event was seen, False where the time is censored.
    time : array-like of shape (n_samples,)
        Times to the event or to censoring, in any unit.
    risk : array-like of shape (n_samples,)
        Predicted risk, higher for an earlier event.

    Returns
    -------
    float
        Between 0 and 1; NaN where no pair can be compared.

    References
    ----------
    .. [1] F. E. Harrell, K. L. Lee and D. B. Mark (1996). Multivariable prognostic models.
       Statistics in Medicine 15, 361-387.

    Examples
    --------
    >>> from skvae.study import concordance_index
    >>> concordance_index([True, True, False], [1.0, 2.0, 3.0], [0.9, 0.2, 0.4])
    0.6666666666666666
    """
    happened = np.asarray(event, dtype=bool)
    times, risks = (np.asarray(a, dtype=np.float64) for a in (time, risk))
    if not happened.shape == times.shape == risks.shape or times.ndim != 1:
        raise ValueError(
            f"Got event, time and risk of shapes {happened.shape}, {times.shape} and "
            f"{risks.shape}, expected one column each, of the same rows."
        )
    if not np.isfinite(times).all() or not np.isfinite(risks).all():
        raise ValueError("Got time or risk with values that are not finite.")
    n_comparable = n_concordant = n_tied = 0
    first = np.flatnonzero(happened)
    rows = max(1, _MOST_PAIRS_AT_ONCE // max(1, len(times)))
    for start in range(0, len(first), rows):
        i = first[start : start + rows, None]
        later = (times > times[i]) | ((times == times[i]) & ~happened)
        n_comparable += int(later.sum())
        n_concordant += int((later & (risks < risks[i])).sum())
        n_tied += int((later & (risks == risks[i])).sum())
    if not n_comparable:
        return float("nan")
    return (n_concordant + n_tied / 2) / n_comparable


def concordance_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score the risks that an estimator predicts, as scikit-learn's searches ask for it.

    Parameters
    ----------
    estimator : estimator
        Its `predict` gives risks, higher for an earlier event.
    X : array of n_samples rows
        Inputs.
    y : structured ndarray of shape (n_samples,)
        A boolean field, the event, and a numeric one, the time.

    Returns
    -------
    float
        The concordance.
    """
    (event,) = (name for name in y.dtype.names if y.dtype[name].kind == "b")
    (time,) = (name for name in y.dtype.names if name != event)
    return concordance_index(y[event], y[time], estimator.predict(X))
