import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skvae.datasets import make_lesions


@pytest.fixture(scope="module")
def clean():
    """Phantoms without noise, which must show what the attributes say."""
    return make_lesions(200, noise=0, max_tilt=0, random_state=0)


@pytest.fixture(scope="module")
def pair():
    return make_lesions(100, layout="pair", noise=0, random_state=0)


def values_deep_within(image, mask):
    """Values where no softened edge reaches: the mask without its outermost voxels."""
    inner = mask.astype(bool)
    for axis in range(3):
        inner = inner & np.roll(mask, 1, axis).astype(bool) & np.roll(mask, -1, axis)
    return image[inner.astype(bool)]


def test_shapes_and_types(clean, pair):
    assert clean.images.shape == (200, 1, 32, 32, 32)
    assert clean.images.dtype == np.float32
    assert clean.masks.shape == (200, 1, 32, 32, 32)
    assert clean.masks.dtype == np.uint8
    assert pair.images.shape == (100, 1, 32, 32, 32)
    assert pair.masks.shape == (100, 2, 32, 32, 32)


def test_volume_counts_the_voxels_of_the_mask(clean):
    counted = clean.masks.sum(axis=(1, 2, 3, 4))
    volume = clean.attributes[:, 0]
    np.testing.assert_allclose(counted, volume, rtol=0.08)
    assert np.mean(counted / volume) == pytest.approx(1, abs=0.01)
    assert volume.max() / volume.min() > 4


def test_elongation_is_the_ratio_of_the_extents_of_the_mask(clean):
    measured = []
    for mask in clean.masks[:, 0]:
        # The variance of a solid ellipsoid along an axis is a fifth of the squared
        # half-axis; a voxel adds a twelfth of its own.
        variance = np.argwhere(mask).var(axis=0) + 1 / 12
        measured.append(np.sqrt(variance[0] / variance[1:].mean()))
    np.testing.assert_allclose(measured, clean.attributes[:, 1], rtol=0.05)


def test_tilt_turns_the_long_axis_but_does_not_stretch_it():
    lesions = make_lesions(60, noise=0, max_tilt=90, random_state=0)
    tilts, measured = [], []
    for mask in lesions.masks[:, 0]:
        positions = np.argwhere(mask)
        covariance = np.cov(positions.T, bias=True) + np.eye(3) / 12
        variances, directions = np.linalg.eigh(covariance)
        measured.append(np.sqrt(variances[2] / variances[:2].mean()))
        tilts.append(np.degrees(np.arccos(np.abs(directions[0, 2]).clip(0, 1))))
    np.testing.assert_allclose(measured, lesions.attributes[:, 1], rtol=0.08)
    elongated = lesions.attributes[:, 1] > 1.3
    assert np.ptp(np.array(tilts)[elongated]) > 60


def test_intensity_and_texture_are_mean_and_deviation_within(clean):
    inner = [
        values_deep_within(image, mask)
        for image, mask in zip(clean.images[:, 0], clean.masks[:, 0], strict=True)
    ]
    means = np.array([values.mean() for values in inner])
    deviations = np.array([values.std() for values in inner])
    error = np.abs(means - clean.attributes[:, 2])
    assert np.quantile(error / clean.attributes[:, 3], 0.95) < 0.3
    assert np.mean(means - clean.attributes[:, 2]) == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose(deviations, clean.attributes[:, 3], rtol=0.3)
    assert np.corrcoef(deviations, clean.attributes[:, 3])[0, 1] > 0.98


def test_outside_of_the_lesion_there_is_nothing_but_noise(clean):
    outside = clean.images.copy()
    for axis in (2, 3, 4):
        for step in (-1, 0, 1):
            outside[np.roll(clean.masks, step, axis).astype(bool)] = 0
    assert np.abs(outside).max() < 0.2
    noisy = make_lesions(200, noise=0.3, max_tilt=0, random_state=0)
    added = noisy.images - clean.images
    assert added.std() == pytest.approx(0.3, rel=0.01)
    assert added.mean() == pytest.approx(0, abs=0.002)


def test_noise_and_missing_values_leave_the_phantoms_beneath_alone(clean):
    other = make_lesions(200, noise=0.3, missing=0.5, max_tilt=0, random_state=0)
    np.testing.assert_array_equal(other.masks, clean.masks)
    np.testing.assert_array_equal(other.target, clean.target)
    np.testing.assert_array_equal(other.attributes_complete, clean.attributes)


