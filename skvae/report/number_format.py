"""Numbers as a reader of a study meets them."""

import math
from typing import Any

__all__ = ["amount", "bounds", "count", "p_value", "signed_bounds"]


def bounds(low: float, high: float) -> str:
    """Return an interval in brackets, or that there is none.

    Parameters
    ----------
    low, high : float
        Its bounds.

    Returns
    -------
    str
        With three digits each.
    """
    return "[no interval]" if math.isnan(low) else f"[{low:.3f}, {high:.3f}]"


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
    return "[no interval]" if math.isnan(low) else f"[{low:+.3f}, {high:+.3f}]"


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
