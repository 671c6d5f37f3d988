"""Where grids lie: compared, turned to common axes, resampled."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.extras import import_extra
from skvae.images.volume import Volume

__all__ = ["Box", "lattice", "on_grid_of", "oriented", "resampled", "same_grid"]

# Of a voxel: below, two grids are the same but for how their headers were rounded.
TOLERANCE = 1e-3
# Beyond so many voxels, what an image holds does not change a cubic spline any more.
_SPLINE_REACH = 12

Box = tuple[slice, slice, slice]


def oriented(volume: Volume) -> Volume:
    """Turn and flip the axes so that x runs to the left, y to the back and z upwards.

    Oblique axes become those that are the nearest. No value changes.

    Parameters
    ----------
    volume : Volume
        Any orientation.

    Returns
    -------
    Volume
        The same voxels at the same places.
    """
    # Column j of the direction is that of array axis 2 - j; find the axis for each of
    # x, y, z by the largest component that is left.
    parts = np.abs(volume.direction).copy()
    axis_of: dict[int, int] = {}
    for _ in range(3):
        world, column = np.unravel_index(np.argmax(parts), parts.shape)
        axis_of[int(world)] = int(column)
        parts[world, :] = parts[:, column] = -1
    order = [axis_of[world] for world in range(3)]
    direction = volume.direction[:, order]
    spacing = np.asarray(volume.spacing_mm[::-1])[order]
    values = volume.values.transpose([2 - order[world] for world in (2, 1, 0)])
    origin = np.asarray(volume.origin_mm, dtype=np.float64)
    for world in range(3):
        if direction[world, world] < 0:
            n = values.shape[2 - world]
            origin = origin + direction[:, world] * spacing[world] * (n - 1)
            direction[:, world] *= -1
            values = np.flip(values, axis=2 - world)
    return replace(
        volume,
        values=np.ascontiguousarray(values),
        spacing_mm=tuple(float(s) for s in spacing[::-1]),
        origin_mm=tuple(float(o) for o in origin),
        direction=direction,
    )


def same_grid(first: Volume, second: Volume) -> bool:
    """Whether two grids are the same to a thousandth of a voxel.

    Parameters
    ----------
    first, second : Volume
        The grids.

    Returns
    -------
    bool
        Whether all voxels lie at the same places.
    """
    if first.values.shape != second.values.shape:
        return False
    n = np.array(first.values.shape[::-1])
    # The corners move the most.
    corners = np.array(np.meshgrid(*[(0, k - 1) for k in n], indexing="ij")).reshape(3, -1)
    shift = (first.index_to_mm - second.index_to_mm) @ corners
    shift += (np.asarray(first.origin_mm) - np.asarray(second.origin_mm))[:, None]
    in_voxels = np.linalg.solve(first.index_to_mm, shift)
    return bool(np.abs(in_voxels).max() <= TOLERANCE)


def differences(image: Volume, mask: Volume) -> str:
    """Say how two grids differ.

    Parameters
    ----------
    image, mask : Volume
        The grids.

    Returns
    -------
    str
        Shapes, and the largest differences of origin, spacing and direction.
    """
    origin, spacing, direction = (
        float(np.abs(np.subtract(getattr(image, name), getattr(mask, name))).max())
        for name in ("origin_mm", "spacing_mm", "direction")
    )
    return (
        f"shapes {image.values.shape} and {mask.values.shape}, origins {origin:.4g} mm, "
        f"spacings {spacing:.4g} mm, directions {direction:.4g} apart"
    )


def overlaps(image: Volume, mask: Volume) -> bool:
    """Whether the foreground of a mask lies at least in part within an image.

    Parameters
    ----------
    image, mask : Volume
        The grids.

    Returns
    -------
    bool
        Whether any voxel of the foreground is inside.
    """
    foreground = np.argwhere(mask.values)[:, ::-1].T
    if not foreground.size:
        return False
    places = mask.index_to_mm @ foreground + np.asarray(mask.origin_mm)[:, None]
    index = np.linalg.solve(
        image.index_to_mm, places - np.asarray(image.origin_mm)[:, None]
    )
    n = np.array(image.values.shape[::-1])[:, None]
    return bool(((index > -0.5) & (index < n - 0.5)).all(axis=0).any())


def on_grid_of(image: Volume, mask: Volume) -> Volume:
    """Bring a mask to the grid of an image by the nearest voxel in the patient.

    Parameters
    ----------
    image, mask : Volume
        The grids.

    Returns
    -------
    Volume
        The mask on the grid of the image.
    """
    n_voxels = image.values.shape[::-1]
    values = _resample(mask, image, n_voxels, image.spacing_mm, image.origin_mm, "nearest")
    return replace(image, values=values, notes=mask.notes)


def lattice(volume: Volume, spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return the shape of the grid of another spacing that begins at the same voxel.

    Parameters
    ----------
    volume : Volume
        The grid.
    spacing_mm : (float, float, float)
        Along z, y and x.

    Returns
    -------
    (int, int, int)
        So many that the first and the last voxel stay where they are, to half a voxel.
    """
    reach = [
        (n - 1) * old / new
        for n, old, new in zip(
            volume.values.shape, volume.spacing_mm, spacing_mm, strict=True
        )
    ]
    z, y, x = (int(np.round(r)) + 1 for r in reach)
    return z, y, x


