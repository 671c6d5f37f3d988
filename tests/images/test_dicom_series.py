"""A folder of DICOM slices, written by pydicom."""

import locale

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_writing import save, series_uids, slice_of, write_series
from pydicom.uid import (
    JPEGLosslessSV1,
    JPEGLSLossless,
    PositronEmissionTomographyImageStorage,
    RLELossless,
)

from skvae.images import ImageLoader, check_images, read_manifest
from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError

VOLUME = np.arange(4 * 3 * 5, dtype=np.int16).reshape(4, 3, 5)
SLOPES = [0.5, 0.25, 3.0, 1e-3]


def by_simpleitk(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def test_slices_are_ordered_by_their_positions(tmp_path):
    folder = write_series(tmp_path / "ct", VOLUME, RescaleSlope=2, RescaleIntercept=-1000)
    (folder / "notes.txt").write_text("no slice")
    volume, image = read_volume(folder), by_simpleitk(folder)
    np.testing.assert_array_equal(volume.values, VOLUME * 2.0 - 1000)
    np.testing.assert_array_equal(volume.values, sitk.GetArrayFromImage(image))
    assert volume.spacing_mm == image.GetSpacing()[::-1] == (3, 2, 1)
    assert volume.origin_mm == image.GetOrigin()
    np.testing.assert_array_equal(volume.direction.ravel(), image.GetDirection())
    assert volume.notes == ()


@pytest.mark.parametrize(
    "orientation",
    [
        (1, 0, 0, 0, 0, -1),
        (0, 1, 0, 0, 0, -1),
        (0.8, 0.6, 0, -0.6, 0.8, 0),
        (-1, 0, 0, 0, 1, 0),
    ],
)
def test_any_orientation_lies_where_simpleitk_has_it(orientation, tmp_path):
    normal = np.cross(orientation[:3], orientation[3:])
    uids = series_uids()
    for k, stored in enumerate(VOLUME):
        position = np.array([10, 20, 30]) + 2.5 * k * normal
        ds = slice_of(
            stored, position.round(6).tolist(), orientation=orientation, uids=uids
        )
        save(ds, tmp_path / f"{9 - k}.dcm")
    volume, image = read_volume(tmp_path), by_simpleitk(tmp_path)
    np.testing.assert_array_equal(volume.values, VOLUME)
    for z, y, x in np.ndindex(VOLUME.shape):
        at = volume.index_to_mm @ [x, y, z] + volume.origin_mm
        i, j, k = image.TransformPhysicalPointToIndex(at)
        assert sitk.GetArrayViewFromImage(image)[k, j, i] == VOLUME[z, y, x]


def test_slopes_of_slices_are_applied_in_floats(tmp_path):
    """SimpleITK casts to the type of the first slice, which here is an integer."""
    stored = VOLUME * 100
    folder = write_series(
        tmp_path / "pet",
        stored,
        sop_class=PositronEmissionTomographyImageStorage,
        Modality="PT",
        each={"RescaleSlope": [1.0, *SLOPES[1:]], "RescaleIntercept": [0, 0, 5, 0]},
    )
    slope = np.array([1.0, *SLOPES[1:]])[:, None, None]
    exact = stored * slope + np.array([0, 0, 5, 0])[:, None, None]
    np.testing.assert_array_equal(read_volume(folder).values, exact.astype(np.float32))


def test_slices_of_two_types_are_not_cast_to_the_first(tmp_path):
    uids = series_uids()
    low, high = np.array([[-5, 3]], np.int16), np.array([[60000, 3]], np.uint16)
    save(slice_of(low, (0, 0, 0), uids=uids), tmp_path / "0.dcm")
    save(slice_of(high, (0, 0, 3), uids=uids), tmp_path / "1.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path).values[:, 0, 0], [-5, 60000])


def test_signed_numbers_of_12_bits_have_their_sign(tmp_path):
    values = np.array([[-2048, -1, 0, 1, 2047]], np.int16)
    kept = values.astype(np.uint16) & 0x0FFF
    for filling in (0, 0xF000, 0x5000):  # bits that an overlay may have used
        ds = slice_of((kept | filling).view(np.int16), (0, 0, 0), BitsStored=12, HighBit=11)
        volume = read_volume(save(ds, tmp_path / f"{filling}.dcm"))
        np.testing.assert_array_equal(volume.values[0], values)
    ds = slice_of(kept.view(np.int16), (0, 0, 0), BitsStored=12, HighBit=15)
    with pytest.raises(ImageFileError, match="HighBit is 15 of BitsStored 12"):
        read_volume(save(ds, tmp_path / "old.dcm"))


def test_overlay_bits_of_unsigned_numbers_are_left_out(tmp_path):
    stored = np.array([[0xF001, 0x0FFF]], np.uint16)
    ds = slice_of(stored, (0, 0, 0), BitsStored=12, HighBit=11)
    volume = read_volume(save(ds, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(volume.values[0], [[1, 4095]])


def test_a_missing_slice_is_refused_with_its_gap(tmp_path):
    folder = write_series(tmp_path / "ct", VOLUME, heights=[0, 3, 6, 12])
    with pytest.raises(
        ImageFileError,
        match=r"slice002.dcm, frame 1 and slice001.dcm, frame 1 are 6 mm apart, "
        "others 3 mm: 1 of them seem",
    ):
        read_volume(folder)


def test_two_slices_at_one_position_are_refused(tmp_path):
    folder = write_series(tmp_path / "ct", VOLUME, heights=[0, 3, 3, 6])
    with pytest.raises(
        ImageFileError, match="lie at one position: it holds several volumes"
    ):
        read_volume(folder)


def test_uneven_slices_are_noted_as_far_as_rounding_goes(tmp_path):
    folder = write_series(tmp_path / "ct", VOLUME, heights=[0, 3, 6.1, 9])
    volume = read_volume(folder)
    assert volume.spacing_mm[0] == 3
    assert volume.notes == (
        "steps between slices are from 2.9 to 3.1 mm; their mean, 3 mm, is used",
    )


@pytest.mark.parametrize(
    ("each", "word"),
    [
        (
            {"ImageOrientationPatient": [[1, 0, 0, 0, 1, 0]] * 3 + [[1, 0, 0, 0, 0, 1]]},
            "orient",
        ),
        ({"PixelSpacing": [[2, 1]] * 3 + [[2, 2]]}, "PixelSpacing"),
        ({"Rows": [3, 3, 3, 1]}, "size"),
    ],
)
def test_slices_that_differ_are_refused(each, word, tmp_path):
    folder = write_series(tmp_path / "ct", VOLUME)
    files = sorted(folder.iterdir(), reverse=True)
    for k, file in enumerate(files):
        ds = pydicom.dcmread(file)
        for name, values in each.items():
            setattr(ds, name, values[k])
        ds.PixelData = ds.PixelData[: 2 * ds.Rows * ds.Columns]
        save(ds, file)
    with pytest.raises(ImageFileError, match=f"are not of one {word}"):
        read_volume(folder)


def test_a_tilted_gantry_is_refused(tmp_path):
    uids = series_uids()
    for k, stored in enumerate(VOLUME):
        save(slice_of(stored, (0, k, 3 * k), uids=uids), tmp_path / f"{k}.dcm")
    with pytest.raises(ImageFileError, match=r"sheared: its slices are displaced .* 3 mm"):
        read_volume(tmp_path)


def folder_of_series(folder, described, scale=1):
    """Write a series of each description into one folder, and return their UIDs."""
    uids = []
    for number, description in enumerate(described):
        uids.append(series_uids())
        part = folder.with_name(f"{folder.name}-{number}")
        values = (number + 1) * scale * VOLUME
        write_series(part, values, uids=uids[-1], SeriesDescription=description)
        folder.mkdir(exist_ok=True)
        for file in part.iterdir():
            file.rename(folder / f"{number}-{file.name}")
    return [uid["SeriesInstanceUID"] for uid in uids]


def test_several_series_are_refused_with_their_names(tmp_path):
    uids = folder_of_series(tmp_path / "a", ["Thorax 3.0", None])
    with pytest.raises(ImageFileError, match="holds 2 series, expected one") as caught:
        read_volume(tmp_path / "a")
    told = str(caught.value)
    assert f"{uids[0]} (Thorax 3.0; files: 4)" in told
    assert f"{uids[1]} (no description; files: 4)" in told


def test_one_of_several_series_is_chosen_by_name(tmp_path):
    folder = tmp_path / "a"
    uids = folder_of_series(folder, ["Thorax 3.0", "Scout", "Scout"])
    for factor, uid in enumerate(uids, 1):
        values = read_volume(folder, series=uid).values
        np.testing.assert_array_equal(values, factor * VOLUME)
    by_name = read_volume(folder, series="Thorax 3.0").values
    np.testing.assert_array_equal(by_name, VOLUME)
    for name, n_named in (("Scout", 2), ("Thorax", 0)):
        with pytest.raises(ImageFileError, match=f"'{name}' names {n_named} of .*Thorax 3"):
            read_volume(folder, series=name)
    with pytest.raises(ImageFileError, match="is no folder of DICOM series"):
        read_volume(next(folder.iterdir()), series="Scout")


def test_a_manifest_chooses_the_series(tmp_path):
    for case, scale in (("p1", 1), ("p2", 10)):
        uids = folder_of_series(tmp_path / case, ["Thorax", "Scout"], scale)
    lines = ["image,series,note", "p1,Thorax,a", f"p1,{uids[0]},b", f"p2,{uids[1]},c"]
    (tmp_path / "cases.csv").write_text("\n".join(lines))
    table = check_images(tmp_path / "cases.csv")
    assert list(table["usable"]) == [True, False, True]
    assert "names 0 of" in table["reason"].iloc[1]
    cases = read_manifest(tmp_path / "cases.csv").drop(index=1)
    cases.loc[3] = [cases["Image"].iloc[0], "Scout", "d"]
    for _ in range(2):  # the second time from the cache
        X = ImageLoader(normalize=None, cache=tmp_path / "crops").fit_transform(cases)
        for image, factor in zip(X[:, 0], (1, 20, 2), strict=True):
            np.testing.assert_array_equal(image, factor * VOLUME)


def test_a_file_is_one_slice(tmp_path):
    folder = write_series(tmp_path / "ct", VOLUME)
    volume = read_volume(folder / "slice001.dcm")
    np.testing.assert_array_equal(volume.values, VOLUME[-1:])
    assert volume.notes == ("one slice: its thickness is taken for the spacing along z",)


def test_a_file_without_preamble_is_read(tmp_path):
    ds = slice_of(VOLUME[0], (0, 0, 0))
    ds.save_as(tmp_path / "a.dcm")
    data = (tmp_path / "a.dcm").read_bytes()
    start = data.index(b"\x08\0\x16\0")  # the SOP class, after the meta information
    (tmp_path / "old").write_bytes(data[start:])
    for name in ("a.dcm", "old"):
        np.testing.assert_array_equal(read_volume(tmp_path / name).values[0], VOLUME[0])


def test_a_series_may_be_a_mask(tmp_path):
    folder = write_series(tmp_path / "mask", (VOLUME > 7).astype(np.int16) * 255)
    np.testing.assert_array_equal(read_mask(folder).values, VOLUME > 7)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_packed_pixels_are_unpacked(syntax, tmp_path):
    stored = np.tile(VOLUME[0], (8, 8))
    ds = slice_of(stored, (0, 0, 0), RescaleSlope=2, RescaleIntercept=-7)
    ds.compress(syntax)
    volume = read_volume(save(ds, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(volume.values[0], stored * 2 - 7)


@pytest.fixture
def same_locale():
    """Keep what SimpleITK takes: findings/simpleitk-dicom-write-resets-locale.sh."""
    before = locale.setlocale(locale.LC_ALL)
    yield before
    locale.setlocale(locale.LC_ALL, before)


def test_what_pydicom_cannot_unpack_simpleitk_does(tmp_path, same_locale):
    folder = write_series(tmp_path / "ct", VOLUME)
    for file in folder.iterdir():
        # Lossless JPEG, as most archives send it.
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG")
        writer.SetFileName(str(file))
        writer.Execute(sitk.ReadImage(str(file)))
        ds = pydicom.dcmread(file)
        assert ds.file_meta.TransferSyntaxUID == JPEGLosslessSV1
        ds.RescaleSlope, ds.RescaleIntercept = 0.5, -7
        save(ds, file)
    locale.setlocale(locale.LC_ALL, same_locale)
    np.testing.assert_array_equal(read_volume(folder).values, VOLUME * 0.5 - 7)
    assert locale.setlocale(locale.LC_ALL) == same_locale  # reading leaves it alone


def test_pixels_that_nothing_unpacks_are_refused_in_a_sentence(tmp_path):
    ds = slice_of(VOLUME[0], (0, 0, 0))
    ds.compress(RLELossless)
    ds.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    with pytest.raises(
        ImageFileError, match=r"packed as JPEG Lossless, .* cannot be unpacked"
    ):
        read_volume(save(ds, tmp_path / "a.dcm"))
