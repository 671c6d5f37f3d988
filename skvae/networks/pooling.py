"""How a stage of any shape becomes features, one row per sample."""

import math
from collections.abc import Callable, Collection

import torch
from torch import Tensor

POOLINGS: dict[str | None, Callable[[Tensor], Tensor]] = {
    "avg": lambda maps: maps.flatten(2).mean(dim=2),
    "max": lambda maps: maps.flatten(2).amax(dim=2),
    "avg+max": lambda maps: torch.cat(
        [maps.flatten(2).mean(dim=2), maps.flatten(2).amax(dim=2)], dim=1
    ),
    "first": lambda maps: maps.flatten(2)[:, :, 0],
    None: lambda maps: maps.flatten(1),
}
POOLS = ("avg", "max", "avg+max")
# Of tokens, the first may stand for all.
POOLS_OF_TOKENS = (*POOLS, "first")


def check_pool(pool: str | None, pools: Collection[str] = POOLS) -> None:
    """Refuse a name of no pooling: scikit-learn checks parameters in `fit` alone."""
    if pool is not None and pool not in pools:
        expected = ", ".join(map(repr, pools))
        raise ValueError(f"Got pool={pool!r}, but expected {expected} or None.")


def pooled(value: Tensor, pool: str | None, channel_axis: int = 1) -> Tensor:
    """Pool feature maps; rows stay as they are."""
    if value.ndim == 2:
        return value
    return POOLINGS[pool](value if pool is None else value.movedim(channel_axis, 1))


def pooled_size(shape: tuple[int, ...], pool: str | None, channel_axis: int = 1) -> int:
    """Return the number of features that a stage of this shape gives."""
    if pool is None or len(shape) < 2:
        return math.prod(shape)
    n_channels = shape[0] if channel_axis == 1 else shape[channel_axis]
    return n_channels * (2 if pool == "avg+max" else 1)
