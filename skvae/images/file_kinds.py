"""What kind of image a file holds, by its first bytes."""

import re
import zlib
from pathlib import Path

from skvae.images.nifti import header_bytes
from skvae.images.payload import packing_of
from skvae.images.refusals import refusal, refusing

__all__ = ["FORMATS", "is_dicom", "kind_of"]

FORMATS = "a NIfTI, NRRD, MetaImage or DICOM file, or the folder of a DICOM series"
HEAD = 4096
OTHERS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"\x93NUMPY": "an array of NumPy",
    b"PK\x03\x04": "a ZIP archive",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "packed by gzip, but no NIfTI file",
}


def kind_of(path: Path) -> str:
    """Return what a file or folder holds, whatever its suffix is.

    Parameters
    ----------
    path : Path
        The file or folder.

    Returns
    -------
    {"folder", "nifti", "nrrd", "metaimage", "dicom"}
        Its kind.

    Examples
    --------
    >>> kind_of(Path("no_such_file.nii"))
    Traceback (most recent call last):
    skvae.images.volume.ImageFileError: Got path='no_such_file.nii', which does not exist.
    """
    with refusing(path):
        if not path.exists():
            raise refusal(path, "which does not exist")
        if path.is_dir():
            return "folder"
        if not path.is_file():
            raise refusal(path, "which is neither a file nor a folder")
        with path.open("rb") as file:
            head = file.read(HEAD)
    if not head:
        raise refusal(path, "which is empty")
    kind = _kind(head)
    if kind is None:
        raise refusal(path, f"which {_holds(head)}, expected {FORMATS}")
    return kind


def is_dicom(path: Path) -> bool:
    """Return whether a file begins as DICOM does, with its preamble or without.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        Whether it does.

    Examples
    --------
    >>> is_dicom(Path(__file__))
    False
    """
    with path.open("rb") as file:
        return _kind(file.read(HEAD)) == "dicom"


def _kind(head: bytes) -> str | None:
    # Without a preamble: the first tag, of group 2 or 8.
    if head[128:132] == b"DICM" or re.match(rb"[\x02\x08]\0.\0", head, re.DOTALL):
        return "dicom"
    if head.startswith(b"NRRD"):
        return "nrrd"
    if re.match(rb"\s*\w+\s*=", head) and b"DimSize" in head:
        return "metaimage"
    return "nifti" if header_bytes(_unpacked(head)) else None


def _unpacked(head: bytes) -> bytes:
    if packing_of(head) == "raw":
        return head
    try:
        return zlib.decompressobj(32 + 15).decompress(head, 4)
    except zlib.error:
        return b""


def _holds(head: bytes) -> str:
    for magic, name in OTHERS.items():
        if head.startswith(magic):
            return f"is {name}"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        return "holds text"
    return "begins as none of the known formats does"
