"""From the steps between voxels to spacing, origin and direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import acos, degrees
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvae.images.refusals import refusal

__all__ = ["Grid", "completed", "grid_of", "spatial_sizes"]

# Over 1000 voxels, an axis this far from square drifts by one voxel.
SQUARE = 1e-3


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels lie, as in `Volume`."""

    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: NDArray[np.float64]


def grid_of(path: Path, steps: ArrayLike, origin: ArrayLike) -> Grid:
    """Return the grid of steps along x, y and z, which must be at right angles.

    A spacing is the length of a step, so that a negative one of a file becomes a direction
    that points the other way.

    Parameters
    ----------
    path : Path
        The file.
    steps : array-like of shape (3, 3)
        Its columns are the steps to the next voxel along x, y and z, in millimetres of
        DICOM's axes.
    origin : array-like of shape (3,)
        Position of the first voxel.

    Returns
    -------
    Grid
        Spacing, origin and direction.

    Examples
    --------
    >>> grid = grid_of(Path("scan.nii"), np.diag([-1.0, 2.0, 3.0]), [0, 0, 0])
    >>> grid.spacing_mm
    (3.0, 2.0, 1.0)
    >>> grid.direction[0, 0]
    np.float64(-1.0)
    """
    steps, origin = np.asarray(steps, float), np.asarray(origin, float)
    lengths = np.linalg.norm(steps, axis=0)
    if not (np.isfinite(lengths).all() and np.isfinite(origin).all()):
        raise refusal(path, "whose header has a position or a spacing that is not finite")
    if not (lengths > 0).all():
        found = ", ".join(f"{length:g}" for length in lengths)
        raise refusal(path, f"whose spacing along x, y, z is {found}: it must not be zero")
    direction = steps / lengths
    _check_square(path, direction)
    x, y, z = map(float, lengths)
    first = (float(origin[0]), float(origin[1]), float(origin[2]))
    return Grid((z, y, x), first, direction)


def completed(vectors: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return the steps (3, 3) of vectors that may be those of a plane.

    Parameters
    ----------
    vectors : sequence of sequences
        Two or three steps, of two or three numbers each.

    Returns
    -------
    ndarray of shape (3, 3)
        The steps as columns; a third one stands upon two and is 1 mm long.

    Examples
    --------
    >>> completed([[2, 0], [0, 2]])
    array([[2., 0., 0.], [0., 2., 0.], [0., 0., 1.]])
    """
    columns = [
        np.pad(np.asarray(vector, float), (0, 3 - len(vector))) for vector in vectors
    ]
    if len(columns) == 2:
        normal = np.cross(columns[0], columns[1])
        length = np.linalg.norm(normal)
        columns.append(normal / length if length > 0 else normal)
    return np.stack(columns, axis=1)


def spatial_sizes(path: Path, sizes: Sequence[int]) -> tuple[int, int, int]:
    """Return the numbers of voxels along x, y and z, if there is a single volume.

    Parameters
    ----------
    path : Path
        The file.
    sizes : sequence of int
        Its numbers along all axes, x first.

    Returns
    -------
    (int, int, int)
        Numbers along x, y and z.

    Examples
    --------
    >>> spatial_sizes(Path("scan.nii"), [4, 3, 2, 1])
    (4, 3, 2)
    >>> spatial_sizes(Path("scan.nii"), [4, 3, 2, 20])
    Traceback (most recent call last):
    skvae.images.volume.ImageFileError: Got path='scan.nii', which is 4-D: it holds 20
    volumes, expected one.
    """
    if any(size < 1 for size in sizes):
        listed = ", ".join(map(str, sizes))
        raise refusal(path, f"whose header announces a shape without voxels: {listed}")
    volumes = 1
    for size in sizes[3:]:
        volumes *= int(size)
    if volumes > 1:
        reason = f"which is {len(sizes)}-D: it holds {volumes} volumes, expected one"
        raise refusal(path, reason)
    x, y, z = [*map(int, sizes[:3]), 1, 1][:3]
    return x, y, z


def _check_square(path: Path, direction: NDArray[np.float64]) -> None:
    cosines = direction.T @ direction
    for a, b in ((0, 1), (0, 2), (1, 2)):
        if abs(cosines[a, b]) > SQUARE:
            angle = degrees(acos(np.clip(cosines[a, b], -1, 1)))
            raise refusal(
                path,
                f"whose grid is sheared: its axes {'xyz'[a]} and {'xyz'[b]} stand at "
                f"{angle:.4g} degrees; resample it to a rectangular grid",
            )
