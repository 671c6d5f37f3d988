"""Reading needs the extra alone that its format needs, and that not before it reads."""

import subprocess
import sys

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from dicom_writing import save, slice_of

from skvae.exceptions import MissingDependencyError
from skvae.images.read import read_volume

PACKAGES = ["torch", "SimpleITK", "nibabel", "pydicom", "highdicom"]


def test_the_readers_import_no_library():
    code = (
        "import skvae.images.read, sys; "
        f"print([name for name in {PACKAGES} if name in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["nibabel", "pydicom"])
def test_a_missing_package_is_named_with_its_extra(package, tmp_path, monkeypatch):
    nibabel.save(
        nibabel.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "a.nii"
    )
    save(slice_of(np.zeros((2, 2), np.int16), (0, 0, 0)), tmp_path / "a.dcm")
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / ("a.nii" if package == "nibabel" else "a.dcm")
    with pytest.raises(
        MissingDependencyError, match=rf"needs {package}: .*skvae\[images\]"
    ):
        read_volume(path)


def test_nrrd_and_metaimage_need_no_package(tmp_path, monkeypatch):
    image = sitk.GetImageFromArray(np.arange(8, dtype=np.int16).reshape(2, 2, 2))
    for name in ("a.nrrd", "a.mha"):
        sitk.WriteImage(image, str(tmp_path / name))
    for package in PACKAGES:
        monkeypatch.setitem(sys.modules, package, None)
    for name in ("a.nrrd", "a.mha"):
        assert read_volume(tmp_path / name).values.sum() == 28
