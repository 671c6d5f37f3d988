"""Spatial axes that images are flipped along, and what is read along all of them."""

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

import numpy as np
from torch import Tensor


def flipped_axes(name: str, flip: Any, n_axes: int) -> list[int]:
    """Return the axes that a parameter names: all or none, or as numpy counts them.

    Raises
    ------
    ValueError
        If images have no such axis.
    """
    chosen = flip or ()
    if isinstance(flip, bool | np.bool_):
        chosen = range(n_axes) if flip else ()
    if not all(-n_axes <= axis < n_axes for axis in chosen):
        raise ValueError(
            f"Got {name}={flip}, but expected a bool or some of the {n_axes} "
            f"spatial axes of X, 0 to {n_axes - 1}."
        )
    return sorted({axis % n_axes for axis in chosen})


def mean_over_flips(
    function: Callable[[Tensor], Tensor], axes: Iterable[int]
) -> Callable[[Tensor], Tensor]:
    """Return a function of images whose maps are the mean over all of their flips.

    Each map is flipped back before; with k axes there are 2 ** k of them.

    Parameters
    ----------
    function : callable
        Makes maps ``(n, n_maps, *spatial)`` of images ``(n, channels, *spatial)``.
    axes : iterable of int
        Spatial axes, from 0 on.
    """
    dims = [axis + 2 for axis in axes]
    flips = [some for n in range(1, len(dims) + 1) for some in combinations(dims, n)]

    def mean(x: Tensor) -> Tensor:
        total = function(x)
        for some in flips:
            total = total + function(x.flip(some)).flip(some)
        return total / (1 + len(flips))

    return mean if flips else function
