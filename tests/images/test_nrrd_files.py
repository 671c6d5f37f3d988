"""NRRD and MetaImage: spaces, flips, units, files apart; segments by name and in layers."""

import bz2

import numpy as np
import pytest
import SimpleITK as sitk

from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError

VALUES = np.arange(24, dtype="<i2").reshape(2, 3, 4)
FIELDS = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "4 3 2",
    "space directions": "(1,0,0) (0,2,0) (0,0,3)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(5,6,7)",
}


def nrrd(path, data=None, keys=(), **fields):
    """Write a file; a field that is None is left out, `_` in its name is a space."""
    told = FIELDS | {name.replace("_", " "): value for name, value in fields.items()}
    lines = ["NRRD0004", "# a comment"]
    lines += [f"{name}: {value}" for name, value in told.items() if value is not None]
    lines += [f"{key}:={value}" for key, value in keys]
    data = VALUES.tobytes() if data is None else data
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + data)
    return path


def metaimage(path, data=None, **fields):
    told = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "5 6 7",
        "ElementSpacing": "1 2 3",
        "DimSize": "4 3 2",
        "ElementType": "MET_SHORT",
        **fields,
    }
    told["ElementDataFile"] = told.pop("ElementDataFile", "LOCAL")
    lines = [f"{name} = {value}" for name, value in told.items() if value is not None]
    data = VALUES.tobytes() if data is None else data
    path.write_bytes("\n".join(lines).encode() + b"\n" + data)
    return path


def check_as_simpleitk(path):
    volume, image = read_volume(path), sitk.ReadImage(str(path))
    np.testing.assert_array_equal(volume.values, sitk.GetArrayFromImage(image))
    np.testing.assert_allclose(volume.spacing_mm, image.GetSpacing()[::-1])
    np.testing.assert_allclose(volume.origin_mm, image.GetOrigin())
    direction = np.reshape(image.GetDirection(), (3, 3))
    np.testing.assert_allclose(volume.direction, direction)
    return volume


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (1, 1, 1)),
        ("LPS", (1, 1, 1)),
        ("right-anterior-superior", (-1, -1, 1)),
        ("RAS", (-1, -1, 1)),
        ("left-anterior-superior", (1, -1, 1)),
    ],
)
def test_every_space_leads_to_left_posterior_superior(space, signs, tmp_path):
    volume = check_as_simpleitk(nrrd(tmp_path / "a.nrrd", space=space))
    assert volume.origin_mm == tuple(np.multiply((5, 6, 7), signs))
    assert volume.notes == ()


def test_what_no_header_says_is_noted(tmp_path):
    volume = read_volume(
        nrrd(
            tmp_path / "a.nrrd",
            space=None,
            space_directions=None,
            space_origin=None,
            spacings="1 -2 3",
        )
    )
    assert volume.spacing_mm == (3, 2, 1)
    np.testing.assert_array_equal(np.diag(volume.direction), [1, -1, 1])  # a flip
    assert volume.notes == (
        "no space is named; left-posterior-superior is assumed",
        "no origin is given; 0 is assumed",
    )
    volume = read_volume(metaimage(tmp_path / "a.mha", Offset=None, ElementSpacing=None))
    assert volume.notes == (
        "no ElementSpacing is given; 1 is assumed",
        "no Offset is given; 0 is assumed",
    )


def test_negative_spacing_of_metaimage_is_a_flip(tmp_path):
    volume = check_as_simpleitk(metaimage(tmp_path / "a.mha", ElementSpacing="-1 2 3"))
    assert volume.spacing_mm == (3, 2, 1)
    assert volume.direction[0, 0] == -1


