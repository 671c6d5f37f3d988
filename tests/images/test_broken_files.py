"""Each broken file has its sentence, for image and mask alike, before memory is taken."""

import gzip
import os
import tracemalloc
import zlib

import nibabel
import numpy as np
import pytest
from dicom_writing import dataset, save, slice_of, write_series

from skvae.images import check_images
from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError

VALUES = np.random.default_rng(0).integers(0, 999, (4, 5, 6)).astype(np.int16)
NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 6 5 4\n"
    "space directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: raw\nendian: little\n"
    "space origin: (0,0,0)\n\n"
)
META = (
    "ObjectType = Image\nNDims = 3\nElementSpacing = 1 1 1\nDimSize = 6 5 4\n"
    "ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
)
DATA = VALUES.tobytes()


def nifti(values=VALUES, **changes):
    image = nibabel.Nifti1Image(values.T, np.eye(4))
    data = bytearray(image.to_bytes())
    header = nibabel.Nifti1Header(bytes(data[:348]), check=False)
    for name, value in changes.items():
        header[name] = value
    return header.binaryblock + bytes(data[348:])


def packed(data=None):
    return gzip.compress(nifti() if data is None else data)


def changed(text, data=DATA, **words):
    for old, new in words.items():
        old = old.replace("_", " ")
        assert old in text
        text = text.replace(old, new)
    return text.encode() + data


def colours():
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    return nifti(np.zeros((2, 3, 4), kind))


def flip_a_byte(data):
    return data[:-20] + bytes([data[-20] ^ 255]) + data[-19:]


