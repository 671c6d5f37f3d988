"""Checks of a caller's arguments; each error names parameter, value and expectation."""

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np

__all__ = [
    "check_choice",
    "check_columns",
    "check_number",
    "check_numbers",
    "check_shares",
    "naming",
    "refuse_masked",
    "refuse_other_index",
]

# So scikit-learn says that two arrays have other numbers of rows.
OTHER_LENGTH = "inconsistent numbers of samples"
NOT_NUMBERS = (
    str,
    bytes,
    datetime.date,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Name the argument whose check fails, where scikit-learn's or numpy's words do not.

    Parameters
    ----------
    name : str
        The argument, such as ``"X"``.

    Raises
    ------
    ValueError, TypeError
        What the check raised, with the name before it.

    Examples
    --------
    >>> with naming("groups"):
    ...     np.asarray([[1], [2, 3]])
    Traceback (most recent call last):
    ValueError: Got groups that cannot be taken. setting an array element with a sequence...
    """
    try:
        yield
    except (ImportError, MemoryError, Warning):
        raise
    except Exception as error:
        ours = isinstance(error, ValueError | TypeError)
        # An attribute is one of the attributes.
        word = f"{name[:-1]}s?" if name.endswith("s") else name
        if ours and re.search(rf"\b{word}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        what = str(error) or type(error).__name__
        does_not = "does not fit X" if OTHER_LENGTH in what else "cannot be taken"
        raise kind(f"Got {name} that {does_not}. {what}") from error


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


def check_numbers(owner: str, name: str, values: Any) -> None:
    """Raise where numpy would turn something else into numbers, or drop a part of it.

    A date would become its nanoseconds, 1e18 of them.

    Parameters
    ----------
    owner : str
        Name of what was called.
    name : str
        Name of its parameter.
    values : array-like
        What the caller gave; None and NaN may be among numbers.

    Examples
    --------
    >>> check_numbers("AttriVAE", "y", [datetime.date(2020, 2, 1), None])
    Traceback (most recent call last):
    ValueError: Got y with the entry datetime.date(2020, 2, 1), but AttriVAE expects
    numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind in "SUTMmVc":
        raise ValueError(f"Got {name} of dtype {array.dtype}, but {owner} expects numbers.")
    if array.dtype.kind == "O":
        for entry in array.ravel():
            if isinstance(entry, NOT_NUMBERS):
                raise ValueError(
                    f"Got {name} with the entry {entry!r}, but {owner} expects numbers."
                )


def check_columns(owner: str, X: Any, columns: Mapping[str, Any]) -> None:
    """Raise where columns are masked, or do not belong to the rows of X by their index.

    Parameters
    ----------
    owner : str
        Name of what was called.
    X : array-like
        The rows.
    columns : mapping of str to array-like or None
        What belongs to them, by name.
    """
    refuse_masked(owner, columns)
    refuse_other_index(owner, X, columns)


def refuse_masked(owner: str, columns: Mapping[str, Any]) -> None:
    """Raise where a column is a masked array, whose mask would be lost.

    Parameters
    ----------
    owner : str
        Name of what was called.
    columns : mapping of str to array-like or None
        Its arguments, by name.

    Examples
    --------
    >>> refuse_masked("AttriVAE", {"y": np.ma.masked_equal([1.0, -9999.0], -9999.0)})
    Traceback (most recent call last):
    ValueError: Got a masked array as y, but AttriVAE would ignore its mask; expected
    y.filled(value) with the value that masked entries should have, such as NaN where they
    may be missing.
    """
    for name, values in columns.items():
        if np.ma.isMaskedArray(values):
            raise ValueError(
                f"Got a masked array as {name}, but {owner} would ignore its mask; "
                f"expected {name}.filled(value) with the value that masked entries should "
                "have, such as NaN where they may be missing."
            )


def refuse_other_index(owner: str, X: Any, columns: Mapping[str, Any]) -> None:
    """Raise where the index of a column says that its rows are others than those of X.

    Rows are taken by their place. An index that counts from 0 says nothing of them.

    Parameters
    ----------
    owner : str
        Name of what was called.
    X : array-like
        The rows.
    columns : mapping of str to array-like or None
        What belongs to them, by name.

    Examples
    --------
    >>> import pandas as pd
    >>> X, y = pd.DataFrame({"f": [1, 2]}, ["a", "b"]), pd.Series([0, 1], ["b", "a"])
    >>> refuse_other_index("AttriVAE", X, {"y": y})
    Traceback (most recent call last):
    ValueError: Got y with the index of X in another order ('b' in row 0, where X has
    'a'), but AttriVAE takes rows by their place; expected y.loc[X.index].
    """
    rows = _index(X)
    for name, values in columns.items():
        own = _index(values)
        if rows is None or own is None or len(own) != len(rows) or own.equals(rows):
            continue
        differs = (i for i, (a, b) in enumerate(zip(own, rows, strict=True)) if a != b)
        row = next(differs, 0)
        ordered = Counter(own) == Counter(rows)
        found = "the index of X in another order" if ordered else "another index than X"
        cure = f"{name}.loc[X.index]" if ordered else "the same index, or an array"
        raise ValueError(
            f"Got {name} with {found} ({own[row]!r} in row {row}, where X has "
            f"{rows[row]!r}), but {owner} takes rows by their place; expected {cure}."
        )


def _index(table: Any) -> Any:
    """Return the index of a pandas object, but for one that only counts its rows."""
    if not hasattr(table, "iloc"):
        return None
    labels = np.asarray(table.index)
    counts = labels.dtype.kind in "iu" and (labels == np.arange(len(labels))).all()
    return None if counts else table.index
