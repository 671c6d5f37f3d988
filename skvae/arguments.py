"""Checks of a caller's arguments; each error names parameter, value and expectation."""

from collections.abc import Iterable, Sequence
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np

__all__ = ["check_choice", "check_number", "check_shares"]


def check_choice(owner: str, name: str, value: Any, choices: Iterable[Any]) -> None:
    """Raise unless `value` is one of `choices`.

    Parameters
    ----------
    owner : str
        Name of the function that was called.
    name : str
        Name of its parameter.
    value : object
        What the caller gave.
    choices : iterable
        What it may be.

    Examples
    --------
    >>> check_choice("load_medmnist", "split", "tset", ["train", "val", "test"])
    Traceback (most recent call last):
    ValueError: Got split='tset', but load_medmnist takes one of train, val, test.
    """
    choices = list(choices)
    # A list compares equal to no choice, and an array would compare element by element.
    if not (isinstance(value, str | int) and value in choices):
        listed = ", ".join(map(str, choices))
        raise ValueError(f"Got {name}={value!r}, but {owner} takes one of {listed}.")


def check_number(
    owner: str,
    name: str,
    value: Any,
    *,
    whole: bool = False,
    low: float = -inf,
    high: float = inf,
    above_low: bool = False,
) -> None:
    """Raise unless `value` is a finite number within its bounds.

    Parameters
    ----------
    owner : str
        Name of the function that was called.
    name : str
        Name of its parameter.
    value : object
        What the caller gave.
    whole : bool, default=False
        Whether it must be an integer.
    low, high : float
        The bounds, both allowed themselves.
    above_low : bool, default=False
        Whether `low` itself is not allowed.

    Examples
    --------
    >>> check_number("make_sprites", "size", 0, whole=True, low=8)
    Traceback (most recent call last):
    ValueError: Got size=0, but make_sprites takes an integer of at least 8.
    """
    expected = "an integer" if whole else "a number"
    if low > -inf:
        expected += f" above {low}" if above_low else f" of at least {low}"
    if high < inf:
        expected += f"{' and' if low > -inf else ' of'} at most {high}"
    message = f"Got {name}={value!r}, but {owner} takes {expected}."
    # True is an integer to Python, but never a meant size or share.
    if not isinstance(value, Integral if whole else Real) or isinstance(value, bool):
        raise TypeError(message)
    if not (isfinite(value) and low <= value <= high) or (above_low and value == low):
        raise ValueError(message)


def check_shares(owner: str, name: str, value: Sequence[float]) -> tuple[float, float]:
    """Return the smallest and the largest share; raise unless they are two in [0, 1].

    Parameters
    ----------
    owner : str
        Name of the function that was called.
    name : str
        Name of its parameter.
    value : sequence of 2 floats
        What the caller gave.

    Returns
    -------
    low, high : float
        The shares.

    Examples
    --------
    >>> check_shares("make_mammograms", "density_range", (0.5, 0.2))
    Traceback (most recent call last):
    ValueError: Got density_range=(0.5, 0.2), but make_mammograms takes two numbers in
    [0, 1], of which the second is not smaller.
    """
    bounds = np.asarray(value, dtype=float)
    if bounds.shape != (2,) or not 0 <= bounds[0] <= bounds[1] <= 1:
        raise ValueError(
            f"Got {name}={value!r}, but {owner} takes two numbers in [0, 1], of which the "
            "second is not smaller."
        )
    return float(bounds[0]), float(bounds[1])
