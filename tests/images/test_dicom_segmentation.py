"""DICOM-SEG, written by highdicom, onto the grid of the image it was drawn on."""

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_writing import enhanced, save, series_uids, write_series
from highdicom.content import AlgorithmIdentificationSequence
from pydicom.sr.codedict import codes

from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError

VOLUME = np.arange(5 * 3 * 4, dtype=np.int16).reshape(5, 3, 4)
RNG = np.random.default_rng(0)
# Of two segments, the second in three slices alone.
ORGAN = RNG.random(VOLUME.shape) > 0.4
LESION = (RNG.random(VOLUME.shape) > 0.5) & (np.arange(5) % 2 == 1)[:, None, None]


def segmentation(sources, masks, kind="BINARY", names=("organ", "lesion")):
    """Write with highdicom; `masks` are in the order of the sources."""
    described = [
        highdicom.seg.SegmentDescription(
            segment_number=number + 1,
            segment_label=name,
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type="AUTOMATIC",
            algorithm_identification=AlgorithmIdentificationSequence(
                name="test", version="1", family=codes.DCM.ArtificialIntelligence
            ),
        )
        for number, name in enumerate(names[: len(masks)])
    ]
    if kind == "LABELMAP":
        pixels = sum((k + 1) * mask for k, mask in enumerate(masks)).astype(np.uint8)
    else:
        pixels = np.stack(masks, axis=-1).astype(np.uint8)
    return highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=highdicom.UID(),
        series_number=2,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="skvae",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=True,
    )


@pytest.fixture
def series(tmp_path):
    return write_series(tmp_path / "ct", VOLUME, uids=series_uids())


def sources(folder):
    """Return the slices from the last to the first, which is the order of their names."""
    return [pydicom.dcmread(file) for file in sorted(folder.iterdir())]


def written(series, path, masks, **options):
    segmentation(sources(series), [m[::-1] for m in masks], **options).save_as(path)
    return path


def test_segments_are_placed_on_the_slices_they_were_drawn_on(series, tmp_path):
    path = written(series, tmp_path / "seg.dcm", [ORGAN, LESION])
    frames = pydicom.dcmread(path).NumberOfFrames
    assert frames < 2 * len(VOLUME)  # those without a voxel are not there
    for label, expected in ((1, ORGAN), (2, LESION), ("organ", ORGAN), ("lesion", LESION)):
        mask = read_mask(path, label=label, image_path=series)
        assert mask.values.dtype == np.uint8
        np.testing.assert_array_equal(mask.values, expected)
    image = read_volume(series)
    assert mask.spacing_mm == image.spacing_mm
    assert mask.origin_mm == image.origin_mm
    np.testing.assert_array_equal(mask.direction, image.direction)
    assert mask.notes == ()
    np.testing.assert_array_equal(read_mask(path, label=2, image_path=image).values, LESION)
    # What SimpleITK makes of it: a stack of the frames of both segments.
    assert sitk.ReadImage(str(path)).GetSize() == (4, 3, frames)


def test_the_image_may_be_one_of_several_series(series, tmp_path):
    path = written(series, tmp_path / "seg.dcm", [ORGAN])
    for file in write_series(tmp_path / "other", VOLUME, uids=series_uids()).iterdir():
        file.rename(series / f"other-{file.name}")
    uid = pydicom.dcmread(path).ReferencedSeriesSequence[0].SeriesInstanceUID
    mask = read_mask(path, image_path=series, series=uid)
    np.testing.assert_array_equal(mask.values, ORGAN)
    with pytest.raises(ImageFileError, match="holds 2 series, expected one"):
        read_mask(path, image_path=series)


@pytest.mark.parametrize("lesion", [[2], [1, 2], [0, 4]])
def test_a_segment_of_few_slices_is_placed(series, tmp_path, lesion):
    few = np.zeros_like(ORGAN)
    few[lesion, 1:, :2] = True
    path = written(series, tmp_path / "seg.dcm", [few])
    np.testing.assert_array_equal(read_mask(path, image_path=series).values, few)


def test_slices_whose_positions_were_rounded_are_found(tmp_path):
    heights = (1.25 * np.arange(5)).round(1)  # steps of 1.2 and 1.3 mm
    series = write_series(tmp_path / "ct", VOLUME, heights=heights)
    path = written(series, tmp_path / "seg.dcm", [ORGAN, LESION])
    for label, expected in ((1, ORGAN), (2, LESION)):
        mask = read_mask(path, label=label, image_path=series)
        np.testing.assert_array_equal(mask.values, expected)


def test_the_image_may_be_in_another_format_and_turned(series, tmp_path):
    path = written(series, tmp_path / "seg.dcm", [ORGAN])
    image = read_volume(series)
    flipped = image.values[:, ::-1].transpose(2, 0, 1)  # axes x, z and y reversed
    lps = np.zeros((4, 4))
    lps[:3, :3] = image.index_to_mm[:, [1, 2, 0]] * [-1, 1, 1]
    lps[:3, 3] = image.origin_mm + image.index_to_mm[:, 1] * 2
    lps[3, 3] = 1
    nifti = tmp_path / "a.nii"
    ras = np.diag([-1, -1, 1, 1]) @ lps
    nibabel.save(nibabel.Nifti1Image(flipped.transpose(2, 1, 0), ras), nifti)
    mask = read_mask(path, image_path=nifti)
    np.testing.assert_array_equal(mask.values, ORGAN[:, ::-1].transpose(2, 0, 1))


