import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae.images import ImageLoader, check_images, usable_cases
from skvae.images.volume import ImageFileError


def scan(shape=(20, 24, 28), spacing=(1.0, 1.0, 2.0), box=None, inside=100, seed=0):
    """Return an image and a mask; spacing is (x, y, z)."""
    rng = np.random.default_rng(seed)
    values = (-900 + 20 * rng.normal(size=shape)).astype(np.int16)
    region = np.zeros(shape, dtype=np.uint8)
    region[box or (slice(5, 10), slice(8, 16), slice(10, 20))] = 1
    values[region > 0] = inside
    image, mask = sitk.GetImageFromArray(values), sitk.GetImageFromArray(region)
    for part in (image, mask):
        part.SetSpacing(spacing)
        part.SetOrigin((-30.0, 12.0, 7.5))
    return image, mask


@pytest.fixture
def manifest(tmp_path):
    """Write six cases of three patients, whose regions differ in size."""
    rows = []
    for i in range(6):
        box = (slice(5, 8 + i), slice(8, 14), slice(10, 16))
        image, mask = scan(box=box, inside=600 * (i % 2) - 200, seed=i)
        names = [str(tmp_path / f"{i}-{part}.nrrd") for part in ("ct", "seg")]
        for part, name in zip((image, mask), names, strict=True):
            sitk.WriteImage(part, name)
        rows.append((*names, f"P{i // 2}", i % 2))
    columns = ["Image", "Mask", "PatientID", "grade"]
    return pd.DataFrame(rows, columns=columns, index=[f"case{i}" for i in range(6)])


def test_voxels_of_a_crop_are_those_of_the_file():
    image, mask = scan()
    X = ImageLoader(crop="mask", margin_mm=2, normalize=None).fit_transform([(image, mask)])
    values = sitk.GetArrayFromImage(image)
    # 2 mm are one slice, and two voxels in the plane.
    assert np.array_equal(X[0, 0], values[4:11, 6:18, 8:22].astype(np.float32))
    assert X.dtype == np.float32


def test_the_window_goes_to_zero_and_one():
    image, _ = scan()
    X = ImageLoader(window=(-1000, 100)).fit_transform([image])
    values = sitk.GetArrayFromImage(image)
    expected = (np.clip(values, -1000, 100) + 1000) / 1100
    assert np.allclose(X[0, 0], expected, atol=1e-6)
    plain = ImageLoader(window=(-1000, 100), normalize=None).fit_transform([image])
    assert plain.max() == 100


@pytest.mark.parametrize("how", ["zscore", "percentile"])
def test_other_scales_are_of_the_region(how):
    image, mask = scan(inside=100)
    values = sitk.GetArrayFromImage(image)
    region = sitk.GetArrayFromImage(mask) > 0
    values[region] = np.arange(region.sum())
    changed = sitk.GetImageFromArray(values)
    changed.CopyInformation(mask)
    X = ImageLoader(normalize=how, crop="mask", margin_mm=0).fit_transform(
        [(changed, mask)]
    )
    if how == "zscore":
        assert abs(X.mean()) < 1e-6
        assert X.std() == pytest.approx(1, abs=1e-6)
    else:
        assert (X.min(), X.max()) == (0, 1)


def test_axes_are_those_of_the_patient_whatever_the_files():
    image, mask = scan()
    settings = {"crop": "mask", "normalize": None}
    plain = ImageLoader(**settings).fit_transform([(image, mask)])
    for code in ("RAS", "SPL", "AIR"):
        turned = [sitk.DICOMOrient(part, code) for part in (image, mask)]
        assert np.array_equal(ImageLoader(**settings).fit_transform([turned]), plain)


def test_a_mask_on_another_grid_is_brought_to_the_image():
    image, mask = scan()
    coarse = sitk.Resample(
        mask, [14, 12, 20], sitk.Transform(), sitk.sitkNearestNeighbor,
        (-29.5, 12.5, 7.5), (2.0, 2.0, 2.0), mask.GetDirection(),
    )  # fmt: skip
    fine = ImageLoader(crop="mask", margin_mm=0).fit_transform([(image, mask)])
    brought = ImageLoader(crop="mask", margin_mm=0).fit_transform([(image, coarse)])
    assert np.array_equal(fine, brought)
    table = check_images([(image, coarse)])
    assert "brought to the grid of the image: shapes" in table["notes"].item()


