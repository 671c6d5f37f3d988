"""A function of rows, applied block by block in constant sizes."""

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from sklearn.utils import assert_all_finite
from torch import Tensor

from skvae.torch_settings import own_settings
from skvae.training.data import release
from skvae.training.threads import effective_threads, pinned_threads

FILLED_TO = 32
LARGEST_BLOCK = 1024
# Of the widest stage: what a core's cache holds, or what keeps a GPU busy.
BLOCK_BYTES = {"cpu": 2**20, "cuda": 2**26, "mps": 2**26}


def rows_per_block(shapes: Iterable[tuple[int, ...]], device: torch.device | str) -> int:
    """Return how many rows to compute at once, by the shapes that a row takes."""
    largest = max(math.prod(shape) for shape in shapes)
    fitting = BLOCK_BYTES[torch.device(device).type] // (4 * largest)
    return min(LARGEST_BLOCK, 2 ** max(0, fitting.bit_length() - 1))


def apply_in_blocks(
    function: Callable[[Tensor], Tensor],
    x: np.ndarray,
    size: int,
    device: torch.device | str,
    n_threads: int | None = None,
    filled_to: int = FILLED_TO,
    *,
    with_gradients: bool = False,
    nan_is: str = "",
) -> np.ndarray:
    """Apply a function of a block of rows to all rows.

    The last block is filled up to a multiple of ``filled_to`` rows; a handful of rows
    would be computed in another way, and differ from the same rows among others. A
    block that does not fit into a GPU's memory is halved.

    Raises
    ------
    ValueError
        If a row is not finite (but for NaN, where that says something: ``nan_is`` as a
        network has it), or what comes of it.
    """
    with (
        own_settings(),
        pinned_threads(effective_threads(n_threads)),
        # Which says of gradients as well whether there are any.
        torch.inference_mode(not with_gradients),
    ):
        while True:
            try:
                return one_pass(function, x, size, device, filled_to, nan_is)
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size //= 2


def one_pass(
    function: Callable[[Tensor], Tensor],
    x: np.ndarray,
    size: int,
    device: torch.device | str,
    filled_to: int,
    nan_is: str,
) -> np.ndarray:
    """Apply a function to all rows in blocks of one size."""
    result = None
    for start in range(0, len(x), size):
        rows = np.asarray(x[start : start + size])
        block = as_block(rows, min(size, -(-len(rows) // filled_to) * filled_to))
        # Here, where they are in the cache: a pass of its own costs 6 % of a read.
        if not math.isfinite(block.sum()):
            assert_all_finite(rows, allow_nan=bool(nan_is), input_name="X")
        found = function(block.to(device))[: len(rows)].detach().cpu()
        values = found.numpy()
        if not math.isfinite(found.sum()):
            refuse_non_finite(values, rows, nan_is)
        if result is None:
            result = np.empty((len(x), *values.shape[1:]), dtype=np.float32)
        result[start : start + size] = values
        release(x)
    assert result is not None, "there is at least one row"
    return result


def refuse_non_finite(values: np.ndarray, rows: np.ndarray, nan_is: str) -> None:
    """Refuse rows of which a network makes numbers that are none.

    Raises
    ------
    ValueError
        If a value is NaN or infinite.
    """
    # Of frames that are not there, nothing is.
    padded = nan_is == "padding" and np.isnan(rows).any()
    bad = np.isinf(values) if padded else ~np.isfinite(values)
    if not bad.any():  # their sum alone was too large
        return
    raise ValueError(
        f"Got X with entries from {np.nanmin(rows):.3g} to {np.nanmax(rows):.3g}, of which "
        "the network computes values that are not finite; expected entries on the scale of "
        "those of `fit`, and a network whose training has not diverged."
    )


def as_block(rows: np.ndarray, size: int) -> Tensor:
    """Return rows as a tensor of ``size`` rows; a copy where a view will not do."""
    fits = rows.flags.writeable and rows.flags.c_contiguous and rows.dtype == np.float32
    if len(rows) == size and fits:
        return torch.from_numpy(rows)
    block = np.empty((size, *rows.shape[1:]), dtype=np.float32)
    block[: len(rows)] = rows
    block[len(rows) :] = 0.0
    return torch.from_numpy(block)
