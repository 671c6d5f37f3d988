"""Numbers as a file stores them, and the intensities that are made of them."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.images.grids import Grid
from skvae.images.volume import Volume

__all__ = ["Scan", "Segment", "intensities"]

# float32 has all integers up to here.
EXACT = 2**24


@dataclass(frozen=True)
class Segment:
    """A segment of a .seg.nrrd file: the voxels of one layer that have its label."""

    name: str
    label: int
    layer: int = 0


@dataclass(frozen=True, eq=False)
class Scan:
    """What a file holds, before it is made intensities or labels.

    Attributes
    ----------
    stored : ndarray of shape (z, y, x), or (layers, z, y, x) with `segments`
        The numbers as they are in the file.
    grid : Grid
        Where they lie.
    slope, intercept : float or ndarray of shape (z,)
        A value is slope · stored + intercept; a slice may have its own.
    notes : tuple of str
        As in `Volume`.
    segments : tuple of Segment
        What a .seg.nrrd file calls its labels.
    frame_of_reference : str or None
        UID of the space, in DICOM.
    """

    stored: NDArray[Any]
    grid: Grid
    slope: float | NDArray[np.float64] = 1.0
    intercept: float | NDArray[np.float64] = 0.0
    notes: tuple[str, ...] = field(default=())
    segments: tuple[Segment, ...] = field(default=())
    frame_of_reference: str | None = None

    @property
    def scaled(self) -> bool:
        """Whether values are not the stored numbers."""
        return bool(np.any(self.slope != 1) or np.any(self.intercept != 0))

    def slice_values(self, k: int) -> NDArray[np.float64]:
        """Return the values of a slice, in double precision."""
        slope, intercept = self.slice_scale(k)
        values: NDArray[np.float64] = self.stored[k].astype(np.float64)
        return values * slope + intercept

    def slice_scale(self, k: int) -> tuple[float, float]:
        """Return slope and intercept of a slice."""
        n = len(self.stored)
        slope = np.broadcast_to(self.slope, n)[k]
        return float(slope), float(np.broadcast_to(self.intercept, n)[k])

    def with_note(self, note: str) -> "Scan":
        """Return the same with a note more."""
        return replace(self, notes=(*self.notes, note))

    def volume(self, values: NDArray[Any]) -> Volume:
        """Return values on the grid of this scan."""
        grid = self.grid
        return Volume(values, grid.spacing_mm, grid.origin_mm, grid.direction, self.notes)


def intensities(scan: Scan) -> Volume:
    """Return the values in single precision, computed slice by slice in double.

    Parameters
    ----------
    scan : Scan
        What a file holds.

    Returns
    -------
    Volume
        Of float32.

    Examples
    --------
    >>> stored = np.array([[[10]], [[20]]], np.int16)
    >>> grid = Grid((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    >>> scan = Scan(stored, grid, slope=np.array([0.5, 0.25]))
    >>> intensities(scan).values.ravel()
    array([5., 5.], dtype=float32)
    """
    # What single precision has no room for is infinite, which quality control counts.
    with np.errstate(over="ignore", invalid="ignore"):
        if scan.scaled:
            values = np.empty(scan.stored.shape, np.float32)
            for k in range(len(values)):
                values[k] = scan.slice_values(k)
        else:
            values = np.ascontiguousarray(scan.stored, np.float32)
            if _beyond_float32(scan.stored):
                scan = scan.with_note("integers beyond 2**24 are rounded to float32")
    return scan.volume(values)


def _beyond_float32(stored: NDArray[Any]) -> bool:
    if stored.dtype.kind not in "iu" or stored.dtype.itemsize <= 2:
        return False
    return max(-int(stored.min()), int(stored.max())) > EXACT