def test_size_is_the_largest_box_of_the_training_rows(manifest):
    loader = ImageLoader(crop="mask", margin_mm=0, window="lung").fit(manifest[:3])
    assert loader.size_ == (5, 6, 6)
    X = loader.transform(manifest[:3])
    assert X.shape == (3, 1, 5, 6, 6)
    # The smaller box stands in the middle, with the lower bound of the window around it.
    assert (X[0, 0, 1:4] > 0.5).all()
    assert (X[0, 0, [0, 4]] == 0).all()
    with pytest.warns(UserWarning, match=r"1 of 3 boxes are larger than size_=\(5, 6, 6\)"):
        cut = loader.transform(manifest.iloc[[0, 1, 5]])
    assert cut.shape == (3, 1, 5, 6, 6)


def test_masks_hide_or_become_a_channel():
    image, mask = scan()
    settings = {"crop": "mask", "margin_mm": 2, "window": (-1000, 100)}
    plain, zero, channel = (
        ImageLoader(**settings, mask_mode=mode).fit_transform([(image, mask)])
        for mode in ("none", "zero", "channel")
    )
    inside = channel[0, 1] > 0
    assert channel.shape == (1, 2, *plain.shape[2:])
    assert inside.sum() == sitk.GetArrayFromImage(mask).sum()
    assert np.array_equal(channel[0, 0], plain[0, 0])
    assert np.array_equal(zero[0, 0][inside], plain[0, 0][inside])
    assert (zero[0, 0][~inside] == 0).all()


def test_single_slices_and_projections():
    box = (slice(5, 10), slice(8, 16), slice(10, 20))
    image, mask = scan(box=box)
    values, region = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask)
    region[7, 6:18, 8:22] = 1
    changed = sitk.GetImageFromArray(region)
    changed.CopyInformation(mask)
    settings = {"normalize": None, "crop": "mask", "margin_mm": 0}
    pair = [(image, changed)]
    largest = ImageLoader(**settings, slices="largest").fit_transform(pair)
    assert np.array_equal(largest[0, 0], values[7, 6:18, 8:22])
    central = ImageLoader(normalize=None, slices="central").fit_transform([image])
    assert np.array_equal(central[0, 0], values[10])
    top = ImageLoader(normalize=None, pool_slices="max").fit_transform([image])
    assert np.array_equal(top[0, 0], values.max(axis=0))


def test_the_middle_of_an_image():
    image, _ = scan()
    values = sitk.GetArrayFromImage(image)
    X = ImageLoader(normalize=None, crop="center", size=(6, 40, 8)).fit_transform([image])
    assert np.array_equal(X[0, 0, :, 8:32], values[7:13, :, 10:18])
    assert (X[0, 0, :, :8] == values[7:13, :, 10:18].min()).all()


def test_a_pipeline_on_files_under_grouped_folds(manifest):
    rows = FunctionTransformer(lambda X: 9 * X.reshape(len(X), -1).max(axis=1)[:, None])
    loader = ImageLoader(crop="mask", margin_mm=0, window="lung", size=(8, 6, 6))
    pipeline = make_pipeline(loader, rows, LogisticRegression())
    found = cross_validate(
        pipeline,
        manifest,
        manifest["grade"],
        groups=manifest["PatientID"],
        cv=GroupKFold(3),
    )
    assert found["test_score"].tolist() == [1, 1, 1]
    assert clone(loader).get_params() == loader.get_params()


