"""What a NIfTI header leaves unclear is noted, and never chosen in silence."""

import gzip

import nibabel
import numpy as np
import pytest

from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError

VALUES = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def written(path, change=lambda header: None, affine=None, values=VALUES):
    """Write a file of which `change` has changed the header."""
    affine = np.diag([1.0, 2.0, 3.0, 1.0]) if affine is None else affine
    image = nibabel.Nifti1Image(values.T, affine)
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(1, 0)
    header = image.header
    header["magic"], header["vox_offset"] = b"n+1", 352
    change(header)
    path.write_bytes(header.binaryblock + bytes(4) + values.tobytes())
    return path


def test_a_plain_file_has_no_notes(tmp_path):
    assert read_volume(written(tmp_path / "a.nii")).notes == ()


def test_pixdim_that_differs_from_the_affine_is_noted(tmp_path):
    def change(header):
        header["pixdim"][1:4] = (1, 2, 5)

    volume = read_volume(written(tmp_path / "a.nii", change))
    [note] = volume.notes
    assert note == (
        "pixdim is (1, 2, 5), but the affine's steps are (1, 2, 3); the affine is used"
    )
    np.testing.assert_allclose(volume.spacing_mm, (3, 2, 1))


def test_sform_that_differs_from_qform_is_noted_and_used(tmp_path):
    def change(header):
        header.set_qform(np.diag([1.0, 2.0, 3.0, 1.0]), 1)
        moved = np.diag([1.0, 2.0, 3.0, 1.0])
        moved[0, 3] = 7
        header.set_sform(moved, 2)

    path = written(tmp_path / "a.nii", change)
    volume = read_volume(path)
    [note] = volume.notes
    assert "sform and qform differ by up to 7 (steps (1, 2, 3) and (1, 2, 3))" in note
    assert volume.origin_mm == (-7, 0, 0)
    assert nibabel.load(path).affine[0, 3] == 7


def test_forms_that_agree_are_not_noted(tmp_path):
    def change(header):
        header.set_qform(np.diag([1.0, 2.0, 3.0, 1.0]), 1)
        header.set_sform(np.diag([1.0, 2.0, 3.0, 1.0]), 2)

    assert read_volume(written(tmp_path / "a.nii", change)).notes == ()


def test_qform_alone_is_used(tmp_path):
    turned = np.array([[0, -2.0, 0, 5], [1.0, 0, 0, 6], [0, 0, 3.0, 7], [0, 0, 0, 1]])

    def change(header):
        header.set_qform(turned, 1)
        header.set_sform(None, 0)

    volume = read_volume(written(tmp_path / "a.nii", change))
    assert volume.notes == ()
    expected = np.diag([-1, -1, 1]) @ turned[:3, :3]
    np.testing.assert_allclose(volume.index_to_mm, expected, atol=1e-6)


def test_a_handedness_of_0_is_right_handed(tmp_path):
    def change(header):
        header.set_qform(np.diag([1.0, 2.0, 3.0, 1.0]), 1)
        header.set_sform(None, 0)
        header["pixdim"][0] = 0

    volume = read_volume(written(tmp_path / "a.nii", change))
    assert volume.notes == ()
    np.testing.assert_allclose(volume.index_to_mm, np.diag([-1, -2, 3]), atol=1e-6)


def test_no_form_at_all_is_noted(tmp_path):
    def change(header):
        header.set_qform(None, 0)
        header.set_sform(None, 0)

    path = written(tmp_path / "a.nii", change)
    volume = read_volume(path)
    [note] = volume.notes
    assert "neither sform nor qform is set" in note
    expected = np.diag([-1, -1, 1]) @ nibabel.load(path).affine[:3, :3]
    np.testing.assert_allclose(volume.index_to_mm, expected)


def test_negative_pixdim_is_noted_and_its_sign_left_out(tmp_path):
    def change(header):
        header["pixdim"][1] = -1

    volume = read_volume(written(tmp_path / "a.nii", change))
    assert any("pixdim is (-1, 2, 3); the signs" in note for note in volume.notes)
    assert volume.spacing_mm == (3, 2, 1)


