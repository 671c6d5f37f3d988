"""A fitted network that can be read, by blocks of a constant size."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.utils import assert_all_finite
from torch import Tensor

from skvae.networks.builder import Builder
from skvae.networks.staged import StagedAutoencoder, stage_shapes
from skvae.training.data import release
from skvae.training.devices import resolve_device
from skvae.training.fitting import State
from skvae.training.threads import effective_threads, pinned_threads

LARGEST_BLOCK = 1024
FILLED_TO = 32
# Of the widest stage: what a core's cache holds, or what keeps a GPU busy.
BLOCK_BYTES = {"cpu": 2**20, "cuda": 2**26, "mps": 2**26}

POOLINGS: dict[str | None, Callable[[Tensor], Tensor]] = {
    "avg": lambda maps: maps.flatten(2).mean(dim=2),
    "max": lambda maps: maps.flatten(2).amax(dim=2),
    None: lambda maps: maps.flatten(1),
}


def pooled_size(shape: tuple[int, ...], pool: str | None) -> int:
    """Return the number of features that a stage of this shape gives."""
    return math.prod(shape) if pool is None or len(shape) < 2 else shape[0]


class FittedNetwork:
    """Weights and the network they belong to; pickles as numpy arrays alone.

    The module is built when the object is made or unpickled: building it at the first
    read would race in threads and cost more than a read. A pickle from a GPU loads
    where there is none.

    Parameters
    ----------
    builder : Builder
        The network.
    sample_shape : tuple of int
        Shape of one row.
    state : mapping of str to ndarray
        Its weights and buffers.
    device : str
        Where it computes.
    """

    def __init__(
        self, builder: Builder, sample_shape: tuple[int, ...], state: State, device: str
    ) -> None:
        self.builder = builder
        self.sample_shape = sample_shape
        self.state = {name: np.asarray(value) for name, value in state.items()}
        self.device = device
        self._build()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("module", "block_size")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._build()

    def _build(self) -> None:
        try:
            device = resolve_device(self.device)
        except ValueError:
            device = "cpu"
        with torch.device("meta"):
            self.module: StagedAutoencoder = self.builder().eval()
        tensors = {
            k: torch.from_numpy(np.array(v)).to(device) for k, v in self.state.items()
        }
        self.module.load_state_dict(tensors, assign=True)
        self.module.requires_grad_(False)
        # Rows that are computed at once: constant, since the last bits depend on it.
        shapes = [self.sample_shape, *self.shapes.values()]
        largest = max(math.prod(shape) for shape in shapes)
        fitting = BLOCK_BYTES[torch.device(device).type] // (4 * largest)
        self.block_size = min(LARGEST_BLOCK, 2 ** max(0, fitting.bit_length() - 1))

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Name and shape of every stage."""
        return stage_shapes(self.builder, self.sample_shape)

    def read(
        self,
        x: np.ndarray,
        layers: Sequence[str],
        pool: str | None = None,
        n_threads: int | None = None,
    ) -> np.ndarray:
        """Return the pooled features of some layers side by side, one row per sample."""

        def features(rows: Tensor) -> Tensor:
            trace = self.module.read(rows, layers)
            columns = [
                trace[layer] if trace[layer].ndim == 2 else POOLINGS[pool](trace[layer])
                for layer in layers
            ]
            return columns[0] if len(columns) == 1 else torch.cat(columns, dim=1)

        return self.apply(features, x, n_threads)

    def read_each(
        self, x: np.ndarray, layers: Sequence[str], n_threads: int | None = None
    ) -> list[np.ndarray]:
        """Return the features of each layer, flat and in double precision."""
        rows = self.read(x, layers, None, n_threads).astype(np.float64)
        ends = np.cumsum([math.prod(self.shapes[layer]) for layer in layers])
        return np.split(rows, ends[:-1], axis=1)

    def apply(
        self,
        function: Callable[[Tensor], Tensor],
        x: np.ndarray,
        n_threads: int | None = None,
    ) -> np.ndarray:
        """Apply a function of a block of rows to all rows.

        The last block is filled up to a multiple of 32 rows; a handful of rows would
        be computed in another way, and differ from the same rows among others. A block
        that does not fit into a GPU's memory is halved.

        Raises
        ------
        ValueError
            If a row is not finite.
        """
        with pinned_threads(effective_threads(n_threads)), torch.inference_mode():
            size = self.block_size
            while True:
                try:
                    return self._apply(function, x, size)
                except torch.OutOfMemoryError:
                    if size == 1:
                        raise
                    size //= 2

    def _apply(
        self, function: Callable[[Tensor], Tensor], x: np.ndarray, size: int
    ) -> np.ndarray:
        device = next(self.module.parameters()).device
        result = None
        for start in range(0, len(x), size):
            rows = x[start : start + size]
            block = as_block(rows, min(size, -(-len(rows) // FILLED_TO) * FILLED_TO))
            # Here, where they are in the cache: a pass of its own costs 6 % of a read.
            if not math.isfinite(block.sum()):
                assert_all_finite(rows, input_name="X")
            values = function(block.to(device))[: len(rows)].cpu().numpy()
            if result is None:
                result = np.empty((len(x), *values.shape[1:]), dtype=np.float32)
            result[start : start + size] = values
            release(x)
        assert result is not None, "there is at least one row"
        return result


def as_block(rows: np.ndarray, size: int) -> Tensor:
    """Return rows as a tensor of ``size`` rows; a copy where a view will not do."""
    fits = rows.flags.writeable and rows.flags.c_contiguous and rows.dtype == np.float32
    if len(rows) == size and fits:
        return torch.from_numpy(rows)
    block = np.zeros((size, *rows.shape[1:]), dtype=np.float32)
    block[: len(rows)] = rows
    return torch.from_numpy(block)
