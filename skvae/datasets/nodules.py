"""Several raters' outlines of a nodule become one mask that most of them agree on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

__all__ = ["Annotation", "consensus_mask", "group_annotations"]

# Sums of weights that equal one half on paper may fall short of it by rounding.
ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Annotation:
    """One rater's view of one nodule.

    Parameters
    ----------
    mask : ndarray of bool, shape (slices, rows, columns)
        The voxels of the nodule, on the scan's own grid.
    spacing : ndarray, shape (3,)
        Distance of neighbouring voxels along each axis, in mm.
    origin : ndarray, shape (3,)
        Position of the first voxel's centre, in mm.
    ratings : ndarray, shape (n_ratings,)
        The rater's marks.
    max_diameter : float
        Longest distance across the outline within a slice, in mm.
    """

    mask: np.ndarray
    spacing: np.ndarray
    origin: np.ndarray
    ratings: np.ndarray
    max_diameter: float

    @property
    def volume(self) -> float:
        """Volume in mm^3: the number of voxels times the volume of one."""
        return float(self.mask.sum() * self.spacing.prod())

    @property
    def centroid(self) -> np.ndarray:
        """Mean position of the voxels, in mm."""
        return self.origin + self.spacing * np.argwhere(self.mask).mean(axis=0)


def group_annotations(
    centroids: np.ndarray,
    volumes: np.ndarray,
    *,
    min_reach_mm: float = 3.0,
    max_raters: int = 4,
) -> list[np.ndarray]:
    """Find out which annotations of one scan mean the same nodule.

    Two annotations are linked when their centroids lie no further apart than half the
    larger of their diameters (those of spheres of equal volume), or than `min_reach_mm`.
    Whatever is linked, directly or through others, is one nodule.

    Parameters
    ----------
    centroids : ndarray, shape (n_annotations, 3)
        Positions in mm.
    volumes : ndarray, shape (n_annotations,)
        Volumes in mm^3.
    min_reach_mm : float, default=3.0
        The reach of small nodules, in mm.
    max_raters : int, default=4
        Number of raters who saw a scan; of a larger group, the first so many are kept.

    Returns
    -------
    groups : list of ndarray of int
        Indices of the annotations of each nodule, in the order of their first ones.

    Examples
    --------
    >>> centroids = np.array([[0.0, 0, 0], [40, 0, 0], [2, 0, 0]])
    >>> [group.tolist() for group in group_annotations(centroids, np.full(3, 8.0))]
    [[0, 2], [1]]
    """
    radii = np.cbrt(3 * volumes / (4 * np.pi))
    distances = np.linalg.norm(centroids[:, None] - centroids[None], axis=2)
    reach = np.maximum(np.maximum(radii[:, None], radii[None]), min_reach_mm)
    n_groups, labels = connected_components(distances <= reach, directed=False)
    return [np.flatnonzero(labels == group)[:max_raters] for group in range(n_groups)]


def consensus_mask(
    annotations: Sequence[Annotation], size: int, spacing_mm: float
) -> np.ndarray:
    """Average masks on a common cubic grid and keep what at least half the raters mark.

    The grid is centred on the mean centroid. Between voxel centres a mask is interpolated
    linearly; beyond its first and last slice it is empty.

    Parameters
    ----------
    annotations : sequence of Annotation
        The raters' views of one nodule.
    size : int
        Number of voxels along each edge of the grid.
    spacing_mm : float
        Distance of neighbouring voxels of the grid, in mm.

    Returns
    -------
    mask : ndarray of bool, shape (size, size, size)
        The consensus; axes are slices, rows and columns.

    Examples
    --------
    >>> cube = Annotation(np.ones((3, 3, 3), bool), np.ones(3), np.zeros(3), np.ones(1), 3)
    >>> consensus_mask([cube], size=5, spacing_mm=1.0).sum()
    np.int64(27)
    """
    centre = np.mean([annotation.centroid for annotation in annotations], axis=0)
    offsets = (np.arange(size) - (size - 1) / 2) * spacing_mm
    total = np.zeros((size, size, size))
    for annotation in annotations:
        positions = (centre - annotation.origin)[:, None] + offsets
        # The axes of both grids are parallel: three small products do the resampling.
        by_slice, by_row, by_column = (
            _linear_weights(positions[axis] / annotation.spacing[axis], n_voxels)
            for axis, n_voxels in enumerate(annotation.mask.shape)
        )
        in_plane = by_row @ annotation.mask.astype(float) @ by_column.T
        total += np.tensordot(by_slice, in_plane, axes=1)
    return total >= len(annotations) * (0.5 - ROUNDING)


def _linear_weights(positions: np.ndarray, n_voxels: int) -> np.ndarray:
    """Weight of each voxel (columns) at each position (rows), in units of voxels."""
    weights = np.maximum(0, 1 - np.abs(positions[:, None] - np.arange(n_voxels)))
    within = (positions >= -ROUNDING) & (positions <= n_voxels - 1 + ROUNDING)
    return weights * within[:, None]
