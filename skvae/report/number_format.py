"""Numbers as a reader of a study meets them."""

import math
from typing import Any

__all__ = ["amount", "bounds", "count", "p_value", "signed_bounds"]


def bounds(low: float, high: float, digits: int = 3, sign: str = "") -> str:
    """Return an interval in brackets, or that there is none.

    Parameters
    ----------
    low, high : float
        Its bounds; one that is infinite is open, and has a round bracket.
    digits : int, default=3
        Behind the point.
    sign : str, default=""
        `"+"` where positive numbers have a sign too.

    Returns
    -------
    str
        Such as `[0.512, 2.069]` or `[0.512, ∞)`.

    Examples
    --------
    >>> from skvae.report.number_format import bounds
    >>> bounds(0.5, float("inf"), digits=1)
    '[0.5, ∞)'
    """
    if math.isnan(low) or math.isnan(high):
        return "[no interval]"
    # Rounded first, so that no zero has a minus.
    first, last = (f"{round(b, digits) + 0.0:{sign}.{digits}f}" for b in (low, high))
    left = "(−∞" if math.isinf(low) else f"[{first}"
    right = "∞)" if math.isinf(high) else f"{last}]"
    return f"{left}, {right}"


def signed_bounds(low: float, high: float) -> str:
    """Return the interval of a difference in brackets, or that there is none.

    Parameters
    ----------
    low, high : float
        Its bounds.

    Returns
    -------
    str
        With three digits and a sign each.
    """
    return bounds(low, high, sign="+")


def p_value(p: float) -> str:
    """Return a p-value.

    Parameters
    ----------
    p : float
        The value.

    Returns
    -------
    str
        With three digits; an en dash where there is none.
    """
    if math.isnan(p):
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}"


def amount(value: Any, digits: int = 3) -> str:
    """Return a number, or an en dash where there is none.

    Parameters
    ----------
    value : float
        The number.
    digits : int, default=3
        Behind the point.

    Returns
    -------
    str
        Its text.
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}"


def count(n: int, thing: str, things: str = "") -> str:
    """Return how many there are of a thing.

    Parameters
    ----------
    n : int
        Their number.
    thing : str
        What one of them is called.
    things : str, default=""
        What several are called; by default with an s.

    Returns
    -------
    str
        Such as `1 patient` or `1,500 patients`.
    """
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"
