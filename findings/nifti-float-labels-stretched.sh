#!/usr/bin/env bash
# Guess: a map of labels 0, 1, 2 saved by nibabel under the header of an integer file (that of the
#   original labels, say) holds 0, 1, 2, whatever type the array in memory had.
# Fact: an array of floats is stretched over the whole range of the header's type, with scl_slope,
#   even where all its values are whole and would fit. Under uint8, label 1 of {0, 1, 2} is stored
#   as 127 and comes back as .996, from nibabel and SimpleITK alike: `mask == 1` finds no voxel, a
#   cast to int gives 0, and only labels 0 and 2 seem to be there. Under int16 it is 1.00002, and
#   nibabel's label 2 is just below 2, so that a cast makes 1 of both. The same array cast to an
#   integer before it is saved comes back exact. Resampling libraries return floats: a resampled
#   mask is easily saved so.
# Versions: nibabel 5.4.2, SimpleITK 2.5.7; found 2026-11-28.
# Source: measured; that floats are scaled is in nibabel's manual (Working with NIfTI images),
#   what it does to labels is not.
# To do: cast labels before they are saved; on reading, round within half of scl_slope, then
#   compare.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'nibabel==5.4.2' 'SimpleITK==2.5.7' 'numpy==2.4.6'
cat > check.py <<'PY'
import nibabel
import numpy as np
import SimpleITK as sitk

print("nibabel", nibabel.__version__, "SimpleITK", sitk.Version.VersionString())
labels = np.zeros((4, 4, 4), np.uint8)
labels[1:3] = 1
labels[3] = 2
original = nibabel.Nifti1Image(labels, np.eye(4))

seen = True
for header_type in (np.uint8, np.int16):
    header = original.header.copy()
    header.set_data_dtype(header_type)
    for array in (labels.astype(float), labels.astype(header_type)):
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4), header), "mask.nii")
        image = nibabel.load("mask.nii")
        slope = image.dataobj.slope
        for name, read in (
            ("nibabel", image.get_fdata()),
            ("SimpleITK", sitk.GetArrayFromImage(sitk.ReadImage("mask.nii"))),
        ):
            found = (read == 1).sum(), (read.astype(int) == 1).sum()
            print(f"{array.dtype} under {np.dtype(header_type)}, slope {slope:.6g}, {name:9}: "
                  f"values {np.unique(read)}, voxels == 1: {found[0]}, after a cast: {found[1]}, "
                  f"of {(labels == 1).sum()}")
            rounded = (np.rint(read) == 1).sum()
            seen &= rounded == (labels == 1).sum()
            if array.dtype.kind == "f":
                seen &= found[0] == 0
                if header_type is np.uint8:
                    seen &= found[1] == 0 and abs(np.unique(read)[1] - 0.996) < 1e-3
                elif name == "nibabel":
                    seen &= found[1] == (labels > 0).sum()
            else:
                seen &= found[0] == (labels == 1).sum()
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