HUGE = (3, 10000, 10000, 10000, 1, 1, 1, 1)
FILES = {
    "empty": ("a.nii", b"", "which is empty"),
    "text": ("a.nii", b"patient,age\n1,50\n", "holds text, expected a NIfTI, NRRD"),
    "binary": ("a.nrrd", bytes(range(200, 256)) * 9, "begins as none of the known formats"),
    "picture": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "is a PNG picture"),
    "array": ("a.npy", b"\x93NUMPY" + bytes(90), "is an array of NumPy"),
    "archive": ("a.zip", b"PK\x03\x04" + bytes(90), "is a ZIP archive"),
    "gzip of text": (
        "a.nii.gz",
        gzip.compress(b"text" * 200),
        "packed by gzip, but no NIf",
    ),
    "gzip cut in its first bytes": (
        "a.nii.gz",
        packed()[:12],
        "packed by gzip, but no NIf",
    ),
    "truncated": ("a.nii", nifti()[:-1], "header announces 240 bytes, 239 are there"),
    "truncated header": ("a.nii", nifti()[:300], "ends in the middle of its header"),
    "truncated gzip": (
        "a.nii.gz",
        packed()[:-90],
        "truncated: it ends in the middle of its",
    ),
    "gzip without its end": ("a.nii.gz", packed()[:-6], "in the middle of its packed data"),
    "gzip of a truncated file": (
        "a.nii.gz",
        packed(nifti()[:-9]),
        "truncated: it ends in the middle of its voxels",
    ),
    "damaged gzip": (
        "a.nii.gz",
        flip_a_byte(packed()),
        "damaged: its packed data cannot be",
    ),
    "wrong checksum": ("a.nii.gz", packed()[:-8] + bytes(8), "damaged: its packed data"),
    "1e12 voxels": (
        "a.nii",
        nifti(dim=HUGE),
        "announces 2000000000000 bytes, 240 are there",
    ),
    "1e12 voxels packed": ("a.nii.gz", packed(nifti(dim=HUGE)), r"are there, packed"),
    "wrong magic": (
        "a.nii",
        nifti(magic=b"xyz"),
        "has b'xyz.*' for its magic: it is damaged",
    ),
    "ANALYZE": ("a.hdr", nifti(magic=b"")[:348], "the older ANALYZE 7.5"),
    "no axes": ("a.nii", nifti(dim=[0] * 8), "announces 0 axes"),
    "negative size": (
        "a.nii",
        nifti(dim=[3, -4, 5, 6, 1, 1, 1, 1]),
        "shape without voxels",
    ),
    "4-D": ("a.nii", nifti(dim=[4, 2, 5, 4, 3, 1, 1, 1]), "4-D: it holds 3 volumes"),
    "5-D": ("a.nii", nifti(dim=[5, 1, 5, 4, 2, 3, 1, 1]), "5-D: it holds 6 volumes"),
    "type": ("a.nii", nifti(datatype=99), "a type unknown here: code 99"),
    "colours": ("a.nii", colours(), "colours of 3 channels"),
    "complex": (
        "a.nii",
        nifti(VALUES.astype(np.complex64)),
        "are complex64, expected real",
    ),
    "offset": ("a.nii", nifti(vox_offset=10), "vox_offset is 10, expected at least 352"),
    "far offset": ("a.nii", nifti(vox_offset=1e6), "in the middle of its header"),
    "intercept": ("a.nii", nifti(scl_slope=1, scl_inter=np.inf), "whose scl_inter is inf"),
    "infinite place": (
        "a.nii",
        nifti(srow_x=[1, 0, 0, np.nan]),
        "a position or a spacing that is not finite",
    ),
    "no step": ("a.nii", nifti(srow_x=[0, 0, 0, 0]), "is 0, 1, 1: it must not be zero"),
    "quaternion": (
        "a.nii",
        nifti(sform_code=0, qform_code=1, quatern_b=2),
        "whose qform is no rotation",
    ),
    "half a pair": ("a.hdr", nifti(magic=b"ni1")[:348], "missing: a.img is not beside it"),
    "NRRD truncated": ("a.nrrd", changed(NRRD, DATA[:-3]), "announces 240 bytes, 237 are"),
    "NRRD without end": ("a.nrrd", NRRD[:-1].encode(), "in the middle of its header"),
    "NRRD huge": (
        "a.nrrd",
        NRRD.replace("6 5 4", "10000 10000 10000").encode(),
        "announces 2000000000000 bytes, 0 are there",
    ),
    "NRRD gzip": ("a.nrrd", changed(NRRD, DATA, raw="gzip"), "damaged: its packed data"),
    "NRRD gzip truncated": (
        "a.nrrd",
        changed(NRRD, gzip.compress(DATA)[:-30], raw="gzip"),
        "truncated: it ends in the middle",
    ),
    "NRRD encoding": (
        "a.nrrd",
        changed(NRRD, raw="zip"),
        "encoding is 'zip', which is none",
    ),
    "NRRD type": ("a.nrrd", changed(NRRD, short="block"), "of the type 'block'"),
    "NRRD without sizes": ("a.nrrd", changed(NRRD, sizes="size"), "has no field 'sizes'"),
    "NRRD sizes": ("a.nrrd", NRRD.replace("6 5 4", "6 five 4").encode(), "'6 five 4'"),
    "NRRD directions": (
        "a.nrrd",
        NRRD.replace(" (0,0,1)\n", "\n").encode() + DATA,
        "whose field 'space directions' is",
    ),
    "NRRD left-handed": (
        "a.nrrd",
        NRRD.replace("left-posterior-superior", "3D-left-handed").encode() + DATA,
        "3D-left-handed, which no patient has",
    ),
    "NRRD sheared": (
        "a.nrrd",
        NRRD.replace("(0,1,0)", "(1,1,0)").encode() + DATA,
        "sheared",
    ),
    "NRRD missing file": (
        "a.nhdr",
        NRRD.replace("encoding", "data file: away.raw\nencoding").encode(),
        "missing: there is no file 'away.raw'",
    ),
    "NRRD list of files": (
        "a.nhdr",
        NRRD.replace("encoding", "data file: LIST\nencoding").encode(),
        "in a list of files",
    ),
    "MetaImage truncated": ("a.mha", META.encode() + DATA[:-3], "240 bytes, 237 are there"),
    "MetaImage without end": ("a.mha", META[:-26].encode(), "ends before ElementDataFile"),
    "MetaImage packed": (
        "a.mha",
        META.replace("ElementType", "CompressedData = True\nElementType").encode()
        + zlib.compress(DATA)[:-20],
        "truncated: it ends in the middle",
    ),
    "MetaImage huge": (
        "a.mha",
        META.replace("6 5 4", "10000 10000 10000").encode(),
        "announces 2000000000000 bytes, 0 are there",
    ),
    "MetaImage type": ("a.mha", changed(META, SHORT="ODD"), "ElementType is 'MET_ODD'"),
    "MetaImage spacing": ("a.mha", changed(META, **{"1_1_1": "1 1"}), "not of 3 axes"),
    "MetaImage channels": (
        "a.mha",
        META.replace("DimSize", "ElementNumberOfChannels = 3\nDimSize").encode(),
        "holds 3 numbers a voxel",
    ),
    "MetaImage missing file": (
        "a.mhd",
        changed(META, b"", LOCAL="a.raw"),
        "no file 'a.raw'",
    ),
    "DICOM preamble alone": ("a.dcm", bytes(128) + b"DICM", "no image but DICOM data"),
}


