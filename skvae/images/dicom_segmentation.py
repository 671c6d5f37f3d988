"""DICOM-SEG: a segment, placed voxel by voxel on the grid of its image.

A segmentation has frames of its own, often of some slices alone, in any order; what reads
it as an image makes a stack of its frames and invents their spacing.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.extras import import_extra
from skvae.images.dicom_pixels import dicom_header, undamaged
from skvae.images.label_maps import is_number, unknown_segment
from skvae.images.refusals import refusal
from skvae.images.volume import Volume

__all__ = ["read_segmentation"]

OFF = 0.01  # of a voxel of the image


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
    try:
        found = segmentation.get_volume(
            segment_numbers=[number], combine_segments=True, relabel=True, dtype=np.uint8
        )
    # It refuses with errors of several kinds, of planes that make no regular volume.
    except Exception as error:
        raise refusal(
            path, "whose frames make no volume of parallel, even slices"
        ) from error
    values = np.zeros(image.values.shape, np.uint8)
    places = _places(path, found, image)
    values[places[2], places[1], places[0]] = 1
    return Volume(values, image.spacing_mm, image.origin_mm, image.direction)


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


def _places(path: Path, found: Any, image: Volume) -> NDArray[np.intp]:
    """Return the indices (x, y, z) in the image of the voxels of a segment."""
    to_index = np.linalg.inv(image.index_to_mm)
    steps = to_index @ found.affine[:3, :3]
    nearest = np.rint(steps)
    start = to_index @ (found.affine[:3, 3] - np.asarray(image.origin_mm))
    # A frame may be the only one: then its step to the next has no meaning.
    used = [axis for axis, size in enumerate(found.array.shape) if size > 1]
    reach = np.array(found.array.shape)
    off = np.abs(steps - nearest)[:, used] * reach[used]
    if (off > OFF).any() or not np.allclose(np.abs(nearest[:, used]).sum(axis=0), 1):
        raise refusal(
            path, "whose voxels are not those of the image: spacing or orientation differ"
        )
    exact = steps @ np.array(np.nonzero(found.array)) + start[:, np.newaxis]
    places: NDArray[np.intp] = np.rint(exact).astype(np.intp)
    if places.size and np.abs(exact - places).max() > OFF:
        most = np.abs(exact - places).max()
        raise refusal(path, f"whose voxels lie {most:.2g} of a voxel beside the image's")
    outside = ((places < 0) | (places >= np.array(image.values.shape[::-1])[:, None])).any(
        0
    )
    if outside.any():
        raise refusal(
            path, f"of which {outside.sum()} voxels of the segment lie outside of the image"
        )
    return places