def test_units_are_converted_and_noted(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", space_units='"um" "um" "um"')
    volume = read_volume(path)
    np.testing.assert_allclose(volume.spacing_mm, (0.003, 0.002, 0.001))
    np.testing.assert_allclose(volume.origin_mm, (0.005, 0.006, 0.007))
    assert volume.notes == ("lengths are in um; they are converted to millimetres",)
    path = nrrd(tmp_path / "b.nrrd", space_units='"furlong" "furlong" "furlong"')
    [note] = read_volume(path).notes
    assert "units of length are unknown" in note


def test_voxels_may_lie_in_a_file_apart(tmp_path):
    (tmp_path / "voxels.raw").write_bytes(b"12345678" + VALUES.tobytes())
    path = nrrd(tmp_path / "a.nhdr", b"", data_file="voxels.raw", byte_skip="8")
    np.testing.assert_array_equal(read_volume(path).values, VALUES)
    path = nrrd(tmp_path / "b.nhdr", b"", data_file="voxels.raw", byte_skip="-1")
    np.testing.assert_array_equal(read_volume(path).values, VALUES)
    for size in ("8", "-1"):
        path = metaimage(
            tmp_path / "a.mhd", b"", ElementDataFile="voxels.raw", HeaderSize=size
        )
        check_as_simpleitk(path)
    (tmp_path / "lines.raw").write_bytes(b"one\ntwo\n" + VALUES.tobytes())
    path = nrrd(tmp_path / "c.nhdr", b"", data_file="lines.raw", line_skip="2")
    np.testing.assert_array_equal(read_volume(path).values, VALUES)


def test_bzip2_is_read(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", bz2.compress(VALUES.tobytes()), encoding="bzip2")
    np.testing.assert_array_equal(read_volume(path).values, VALUES)


def test_planes_are_volumes_of_one_slice(tmp_path):
    image = sitk.GetImageFromArray(VALUES[0])
    image.SetSpacing((0.5, 0.25))
    for name in ("a.nrrd", "a.mha", "a.nii"):
        sitk.WriteImage(image, str(tmp_path / name))
        volume = read_volume(tmp_path / name)
        np.testing.assert_array_equal(volume.values, VALUES[:1])
        assert volume.spacing_mm == (1, 0.25, 0.5)
        np.testing.assert_array_equal(np.abs(volume.direction), np.eye(3))


def segments(*told):
    """Return the keys that 3D Slicer writes, of (name, label, layer)."""
    keys = []
    for number, (name, label, layer) in enumerate(told):
        start = f"Segment{number}_"
        keys += [(f"{start}ID", f"id_{number}"), (f"{start}Name", name)]
        keys += [(f"{start}LabelValue", label), (f"{start}Layer", layer)]
    return keys


LAYER = np.array([[[0, 1, 2, 2]]], np.uint8)
ONE = {"type": "uint8", "sizes": "4 1 1"}
TWO = {
    "type": "uint8",
    "dimension": "4",
    "sizes": "2 4 1 1",
    "kinds": "list domain domain domain",
    "space_directions": "none (1,0,0) (0,2,0) (0,0,3)",
}


def test_segments_are_chosen_by_name_or_label(tmp_path):
    keys = segments(("liver", 1, 0), ("tumour", 2, 0))
    path = nrrd(tmp_path / "a.seg.nrrd", LAYER.tobytes(), keys, **ONE)
    for label in ("tumour", 2, "2", "2.0"):
        np.testing.assert_array_equal(read_mask(path, label=label).values, LAYER == 2)
    with pytest.raises(ImageFileError, match=r"liver \(label 1\), tumour \(label 2\)"):
        read_mask(path)
    with pytest.raises(ImageFileError, match="no segment 'spleen'; there are liver"):
        read_mask(path, label="spleen")
    path = nrrd(tmp_path / "b.seg.nrrd", LAYER.tobytes(), segments(("a", 2, 0)), **ONE)
    np.testing.assert_array_equal(read_mask(path).values, LAYER == 2)


def test_layers_of_overlapping_segments_are_read(tmp_path):
    whole, part = np.array([0, 1, 1, 2], np.uint8), np.array([0, 0, 1, 0], np.uint8)
    data = np.stack([whole, part], axis=-1).tobytes()  # the list axis runs fastest
    keys = segments(("organ", 1, 0), ("vessel", 2, 0), ("tumour", 1, 1))
    path = nrrd(tmp_path / "a.seg.nrrd", data, keys, **TWO)
    masks = {name: read_mask(path, label=name) for name in ("organ", "vessel", "tumour")}
    assert masks["organ"].values.ravel().tolist() == [0, 1, 1, 0]
    assert masks["vessel"].values.ravel().tolist() == [0, 0, 0, 1]
    assert masks["tumour"].values.ravel().tolist() == [0, 0, 1, 0]
    assert masks["tumour"].spacing_mm == (3, 2, 1)
    np.testing.assert_array_equal(
        read_mask(path, label=2).values, masks["vessel"].values
    )  # of one segment alone
    with pytest.raises(
        ImageFileError, match="have label 1: choose by name, of 'organ', 't"
    ):
        read_mask(path, label=1)
    with pytest.raises(ImageFileError, match="2 layers of segments: give it as the mask"):
        read_volume(path)
    # The layers as SimpleITK has them: numbers of one voxel.
    read = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    np.testing.assert_array_equal(read[0, 0], np.stack([whole, part], axis=-1))


def test_a_segment_without_its_layer_is_refused(tmp_path):
    keys = segments(("organ", 1, 0), ("tumour", 1, 3))
    path = nrrd(tmp_path / "a.seg.nrrd", LAYER.tobytes(), keys, **ONE)
    with pytest.raises(ImageFileError, match="'tumour' in layer 3, but there are 1"):
        read_mask(path, label="tumour")


def test_volumes_and_vectors_in_nrrd_are_refused_with_their_number(tmp_path):
    series = nrrd(tmp_path / "a.nrrd", bytes(8), **TWO)
    with pytest.raises(ImageFileError, match="which is 4-D: it holds 2 volumes"):
        read_volume(series)
    vector = TWO | {"kinds": "vector domain domain domain"}
    with pytest.raises(ImageFileError, match=r"holds 2 numbers a voxel \(vector\)"):
        read_volume(nrrd(tmp_path / "b.nrrd", bytes(8), **vector))
    single = TWO | {"sizes": "1 4 1 1"}
    assert read_volume(nrrd(tmp_path / "c.nrrd", bytes(4), **single)).values.shape == (
        1,
        1,
        4,
    )
