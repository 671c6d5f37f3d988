"""Inputs in which some rows have, in one part, the values of others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae._compat import take_rows
from skvae.study.input_blocks import Blocks
from skvae.study.input_parts import InputPart

__all__ = ["Copy", "donor_rows", "stacked_copies"]

# A part of the inputs, None for a copy as it is, and for each row whose values it gets.
Copy = tuple[InputPart | None, NDArray[np.intp]]


def donor_rows(numbers: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw for each row another one: all rows of a patient get those of one patient.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows,)
        Number of the patient of each row, from 0.
    rng : numpy Generator
        Draws.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        Rows. Where a patient has more rows than the one whose it gets, these come again.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.study.exchanged_rows import donor_rows
    >>> print(donor_rows(np.array([0, 0, 1, 2]), np.random.default_rng(0)))
    [3 3 0 2]
    """
    count = np.bincount(numbers)
    in_order = np.argsort(numbers, kind="stable")
    first = np.cumsum(count) - count
    # The how-manieth of its patient each row is.
    place = np.empty(len(numbers), dtype=np.intp)
    place[in_order] = np.arange(len(numbers)) - np.repeat(first, count)
    other = rng.permutation(len(count))[numbers]
    return in_order[first[other] + place % count[other]]


def stacked_copies(X: Any, copies: Sequence[Copy]) -> Any:
    """Return copies of the inputs one after the other, each with a part exchanged.

    Parameters
    ----------
    X : array, DataFrame, list or Blocks
        Inputs.
    copies : sequence of (InputPart or None, ndarray of int)
        What is exchanged, and whose values each row gets.

    Returns
    -------
    object like X
        Of ``len(copies)`` times as many rows.
    """
    if isinstance(X, Blocks):
        return Blocks({name: _stacked(X[name], name, copies) for name in X.names})
    return _stacked(X, None, copies)


def _stacked(block: Any, name: str | None, copies: Sequence[Copy]) -> Any:
    n = len(copies[0][1])
    mine = [(k, part, rows) for k, (part, rows) in enumerate(copies) if _is_of(part, name)]
    rows = np.tile(np.arange(n), len(copies))
    for k, part, donors in mine:
        if part.places is None and part.region is None:
            rows[k * n : (k + 1) * n] = donors
    if hasattr(block, "iloc"):
        return _stacked_frame(block, rows, n, mine)
    if not isinstance(block, np.ndarray):
        return take_rows(block, rows)
    stacked = block[rows]
    for k, part, donors in mine:
        copy = stacked[k * n : (k + 1) * n]
        if part.places is not None:
            copy[:, list(part.places)] = block[np.ix_(donors, part.places)]
        elif part.region is not None:
            copy[(slice(None), slice(None), *part.region)] = block[
                (donors, slice(None), *part.region)
            ]
    return stacked


def _is_of(part: InputPart | None, name: str | None) -> bool:
    return part is not None and part.block == name


def _stacked_frame(frame: Any, rows: NDArray[np.intp], n: int, mine: Sequence[Any]) -> Any:
    """Stack a DataFrame column by column, since each has a type of its own."""
    # Rows keep their names, which the blocks of a study have in common.
    names = frame.index[np.tile(np.arange(n), len(rows) // n)]
    taken: dict[int, NDArray[np.intp]] = {}
    for k, part, donors in mine:
        for place in part.places or ():
            column = taken.setdefault(place, rows.copy())
            column[k * n : (k + 1) * n] = donors
    kinds = set(frame.dtypes)
    if taken and len(kinds) == 1 and isinstance(kinds.pop(), np.dtype):
        values = frame.to_numpy()
        stacked = values[rows]
        for place, column in taken.items():
            stacked[:, place] = values[column, place]
        return type(frame)(stacked, columns=frame.columns, index=names)
    stacked = frame.iloc[rows].set_axis(names, axis=0)
    for place, column in taken.items():
        stacked.isetitem(place, frame.iloc[:, place].array.take(column))
    return stacked
