#!/usr/bin/env bash
# Guess: NaN and infinity in a NIfTI file of floats, as statistical maps have outside of the mask,
#   are NaN and infinity in every reader; a check for them after reading finds them.
# Fact: SimpleITK reads them as 0, which is an intensity as good as any: no check after reading can
#   find them, and the mean of a region changes in silence. nibabel keeps them, and SimpleITK keeps
#   those of NRRD and MetaImage files.
# Versions: SimpleITK 2.5.7, nibabel 5.4.2; found 2026-11-28.
# Source: nifti_read_buffer of the NIfTI library inside ITK; pull request 6683 of
#   InsightSoftwareConsortium/ITK (merged 2026-07) keeps them in ITK 6.
# To do: read NIfTI with nibabel where finiteness is checked.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'SimpleITK==2.5.7' 'nibabel==5.4.2' 'numpy==2.4.6'
cat > check.py <<'PY'
import nibabel
import numpy as np
import SimpleITK as sitk

print("SimpleITK", sitk.Version.VersionString(), "nibabel", nibabel.__version__)
seen = True
for dtype in (np.float32, np.float64):
    values = np.array([[[1.5, np.nan, np.inf, -np.inf, 2.5]]], dtype)
    for name in ("map.nii", "map.nii.gz", "map.nrrd", "map.mha"):
        if ".nii" in name:
            nibabel.save(nibabel.Nifti1Image(values.T, np.eye(4)), name)
            kept = np.asarray(nibabel.load(name).dataobj).ravel()
            print(f"{np.dtype(dtype)} {name:10} nibabel   {kept}")
            seen &= np.array_equal(kept, values.ravel(), equal_nan=True)
        else:
            sitk.WriteImage(sitk.GetImageFromArray(values), name)
        read = sitk.GetArrayFromImage(sitk.ReadImage(name)).ravel()
        print(f"{np.dtype(dtype)} {name:10} SimpleITK {read}")
        expected = [1.5, 0, 0, 0, 2.5] if ".nii" in name else values.ravel()
        seen &= np.array_equal(read, expected, equal_nan=True)
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
