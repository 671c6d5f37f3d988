"""Layers, as estimators list and take them."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Layer(NamedTuple):
    """A stage of a network: its name, the shape of one sample, its features."""

    name: str
    shape: tuple[int, ...]
    n_features: int


def listed(layer: Any) -> list[Any]:
    """Return the layers that ``layer`` names; none where it is no name and no list."""
    if isinstance(layer, str):
        return [layer]
    return list(layer) if isinstance(layer, Iterable) else []
