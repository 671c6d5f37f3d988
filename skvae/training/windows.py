"""A function of images, applied to one large image window by window."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from skvae.torch_settings import own_settings
from skvae.training.threads import effective_threads, pinned_threads

# Windows that are computed at once.
AT_ONCE = 4


def apply_by_windows(
    function: Callable[[Tensor], Tensor],
    image: np.ndarray,
    size: int,
    overlap: float,
    device: torch.device | str,
    n_threads: int | None = None,
    advance: Callable[[int], None] = lambda n: None,
) -> Tensor:
    """Apply a function of images ``(n, channels, *spatial)`` to windows of a large one.

    Where windows overlap, a Gaussian around their middles blends them (MONAI's
    ``sliding_window_inference``). In memory are the image and the maps of the function.

    Parameters
    ----------
    function : callable
        Returns maps of the size of the images.
    image : ndarray of float32, shape (channels, *spatial)
        The image.
    size : int
        Pixels of a window along each axis; a shorter axis is taken whole.
    overlap : float
        Share of a window that its neighbour has as well.
    device : torch.device or str
        Where windows are computed; their maps are blended on the host.
    n_threads : int, optional
        Torch's threads.
    advance : callable
        Is told how many windows were done.

    Returns
    -------
    maps : Tensor of shape (n_maps, *spatial)
        The blended maps.
    """
    from monai.inferers import sliding_window_inference

    def told(windows: Tensor) -> Tensor:
        maps = function(windows)
        advance(len(windows))
        return maps

    with (
        own_settings(),
        pinned_threads(effective_threads(n_threads)),
        torch.inference_mode(),
    ):
        maps = sliding_window_inference(
            torch.from_numpy(image)[None],
            [min(size, n_pixels) for n_pixels in image.shape[1:]],
            AT_ONCE,
            told,
            overlap=overlap,
            mode="gaussian",
            sw_device=device,
            device="cpu",
        )
    return maps[0]


def n_windows(spatial: tuple[int, ...], size: int, overlap: float) -> int:
    """Return the number of windows of an image."""
    step = max(1, int(size * (1 - overlap)))
    return math.prod(1 + max(0, math.ceil((n - size) / step)) for n in spatial)
