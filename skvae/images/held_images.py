"""Scans that are in memory already, as objects of SimpleITK or nibabel."""

from pathlib import Path
from typing import Any

import numpy as np

from skvae.images.grids import Grid, grid_of, spatial_sizes
from skvae.images.label_maps import check_label, mask_of
from skvae.images.refusals import refusal
from skvae.images.stored import Scan, intensities
from skvae.images.volume import Volume

__all__ = ["held_mask", "held_volume"]

# From the axes of NIfTI (right, anterior, superior) to those of DICOM.
_TO_DICOM = np.diag([-1.0, -1.0, 1.0])


def held_volume(image: Any) -> Volume:
    """Return the intensities of an image in memory.

    Parameters
    ----------
    image : SimpleITK.Image or nibabel image
        One volume of one channel.

    Returns
    -------
    Volume
        As of `read_volume`.
    """
    return intensities(_scan(image))


def held_mask(image: Any, label: int | str | None) -> Volume:
    """Return the mask of one label of an image in memory.

    Parameters
    ----------
    image : SimpleITK.Image or nibabel image
        A label map.
    label : int, str or None
        Its label; None where there is one.

    Returns
    -------
    Volume
        Of 0 and 1, as of `read_mask`.
    """
    return mask_of(_name(image), _scan(image), check_label(label))


def _name(image: Any) -> Path:
    """Stand for the file in messages."""
    return Path(f"<{type(image).__module__.partition('.')[0]} image>")


def _scan(image: Any) -> Scan:
    name = _name(image)
    if hasattr(image, "GetDirection"):
        return _of_simpleitk(image, name)
    if hasattr(image, "affine") and hasattr(image, "dataobj"):
        return _of_nibabel(image, name)
    raise TypeError(
        f"Got an image of type {type(image).__name__}, expected a path, or an image of "
        "SimpleITK or nibabel."
    )


def _of_simpleitk(image: Any, name: Path) -> Scan:
    import SimpleITK  # whoever holds such an image has it

    n_channels, n_axes = image.GetNumberOfComponentsPerPixel(), image.GetDimension()
    if n_channels != 1 or n_axes not in (2, 3):
        raise refusal(
            name, f"which has {n_axes} axes and {n_channels} channels, expected 3 and 1"
        )
    stored = SimpleITK.GetArrayFromImage(image)
    direction = np.eye(3)
    direction[:n_axes, :n_axes] = np.reshape(image.GetDirection(), (n_axes, n_axes))
    spacing = [*image.GetSpacing(), 1.0][:3]
    origin = [*image.GetOrigin(), 0.0][:3]
    grid = Grid(tuple(map(float, spacing[::-1])), tuple(map(float, origin)), direction)  # type: ignore[arg-type]
    return Scan(stored.reshape((-1, *stored.shape[-2:])), grid)


def _of_nibabel(image: Any, name: Path) -> Scan:
    sizes = spatial_sizes(name, [int(n) for n in image.shape])
    affine = np.asarray(image.affine, dtype=np.float64)
    grid = grid_of(name, _TO_DICOM @ affine[:3, :3], _TO_DICOM @ affine[:3, 3])
    stored = np.asarray(image.dataobj).reshape(sizes)
    return Scan(np.ascontiguousarray(stored.transpose(2, 1, 0)), grid)
