#!/usr/bin/env bash
# Guess: an enhanced multi-frame PET, CT or MR is one file instead of a series; the usual readers
#   give the same units as before (SimpleITK at once, pydicom after apply_modality_lut).
# Fact: where each frame has its own rescale slope, as in PET, both give wrong units, in two ways.
#   SimpleITK applies the slope of the FIRST frame to all frames; if that is 1, it gives the stored
#   integers. pydicom's apply_modality_lut looks at the top level of the file, finds no slope, and
#   returns the stored integers, even where all frames share one slope and intercept (CT values
#   without their intercept). Neither warns; shape, spacing and the look of each frame are right.
#   As a series of single-frame files, the same numbers come out right. highdicom gets both right.
# Versions: SimpleITK 2.5.7, pydicom 3.0.2, highdicom 0.28.2; found 2026-11-28.
# Source: measured. (Issue 1636 of SimpleITK/SimpleITK is another fault, of series: the pixel type
#   of the first file.)
# To do: test for PerFrameFunctionalGroupsSequence, and read such files with highdicom; compare the
#   maximum of each frame, not of the first.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'SimpleITK==2.5.7' 'pydicom==3.0.2' 'highdicom==0.28.2' 'numpy==2.4.6'
cat > check.py <<'PY'
import highdicom
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut
from pydicom.uid import (
    EnhancedPETImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    generate_uid,
)

print("SimpleITK", sitk.Version.VersionString(), "pydicom", pydicom.__version__,
      "highdicom", highdicom.__version__)
stored = np.multiply.outer(np.array([10, 20, 40], np.int16), np.ones((4, 4), np.int16))
study, frame_of_reference = generate_uid(), generate_uid()


def start(sop_class, series):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
    ds.FrameOfReferenceUID = frame_of_reference
    ds.PatientID, ds.PatientName, ds.Modality = "1", "Phantom", "PT"
    ds.InstanceNumber, ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, 1, "MONOCHROME2"
    ds.Rows = ds.Columns = 4
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    return ds


def item(**elements):
    ds = Dataset()
    for name, value in elements.items():
        setattr(ds, name, value)
    return [ds]


def rescale(slope, intercept):
    return item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")


def enhanced(slopes, intercept):
    ds = start(EnhancedPETImageStorage, generate_uid())
    shared, shared_values = Dataset(), len(set(slopes)) == 1
    shared.PixelMeasuresSequence = item(PixelSpacing=[2, 2], SliceThickness=3)
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    if shared_values:
        shared.PixelValueTransformationSequence = rescale(slopes[0], intercept)
    frames = []
    for k, slope in enumerate(slopes):
        frame = Dataset()
        frame.PlanePositionSequence = item(ImagePositionPatient=[0, 0, 3 * k])
        frame.FrameContentSequence = item(DimensionIndexValues=[k + 1])
        if not shared_values:
            frame.PixelValueTransformationSequence = rescale(slope, intercept)
        frames.append(frame)
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = [shared], frames
    ds.NumberOfFrames, ds.PixelData = len(slopes), stored.tobytes()
    ds.save_as("enhanced.dcm", enforce_file_format=True)
    return "enhanced.dcm"


def single_frames(slopes, intercept):
    series, paths = generate_uid(), []
    for k, slope in enumerate(slopes):
        ds = start(PositronEmissionTomographyImageStorage, series)
        ds.InstanceNumber, ds.ImagePositionPatient = k + 1, [0, 0, 3 * k]
        ds.ImageOrientationPatient, ds.PixelSpacing = [1, 0, 0, 0, 1, 0], [2, 2]
        ds.SliceThickness, ds.RescaleSlope, ds.RescaleIntercept = 3, slope, intercept
        ds.PixelData = stored[k].tobytes()
        ds.save_as(f"{k}.dcm", enforce_file_format=True)
        paths.append(f"{k}.dcm")
    return paths


def frame_values(volume):
    assert volume.shape == (3, 4, 4)
    return volume[:, 0, 0].astype(float)


seen = True
for slopes, intercept in (([0.5, 0.25, 0.125], 0), ([1, 0.25, 0.125], 0), ([2, 2, 2], -1000)):
    exact = stored[:, 0, 0] * np.array(slopes) + intercept
    path = enhanced(slopes, intercept)
    ds = pydicom.dcmread(path)
    image = sitk.ReadImage(path)
    assert image.GetSpacing() == (2, 2, 3)
    read = {
        "SimpleITK": frame_values(sitk.GetArrayFromImage(image)),
        "pydicom": frame_values(apply_modality_lut(ds.pixel_array, ds)),
        "highdicom": frame_values(highdicom.Image.from_dataset(ds).get_frames()),
    }
    print(f"slopes {slopes}, intercept {intercept}: exact {exact}")
    for name, values in read.items():
        print(f"    enhanced, {name:10} {values}")
    seen &= np.allclose(read["highdicom"], exact)
    seen &= np.array_equal(read["pydicom"], stored[:, 0, 0])
    seen &= np.allclose(read["SimpleITK"], stored[:, 0, 0] * slopes[0] + intercept)
    if slopes[0] == 0.5:
        paths = single_frames(slopes, intercept)
        files = [pydicom.dcmread(p) for p in paths]
        old = {
            "SimpleITK": frame_values(sitk.GetArrayFromImage(sitk.ReadImage(paths))),
            "pydicom": frame_values(
                np.stack([apply_modality_lut(f.pixel_array, f) for f in files])
            ),
        }
        for name, values in old.items():
            print(f"    series,   {name:10} {values}")
            seen &= np.allclose(values, exact)
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python -W ignore check.py
