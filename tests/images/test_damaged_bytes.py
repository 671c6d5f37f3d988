"""Whatever bytes are damaged: a volume, or a sentence of this package."""

import gzip
import warnings
from functools import cache

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from dicom_writing import enhanced, save, slice_of
from hypothesis import given
from hypothesis import strategies as st

from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError

VALUES = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
NAMES = ["a.nii", "b.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.dcm", "b.dcm"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def intact(folder):
    """Return the bytes of an intact file, by its name."""

    @cache
    def data(name):
        path = folder / f"intact-{name}"
        if name == "a.dcm":
            save(slice_of(VALUES[0], (0, 0, 0)), path)
        elif name == "b.dcm":
            save(enhanced(VALUES, [0, 3], slopes=[1, 2]), path)
        elif name.endswith("gz"):
            path.write_bytes(gzip.compress(data("a.nii"), mtime=0))
        elif name.endswith("nii"):
            kind = nibabel.Nifti1Image if name == "a.nii" else nibabel.Nifti2Image
            nibabel.save(kind(VALUES.T, np.eye(4)), path)
        else:
            sitk.WriteImage(sitk.GetImageFromArray(VALUES), str(path))
        return path.read_bytes()

    return data


# Where in the file, as a share of its length; what stands there then; what happens.
DAMAGE = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
        st.sampled_from(["changed", "changed", "lost", "added", "cut"]),
    ),
    min_size=1,
    max_size=3,
)


def damaged(data, damage):
    data = bytearray(data)
    for share, byte, how in damage:
        at = int(share * len(data))
        if how == "changed" and data:
            data[at] = byte
        elif how == "lost":
            del data[at : at + 1 + byte % 8]
        elif how == "added":
            data[at:at] = bytes([byte] * (1 + byte % 4))
        elif how == "cut":
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
@given(damage=DAMAGE)
def test_damage_is_told_in_a_sentence(name, damage, intact, folder):
    path = folder / name
    path.write_bytes(damaged(intact(name), damage))
    for read in (read_volume, read_mask):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's, of odd values
            try:
                volume = read(path)
            except ImageFileError as error:
                said = str(error)
                assert said.startswith(f"Got path='{path.parent}")
                assert said.endswith(".")
            else:
                assert volume.values.ndim == 3
                assert min(volume.spacing_mm) > 0
                assert np.isfinite(volume.index_to_mm).all()
