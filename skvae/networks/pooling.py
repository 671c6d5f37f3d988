"""How a stage of any shape becomes features, one row per sample."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

POOLINGS: dict[str | None, Callable[[Tensor], Tensor]] = {
    "avg": lambda maps: maps.flatten(2).mean(dim=2),
    "max": lambda maps: maps.flatten(2).amax(dim=2),
    "avg+max": lambda maps: torch.cat(
        [maps.flatten(2).mean(dim=2), maps.flatten(2).amax(dim=2)], dim=1
    ),
    None: lambda maps: maps.flatten(1),
}


def check_pool(pool: str | None) -> None:
    """Refuse a name of no pooling: scikit-learn checks parameters in `fit` alone."""
    if pool not in list(POOLINGS):
        raise ValueError(
            f"Got pool={pool!r}, but expected 'avg', 'max', 'avg+max' or None."
        )


def pooled(value: Tensor, pool: str | None) -> Tensor:
    """Pool feature maps; rows stay as they are."""
    return value if value.ndim == 2 else POOLINGS[pool](value)


def pooled_size(shape: tuple[int, ...], pool: str | None) -> int:
    """Return the number of features that a stage of this shape gives."""
    check_pool(pool)
    if pool is None or len(shape) < 2:
        return math.prod(shape)
    return shape[0] * (2 if pool == "avg+max" else 1)
