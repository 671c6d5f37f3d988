"""DICOM-SEG: a segment, placed voxel by voxel on the grid of its image.

A segmentation has frames of its own, often of some slices alone, in any order; what reads
it as an image makes a stack of its frames and invents their spacing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.extras import import_extra
from skvae.images.dicom_pixels import dicom_header, undamaged
from skvae.images.dicom_planes import Plane, planes_of
from skvae.images.label_maps import is_number, unknown_segment
from skvae.images.refusals import refusal
from skvae.images.volume import Volume

__all__ = ["read_segmentation"]

# Positions of slices are often rounded, and the grid of the image evens them out: a voxel
# that lies so near to one of the image is the same. In voxels.
OFF = 0.1
SAME = 1e-3


def read_segmentation(
    path: Path,
    image: Volume,
    label: int | str | None,
    frame_of_reference: str | None = None,
) -> Volume:
    """Return the mask, of 0 and 1, of one segment on the grid of an image.

    Parameters
    ----------
    path : Path
        The file.
    image : Volume
        The image on whose slices the segments were drawn, in any format.
    label : int, str or None
        Number or name of the segment; None where there is one.
    frame_of_reference : str or None
        UID of the image's space, if it has one.

    Returns
    -------
    Volume
        Of uint8.
    """
    with undamaged(path):
        return _read(path, image, label, frame_of_reference)


def _read(
    path: Path, image: Volume, label: int | str | None, frame_of_reference: str | None
) -> Volume:
    space = dicom_header(path).get("FrameOfReferenceUID")
    if frame_of_reference and space and space != frame_of_reference:
        raise refusal(
            path,
            "which was drawn in another space: its FrameOfReferenceUID is not the image's",
        )
    segmentation = _opened(path)
    number = _segment(path, segmentation, label)
    planes = planes_of(path, segmentation)
    _check_alike(path, planes, image)
    index = _to_index(image, _voxels(segmentation, planes, number))
    places = np.rint(index).astype(np.intp)
    off = float(np.abs(index - places).max(initial=0))
    if off > OFF:
        raise refusal(path, f"whose voxels lie {off:.2g} of a voxel beside the image's")
    sizes = np.array(image.values.shape[::-1])
    outside = ((places < 0) | (places >= sizes[:, np.newaxis])).any(axis=0)
    if outside.any():
        raise refusal(
            path, f"of which {outside.sum()} voxels of the segment lie outside of the image"
        )
    values = np.zeros(image.values.shape, np.uint8)
    values[places[2], places[1], places[0]] = 1
    notes = (
        (f"voxels lie up to {off:.2g} of a voxel beside the image's",) if off > SAME else ()
    )
    return Volume(values, image.spacing_mm, image.origin_mm, image.direction, notes)


def _opened(path: Path) -> Any:
    highdicom = import_extra("highdicom", "images")
    try:
        segmentation = highdicom.seg.segread(path)
    except OSError:
        raise
    except Exception as error:  # a damaged file leads anywhere
        raise refusal(path, "which is no DICOM segmentation that can be read") from error
    kind = segmentation.segmentation_type.value
    if kind == "FRACTIONAL":
        raise refusal(path, "which holds fractions of voxels (FRACTIONAL), expected a mask")
    return segmentation


def _segment(path: Path, segmentation: Any, label: int | str | None) -> int:
    names: dict[int, str] = {
        number: str(segmentation.get_segment_description(number).segment_label)
        for number in segmentation.segment_numbers
        if number != 0  # the background of a LABELMAP
    }
    found = [number for number, name in names.items() if label in (None, name)]
    found = found or [number for number in names if is_number(label, number)]
    if len(found) == 1:
        return found[0]
    listed = [f"{number} ({name})" for number, name in names.items()]
    raise unknown_segment(path, label, listed)


def _check_alike(path: Path, planes: Sequence[Plane], image: Volume) -> None:
    """Refuse frames whose voxels are not as large as the image's, along the same axes."""
    steps = np.concatenate([_steps(plane) for plane in planes], axis=1)
    index = np.linalg.solve(image.index_to_mm, steps)
    nearest = np.rint(index)
    alike = np.abs(index - nearest).max() <= OFF
    if not (alike and np.allclose(np.abs(nearest).sum(axis=0), 1)) or _sparse(
        planes, image
    ):
        raise refusal(
            path, "whose voxels are not those of the image: spacing or orientation differ"
        )


def _sparse(planes: Sequence[Plane], image: Volume) -> bool:
    """Return whether frames that skip slices of the image say that they are so thick.

    They are of an image of thicker slices. Those of a segment in a few slices say that they
    are as thick as the slices.
    """
    normal = np.cross(planes[0].orientation[:3], planes[0].orientation[3:])
    step = float(np.abs(normal @ image.index_to_mm).max())
    heights = np.unique([(plane.position @ normal / step).round(1) for plane in planes])
    skipping = len(heights) > 1 and float(np.diff(heights).min()) > 1.5
    return skipping and (planes[0].between or 0.0) > 1.5 * step


def _steps(plane: Plane) -> NDArray[np.float64]:
    """Return the steps to the next column and the next row, as columns."""
    x, y = plane.orientation[:3], plane.orientation[3:]
    return np.stack([x * plane.spacing[1], y * plane.spacing[0]], axis=1)


def _voxels(segmentation: Any, planes: Sequence[Plane], number: int) -> NDArray[np.float64]:
    """Return the positions (3, n) of the voxels of a segment, in millimetres."""
    frames = segmentation.get_stored_frames()
    positions = [np.empty((3, 0))]
    for plane, frame, owner in zip(planes, frames, _owners(segmentation), strict=True):
        if owner not in (None, number):
            continue
        rows, columns = np.nonzero(frame == number if owner is None else frame)
        within = _steps(plane) @ np.stack([columns, rows])
        positions.append(within + plane.position[:, np.newaxis])
    return np.concatenate(positions, axis=1)


def _owners(segmentation: Any) -> list[int | None]:
    """Return the segment of each frame; None where a frame has the numbers of several."""
    frames = segmentation.PerFrameFunctionalGroupsSequence
    if segmentation.segmentation_type.value == "LABELMAP":
        return [None] * len(frames)
    shared = list(segmentation.get("SharedFunctionalGroupsSequence") or [])
    name = "SegmentIdentificationSequence"
    return [
        next(
            int(group[name].value[0].ReferencedSegmentNumber)
            for group in (frame, *shared)
            if name in group
        )
        for frame in frames
    ]


def _to_index(image: Volume, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the indices (x, y, z) of positions, as fractions."""
    origin = np.asarray(image.origin_mm)[:, np.newaxis]
    return np.linalg.solve(image.index_to_mm, positions - origin)
