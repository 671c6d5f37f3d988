"""Batches of rows on the device, in an order that a fit's own generator draws."""

from collections.abc import Iterator
from copy import copy

import numpy as np
import torch
from torch import Tensor

from skvae.datasets.lazy_rows import LazyRows
from skvae.objectives.batch import Batch
from skvae.training.data import Data, memory_map, release, row_blocks
from skvae.training.sparse_rows import SparseRows

# Read-only arrays and small maps are copied once; larger maps are streamed.
RESIDENT_BYTES = 256 * 2**20
CHUNK_BYTES = 2**20
WINDOW_BYTES = 128 * 2**20


class ResidentColumn:
    """A column that lies on the device as a whole."""

    streamed = False

    def __init__(self, array: np.ndarray | LazyRows, device: str) -> None:
        if isinstance(array, LazyRows):
            array = read_whole(array)
        if not array.flags.writeable:
            # Torch cannot know a tensor as read-only: a stray write would crash.
            array = array.copy()
        self.rows = torch.from_numpy(array).to(device)

    def take(self, index: Tensor) -> Tensor:
        """Return the rows of an index."""
        return self.rows.index_select(0, index)


class StreamedColumn:
    """A column that stays where it is; only the rows of a batch are copied."""

    streamed = True

    def __init__(self, array: np.ndarray | SparseRows | LazyRows, device: str) -> None:
        self.array = array
        self.device = device

    def take(self, index: Tensor) -> Tensor:
        """Return the rows of an index, copied to the device."""
        rows = np.asarray(self.array[index.cpu().numpy()])
        if not rows.flags.writeable:  # neighbours, as they lie in the file
            rows = rows.copy()
        return torch.from_numpy(rows).to(self.device)


class SparseColumn(StreamedColumn):
    """A column of rows of which each batch is made dense; all are at hand."""

    streamed = False


Column = ResidentColumn | StreamedColumn


def as_column(array: np.ndarray | SparseRows | LazyRows, device: str) -> Column:
    """Return what takes the rows of batches from an array."""
    if isinstance(array, SparseRows):
        return SparseColumn(array, device)
    return (ResidentColumn if fits(array, device) else StreamedColumn)(array, device)


def fits(array: np.ndarray | LazyRows, device: str) -> bool:
    """Whether an array may lie on the device as a whole."""
    if torch.device(device).type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return array.nbytes <= free // 2
    if isinstance(array, LazyRows):
        return array.nbytes <= RESIDENT_BYTES
    if array.flags.writeable and memory_map(array) is None:
        return True  # the tensor shares the caller's memory
    return array.nbytes <= RESIDENT_BYTES


def any_streamed(data: Data, device: str) -> bool:
    """Whether training reads rows from where they lie, and so in an order of its own."""
    columns = data.columns().values()
    return any(not isinstance(a, SparseRows) and not fits(a, device) for a in columns)


def read_whole(rows: LazyRows) -> np.ndarray:
    """Read rows block by block, so that no more than a block of them is there twice."""
    array = np.empty(rows.shape, dtype=rows.dtype)
    for block in row_blocks(rows):
        array[block] = rows[block]
        release(rows)
    return array


