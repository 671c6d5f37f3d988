"""Where in an image the cells of a feature map look."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from skvae.networks.blocks import CONVOLUTIONS


def cells_are_centred(network: nn.Module) -> bool:
    """Return whether the cells of a network look at the middle of their shares.

    A strided convolution with an odd kernel looks around the first pixel of its share; an
    even kernel or a pooling, around the middle.
    """
    kinds = tuple(CONVOLUTIONS.values())
    strided = [m for m in network.modules() if isinstance(m, kinds) and max(m.stride) > 1]
    return not any(m.kernel_size[0] % 2 for m in strided)


def interpolation(n_cells: int, n_pixels: int, centred: bool) -> np.ndarray:
    """Return the matrix (n_pixels, n_cells) that interpolates cells linearly.

    Beyond the outer cells their value stays. `torch.nn.functional.interpolate` takes
    cells as centred; behind n strided convolutions that is (2^n - 1) / 2 pixels off.

    Examples
    --------
    >>> interpolation(2, 4, centred=False)
    array([[1. , 0. ], [0.5, 0.5], [0. , 1. ], [0. , 1. ]])
    >>> interpolation(2, 4, centred=True)[:, 0]
    array([1.  , 0.75, 0.25, 0.  ])
    """
    # Sizes are halved and rounded up.
    stride = 2 ** math.ceil(math.log2(n_pixels / n_cells))
    places = stride * np.arange(n_cells) + (stride - 1) / 2 * centred
    pixels = np.arange(n_pixels)
    return np.array([np.interp(pixels, places, cell) for cell in np.eye(n_cells)]).T


def to_pixels(maps: Tensor, spatial: tuple[int, ...], centred: bool) -> Tensor:
    """Interpolate maps (n_samples, *cells) to the size of the image."""
    for axis, n_pixels in enumerate(spatial, start=1):
        matrix = interpolation(maps.shape[axis], n_pixels, centred)
        weight = torch.as_tensor(matrix, dtype=maps.dtype, device=maps.device)
        maps = (maps.movedim(axis, -1) @ weight.T).movedim(-1, axis)
    return maps
