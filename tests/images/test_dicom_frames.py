"""Enhanced DICOM: one file of many frames, each with its place and its slope."""

import highdicom
import numpy as np
import pytest
from dicom_writing import dataset, enhanced, item, save, slice_of
from pydicom.uid import RTStructureSetStorage, UltrasoundMultiFrameImageStorage

from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError

STORED = np.arange(3 * 2 * 4, dtype=np.int16).reshape(3, 2, 4)
SLOPES = [1, 0.25, 0.125]


def test_each_frame_has_its_own_slope(tmp_path):
    ds = enhanced(STORED, [0, 3, 6], slopes=SLOPES, intercept=-2)
    volume = read_volume(save(ds, tmp_path / "a.dcm"))
    exact = STORED * np.array(SLOPES)[:, None, None] - 2
    np.testing.assert_array_equal(volume.values, exact)
    read = highdicom.Image.from_dataset(ds).get_frames()
    np.testing.assert_array_equal(volume.values, read)
    assert volume.spacing_mm == (3, 2, 1)


@pytest.mark.parametrize("heights", [[6, 3, 0], [3, 6, 0]])
def test_frames_are_ordered_by_their_positions(heights, tmp_path):
    ds = enhanced(STORED, heights, slopes=SLOPES)
    volume = read_volume(save(ds, tmp_path / "a.dcm"))
    exact = STORED * np.array(SLOPES)[:, None, None]
    np.testing.assert_array_equal(volume.values, exact[np.argsort(heights)])
    assert volume.origin_mm == (0, 0, 0)


def test_one_slope_of_all_frames_is_applied(tmp_path):
    ds = enhanced(STORED, [0, 3, 6])
    ds.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence = [
        item(RescaleSlope=2, RescaleIntercept=-1000, RescaleType="HU")
    ]
    volume = read_volume(save(ds, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(volume.values, STORED * 2.0 - 1000)


def test_frames_of_several_phases_or_with_a_gap_are_refused(tmp_path):
    path = save(enhanced(STORED, [0, 3, 3]), tmp_path / "a.dcm")
    with pytest.raises(
        ImageFileError, match=r"a.dcm, frame 2 and a.dcm, frame 3 lie at one"
    ):
        read_volume(path)
    path = save(enhanced(STORED, [0, 3, 9]), tmp_path / "b.dcm")
    with pytest.raises(ImageFileError, match="frame 3 are 6 mm apart, others 3 mm: 1 of"):
        read_volume(path)


def test_frames_without_a_place_are_refused(tmp_path):
    ds = dataset(STORED, sop_class=UltrasoundMultiFrameImageStorage, NumberOfFrames=3)
    with pytest.raises(ImageFileError, match="has 3 frames, and does not say where"):
        read_volume(save(ds, tmp_path / "a.dcm"))
    ds = enhanced(STORED, [0, 3, 6])
    del ds.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence
    with pytest.raises(
        ImageFileError, match="no ImagePositionPatient: it cannot be placed"
    ):
        read_volume(save(ds, tmp_path / "b.dcm"))
    ds = enhanced(STORED[:2], [0, 3, 6])
    with pytest.raises(ImageFileError, match="lacks the pixels of frame 3"):
        read_volume(save(ds, tmp_path / "c.dcm"))


def test_contours_are_refused_as_image_and_as_mask(tmp_path):
    ds = slice_of(STORED[0], (0, 0, 0), sop_class=RTStructureSetStorage)
    for name in ("PixelData", "Rows", "Columns"):
        delattr(ds, name)
    path = save(ds, tmp_path / "a.dcm")
    for read in (read_volume, read_mask):
        for given in (path, tmp_path):
            with pytest.raises(ImageFileError, match=r"contours .RTSTRUCT.*: convert them"):
                read(given)