def resampled(
    volume: Volume,
    spacing_mm: tuple[float, float, float],
    box: Box,
    interpolation: str,
) -> NDArray[Any]:
    """Return a box of the grid of another spacing, without computing the rest.

    Parameters
    ----------
    volume : Volume
        What is resampled.
    spacing_mm : (float, float, float)
        Spacing of the grid that begins at the same voxel.
    box : tuple of slice
        Part of that grid, along z, y and x.
    interpolation : {"bspline", "linear", "nearest"}
        How values between voxels are found.

    Returns
    -------
    ndarray of shape (z, y, x)
        The values.
    """
    if np.allclose(spacing_mm, volume.spacing_mm, rtol=0, atol=1e-9):
        return np.ascontiguousarray(volume.values[box])
    part = _around(volume, spacing_mm, box)
    start = np.array([s.start for s in box[::-1]])
    step = volume.direction * np.asarray(spacing_mm[::-1])
    origin = np.asarray(volume.origin_mm) + step @ start
    n_voxels = tuple(s.stop - s.start for s in box[::-1])
    return _resample(part, volume, n_voxels, spacing_mm, origin, interpolation)


def _around(volume: Volume, spacing_mm: tuple[float, float, float], box: Box) -> Volume:
    """Cut off what is too far from a box to matter to its values."""
    kept = []
    for axis in range(3):
        ratio = spacing_mm[axis] / volume.spacing_mm[axis]
        low = int(np.floor(box[axis].start * ratio)) - _SPLINE_REACH
        high = int(np.ceil(box[axis].stop * ratio)) + _SPLINE_REACH
        kept.append(slice(max(0, low), min(volume.values.shape[axis], high)))
    start = np.array([s.start for s in kept[::-1]])
    origin = np.asarray(volume.origin_mm) + volume.index_to_mm @ start
    return replace(
        volume,
        values=np.ascontiguousarray(volume.values[tuple(kept)]),
        origin_mm=tuple(float(o) for o in origin),
    )


def _resample(
    volume: Volume,
    like: Volume,
    n_voxels: tuple[int, ...],
    spacing_mm: tuple[float, float, float],
    origin_mm: Any,
    interpolation: str,
) -> NDArray[Any]:
    sitk = import_extra("SimpleITK", "images")
    source = sitk.GetImageFromArray(volume.values)
    source.SetSpacing(volume.spacing_mm[::-1])
    source.SetOrigin(volume.origin_mm)
    source.SetDirection(volume.direction.reshape(-1).tolist())
    resample = sitk.ResampleImageFilter()
    resample.SetNumberOfThreads(1)  # cases are read side by side
    resample.SetInterpolator(
        {
            "bspline": sitk.sitkBSpline,
            "linear": sitk.sitkLinear,
            "nearest": sitk.sitkNearestNeighbor,
        }[interpolation]
    )
    # The last voxel of the new grid may lie up to half a voxel behind the old one.
    if interpolation != "nearest":
        resample.SetUseNearestNeighborExtrapolator(True)
    resample.SetSize([int(n) for n in n_voxels])
    resample.SetOutputSpacing(tuple(float(s) for s in spacing_mm[::-1]))
    resample.SetOutputOrigin(tuple(float(o) for o in origin_mm))
    resample.SetOutputDirection(like.direction.reshape(-1).tolist())
    values: NDArray[Any] = sitk.GetArrayFromImage(resample.Execute(source))
    return values
