"""A scan and a mask from whatever files they are in."""

from pathlib import Path
from typing import Any

from skvae.images.dicom_segmentation import read_segmentation
from skvae.images.dicom_series import is_segmentation, only_file, read_dicom
from skvae.images.file_kinds import kind_of
from skvae.images.label_maps import check_label, mask_of
from skvae.images.metaimage import read_metaimage
from skvae.images.nifti import read_nifti
from skvae.images.nrrd import read_nrrd
from skvae.images.refusals import refusal, refusing
from skvae.images.stored import Scan, intensities
from skvae.images.volume import Volume

__all__ = ["read_mask", "read_volume"]

READERS = {
    "nifti": read_nifti,
    "nrrd": read_nrrd,
    "metaimage": read_metaimage,
    "dicom": read_dicom,
    "folder": read_dicom,
}


def read_volume(path: str | Path, *, series: str | None = None) -> Volume:
    """Read the intensities of a scan.

    The format is told by the content: NIfTI-1 and -2 (.nii, .nii.gz, .hdr with .img), NRRD
    (.nrrd, .nhdr), MetaImage (.mha, .mhd), a DICOM file (one slice, or the frames of an
    enhanced one) or a folder with the files of one DICOM series, which are ordered by their
    positions. Slopes and intercepts, of each slice if it has its own, are applied in double
    precision.

    NaN and infinite values are kept, of all formats, so that they can be counted; SimpleITK
    up to 2.5 makes 0 of those of NIfTI.

    Parameters
    ----------
    path : str or Path
        A file, or the folder of a DICOM series.
    series : str, default=None
        SeriesInstanceUID or SeriesDescription of the series, for a folder with several.

    Returns
    -------
    Volume
        Values in float32, spacing, origin and direction as SimpleITK has them, and notes on
        what the file leaves unclear.

    Raises
    ------
    ImageFileError
        Where it holds no scan of one volume; the message is one sentence.

    Examples
    --------
    >>> import tempfile
    >>> import nibabel
    >>> import numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "scan.nii.gz"
    >>> array = np.arange(24, dtype=np.int16).reshape(4, 3, 2)  # x, y, z
    >>> nibabel.save(nibabel.Nifti1Image(array, np.diag([1, 2, 3, 1])), file)
    >>> volume = read_volume(file)
    >>> volume.values.shape, volume.spacing_mm
    ((2, 3, 4), (3.0, 2.0, 1.0))
    >>> float(volume.values[1, 2, 3])
    23.0
    """
    path = Path(path)
    scan = _scan(path, series)
    if scan.stored.ndim == 4:
        reason = f"which holds {len(scan.stored)} layers of segments: give it as the mask"
        raise refusal(path, reason)
    return intensities(scan)


def read_mask(
    path: str | Path,
    *,
    label: int | str | None = None,
    image_path: str | Path | Volume | None = None,
    series: str | None = None,
) -> Volume:
    """Read the mask of one label.

    What a format has moved off whole numbers, as nibabel does with floats under an integer
    header, is rounded before it is compared; what no rounding can explain is refused. A
    mask without any voxel is returned as it is.

    Parameters
    ----------
    path : str or Path
        A label map in any format of `read_volume`, a .seg.nrrd file of one layer or of
        several, or a DICOM-SEG file.
    label : int or str, default=None
        Its label, or the name of its segment where segments have names. None: the one that
        is there, such as 1 or 255; several are refused.
    image_path : str, Path or Volume, default=None
        The scan that a DICOM-SEG was drawn on, or its file: its voxels are placed among
        those of the scan. Other masks lie where their own file says.
    series : str, default=None
        The series of `image_path`, as of `read_volume`.

    Returns
    -------
    Volume
        Values 0 and 1 in uint8.

    Raises
    ------
    ImageFileError
        Where it holds no such mask; the message is one sentence.

    Examples
    --------
    >>> import tempfile
    >>> import nibabel
    >>> import numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "mask.nii.gz"
    >>> array = np.array([[[0, 1, 2]]], np.uint8)
    >>> nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), file)
    >>> read_mask(file, label=2).values.ravel()
    array([0, 0, 1], dtype=uint8)
    >>> read_mask(file, label=3)
    Traceback (most recent call last):
    skvae.images.volume.ImageFileError: Got path='...', which has no label 3; there are
    1, 2.
    """
    label = check_label(label)
    path = Path(path)
    with refusing(path):
        file = only_file(path) if path.is_dir() else path
        if kind_of(file) == "dicom" and is_segmentation(file):
            return _segmentation(file, label, image_path, series)
    return mask_of(path, _scan(path), label)


def _scan(path: Path, series: str | None = None) -> Scan:
    kind = kind_of(_header_of_pair(path))
    if series is not None and kind != "folder":
        raise refusal(
            path, f"which is no folder of DICOM series, of which series={series!r} is one"
        )
    options = () if series is None else (series,)
    with refusing(path):
        scan: Scan = READERS[kind](_header_of_pair(path), *options)
    return scan


def _header_of_pair(path: Path) -> Path:
    """Return the .hdr file of an .img file, which says what the latter holds."""
    name = path.name.removesuffix(".gz")
    header = path.with_name(name.removesuffix(".img") + ".hdr")
    return header if name.endswith(".img") and header.is_file() else path


def _segmentation(
    path: Path, label: int | str | None, image: Any, series: str | None
) -> Volume:
    if image is None:
        raise refusal(
            path,
            "which is a DICOM segmentation: it needs image_path, the scan it was drawn on",
        )
    if isinstance(image, Volume):
        return read_segmentation(path, image, label)
    scan = _scan(Path(image), series)
    return read_segmentation(path, scan.volume(scan.stored), label, scan.frame_of_reference)