def test_a_pair_shows_each_attribute_in_its_half(pair):
    left, right = pair.masks[:, 0], pair.masks[:, 1]
    assert not left[..., 16:].any()
    assert not right[..., :16].any()
    counted = np.array([left.sum(axis=(1, 2, 3)), right.sum(axis=(1, 2, 3))])
    np.testing.assert_allclose(counted[0], pair.attributes[:, 0], rtol=0.1)
    assert np.ptp(counted[1]) < 0.1 * counted[1].mean()
    inner = [
        [values_deep_within(image, mask) for mask in masks]
        for image, masks in zip(pair.images[:, 0], pair.masks, strict=True)
    ]
    for plain, textured in inner:
        np.testing.assert_allclose(plain, 0.75, atol=1e-5)
        assert textured.std() > 0.01
    means = [textured.mean() for _, textured in inner]
    assert np.corrcoef(means, pair.attributes[:, 2])[0, 1] > 0.95


def test_label_follows_the_documented_model():
    lesions = make_lesions(3000, size=16, coef=(3, 0, 1, -2), random_state=0)
    low, high = lesions.attributes.min(axis=0), lesions.attributes.max(axis=0)
    z = (lesions.attributes - (low + high) / 2) / (high - low) * np.sqrt(12)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.03)
    expected = 1 / (1 + np.exp(-(3 * z[:, 0] + z[:, 2] - 2 * z[:, 3])))
    np.testing.assert_allclose(lesions.probability, expected, atol=0.02)
    # The label is drawn with this probability: it is right on average, bin by bin.
    for lower in np.arange(0, 1, 0.25):
        share = (lesions.probability >= lower) & (lesions.probability < lower + 0.25)
        difference = lesions.target[share].mean() - lesions.probability[share].mean()
        assert abs(difference) < 4 * 0.5 / np.sqrt(share.sum())


def test_default_label_is_neither_trivial_nor_noise():
    lesions = make_lesions(2000, size=16, random_state=0)
    assert lesions.target.mean() == pytest.approx(0.5, abs=0.05)
    oracle = roc_auc_score(lesions.target, lesions.probability)
    volume = roc_auc_score(lesions.target, lesions.attributes[:, 0])
    assert 0.9 < oracle < 0.97
    assert volume < oracle - 0.1


def test_without_coefficients_the_label_is_a_coin():
    lesions = make_lesions(20, size=16, coef=(0, 0, 0, 0), random_state=0)
    np.testing.assert_array_equal(lesions.probability, 0.5)


@pytest.mark.parametrize("missing", [0, 0.3, 1])
def test_share_of_missing_attributes(missing):
    lesions = make_lesions(1000, size=16, missing=missing, random_state=0)
    is_missing = np.isnan(lesions.attributes)
    assert is_missing.mean() == pytest.approx(missing, abs=0.03)
    np.testing.assert_array_equal(
        lesions.attributes[~is_missing], lesions.attributes_complete[~is_missing]
    )
    assert np.isfinite(lesions.attributes_complete).all()


def test_random_state_decides_and_the_global_one_is_not_touched():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again = (make_lesions(70, size=16, missing=0.2, random_state=3) for _ in "ab")
    for name in ("images", "masks", "target", "attributes", "probability"):
        np.testing.assert_array_equal(first[name], again[name])
    assert (make_lesions(70, size=16, random_state=4).images != first.images).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_other_forms():
    lesions = make_lesions(10, size=17, random_state=0)
    images, target = make_lesions(10, size=17, random_state=0, return_X_y=True)
    np.testing.assert_array_equal(images, lesions.images)
    np.testing.assert_array_equal(target, lesions.target)
    framed = make_lesions(10, size=17, random_state=0, as_frame=True)
    assert list(framed.attributes.columns) == lesions.attribute_names
    np.testing.assert_array_equal(framed.attributes.to_numpy(), lesions.attributes)
    assert framed.target.tolist() == lesions.target.tolist()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "Got n_samples=0, but make_lesions takes"),
        ({"size": 8}, ValueError, "Got size=8, but .* an integer of at least 16"),
        ({"size": 32.0}, TypeError, "Got size=32.0, but make_lesions takes an integer"),
        ({"layout": "two"}, ValueError, "Got layout='two', but .* one of single, pair"),
        ({"noise": -1}, ValueError, "Got noise=-1, but make_lesions takes"),
        ({"missing": 1.5}, ValueError, "Got missing=1.5, but .* at least 0 and at most 1"),
        ({"coef": (1, 2)}, ValueError, r"Got coef=\(1, 2\), but .* four finite numbers"),
        ({"max_tilt": 91}, ValueError, "Got max_tilt=91, but make_lesions takes"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        make_lesions(**parameters)
