"""What figures are made of: new axes, images side by side, slices of volumes."""

from typing import Any

import numpy as np

from skvae.extras import import_extra

GAP = 1


def sliced(images: np.ndarray, n_spatial: int, channel: int, axis: int, index: Any) -> Any:
    """Return one channel of images and, of volumes, one slice.

    Parameters
    ----------
    images : ndarray of shape (..., channels, *spatial)
        Images, or volumes.
    n_spatial : int
        Number of spatial axes, two or three.
    channel : int
        The channel.
    axis : int
        Spatial axis across which volumes are cut.
    index : int or None
        Place of the cut along it; in the middle for None.

    Returns
    -------
    slices : ndarray of shape (..., height, width)
        A view of the images.

    Raises
    ------
    ValueError
        If there is no such channel, axis or slice.
    """
    n_channels, *spatial = images.shape[-n_spatial - 1 :]
    _check("channel", channel, n_channels)
    images = np.take(images, channel, axis=-n_spatial - 1)
    if n_spatial == 2:
        return images
    _check("axis", axis, n_spatial)
    index = spatial[axis] // 2 if index is None else index
    _check("index", index, spatial[axis])
    return np.take(images, index, axis=axis - n_spatial)


def _check(name: str, value: Any, n: int) -> None:
    if not isinstance(value, int | np.integer) or not 0 <= value < n:
        raise ValueError(f"Got {name}={value!r}, but expected 0 to {n - 1}.")


def tiled(images: np.ndarray) -> np.ndarray:
    """Return a grid of images of shape (rows, columns, height, width) as one image.

    Between the tiles lies a gap of NaN, which is drawn empty.
    """
    with_gap = np.pad(
        images.astype(np.float32),
        [(0, 0), (0, 0), (0, GAP), (0, GAP)],
        constant_values=np.nan,
    )
    rows, columns, height, width = with_gap.shape
    joined = with_gap.swapaxes(1, 2).reshape(rows * height, columns * width)
    return joined[:-GAP, :-GAP]


def tile_centres(n_tiles: int, size: int) -> np.ndarray:
    """Return the middle of each tile of some size along an axis, in pixels."""
    return np.arange(n_tiles) * (size + GAP) + (size - 1) / 2


def new_axes(size: tuple[float, float]) -> Any:
    """Return the axes of a new figure of pyplot, of some width and height in inches."""
    _, ax = import_extra("matplotlib.pyplot").subplots(figsize=size, layout="constrained")
    return ax
