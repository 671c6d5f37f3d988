"""A volume and where it lies in the patient."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ImageFileError", "Volume"]


class ImageFileError(ValueError):
    """A file that holds no usable image or mask; the message says why, in one sentence."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Values on a grid, and the place of the grid in millimetres.

    Attributes
    ----------
    values : ndarray of shape (z, y, x)
        Intensities (float32) or labels (integers).
    spacing_mm : (float, float, float)
        Distance of neighbours along z, y and x; above 0.
    origin_mm : (float, float, float)
        Position of the first voxel, (x, y, z) in the axes of DICOM: left, posterior,
        superior.
    direction : ndarray of shape (3, 3)
        Its columns are the directions of the axes x, y and z, of length 1; as of SimpleITK.
    notes : tuple of str
        What a reader should know, such as two transforms in a header that differ.
    """

    values: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: NDArray[np.float64]
    notes: tuple[str, ...] = field(default=())

    @property
    def index_to_mm(self) -> NDArray[np.float64]:
        """The matrix (3, 3) from steps along x, y and z to millimetres."""
        matrix: NDArray[np.float64] = self.direction * np.asarray(self.spacing_mm[::-1])
        return matrix
