"""From files of labels to the mask of one."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError


def nifti(path, values, dtype=None, scale=(None, None)):
    """Write values (z, y, x); a type of their header stretches floats, as nibabel does."""
    image = nibabel.Nifti1Image(np.asarray(values).T, np.eye(4))
    if dtype is not None:
        image.set_data_dtype(dtype)
    image.header.set_slope_inter(*scale)
    nibabel.save(image, path)
    return path


def with_slope(path, stored, slope, inter=0.0):
    """Write stored numbers under a slope of choice."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(stored.dtype)
    header.set_data_shape(stored.shape[::-1])
    header.set_sform(np.eye(4), 1)
    header["magic"], header["vox_offset"] = b"n+1", 352
    header["scl_slope"], header["scl_inter"] = slope, inter
    path.write_bytes(header.binaryblock + bytes(4) + stored.tobytes())
    return path


LABELS = np.array([[[0, 1, 2], [1, 0, 2]]], float)


def test_floats_under_an_integer_header_are_rounded_before_they_are_compared(tmp_path):
    path = nifti(tmp_path / "a.nii", LABELS, np.uint8)
    stretched = np.asarray(nibabel.load(path).dataobj).T
    assert (stretched == 1).sum() == 0  # what a comparison would find
    assert stretched.astype(int).max() == 2
    assert (stretched.astype(int) == 1).sum() == 0  # and a cast
    assert abs(stretched[0, 0, 1] - 0.996) < 1e-3
    for label in (1, 2):
        np.testing.assert_array_equal(read_mask(path, label=label).values, label == LABELS)


@given(
    labels=st.lists(st.integers(0, 200), min_size=2, max_size=8, unique=True),
    dtype=st.sampled_from([np.uint8, np.int16, np.uint16, np.int32]),
    shift=st.integers(-3, 3),
)
def test_any_labels_survive_any_integer_header(labels, dtype, shift, tmp_path_factory):
    values = np.array(labels, float).reshape(1, 1, -1) + shift
    path = nifti(tmp_path_factory.mktemp("labels") / "a.nii", values, dtype)
    for label in np.unique(values[values != 0]):
        np.testing.assert_array_equal(read_mask(path, label=label).values, values == label)


def test_what_no_rounding_has_made_of_a_label_is_refused(tmp_path):
    stored = np.array([[[0, 100, 255]]], np.uint8)
    # A step is .0078: .784 is no label 1.
    path = with_slope(tmp_path / "a.nii", stored, 2 / 255)
    with pytest.raises(ImageFileError, match=r"no map of labels: it holds 0\.784314"):
        read_mask(path)
    probabilities = nifti(tmp_path / "b.nii", np.array([[[0, 0.5, 1]]], np.float32))
    with pytest.raises(ImageFileError, match=r"it holds 0\.5"):
        read_mask(probabilities)
    # Steps wider than 1 have merged labels.
    path = with_slope(tmp_path / "c.nii", stored, 3.9)
    with pytest.raises(ImageFileError, match=r"it holds 994\.5"):
        read_mask(path)


def test_whole_slopes_and_small_floats_are_labels(tmp_path):
    stored = np.array([[[0, 1]]], np.uint8)
    assert read_mask(with_slope(tmp_path / "a.nii", stored, 255.0)).values.sum() == 1
    floats = nifti(tmp_path / "b.nii", np.array([[[0, 3.0000002]]], np.float32))
    assert read_mask(floats, label=3).values.sum() == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_labels_that_are_not_finite_are_refused(bad, tmp_path):
    path = nifti(tmp_path / "a.nii", np.array([[[0, 1, bad]]], np.float32))
    with pytest.raises(ImageFileError, match="some of its values are not finite"):
        read_mask(path)


def test_non_finite_intensities_are_kept(tmp_path):
    values = np.array([[[1, np.nan, np.inf, -np.inf]]], np.float32)
    path = nifti(tmp_path / "a.nii", values)
    np.testing.assert_array_equal(read_volume(path).values, values)
    # SimpleITK 2.5 has 0 for them (until ITK 6, pull request 6683).
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / "a.nrrd"))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nrrd").values, values)


@pytest.mark.parametrize("foreground", [1, 255, -1, 70000])
@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
def test_the_only_label_needs_no_choice(name, foreground, tmp_path):
    values = np.array([[[0, foreground], [foreground, 0]]], np.int32)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / name))
    mask = read_mask(tmp_path / name)
    assert mask.values.dtype == np.uint8
    np.testing.assert_array_equal(mask.values, [[[0, 1], [1, 0]]])


def test_a_mask_of_ones_alone_and_one_of_zeros_are_masks(tmp_path):
    ones = np.ones((2, 3, 4), np.uint8)
    assert read_mask(nifti(tmp_path / "a.nii", ones)).values.sum() == 24
    empty = nifti(tmp_path / "b.nii", 0 * ones)
    assert read_mask(empty).values.sum() == 0  # told of by the quality table
    with pytest.raises(ImageFileError, match="has no label 1; there are none"):
        read_mask(empty, label=1)


def test_several_labels_need_a_choice_and_an_absent_one_is_named(tmp_path):
    path = nifti(tmp_path / "a.nii", LABELS.astype(np.uint8))
    with pytest.raises(ImageFileError, match=r"several labels: .* there are 1, 2"):
        read_mask(path)
    with pytest.raises(ImageFileError, match="has no label 7; there are 1, 2"):
        read_mask(path, label=7)
    many = nifti(tmp_path / "b.nii", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    with pytest.raises(ImageFileError, match=r"1, 2, .*, 20 and 39 more"):
        read_mask(many)
    far = nifti(tmp_path / "c.nii", np.array([[[0, 5, 2**30]]], np.int32))
    with pytest.raises(ImageFileError, match=f"there are 5, {2**30}"):
        read_mask(far)


@pytest.mark.parametrize("label", [2, 2.0, np.int64(2), np.float32(2), "2", "2.0"])
def test_a_label_may_come_from_any_table(label, tmp_path):
    path = nifti(tmp_path / "a.nii", LABELS.astype(np.uint8))
    np.testing.assert_array_equal(read_mask(path, label=label).values, LABELS == 2)


@pytest.mark.parametrize("label", [0, 1.5, np.nan, True, "", [1]])
def test_what_can_be_no_label_is_refused(label, tmp_path):
    path = nifti(tmp_path / "a.nii", LABELS.astype(np.uint8))
    with pytest.raises(ValueError, match="Got label="):
        read_mask(path, label=label)


def test_names_of_labels_without_names_are_refused(tmp_path):
    path = nifti(tmp_path / "a.nii", LABELS.astype(np.uint8))
    with pytest.raises(ImageFileError, match=r"whose labels have no names: .*'tumour'"):
        read_mask(path, label="tumour")


def test_integers_that_single_precision_cannot_hold_are_noted(tmp_path):
    values = np.array([[[0, 2**24 + 1]]], np.int32)
    volume = read_volume(nifti(tmp_path / "a.nii", values))
    assert "integers beyond 2**24 are rounded to float32" in volume.notes
    assert read_mask(tmp_path / "a.nii", label=2**24 + 1).values.sum() == 1