def test_a_flip_is_a_direction_and_moves_no_voxel(tmp_path):
    flipped = np.diag([-1.0, 2.0, -3.0, 1.0])
    volume = read_volume(written(tmp_path / "a.nii", affine=flipped))
    assert volume.spacing_mm == (3, 2, 1)
    np.testing.assert_array_equal(np.diag(volume.direction), [1, -1, -1])
    np.testing.assert_array_equal(volume.values, VALUES)


@pytest.mark.parametrize(
    ("code", "factor", "word"), [(1, 1000, "metres"), (3, 0.001, "micrometres")]
)
def test_other_units_are_converted_and_noted(code, factor, word, tmp_path):
    def change(header):
        header["xyzt_units"] = code + 8  # and seconds

    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = (4, 5, 6)
    volume = read_volume(written(tmp_path / "a.nii", change, affine))
    np.testing.assert_allclose(volume.spacing_mm, np.array([3, 2, 1]) * factor)
    np.testing.assert_allclose(volume.origin_mm, np.array([-4, -5, 6]) * factor)
    assert volume.notes == (f"lengths are in {word}; they are converted to millimetres",)


def test_units_that_are_not_told_are_noted(tmp_path):
    def change(header):
        header["xyzt_units"] = 0

    volume = read_volume(written(tmp_path / "a.nii", change))
    assert volume.notes == ("the unit of length is unknown; millimetres are assumed",)
    assert volume.spacing_mm == (3, 2, 1)


def test_shear_is_refused_with_its_angle(tmp_path):
    sheared = np.diag([1.0, 2.0, 3.0, 1.0])
    sheared[0, 1] = 2.0
    with pytest.raises(
        ImageFileError, match="sheared: its axes x and y stand at 45 degrees"
    ):
        read_volume(written(tmp_path / "a.nii", affine=sheared))


def test_axes_of_one_voxel_are_left_out_or_filled_in(tmp_path):
    for shape in ((4, 3, 2, 1), (4, 3, 2, 1, 1), (4, 3), (4,)):
        values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape, order="F")
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
        expected = (*shape, 1, 1)[2::-1]
        assert read_volume(tmp_path / "a.nii").values.shape == expected


def test_slopes_are_applied_in_double_precision(tmp_path):
    def change(header):
        header["scl_slope"], header["scl_inter"] = 0.1, 1000.25

    path = written(tmp_path / "a.nii", change)
    expected = nibabel.load(path).get_fdata().T.astype(np.float32)
    np.testing.assert_array_equal(read_volume(path).values, expected)


def test_gzip_of_several_members_and_padding_is_read(tmp_path):
    data = written(tmp_path / "a.nii").read_bytes()
    packed = gzip.compress(data[:360]) + gzip.compress(data[360:]) + bytes(100)
    (tmp_path / "a.nii.gz").write_bytes(packed)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz").values, VALUES)


def test_the_content_says_what_a_file_is(tmp_path):
    data = written(tmp_path / "a.nii").read_bytes()
    for name in ("scan", "scan.nrrd", "scan.nii.gz"):
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(read_volume(tmp_path / name).values, VALUES)
    (tmp_path / "packed.nii").write_bytes(gzip.compress(data))
    np.testing.assert_array_equal(read_volume(tmp_path / "packed.nii").values, VALUES)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair])
@pytest.mark.parametrize("named", [".hdr", ".img"])
def test_pairs_are_read_by_either_name(kind, named, tmp_path):
    nibabel.save(kind(VALUES.T, np.diag([1, 2, 3, 1])), tmp_path / "a.hdr")
    volume = read_volume(tmp_path / f"a{named}")
    np.testing.assert_array_equal(volume.values, VALUES)
    assert volume.spacing_mm == (3, 2, 1)


def test_a_truncated_file_is_refused_with_its_bytes(tmp_path):
    path = written(tmp_path / "a.nii")
    path.write_bytes(path.read_bytes()[:-20])
    message = "truncated: its header announces 48 bytes, 28 are there"
    with pytest.raises(ImageFileError, match=message):
        read_volume(path)
    with pytest.raises(ImageFileError, match=message):
        read_mask(path, label=1)
