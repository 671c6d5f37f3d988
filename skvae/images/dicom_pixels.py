"""Numbers of the pixels of a DICOM file, as they were stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skvae.extras import import_extra
from skvae.images.refusals import refusal
from skvae.images.volume import ImageFileError

__all__ = ["Pixels", "dicom_header", "pixels_of", "undamaged"]


class Pixels(NamedTuple):
    """Frames, and whether slope and intercept have been applied already."""

    frames: NDArray[Any]
    rescaled: bool = False


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """Turn what comes of a damaged header into a sentence.

    pydicom reads an element when it is asked for: each access may raise any error.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    None
        Nothing.
    """
    try:
        yield
    except (ImageFileError, ImportError, MemoryError, OSError):
        raise
    except Exception as error:
        raise refusal(path, "which is damaged: its DICOM header cannot be read") from error


def dicom_header(path: Path) -> Any:
    """Return the header of a DICOM file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    pydicom.Dataset
        All but its pixels.
    """
    return _read(path, stop_before_pixels=True)


def pixels_of(path: Path) -> Pixels:
    """Return the numbers of all frames, before slope and intercept.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Pixels
        Frames of shape (n, rows, columns).
    """
    with undamaged(path):
        return _pixels(path, _read(path))


def _pixels(path: Path, dataset: Any) -> Pixels:
    _check_grey(path, dataset)
    syntax = _transfer_syntax(dataset)
    packed = syntax.is_compressed
    try:
        pixels = np.asarray(dataset.pixel_array)
    # Each decoder has errors of its own, and a damaged file leads anywhere.
    except Exception as error:
        if packed and int(dataset.get("NumberOfFrames") or 1) == 1:
            return _by_simpleitk(path, syntax)
        reason = (
            f"whose pixels are packed as {syntax.name}, which cannot be unpacked here: "
            "convert it to an uncompressed file first"
            if packed
            else "whose pixels are damaged or truncated"
        )
        raise refusal(path, reason) from error
    frames = pixels.reshape(-1, *pixels.shape[-2:])
    return Pixels(_used_bits(path, dataset, frames))


def _read(path: Path, **options: Any) -> Any:
    pydicom = import_extra("pydicom", "images")
    with undamaged(path):
        # `force`: files of older devices have no preamble.
        return pydicom.dcmread(path, force=True, **options)


def _transfer_syntax(dataset: Any) -> Any:
    """Return how pixels are packed; a file without meta information does not pack them."""
    uid = import_extra("pydicom.uid", "images")
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, _ = dataset.original_encoding
        plain = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = plain
    return dataset.file_meta.TransferSyntaxUID


def _check_grey(path: Path, dataset: Any) -> None:
    samples = int(dataset.get("SamplesPerPixel") or 1)
    kind = dataset.get("PhotometricInterpretation", "MONOCHROME2")
    if samples > 1 or not kind.startswith("MONOCHROME"):
        raise refusal(path, f"whose pixels are colours ({kind}), expected grey values")
    if "ModalityLUTSequence" in dataset:
        raise refusal(
            path,
            "whose values are those of a table (ModalityLUTSequence): convert it first",
        )


def _used_bits(path: Path, dataset: Any, frames: NDArray[Any]) -> NDArray[Any]:
    """Return the bits that are in use, with their sign: the others may hold anything."""
    if frames.dtype.kind not in "iu":
        return frames
    used, high = int(dataset.BitsStored), int(dataset.HighBit)
    unused = 8 * frames.dtype.itemsize - used
    if high != used - 1 or unused < 0:
        raise refusal(
            path, f"whose HighBit is {high} of BitsStored {used}, which is retired"
        )
    # The shift to the right repeats the sign of a signed number.
    return (frames << unused) >> unused if unused else frames


def _by_simpleitk(path: Path, syntax: Any) -> Pixels:
    """Unpack what pydicom cannot, such as lossless JPEG, of a file of one frame.

    Of one frame alone: SimpleITK applies slope and intercept, those of the first frame.
    """
    sitk = import_extra("SimpleITK", "images")
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        frames = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise refusal(
            path,
            f"whose pixels are packed as {syntax.name}, which cannot be unpacked here: "
            "convert it to an uncompressed file first",
        ) from error
    return Pixels(frames.reshape(-1, *frames.shape[-2:]), rescaled=True)
