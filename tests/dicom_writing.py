"""DICOM files for tests, written by pydicom: series and frames."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

AXIAL = (1, 0, 0, 0, 1, 0)


def series_uids():
    return {
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
    }


def dataset(stored, *, sop_class=CTImageStorage, uids=None, **elements):
    """Return an image of 16 bits; an element that is None is left out."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    told = {
        "PatientID": "1",
        "PatientName": "Phantom^",
        "PatientBirthDate": "",
        "PatientSex": "O",
        "StudyDate": "20260101",
        "StudyTime": "120000",
        "StudyID": "1",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "Modality": "CT",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": stored.shape[-2],
        "Columns": stored.shape[-1],
        "BitsAllocated": 8 * stored.dtype.itemsize,
        "BitsStored": 8 * stored.dtype.itemsize,
        "HighBit": 8 * stored.dtype.itemsize - 1,
        "PixelRepresentation": int(stored.dtype.kind == "i"),
        **(uids or series_uids()),
        **elements,
    }
    for name, value in told.items():
        if value is not None:
            setattr(ds, name, value)
    ds.PixelData = stored.tobytes()
    return ds


def save(ds, path):
    ds.save_as(path, enforce_file_format=True)
    return path


def slice_of(stored, position, *, orientation=AXIAL, spacing=(2, 1), **elements):
    placed = {
        "ImagePositionPatient": list(position),
        "ImageOrientationPatient": list(orientation),
        "PixelSpacing": list(spacing),
        "SliceThickness": 3,
        **elements,
    }
    return dataset(stored, **placed)


def write_series(
    folder, volume, *, step=3.0, heights=None, uids=None, each=None, **elements
):
    """Write a slice a file, named against their order; return the folder."""
    uids = uids or series_uids()
    heights = np.arange(len(volume)) * step if heights is None else heights
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    for k, (stored, height) in enumerate(zip(volume, heights, strict=True)):
        own = {name: values[k] for name, values in (each or {}).items()}
        ds = slice_of(
            stored, (0, 0, height), uids=uids, InstanceNumber=k + 1, **{**elements, **own}
        )
        save(ds, folder / f"slice{len(volume) - k:03}.dcm")
    return folder


def item(**elements):
    ds = Dataset()
    for name, value in elements.items():
        setattr(ds, name, value)
    return ds


def enhanced(stored, heights, *, slopes=None, intercept=0, **elements):
    """Return one file of many frames, each with its own slope."""
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[2, 1], SliceThickness=3)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=list(AXIAL))],
    )
    frames = []
    for k, height in enumerate(heights):
        frame = item(
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, height])],
            FrameContentSequence=[item(DimensionIndexValues=[k + 1])],
        )
        if slopes is not None:
            frame.PixelValueTransformationSequence = [
                item(RescaleSlope=slopes[k], RescaleIntercept=intercept, RescaleType="US")
            ]
        frames.append(frame)
    return dataset(
        stored,
        sop_class=EnhancedCTImageStorage,
        NumberOfFrames=len(stored),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
        **elements,
    )
