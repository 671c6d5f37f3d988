"""The samples of the real data, against SimpleITK and nibabel."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError

ITK = [
    "CT_small.dcm",
    "MR_small.dcm",
    "anatomical.nii",
    "brain1_image.nrrd",
    "brain1_label.nrrd",
    "brain2_image.nrrd",
    "brain2_label.nrrd",
    "breast1_image.nrrd",
    "breast1_label.nrrd",
    "prostate_phantom_subvolume.nrrd",
    "prostate_phantom_subvolume-label.nrrd",
    "reoriented_anat_moved.nii",
]


@pytest.fixture
def formats(real_data):
    return real_data / "formats"


@pytest.fixture
def ibsi(real_data):
    return real_data / "ibsi" / "ibsi_1_digital_phantom"


@pytest.mark.parametrize("name", ITK)
def test_samples_are_as_simpleitk_has_them(formats, name):
    volume = read_volume(formats / name)
    image = sitk.ReadImage(str(formats / name))
    assert volume.values.dtype == np.float32
    expected = sitk.GetArrayFromImage(image)
    np.testing.assert_array_equal(volume.values, expected.astype(np.float32))
    spacing = image.GetSpacing()[::-1]
    if name == "MR_small.dcm":  # of one slice, .8 mm thick, of which SimpleITK says 1 mm
        assert spacing[0] == 1
        spacing = (0.8, *spacing[1:])
    np.testing.assert_allclose(volume.spacing_mm, spacing, rtol=1e-6)
    np.testing.assert_allclose(volume.origin_mm, image.GetOrigin(), rtol=1e-6)
    direction = np.reshape(image.GetDirection(), (3, 3))
    np.testing.assert_allclose(volume.direction, direction, atol=1e-6)


@pytest.mark.parametrize("name", ["anatomical.nii", "reoriented_anat_moved.nii"])
def test_samples_are_as_nibabel_has_them(formats, name):
    volume = read_volume(formats / name)
    image = nibabel.load(formats / name)
    np.testing.assert_array_equal(volume.values, image.get_fdata().T.astype(np.float32))
    affine = np.diag([-1, -1, 1, 1]) @ image.affine
    np.testing.assert_allclose(volume.index_to_mm, affine[:3, :3], atol=1e-9)
    np.testing.assert_allclose(volume.origin_mm, affine[:3, 3], atol=1e-9)
    assert volume.notes == ()


@pytest.mark.parametrize(
    ("name", "n"),
    [("example4d.nii.gz", 2), ("example_nifti2.nii.gz", 2), ("functional.nii", 20)],
)
def test_samples_of_several_volumes_are_refused_with_their_number(formats, name, n):
    with pytest.raises(
        ImageFileError, match=f"{name}', which is 4-D: it holds {n} volumes"
    ):
        read_volume(formats / name)


@pytest.mark.parametrize(
    "name", ["example4d.nii.gz", "example_nifti2.nii.gz", "functional.nii"]
)
def test_a_volume_of_several_is_as_nibabel_has_it(formats, name, tmp_path):
    # The only NIfTI-2 file of the samples is 4-D: one volume of it, in its own format.
    image = nibabel.load(formats / name)
    nibabel.save(image.slicer[..., 1:2], tmp_path / name)
    volume = read_volume(tmp_path / name)
    values = nibabel.load(tmp_path / name).get_fdata()[..., 0].T
    np.testing.assert_array_equal(volume.values, values.astype(np.float32))
    affine = np.diag([-1, -1, 1, 1]) @ image.affine
    np.testing.assert_allclose(volume.index_to_mm, affine[:3, :3], atol=1e-9)


def test_masks_of_the_samples(formats):
    for name in ("brain1_label", "brain2_label", "breast1_label"):
        mask = read_mask(formats / f"{name}.nrrd")
        expected = sitk.GetArrayFromImage(sitk.ReadImage(str(formats / f"{name}.nrrd")))
        assert mask.values.dtype == np.uint8
        np.testing.assert_array_equal(mask.values, expected)
    prostate = formats / "prostate_phantom_subvolume-label.nrrd"
    with pytest.raises(ImageFileError, match="choose one by label; there are 1, 7, 8, 9"):
        read_mask(prostate)
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(prostate)))
    np.testing.assert_array_equal(read_mask(prostate, label=8).values, expected == 8)


def test_the_phantom_has_its_published_values(ibsi):
    volume = read_volume(ibsi / "nifti" / "image" / "phantom.nii.gz")
    mask = read_mask(ibsi / "nifti" / "mask" / "mask.nii.gz")
    inside = volume.values[mask.values == 1]
    # IBSI-1: 74 voxels of 2 mm; mean, variance and energy of the digital phantom.
    assert volume.spacing_mm == (2, 2, 2)
    assert mask.values.sum() == 74
    assert round(float(inside.mean()), 2) == 2.15
    assert round(float(inside.var()), 2) == 3.05
    assert float((inside**2).sum()) == 567


@pytest.mark.parametrize("image", ["image", "image/phantom.dcm"])
def test_the_phantom_is_the_same_as_dicom_and_as_nifti(ibsi, image):
    """Its DICOM is coronal, of 1 mm, and its rows run down; the NIfTI's z runs up."""
    dicom = read_volume(ibsi / "dicom" / image)
    nifti = read_volume(ibsi / "nifti" / "image" / "phantom.nii.gz")
    assert dicom.spacing_mm == (1, 1, 1)
    np.testing.assert_array_equal(dicom.direction, [[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    np.testing.assert_array_equal(dicom.values.transpose(1, 0, 2), nifti.values)
    segmented = read_mask(ibsi / "dicom" / "mask", image_path=ibsi / "dicom" / image)
    drawn = read_mask(ibsi / "nifti" / "mask" / "mask.nii.gz")
    np.testing.assert_array_equal(segmented.values.transpose(1, 0, 2), drawn.values)


def test_the_phantom_lies_where_simpleitk_has_it(ibsi):
    path = ibsi / "dicom" / "image" / "phantom.dcm"
    volume, image = read_volume(path), sitk.ReadImage(str(path))
    stored = sitk.GetArrayFromImage(image)  # its frames run the other way
    for z, y, x in np.ndindex(volume.values.shape):
        at = volume.index_to_mm @ [x, y, z] + volume.origin_mm
        i, j, k = image.TransformPhysicalPointToIndex(at)
        assert stored[k, j, i] == volume.values[z, y, x]


def test_both_readers_agree_on_a_sample_written_as_another_format(formats, tmp_path):
    image = sitk.ReadImage(str(formats / "breast1_image.nrrd"))
    first = read_volume(formats / "breast1_image.nrrd")
    for name in ("a.nii", "a.nii.gz", "a.mha", "a.mhd", "a.nhdr", "a.hdr"):
        sitk.WriteImage(image, str(tmp_path / name), useCompression=name == "a.mha")
        again = read_volume(tmp_path / name)
        np.testing.assert_array_equal(again.values, first.values)
        np.testing.assert_allclose(again.spacing_mm, first.spacing_mm, rtol=1e-6)
        np.testing.assert_allclose(again.origin_mm, first.origin_mm, rtol=1e-6)
        np.testing.assert_allclose(again.direction, first.direction, atol=1e-6)
