"""Every voxel lies where the writer placed it, in whatever format."""

import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from skvae.images.read import read_volume

SIDES = st.tuples(*[st.integers(1, 4)] * 3)
NUMBERS = st.tuples(*[st.floats(-200, 200).map(lambda x: round(x, 3))] * 3)
SPACINGS = st.tuples(*[st.floats(0.1, 10).map(lambda x: round(x, 3))] * 3)
# Flips and permutations of the axes, and any rotation.
FLIPS = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)
ANGLES = st.tuples(*[st.floats(-180, 180)] * 3)
RIGHT_ANGLES = st.tuples(*[st.sampled_from([-90.0, 0.0, 90.0, 180.0])] * 3)


@st.composite
def grids(draw):
    turned = Rotation.from_euler("xyz", draw(ANGLES | RIGHT_ANGLES), degrees=True)
    direction = turned.as_matrix() * draw(FLIPS)
    return draw(SIDES), draw(SPACINGS), draw(NUMBERS), direction


def written(grid, name, folder, compress=False):
    shape, spacing, origin, direction = grid
    values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(direction.ravel())
    path = Path(folder) / name
    sitk.WriteImage(image, str(path), useCompression=compress)
    return image, path


def check_places(volume, image, atol):
    """Every voxel has the value that the image has at its place, read by SimpleITK."""
    values = sitk.GetArrayFromImage(image)
    assert volume.values.shape == values.shape
    assert min(volume.spacing_mm) > 0
    np.testing.assert_allclose(np.linalg.norm(volume.direction, axis=0), 1, atol=1e-9)
    for z, y, x in np.ndindex(volume.values.shape):
        at = volume.index_to_mm @ [x, y, z] + volume.origin_mm
        expected = image.TransformIndexToPhysicalPoint((x, y, z))
        np.testing.assert_allclose(at, expected, atol=atol)
        assert volume.values[z, y, x] == values[z, y, x]


@pytest.mark.parametrize(
    "name", ["a.nii", "a.nii.gz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"]
)
@settings(max_examples=15, deadline=None)
@given(grid=grids(), compress=st.booleans())
def test_voxels_keep_their_places(name, grid, compress):
    with tempfile.TemporaryDirectory() as folder:
        image, path = written(grid, name, folder, compress)
        # NIfTI-1 has single precision; the text of the others is exact to 1e-9 or so.
        atol = 2e-3 if ".nii" in name else 1e-6
        check_places(read_volume(path), image, atol)


@settings(max_examples=15, deadline=None)
@given(grid=grids(), two=st.booleans())
def test_voxels_keep_the_places_that_nibabel_gives_them(grid, two):
    shape, spacing, origin, direction = grid
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing
    affine[:3, 3] = origin
    kind = nibabel.Nifti2Image if two else nibabel.Nifti1Image
    values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.nii"
        nibabel.save(kind(values, affine), path)
        volume, image = read_volume(path), nibabel.load(path)
    np.testing.assert_array_equal(volume.values, values.T)
    ras = np.diag([-1, -1, 1])
    np.testing.assert_allclose(volume.index_to_mm, ras @ image.affine[:3, :3], atol=1e-9)
    np.testing.assert_allclose(volume.origin_mm, ras @ image.affine[:3, 3], atol=1e-9)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
def test_every_type_of_number_is_read_to_the_last_bit(name, dtype, tmp_path):
    kind = np.dtype(dtype)
    ends = (0, 1) if kind.kind == "f" else (np.iinfo(kind).min, np.iinfo(kind).max)
    values = np.array([*ends, 0, 1, 100, 77], kind).reshape(1, 2, 3)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / name))
    np.testing.assert_array_equal(
        read_volume(tmp_path / name).values, values.astype(np.float32)
    )


@pytest.mark.parametrize("big", [False, True])
def test_either_order_of_bytes_is_read(big, tmp_path):
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    order = ">" if big else "<"
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values.T, np.eye(4), header), tmp_path / "a.nii")
    numbers = values.astype(order + "i2").tobytes()
    (tmp_path / "a.nrrd").write_bytes(
        b"NRRD0004\ntype: short\ndimension: 3\nsizes: 4 3 2\nencoding: raw\n"
        + f"endian: {'big' if big else 'little'}\n\n".encode()
        + numbers
    )
    (tmp_path / "a.mha").write_bytes(
        b"NDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nElementSpacing = 1 1 1\n"
        + f"BinaryDataByteOrderMSB = {big}\nElementDataFile = LOCAL\n".encode()
        + numbers
    )
    for name in ("a.nii", "a.nrrd", "a.mha"):
        np.testing.assert_array_equal(read_volume(tmp_path / name).values, values)
