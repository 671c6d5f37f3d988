"""Boxes around a region, and arrays of one shape."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.images.geometry import Box, lattice, resampled
from skvae.images.volume import Volume

__all__ = ["box_of_mask", "fitted", "middle"]


def middle(shape: tuple[int, ...], size: tuple[int, ...] | None) -> Box:
    """Return the box in the middle of a volume.

    Parameters
    ----------
    shape : tuple of int
        Of the volume.
    size : tuple of int or None
        Of the box, which ends at the border of the volume; None is all of it.

    Returns
    -------
    tuple of slice
        The box.
    """
    box = []
    for n, wanted in zip(shape, size or shape, strict=True):
        start = max(0, (n - wanted) // 2)
        box.append(slice(start, start + min(n, wanted)))
    z, y, x = box
    return z, y, x


def box_of_mask(
    mask: Volume, spacing_mm: tuple[float, float, float], margin_mm: float
) -> Box:
    """Return the box of a region, with a margin, on the grid of another spacing.

    Parameters
    ----------
    mask : Volume
        The region; at least one voxel.
    spacing_mm : (float, float, float)
        Spacing of the grid that begins at the same voxel.
    margin_mm : float
        Added on each side, rounded up to whole voxels; cut at the border of the image.

    Returns
    -------
    tuple of slice
        The box.
    """
    shape = lattice(mask, spacing_mm)
    rough = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        (found,) = np.nonzero(mask.values.any(axis=others))
        ratio = mask.spacing_mm[axis] / spacing_mm[axis]
        low = int(np.floor((found[0] - 0.5) * ratio))
        high = int(np.ceil((found[-1] + 0.5) * ratio)) + 1
        # A region thinner than the new voxels may fall between them; the box does not.
        rough.append(slice(max(0, min(low, shape[axis] - 1)), min(shape[axis], high)))
    z, y, x = rough
    region = resampled(mask, spacing_mm, (z, y, x), "nearest") > 0
    box = []
    for axis in range(3):
        start, stop = rough[axis].start, rough[axis].stop
        if region.any():
            others = tuple(a for a in range(3) if a != axis)
            (found,) = np.nonzero(region.any(axis=others))
            start, stop = start + int(found[0]), start + int(found[-1]) + 1
        margin = int(np.ceil(margin_mm / spacing_mm[axis] - 1e-9))
        box.append(slice(max(0, start - margin), min(shape[axis], stop + margin)))
    z, y, x = box
    return z, y, x


def fitted(
    values: NDArray[Any], size: tuple[int, ...], fill: float
) -> tuple[NDArray[Any], bool]:
    """Cut the outer voxels, or add some, until an array has a shape.

    Parameters
    ----------
    values : ndarray of shape (z, y, x)
        The array.
    size : tuple of int
        The shape.
    fill : float
        What is added.

    Returns
    -------
    values : ndarray of shape `size`
        The array, its middle where it was.
    was_cut : bool
        Whether voxels were cut.

    Examples
    --------
    >>> import numpy as np
    >>> fitted(np.array([[[1, 2, 3, 4]]]), (1, 1, 2), 0)
    (array([[[2, 3]]]), True)
    >>> fitted(np.array([[[1, 2]]]), (1, 1, 5), 0)
    (array([[[0, 1, 2, 0, 0]]]), False)
    """
    added = []
    for n, wanted in zip(values.shape, size, strict=True):
        before = max(0, (wanted - n) // 2)
        added.append((before, max(0, wanted - n - before)))
    was_cut = any(n > wanted for n, wanted in zip(values.shape, size, strict=True))
    return np.pad(values[middle(values.shape, size)], added, constant_values=fill), was_cut
