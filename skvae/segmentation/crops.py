"""The part of an image around an organ, at a size of its own, and the way back."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from skvae.networks.blocks import INTERPOLATIONS

Box = tuple[slice, ...]


def bounding_box(mask: np.ndarray, margin: int) -> Box | None:
    """Return the smallest box that has the whole mask and a margin; None for no mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (*spatial,)
        Where the organ is.
    margin : int
        Pixels on every side, as far as the image goes.
    """
    if not mask.any():
        return None
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        found = np.flatnonzero(mask.any(axis=others))
        last = min(int(found[-1]) + margin + 1, mask.shape[axis])
        box.append(slice(max(int(found[0]) - margin, 0), last))
    return tuple(box)


def grown(box: Box, least: tuple[int, ...], spatial: tuple[int, ...]) -> Box:
    """Return a box that is at least of a size, as far as the image has it.

    It grows alike on both sides, but for what lies outside of the image.

    Parameters
    ----------
    box : tuple of slice
        The box.
    least : tuple of int
        Pixels along each axis.
    spatial : tuple of int
        Size of the image.
    """
    larger = []
    for part, length, n in zip(box, least, spatial, strict=True):
        missing = max(min(length, n) - (part.stop - part.start), 0)
        start = min(
            max(part.start - missing // 2, 0), n - (part.stop - part.start) - missing
        )
        larger.append(slice(start, start + part.stop - part.start + missing))
    return tuple(larger)


@dataclass(frozen=True)
class Crop:
    """A box of an image, resampled to a size.

    Parameters
    ----------
    box : tuple of slice
        One for each spatial axis; none for samples that are rows.
    size : tuple of int or None
        Pixels along each axis; None leaves the box as it is.
    """

    box: Box
    size: tuple[int, ...] | None = None

    def image(self, image: np.ndarray) -> np.ndarray:
        """Return the crop of an image ``(channels, *spatial)``, linearly interpolated."""
        return resized(image[(slice(None), *self.box)], self.size)

    def labels(self, mask: np.ndarray) -> np.ndarray:
        """Return the crop of a mask ``(*spatial,)``: the label with the largest share.

        The label of the nearest pixel would move masks by up to half a pixel.
        """
        inside = mask[self.box]
        if self.size is None or inside.shape == self.size:
            return inside
        values = np.unique(inside)
        shares = np.stack([inside == value for value in values]).astype(np.float32)
        return values[resized(shares, self.size).argmax(axis=0)]

    def back(self, maps: np.ndarray, spatial: tuple[int, ...]) -> np.ndarray:
        """Return maps ``(n, *crop)`` on the grid of the image, 0 outside of the box."""
        whole = np.zeros((len(maps), *spatial), dtype=maps.dtype)
        inside = (slice(None), *self.box)
        whole[inside] = resized(maps, whole[inside].shape[1:])
        return whole


def resized(maps: np.ndarray, size: tuple[int, ...] | None) -> np.ndarray:
    """Resample maps ``(n, *spatial)`` linearly to a size, over the same area."""
    if size is None or maps.shape[1:] == tuple(size):
        return maps
    tensor = torch.from_numpy(np.ascontiguousarray(maps, dtype=np.float32))
    mode = INTERPOLATIONS[len(size)]
    found = functional.interpolate(tensor[None], size, mode=mode, align_corners=False)
    return found[0].numpy()


def size_along_axes(
    size: int | tuple[int, ...] | None, n_axes: int
) -> tuple[int, ...] | None:
    """Return the size of crops along each axis, where they are to have one.

    Raises
    ------
    ValueError
        If there is not one whole number above 0 for each axis.
    """
    if size is None or not n_axes:
        return None
    sizes = (size,) * n_axes if isinstance(size, int | np.integer) else tuple(size)
    whole = all(isinstance(n, int | np.integer) and n > 0 for n in sizes)
    if len(sizes) != n_axes or not whole:
        raise ValueError(
            f"Got size={size!r} for images of {n_axes} spatial axes, but expected a whole "
            f"number above 0, or {n_axes} of them."
        )
    return tuple(int(n) for n in sizes)
