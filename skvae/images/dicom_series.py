"""Images of DICOM: a folder with one series, or a file of one slice or of many frames."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skvae.images.dicom_pixels import dicom_header, pixels_of, undamaged
from skvae.images.dicom_planes import Plane, planes_of, stacked
from skvae.images.file_kinds import FORMATS, is_dicom
from skvae.images.refusals import refusal
from skvae.images.stored import Scan

__all__ = ["is_segmentation", "only_file", "read_dicom"]

STORAGE = "1.2.840.10008.5.1.4.1.1."
SEGMENTATIONS = (f"{STORAGE}66.4", f"{STORAGE}66.7")
NO_IMAGES = {
    **dict.fromkeys(
        SEGMENTATIONS, "which is a DICOM segmentation, no image: give it as the mask"
    ),
    f"{STORAGE}481.3": "which holds contours (RTSTRUCT), whose voxels depend on what "
    "fills them: convert them to a mask file first",
}


def read_dicom(path: Path, name: str | None = None) -> Scan:
    """Read a folder with one series of images, or a file.

    Parameters
    ----------
    path : Path
        The folder or the file.
    name : str, default=None
        SeriesInstanceUID or SeriesDescription of the series, where the folder may have
        several.

    Returns
    -------
    Scan
        Its numbers, unscaled, slices in ascending order along their normal, with the slope
        and intercept of each.
    """
    with undamaged(path):
        return _read(path, name)


def _read(path: Path, name: str | None) -> Scan:
    headers = _headers(path, name)
    first = next(iter(headers.values()))
    planes: list[Plane] = []
    for file, header in headers.items():
        with undamaged(file):
            _check_image(file if path.is_file() else path, header)
            planes += planes_of(file, header)
    if not planes:
        raise refusal(path, "which has no frames")
    planes, grid, notes = stacked(path, planes)
    if first.get("PhotometricInterpretation") == "MONOCHROME1":
        notes.append("MONOCHROME1: high values are meant to be shown dark; they are kept")
    return _scan(planes, grid, notes, first)


def is_segmentation(path: Path) -> bool:
    """Return whether a DICOM file is a DICOM-SEG.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        Whether it is.
    """
    with undamaged(path):
        return dicom_header(path).get("SOPClassUID") in SEGMENTATIONS


def only_file(folder: Path) -> Path:
    """Return the file of a folder with a single one of DICOM, else the folder.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    Path
        The file or the folder.
    """
    files = _dicom_files(folder)
    return files[0] if len(files) == 1 else folder


def _headers(path: Path, name: str | None) -> dict[Path, Any]:
    """Return the headers of the files of the one series that is there, or is named."""
    if path.is_file():
        return {path: dicom_header(path)}
    files = _dicom_files(path)
    if not files:
        raise refusal(path, f"which is a folder without DICOM files, expected {FORMATS}")
    series: defaultdict[str, dict[Path, Any]] = defaultdict(dict)
    others: dict[Path, Any] = {}
    for file in files:
        with undamaged(file):
            header = dicom_header(file)
            image = "Rows" in header and header.get("SOPClassUID") not in NO_IMAGES
            key = str(header.get("SeriesInstanceUID"))
        (series[key] if image else others)[file] = header
    if not series:
        # What is there is no image; if it is of one kind, the error says of which.
        _check_image(path, next(iter(others.values())))
    return _chosen(path, series, name)


def _chosen(
    path: Path, series: dict[str, dict[Path, Any]], name: str | None
) -> dict[Path, Any]:
    named = {
        uid: headers
        for uid, headers in series.items()
        if name is None or name in (uid, _description(headers))
    }
    if len(named) == 1:
        [headers] = named.values()
        return headers
    if name is not None:
        raise refusal(
            path, f"in which series={name!r} names {len(named)} of {_list(series)}"
        )
    raise refusal(
        path,
        f"which holds {len(series)} series, expected one, or its name as series (the "
        f"column Series of a manifest): {_list(series)}",
    )


def _dicom_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and is_dicom(file))


def _check_image(path: Path, header: Any) -> None:
    kind = header.get("SOPClassUID")
    if kind in NO_IMAGES:
        raise refusal(path, NO_IMAGES[kind])
    if not ("Rows" in header and "Columns" in header):
        name = getattr(kind, "name", None) or "DICOM data"
        raise refusal(path, f"which holds no image but {name}")


def _list(series: dict[str, dict[Path, Any]]) -> str:
    told = []
    for uid, headers in sorted(series.items()):
        name = _description(headers) or "no description"
        told.append(f"{uid} ({name}; files: {len(headers)})")
    return ", ".join(told)


def _description(headers: dict[Path, Any]) -> str:
    first = next(iter(headers.values()))
    return str(first.get("SeriesDescription") or "").strip()


def _scan(planes: Sequence[Plane], grid: Any, notes: Sequence[str], header: Any) -> Scan:
    slope = np.array([plane.slope for plane in planes])
    intercept = np.array([plane.intercept for plane in planes])
    file, pixels = planes[0].file, pixels_of(planes[0].file)
    stored = np.empty((len(planes), *pixels.frames.shape[1:]), pixels.frames.dtype)
    for k, plane in enumerate(planes):
        if plane.file != file:
            file, pixels = plane.file, pixels_of(plane.file)
        if plane.frame >= len(pixels.frames):
            raise refusal(file, f"which lacks the pixels of frame {plane.frame + 1}")
        numbers = pixels.frames[plane.frame]
        # Slices of one series may differ in their type, and must not be cast to the first.
        common = np.result_type(stored, numbers)
        stored = stored.astype(common, copy=False)
        stored[k] = numbers
        if pixels.rescaled:
            slope[k], intercept[k] = 1.0, 0.0
    space = header.get("FrameOfReferenceUID")
    return Scan(
        stored,
        grid,
        slope,
        intercept,
        tuple(notes),
        frame_of_reference=space and str(space),
    )
