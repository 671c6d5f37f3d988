"""The rows to train on, with their columns."""

import hashlib
import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from skvae.datasets.lazy_rows import LazyRows
from skvae.training.sparse_rows import SparseRows

# Rows are touched in stretches of about this size, and released behind them.
BLOCK_BYTES = 8 * 2**20
# Diagnostics of a fitted network are computed on at most so many of its rows.
DIAGNOSTIC_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Data:
    """Arrays with one entry per row; splits are indices, so that no row is copied.

    Parameters
    ----------
    x : ndarray, SparseRows or LazyRows of shape (n, *sample_shape)
        The rows; may be larger than the memory, if they are read where they lie.
    y, mask, attributes, sample_weight : ndarray, optional
        Columns that the objective reads, see ``Batch``.
    groups : ndarray of shape (n,), optional
        Patient of each row: a validation split keeps patients together.
    """

    x: np.ndarray | SparseRows | LazyRows
    y: np.ndarray | None = None
    mask: np.ndarray | None = None
    attributes: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, chosen: np.ndarray) -> "Data":
        """Return the rows that a mask chooses, with their columns."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return Data(**{k: v[chosen] for k, v in given.items() if v is not None})

    def columns(self) -> dict[str, np.ndarray]:
        """Name and array of each column of a batch that is given."""
        names = (field.name for field in fields(self) if field.name != "groups")
        return {name: a for name in names if (a := getattr(self, name)) is not None}

    @property
    def strata(self) -> np.ndarray | None:
        """Class index of each row (-1: unlabelled), if that is what y holds."""
        y = self.y
        return y if y is not None and y.ndim == 1 and y.dtype.kind == "i" else None

    @property
    def weighing(self) -> np.ndarray:
        """Indices of the rows whose weight is not 0: the others are as if not there."""
        if self.sample_weight is None:
            return np.arange(len(self))
        return np.flatnonzero(self.sample_weight)

    def digest(self) -> str:
        """Return a hash of all bytes, shapes and dtypes, computed block by block."""
        digest = hashlib.sha256()
        for field in fields(self):
            array = getattr(self, field.name)
            if array is not None:
                digest.update(f"{field.name} {array.shape} {array.dtype}".encode())
                update_with(digest, array)
        return digest.hexdigest()


def update_with(digest: "hashlib._Hash", array: np.ndarray | LazyRows) -> None:
    """Feed the bytes of an array to a hash."""
    if array.dtype.kind == "O":
        digest.update("\0".join(map(repr, array.tolist())).encode())
        return
    for rows in row_blocks(array):
        digest.update(np.ascontiguousarray(array[rows]).view(np.uint8).data)
        release(array)


def spaced_rows(data: Data, n_rows: int = DIAGNOSTIC_ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Return copies of at most ``n_rows`` evenly spaced rows that weigh, and their weights.

    Of a memory map they are taken a few at a time: around each row that is touched, the
    system may map megabytes.
    """
    index = data.weighing
    index = index[:: max(1, -(-len(index) // n_rows))]
    rows = np.empty((len(index), *data.x.shape[1:]), dtype=data.x.dtype)
    for start in range(0, len(index), 64):
        rows[start : start + 64] = data.x[index[start : start + 64]]
        release(data.x)
    if data.sample_weight is None:
        return rows, np.ones(len(index))
    return rows, data.sample_weight[index].astype(np.float64)


@dataclass(frozen=True, eq=False)
class ColumnSums:
    """Weighted sums of each column over the rows that weigh; entries that are NaN are none.

    Parameters
    ----------
    weight : ndarray of shape (n_columns,) or float
        Of the entries that are there.
    total, squares : ndarray of shape (n_columns,)
        Sums of the entries and of their squares.
    known : ndarray of bool, shape (n_columns,)
        Whether a column has any entry.
    """

    weight: np.ndarray | float
    total: np.ndarray
    squares: np.ndarray
    known: np.ndarray


def column_sums(data: Data) -> ColumnSums:
    """Return the sums of each column of the flat rows, block by block."""
    total = squares = weight = weight_gone = n_gone = 0.0
    rows, room = data.weighing, np.empty((0, 0))
    for block in row_blocks(data.x):
        first, last = np.searchsorted(rows, (block.start, block.stop))
        some = rows[first:last]
        # Rows that all weigh are a view of the block; chosen ones are a copy.
        whole = len(some) == min(block.stop, len(data)) - block.start
        found = np.asarray(data.x[block if whole else some]).reshape(len(some), -1)
        if len(room) < len(found):  # once: memory that is new comes page by page
            room = np.empty(found.shape)
        x = room[: len(found)]
        x[:] = found
        each = np.ones(len(x)) if data.sample_weight is None else data.sample_weight[some]
        gone = np.isnan(found)
        if gone.any():
            x[gone] = 0.0
            weight_gone = weight_gone + each @ gone
            n_gone = n_gone + gone.sum(axis=0)
        weight += each.sum(dtype=np.float64)
        total = total + each @ x
        squares = squares + each @ np.square(x, out=x)
        release(data.x)
    known = np.broadcast_to(np.less(n_gone, len(rows)), np.shape(total))
    return ColumnSums(weight - weight_gone, total, squares, known)


def overall_deviation(data: Data) -> float:
    """Return the root mean square deviation of entries from their column's mean.

    It is 1 where nothing deviates. Columns count alike, however many entries they have.
    """
    sums = column_sums(data)
    with np.errstate(divide="ignore", invalid="ignore"):
        variances = sums.squares / sums.weight - np.square(sums.total / sums.weight)
    variance = float(np.mean(variances[sums.known])) if sums.known.any() else 0.0
    return math.sqrt(variance) if variance > 0 else 1.0


def explained_variance(rows: np.ndarray, error: np.ndarray, weight: np.ndarray) -> float:
    """Return the share of the rows' variance that their squared errors leave explained.

    Entries that are NaN count in neither.
    """
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    centre = np.average(flat, axis=0, weights=weight)
    gone = np.isnan(flat)
    if gone.any():
        filled = np.where(gone, 0.0, flat)
        centre = weight @ filled / np.maximum(weight @ ~gone, 1e-12)
    squares = np.square(np.where(gone, 0.0, flat - centre)).sum(axis=1)
    variance = float(np.average(squares, weights=weight))
    return 1 - float(np.average(error, weights=weight)) / max(variance, 1e-12)


def row_blocks(array: np.ndarray | LazyRows) -> Iterator[slice]:
    """Slices over the rows of an array, each of about ``BLOCK_BYTES``."""
    size = max(1, BLOCK_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), size):
        yield slice(start, start + size)


def memory_map(array: Any) -> mmap.mmap | None:
    """Return the shared file mapping that an array is a view of, if it is one."""
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    # A private, writable map ("c") would lose the changes that were made to it.
    return array._mmap if array is not None and array.mode != "c" else None


def release(array: Any) -> None:
    """Hand the pages of a memory map back, so that a pass over it stays small.

    They are read again from the file, or from the system's cache of it, when needed.
    """
    mapped = memory_map(array)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
