"""What the inputs of a study are made of: blocks of columns, regions of images."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.extras import import_extra
from skvae.statistics.column_clusters import correlated_columns
from skvae.study.input_blocks import Blocks

__all__ = [
    "InputPart",
    "as_parts",
    "clusters_of",
    "is_plain",
    "is_table",
    "names_files",
    "parts_of",
]

# Cells of the grid of regions along each axis. An odd number in volumes, whose crops have
# the lesion in the middle, and few: each cell costs a prediction of all rows.
_CELLS = {1: 8, 2: 4, 3: 3}
_LONGEST_NAME = 34


@dataclass(frozen=True)
class InputPart:
    """A part of the inputs whose values are handed from row to row together.

    Attributes
    ----------
    name : str
        Short name.
    columns : str
        Names of all columns, or the region, or what else is in it.
    n_columns : int
        How many columns, or entries of an image.
    block : str or None
        Name of the block of inputs that it is of; None where there is but one.
    places : tuple of int or None
        Columns of a table; None for a region, or all of a block.
    region : tuple of slice or None
        Region of an image; None for columns, or all of a block.
    """

    name: str
    columns: str
    n_columns: int
    block: str | None = None
    places: tuple[int, ...] | None = None
    region: tuple[slice, ...] | None = None


def as_parts(X: Any) -> dict[str | None, Any]:
    """Return the blocks of the inputs by name; None names a single one.

    Parameters
    ----------
    X : array, DataFrame, list or Blocks
        Inputs.

    Returns
    -------
    dict of str or None to object
        The blocks.
    """
    return {name: X[name] for name in X.names} if isinstance(X, Blocks) else {None: X}


def is_table(part: Any) -> bool:
    """Tell whether a part of the inputs has columns, and names no files of scans.

    Parameters
    ----------
    part : object
        Rows.

    Returns
    -------
    bool
        Whether it is a DataFrame or an array of two axes.
    """
    if hasattr(part, "columns"):
        return hasattr(part, "iloc") and not names_files(part)
    return isinstance(part, np.ndarray) and part.ndim == 2 and part.dtype.kind in "biuf"


def names_files(part: Any) -> bool:
    """Tell whether rows name what is to be read.

    Parameters
    ----------
    part : object
        Rows.

    Returns
    -------
    bool
        Whether it is a list, or has a column of images.
    """
    return isinstance(part, list) or "Image" in getattr(part, "columns", ())


def is_plain(part: Any) -> bool:
    """Tell whether values of a part of the inputs can be handed from row to row.

    Parameters
    ----------
    part : object
        Rows.

    Returns
    -------
    bool
        Whether it is a table, or an array of images.
    """
    is_array = isinstance(part, np.ndarray) and part.dtype.kind in "biuf"
    return is_table(part) or (is_array and part.ndim > 2)


def clusters_of(X: Any) -> dict[str | None, list[NDArray[np.intp]]]:
    """Find the columns that go together in each table, by all rows and without the outcome.

    So they are the same in all folds, and tell nothing of what is predicted.

    Parameters
    ----------
    X : array, DataFrame, list or Blocks
        All rows of the inputs.

    Returns
    -------
    dict of str or None to list of ndarray
        For each table the places of the columns of each cluster.
    """
    return {
        name: correlated_columns(_numbers(part))
        for name, part in as_parts(X).items()
        if is_table(part)
    }


def parts_of(
    X: Any,
    clusters: dict[str | None, list[NDArray[np.intp]]],
    taken: set[str | None],
    only: str | None = None,
) -> list[InputPart]:
    """Return what is exchanged between rows, one after the other.

    Parameters
    ----------
    X : array, DataFrame, list or Blocks
        Inputs of an arm.
    clusters : dict of str or None to list of ndarray
        Columns that go together.
    taken : set of str or None
        Blocks that the arm takes.
    only : str or None, default=None
        What the only block was called, so that its parts have the same names in all arms.

    Returns
    -------
    list of InputPart
        Each with a name of its own.
    """
    inputs = {name: part for name, part in as_parts(X).items() if name in taken}
    found: list[InputPart] = []
    for name, part in inputs.items():
        several = list(_within(name, part, clusters, only if name is None else name))
        if len(inputs) > 1 and len(several) > 1:
            n = sum(one.n_columns for one in several)
            several.insert(0, InputPart(f"all of {name}", f"all of {name}", n, name))
        found += several
    return found


def _within(
    name: str | None, part: Any, clusters: Any, called: str | None
) -> Iterator[InputPart]:
    """Yield the parts of one block."""
    before = "" if called is None else f"{called}: "
    if is_table(part) and name in clusters:
        seen: set[str] = set()
        names = _column_names(part)
        for places in clusters[name]:
            several = f" + {len(places) - 1}" if len(places) > 1 else ""
            short = before + _short(names[places[0]]) + several
            # Names of columns may be there twice.
            short = short if short not in seen else f"{short} (column {places[0] + 1})"
            seen.add(short)
            listed = ", ".join(names[place] for place in places)
            whole = tuple(int(place) for place in places)
            yield InputPart(short, listed, len(places), name, whole)
    elif is_plain(part) and np.ndim(part) > 2:
        for region in _regions(part.shape[2:]):
            where = _named_region(region, part.ndim - 2)
            n = int(part.shape[1] * np.prod([r.stop - r.start for r in region]))
            yield InputPart(before + where, where, n, name, None, region)
    else:
        what = "all inputs" if called is None else f"all of {called}"
        yield InputPart(what, what, 1, name)


def _regions(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    cells = _CELLS.get(len(shape), 1)
    cuts = [
        [size * k // min(cells, size) for k in range(min(cells, size) + 1)]
        for size in shape
    ]
    yield from product(*([slice(a, b) for a, b in pairwise(cut)] for cut in cuts))


def _named_region(region: tuple[slice, ...], n_axes: int) -> str:
    axes = {1: ("positions",), 2: ("y", "x"), 3: ("z", "y", "x")}
    named = axes.get(n_axes, [f"axis {k + 1}" for k in range(n_axes)])
    return ", ".join(
        f"{axis} {r.start}–{r.stop - 1}" for axis, r in zip(named, region, strict=True)
    )


def _column_names(part: Any) -> list[str]:
    if hasattr(part, "columns"):
        return [" ".join(str(name).split()) or "(no name)" for name in part.columns]
    return [f"column {k + 1}" for k in range(part.shape[1])]


def _short(name: str) -> str:
    """Return both ends of a long name, more of the second: there, features differ."""
    if len(name) <= _LONGEST_NAME:
        return name
    first = _LONGEST_NAME // 3
    return f"{name[:first]}…{name[first + 1 - _LONGEST_NAME :]}"


def _numbers(table: Any) -> NDArray[np.float64]:
    """Return a table as numbers: text by its order, which ranks keep of two values."""
    if not hasattr(table, "columns"):
        return np.asarray(table, dtype=np.float64)
    pd = import_extra("pandas")
    columns = []
    for k in range(table.shape[1]):
        column = table.iloc[:, k]
        if pd.api.types.is_numeric_dtype(column):
            columns.append(column.to_numpy(dtype=np.float64, na_value=np.nan))
        else:
            codes = pd.factorize(column.astype(str).where(column.notna()), sort=True)[0]
            columns.append(np.where(codes < 0, np.nan, codes.astype(np.float64)))
    return np.column_stack(columns) if columns else np.empty((len(table), 0))