def check(path, message):
    for read in (read_volume, lambda path: read_mask(path, label=1)):
        with pytest.raises(ImageFileError, match=message) as caught:
            read(path)
        said = str(caught.value)
        assert said.startswith("Got path='")
        assert said.endswith(".")
        assert "\n" not in said
        for word in ("Traceback", "itk", "ITK", "nibabel", "zlib", "pydicom"):
            assert word not in said.replace(str(path), "")


@pytest.mark.parametrize("case", FILES)
def test_a_broken_file_has_its_sentence(case, tmp_path):
    name, data, message = FILES[case]
    (tmp_path / name).write_bytes(data)
    tracemalloc.start()
    try:
        check(tmp_path / name, message)
        assert tracemalloc.get_traced_memory()[1] < 2e7
    finally:
        tracemalloc.stop()


def test_each_broken_file_has_its_row_and_reason(tmp_path):
    paths = []
    for i, (name, data, _) in enumerate(FILES.values()):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / name).write_bytes(data)
        paths.append(str(folder / name))
    table = check_images(paths)
    assert len(table) >= 25
    assert not table["usable"].any()
    assert table["image"].tolist() == paths
    assert (table["reason"].str.len() > 20).all()


def test_what_is_no_file_has_its_sentence(tmp_path):
    check(tmp_path / "away.nii", "away.nii', which does not exist")
    check(tmp_path, "which is a folder without DICOM files")
    (tmp_path / "notes.txt").write_text("no image")
    check(tmp_path, "which is a folder without DICOM files")
    os.mkfifo(tmp_path / "pipe")
    check(tmp_path / "pipe", "which is neither a file nor a folder")
    check(tmp_path / ("long" * 99), "which cannot be read: File name too long")


@pytest.mark.skipif(os.geteuid() == 0, reason="whoever may read everything")
def test_a_file_that_may_not_be_read_has_its_sentence(tmp_path):
    (tmp_path / "a.nii").write_bytes(nifti())
    (tmp_path / "a.nii").chmod(0)
    check(tmp_path / "a.nii", "which cannot be read: Permission denied")


DICOM = {
    "truncated": (lambda ds: None, 40, "pixels are damaged or truncated"),
    "cut header": (lambda ds: None, 500, "no image but|damaged|no ImagePosition"),
    "colours": (
        lambda ds: setattr(ds, "SamplesPerPixel", 3),
        0,
        "whose pixels are colours",
    ),
    "no position": (
        lambda ds: delattr(ds, "ImagePositionPatient"),
        0,
        "has no ImagePositionPatient: it cannot be placed",
    ),
    "half a position": (
        lambda ds: setattr(ds, "ImagePositionPatient", [1, 2]),
        0,
        "ImagePositionPatient is .*, expected 3 numbers",
    ),
    "no orientation": (
        lambda ds: setattr(ds, "ImageOrientationPatient", [0] * 6),
        0,
        "names no plane",
    ),
    "no spacing": (lambda ds: delattr(ds, "PixelSpacing"), 0, "has no PixelSpacing"),
    "spacing 0": (lambda ds: setattr(ds, "PixelSpacing", [0, 1]), 0, "must not be zero"),
    "table": (
        lambda ds: setattr(ds, "ModalityLUTSequence", [dataset(VALUES[0])]),
        0,
        "those of a table",
    ),
    "huge": (lambda ds: setattr(ds, "Rows", 60000), 0, "pixels are damaged or truncated"),
}


@pytest.mark.parametrize("case", DICOM)
def test_broken_dicom_has_its_sentence(case, tmp_path):
    change, cut, message = DICOM[case]
    ds = slice_of(VALUES[0], (0, 0, 0))
    change(ds)
    path = save(ds, tmp_path / "a.dcm")
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])
    check(path, message)


def test_a_broken_slice_is_named(tmp_path):
    folder = write_series(tmp_path / "ct", VALUES)
    file = folder / "slice002.dcm"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ImageFileError, match=r"slice002.dcm', whose pixels are damaged"):
        read_volume(folder)


def test_more_voxels_than_memory_are_refused_in_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "a.nii").write_bytes(nifti())

    def full(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("skvae.images.payload.Payload.array", full)
    check(tmp_path / "a.nii", "more voxels than the memory has room for")