def test_unequal_images_need_a_rule():
    first, _ = scan()
    second, _ = scan(shape=(18, 24, 28))
    with pytest.raises(ValueError, match=r"shapes \(18, 24, 28\), \(20, 24, 28\)"):
        ImageLoader().fit([first, second])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window": "lungs"}, "Got window='lungs', expected"),
        ({"spacing_mm": (1, 0, 1)}, r"Got spacing_mm=\(1, 0, 1\)"),
        ({"spacing_mm": -1}, "Got spacing_mm=-1"),
        ({"size": (3, 3)}, r"Got size=\(3, 3\)"),
        ({"crop": "middle"}, "Got crop='middle'"),
        ({"crop": "center"}, "Got crop='center' without size"),
        ({"margin_mm": -1}, "Got margin_mm=-1"),
        ({"normalize": "minmax"}, "Got normalize='minmax'"),
        ({"mask_mode": "channel"}, "Got mask_mode='channel', but row 0 has no mask"),
        ({"slices": "largest"}, "Got slices='largest', but row 0 has no mask"),
        ({"slices": "central", "pool_slices": "max"}, "a single slice is not pooled"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    image, _ = scan()
    with pytest.raises(ValueError, match=message):
        ImageLoader(**parameters).fit_transform([image])


def test_a_case_that_cannot_be_used_is_named(manifest):
    manifest.loc["case2", "Mask"] = manifest.loc["case2", "Mask"].replace("seg", "none")
    with pytest.raises(ImageFileError, match=r"row case2 .*cannot be used"):
        ImageLoader(crop="mask").fit(manifest)
    with pytest.raises(ImageFileError, match="crop='mask' needs a mask"):
        ImageLoader(crop="mask").fit([scan()[0]])
    for bad in (3, "scan.nrrd", [], [(1, 2, 3)]):
        with pytest.raises((TypeError, ValueError), match="Got X"):
            ImageLoader().fit(bad)


def test_the_cache_gives_the_same_and_is_read(manifest, tmp_path, monkeypatch):
    settings = {"spacing_mm": 1.5, "crop": "mask", "window": "lung"}
    plain = ImageLoader(**settings).fit_transform(manifest)
    kept = ImageLoader(**settings, cache=tmp_path / "crops")
    assert np.array_equal(kept.fit_transform(manifest), plain)
    assert len(list((tmp_path / "crops").glob("*.npz"))) == 6
    monkeypatch.setattr("skvae.images.cases.read_case", None)
    assert np.array_equal(kept.transform(manifest), plain)
    # What a window makes of it is no part of the cache.
    assert kept.set_params(window="bone").fit_transform(manifest).max() < plain.max()


def test_a_damaged_or_outdated_crop_is_read_again(manifest, tmp_path):
    loader = ImageLoader(crop="mask", normalize=None, cache=tmp_path / "crops")
    plain = loader.fit_transform(manifest)
    for path in (tmp_path / "crops").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:200])
    assert np.array_equal(loader.fit_transform(manifest), plain)
    image = sitk.ReadImage(manifest["Image"].iloc[0])
    sitk.WriteImage(image + 1, manifest["Image"].iloc[0])
    assert np.array_equal(loader.fit_transform(manifest)[0, 0, :2], plain[0, 0, :2] + 1)


def test_many_images_become_a_memory_map(manifest, tmp_path):
    settings = {"crop": "mask", "window": "lung", "cache": tmp_path}
    mapped = ImageLoader(**settings, memory_map_above_mb=0).fit_transform(manifest)
    assert isinstance(mapped, np.memmap)
    assert np.array_equal(mapped, ImageLoader(**settings).fit_transform(manifest))


def test_quality_says_why(manifest, tmp_path):
    bad = manifest.copy()
    empty = sitk.ReadImage(bad["Mask"].iloc[1]) * 0
    sitk.WriteImage(empty, str(tmp_path / "empty.nrrd"))
    bad.loc["case1", "Mask"] = str(tmp_path / "empty.nrrd")
    far = sitk.ReadImage(bad["Mask"].iloc[2])
    far.SetOrigin((500.0, 0.0, 0.0))
    sitk.WriteImage(far, str(tmp_path / "far.nrrd"))
    bad.loc["case2", "Mask"] = str(tmp_path / "far.nrrd")
    bad.loc["case3", ["Image", "Mask"]] = bad.loc["case0", ["Image", "Mask"]].to_list()
    table = check_images(bad)
    assert table["usable"].tolist() == [True, False, False, False, True, True]
    assert table.loc["case1", "reason"] == "the mask is empty"
    assert "lies outside of the image: shapes" in table.loc["case2", "reason"]
    expected = "the same voxels and region as row case0 of another patient"
    assert table.loc["case3", "reason"] == expected
    assert table.loc["case0", "volume_mm3"] == 3 * 6 * 6 * 2
    assert table.loc["case5", "notes"] == "the patient has 2 rows"
    usable, _ = usable_cases(bad, on_error="exclude")
    assert list(usable.index) == ["case0", "case4", "case5"]
    assert usable["volume_mm3"].iloc[0] == 216
    with pytest.raises(ValueError, match="3 of 6 cases that cannot be used: "):
        usable_cases(bad)