def test_a_segmentation_of_an_enhanced_image_is_placed(tmp_path):
    ds = enhanced(VOLUME, [12, 9, 6, 3, 0])
    path = save(ds, tmp_path / "a.dcm")
    segmentation([ds], [ORGAN]).save_as(tmp_path / "seg.dcm")
    mask = read_mask(tmp_path / "seg.dcm", image_path=path)
    np.testing.assert_array_equal(mask.values, ORGAN[::-1])


def test_a_map_of_labels_is_read(series, tmp_path):
    masks = [ORGAN & ~LESION, LESION]
    path = written(series, tmp_path / "seg.dcm", masks, kind="LABELMAP")
    for label, expected in zip((1, "lesion"), masks, strict=True):
        mask = read_mask(path, label=label, image_path=series)
        np.testing.assert_array_equal(mask.values, expected)
    with pytest.raises(
        ImageFileError, match="a DICOM segmentation, no image: give it as the"
    ):
        read_volume(path)


def test_several_segments_need_a_choice_and_an_absent_one_is_named(series, tmp_path):
    path = written(series, tmp_path / "seg.dcm", [ORGAN, LESION])
    with pytest.raises(ImageFileError, match=r"there are 1 \(organ\), 2 \(lesion\)"):
        read_mask(path, image_path=series)
    for label in (3, "tumour"):
        with pytest.raises(ImageFileError, match=f"no segment {label!r}; there are 1"):
            read_mask(path, label=label, image_path=series)


def test_a_segmentation_is_no_image_and_needs_one(series, tmp_path):
    (tmp_path / "seg").mkdir()
    path = written(series, tmp_path / "seg" / "a.dcm", [ORGAN])
    for given in (path, tmp_path / "seg"):
        with pytest.raises(ImageFileError, match="no image: give it as the mask"):
            read_volume(given)
        with pytest.raises(
            ImageFileError, match="it needs image_path, the scan it was drawn"
        ):
            read_mask(given)
        np.testing.assert_array_equal(read_mask(given, image_path=series).values, ORGAN)


def test_a_segmentation_beside_its_series_is_left_out_of_the_image(series, tmp_path):
    written(series, series / "seg.dcm", [ORGAN])
    np.testing.assert_array_equal(read_volume(series).values, VOLUME)


def test_fractions_are_refused(series, tmp_path):
    path = written(series, tmp_path / "seg.dcm", [ORGAN], kind="FRACTIONAL")
    with pytest.raises(ImageFileError, match="fractions of voxels"):
        read_mask(path, image_path=series)


def test_an_image_of_another_grid_or_space_is_refused(series, tmp_path):
    path = written(series, tmp_path / "seg.dcm", [ORGAN])
    space = {"FrameOfReferenceUID": sources(series)[0].FrameOfReferenceUID}
    other = write_series(tmp_path / "b", VOLUME)
    with pytest.raises(ImageFileError, match="drawn in another space"):
        read_mask(path, image_path=other)
    uids = series_uids() | space
    moved = write_series(tmp_path / "c", VOLUME, heights=np.arange(5) * 3 + 1.0, uids=uids)
    with pytest.raises(ImageFileError, match=r"lie 0\.33 of a voxel beside the image's"):
        read_mask(path, image_path=moved)
    thin = write_series(tmp_path / "d", VOLUME, step=2, uids=uids)
    with pytest.raises(ImageFileError, match=r"lie 0\.5 of a voxel beside the image's"):
        read_mask(path, image_path=thin)
    # Each frame lies on a slice of it, and between them are others.
    finer = write_series(
        tmp_path / "f", VOLUME.repeat(2, axis=0), step=1.5, SliceThickness=1.5, uids=uids
    )
    with pytest.raises(ImageFileError, match="spacing or orientation differ"):
        read_mask(path, image_path=finer)
    wide = write_series(tmp_path / "g", VOLUME, uids=uids, PixelSpacing=[2, 1.5])
    with pytest.raises(ImageFileError, match="spacing or orientation differ"):
        read_mask(path, image_path=wide)
    turned = write_series(
        tmp_path / "h",
        VOLUME,
        uids=uids,
        ImageOrientationPatient=[0.8, 0.6, 0, -0.6, 0.8, 0],
    )
    with pytest.raises(ImageFileError, match="spacing or orientation differ"):
        read_mask(path, image_path=turned)
    short = write_series(tmp_path / "e", VOLUME[:2], uids=uids)
    n = ORGAN[2:].sum()
    with pytest.raises(ImageFileError, match=f"{n} voxels of the segment lie outside"):
        read_mask(path, image_path=short)