class Batches:
    """The batches of one epoch after another.

    With all rows at hand an epoch is one permutation. Rows that are streamed from a
    file are shuffled in two steps, chunks of neighbouring rows and then the rows
    within a window of many chunks, so that the pages in use stay few. Where the rows
    have classes, each batch has about their shares; unlabelled rows are a class as well.

    Parameters
    ----------
    data : Data
        The rows.
    index : ndarray of int
        The rows that belong to this split.
    batch_size : int
        Rows per batch; a last batch of a single row joins the one before, since a
        batch norm has nothing to normalise in it.
    device : str
        Where the batches are wanted.
    generator : torch.Generator, optional
        Draws the order; without one the rows come in their own.
    dtype : torch.dtype
        Of the rows.
    """

    def __init__(
        self,
        data: Data,
        index: np.ndarray,
        batch_size: int,
        device: str,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.columns: dict[str, Column] = {}
        self.arrays = data.columns()
        for name, array in self.arrays.items():
            self.columns[name] = as_column(array, device)
        self.index = torch.from_numpy(index)
        self.batch_size = batch_size
        self.device = device
        self.generator = generator
        self.dtype = dtype
        self.strata = None if data.strata is None else torch.from_numpy(data.strata)

    def others(self, index: np.ndarray) -> "Batches":
        """Return batches of other rows of the same columns, in their own order."""
        batches = copy(self)
        batches.index = torch.from_numpy(index)
        batches.generator = None
        return batches

    def with_rows(self, x: np.ndarray) -> "Batches":
        """Return the same batches with other rows in place of x."""
        batches = copy(self)
        batches.arrays = self.arrays | {"x": x}
        batches.columns = self.columns | {"x": ResidentColumn(x, self.device)}
        return batches

    def __len__(self) -> int:
        n_full, n_left = divmod(len(self.index), self.batch_size)
        return max(1, n_full + (n_left > 1))

    def __iter__(self) -> Iterator[Batch]:
        for window in self.windows():
            order = window.to(self.device) if not self.streamed else window
            for start, stop in self.cuts(len(window)):
                rows = order[start:stop]
                # Held by nobody here, so that the next batch can take its place.
                yield Batch(**{name: self.take(name, rows) for name in self.columns})
            if self.streamed:
                for array in self.arrays.values():
                    release(array)

    @property
    def streamed(self) -> bool:
        """Whether any column is read from where it lies."""
        return any(column.streamed for column in self.columns.values())

    def take(self, name: str, rows: Tensor) -> Tensor:
        """Return rows of a column; samples and weights in the dtype of the network."""
        taken = self.columns[name].take(rows)
        if name in ("x", "sample_weight") and taken.dtype != self.dtype:
            taken = taken.to(self.dtype)
        return taken

    def cuts(self, n_rows: int) -> Iterator[tuple[int, int]]:
        """Bounds of the batches of ``n_rows`` rows."""
        start = 0
        while start < n_rows:
            stop = min(start + self.batch_size, n_rows)
            if n_rows - stop == 1 < self.batch_size:
                stop = n_rows
            yield start, stop
            start = stop

    def windows(self) -> list[Tensor]:
        """Row indices in this epoch's order, in one piece or in windows."""
        if not self.streamed:
            return [self.shuffled(self.index)]
        row_bytes = sum(array[:1].nbytes for array in self.arrays.values())
        chunk = max(1, CHUNK_BYTES // row_bytes)
        # Whole batches per window, so that only the epoch's last batch is smaller.
        per_window = max(1, WINDOW_BYTES // row_bytes // self.batch_size) * self.batch_size
        order = self.index
        if self.generator is not None:
            chunks = list(order.split(chunk))
            turn = torch.randperm(len(chunks), generator=self.generator).tolist()
            order = torch.cat([chunks[i] for i in turn])
        windows = list(order.split(per_window))
        if len(windows) > 1 and len(windows[-1]) == 1 < self.batch_size:
            windows[-2:] = [torch.cat(windows[-2:])]
        return [self.shuffled(window) for window in windows]

    def shuffled(self, window: Tensor) -> Tensor:
        """Return the rows of a window in an order of their own."""
        if self.generator is None:
            return window
        window = window[torch.randperm(len(window), generator=self.generator)]
        if self.strata is None:
            return window
        return window[evenly_spread(self.strata[window], self.generator)]


def evenly_spread(strata: Tensor, generator: torch.Generator) -> Tensor:
    """Return an order in which the rows of each stratum follow at equal distances.

    The r-th of the n rows of a stratum gets the place (r + u) / n, u in [0, 1).
    """
    _, stratum, size = strata.unique(return_inverse=True, return_counts=True)
    together = stratum.argsort(stable=True)
    first = (size.cumsum(0) - size)[stratum[together]]
    rank = torch.empty_like(stratum)
    rank[together] = torch.arange(len(strata)) - first
    start = torch.rand(len(size), generator=generator, dtype=torch.float64)
    return ((rank + start[stratum]) / size[stratum]).argsort(stable=True)
