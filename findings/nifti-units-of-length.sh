#!/usr/bin/env bash
# Guess: the affine of a NIfTI file is in millimetres, and readers agree on where a voxel lies.
# Fact: a header may say micrometres or metres (microscopy and micro-CT do). SimpleITK converts
#   spacing and origin to millimetres; nibabel returns affine and zooms in the unit of the file, of
#   which only header.get_xyzt_units() speaks. An image read by one and a mask read by the other
#   lie a factor of 1000 apart, and a volume computed from nibabel's zooms is off by 1e9. A header
#   without a unit, which is what nibabel writes unless told, is taken for millimetres by both.
# Versions: nibabel 5.4.2, SimpleITK 2.5.7; found 2026-11-28.
# Source: measured.
# To do: multiply nibabel's affine by 1000 (meter) or .001 (micron), and say so.
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
affine = np.diag([10.0, 20.0, 30.0, 1.0])
affine[:3, 3] = 100, 200, 300

seen = True
for unit, factor in (("mm", 1), ("micron", 0.001), ("meter", 1000), (None, 1)):
    image = nibabel.Nifti1Image(np.zeros((4, 3, 2), np.int16), affine)
    if unit is not None:
        image.header.set_xyzt_units(unit)
    nibabel.save(image, "scan.nii")
    read, itk = nibabel.load("scan.nii"), sitk.ReadImage("scan.nii")
    zooms = [float(zoom) for zoom in read.header.get_zooms()]
    print(f"{read.header.get_xyzt_units()[0]:8} nibabel zooms {zooms}, "
          f"origin (RAS) {read.affine[:3, 3]}")
    print(f"{'':8} SimpleITK spacing {itk.GetSpacing()}, origin (LPS) {itk.GetOrigin()}")
    seen &= np.array_equal(read.affine, affine)
    seen &= np.allclose(itk.GetSpacing(), np.array(zooms) * factor)
    seen &= np.allclose(itk.GetOrigin(), np.array([-100, -200, 300]) * factor)
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
