"""A fitted network that can be read, by blocks of a constant size."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from skvae.networks.builder import Builder
from skvae.networks.staged import StagedAutoencoder, stage_shapes
from skvae.networks.weightless import weightless
from skvae.torch_settings import own_settings
from skvae.training.devices import resolve_device
from skvae.training.fitting import State
from skvae.training.row_blocks import apply_in_blocks, rows_per_block

BUILT = ("block_size", "module", "used_device")


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
        return {k: v for k, v in self.__dict__.items() if k not in BUILT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, value in self.state.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise ValueError(
                    f"Got a fitted network whose tensor {name} has entries that are NaN or "
                    "infinite, which no fit leaves: what it was loaded from is damaged."
                )
        self._build()

    @own_settings()
    def _build(self) -> None:
        try:
            device = resolve_device(self.device)
        except ValueError:
            device = "cpu"
        self.module = cast(StagedAutoencoder, weightless(self.builder).eval())
        tensors = {
            k: torch.from_numpy(np.array(v)).to(device) for k, v in self.state.items()
        }
        self.module.load_state_dict(tensors, assign=True)
        # On a GPU, the weights of a recurrent network get to lie in one piece by this.
        self.module.requires_grad_(False).to(device)
        # Which is the CPU where its own device is not there.
        self.used_device = next(self.module.parameters()).device
        # Rows that are computed at once: constant, since the last bits depend on it.
        shapes = [self.sample_shape, *self.shapes.values()]
        self.block_size = rows_per_block(shapes, device)

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
        block_size: int | None = None,
    ) -> np.ndarray:
        """Return the pooled features of some layers side by side, one row per sample."""
        return self.apply(
            lambda rows: self.module.features(rows, layers, pool),
            x,
            n_threads,
            block_size=block_size,
        )

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
        *,
        block_size: int | None = None,
        with_gradients: bool = False,
    ) -> np.ndarray:
        """Apply a function of a block of rows to all rows, see `apply_in_blocks`."""
        return apply_in_blocks(
            function,
            x,
            block_size or self.block_size,
            self.used_device,
            n_threads,
            with_gradients=with_gradients,
            nan_is=self.module.nan_is,
        )
