import numpy as np
import pytest
from scipy import ndimage

from skvae.datasets import make_ultrasound_lesions
from skvae.datasets.ultrasound_lesions import DYNAMIC_RANGE, GRAIN, Canvas, Lesion


@pytest.fixture(scope="module")
def ultrasound():
    return make_ultrasound_lesions(120, random_state=0)


def amplitudes(images):
    return 10 ** ((images.astype(float) - 1) * DYNAMIC_RANGE / 20)


def surroundings(mask, n_pixels=6):
    return ndimage.binary_dilation(mask, iterations=n_pixels) & (mask == 0)


def test_areas_go_from_one_to_twenty_percent_and_are_the_attribute(ultrasound):
    area, there = ultrasound.masks.mean(axis=(1, 2)), ultrasound.target >= 0
    np.testing.assert_array_equal(area, ultrasound.attributes[:, 0])
    assert 0.0099 < area[there].min() < 0.02 < 0.15 < area[there].max() < 0.2001
    # On the scale of the logarithm, the middle is the geometric mean.
    assert abs(np.log(area[there]).mean() - np.log(0.01 * 0.2) / 2) < 0.2
    # A lesion is in one piece, and whole.
    for mask in ultrasound.masks[there]:
        _, n_parts = ndimage.label(mask, np.ones((3, 3)))
        assert n_parts == 1
        assert mask[1:-1, 1:-1].sum() == mask.sum()


def test_the_shares_are_what_was_asked_for(ultrasound):
    there = ultrasound.target >= 0
    assert (~there).sum() == 18
    assert (ultrasound.target == 1).sum() == round(0.4 * 102)
    assert ultrasound.unclear.sum() == round(0.2 * 102)
    assert not ultrasound.unclear[~there].any()
    assert not ultrasound.masks[~there].any()
    assert np.isnan(ultrasound.attributes[~there, 1:]).all()
    assert np.isfinite(ultrasound.attributes[there]).all()
    none = make_ultrasound_lesions(5, size=32, without=1, random_state=0)
    assert (none.target == -1).all()


def test_a_lesion_is_darker_than_what_is_around_it_by_about_its_contrast(ultrasound):
    decibels = DYNAMIC_RANGE * (ultrasound.images[:, 0] - 1)
    clear = (ultrasound.target >= 0) & ~ultrasound.unclear
    found = np.array(
        [
            image[surroundings(mask)].mean() - image[mask > 0].mean()
            for image, mask in zip(decibels[clear], ultrasound.masks[clear], strict=True)
        ]
    )
    contrast = ultrasound.attributes[clear, 3]
    assert (found > 0).mean() > 0.95
    assert np.corrcoef(found, contrast)[0, 1] > 0.7
    assert abs((found - contrast).mean()) < 3


def test_unclear_borders_are_less_steep(ultrasound):
    def steepness(wanted):
        rows = (ultrasound.target >= 0) & (ultrasound.unclear == wanted)
        steps = []
        for image, mask in zip(
            ultrasound.images[rows, 0], ultrasound.masks[rows], strict=True
        ):
            rim = mask.astype(bool) & ~ndimage.binary_erosion(mask, iterations=2)
            steps.append(image[surroundings(mask, 2)].mean() - image[rim].mean())
        return np.mean(steps)

    assert steepness(wanted=True) < 0.5 * steepness(wanted=False)


def test_amplitudes_of_homogeneous_tissue_are_rayleighs_and_their_grain_the_pulse():
    canvas = Canvas(128)
    rng = np.random.default_rng(0)
    level = np.full((128, 128), -20, dtype=np.float32)
    images = np.array([canvas.shown(rng, level) for _ in range(30)])
    assert (images > 0).mean() > 0.9999
    found = amplitudes(images)
    assert found.mean() / found.std() == pytest.approx(
        np.sqrt(np.pi / (4 - np.pi)), rel=0.02
    )
    assert np.square(found).mean() == pytest.approx(0.01, rel=0.02)
    assert (images * DYNAMIC_RANGE).std() == pytest.approx(5.57, rel=0.02)
    # A blurred complex field correlates like exp(-d² / 4s²), and its power as the square.
    power = np.square(found) / np.square(found).mean() - 1
    for axis, scale in zip((1, 2), GRAIN, strict=True):
        for lag in (1, 2):
            product = power * np.roll(power, lag, axis)
            correlation = product.mean() / np.square(power).mean()
            assert correlation == pytest.approx(
                np.exp(-(lag**2) / (2 * scale**2)), abs=0.03
            )


@pytest.mark.parametrize("shadow", [12.0, -8.0])
def test_a_shadow_lies_below_the_lesion_alone(shadow):
    canvas = Canvas(96)
    level = np.zeros((96, 96), dtype=np.float32)
    lesion = Lesion(0.04, 1.0, 0.0, contrast=10, shadow=shadow, unclear=False)
    found, mask = canvas.with_lesion(np.random.default_rng(3), level, lesion)
    rows, columns = np.nonzero(mask)
    above = found[: rows.min() - 2]
    np.testing.assert_allclose(above, 0, atol=0.1)
    aside = np.delete(found, np.s_[columns.min() - 3 : columns.max() + 4], axis=1)
    np.testing.assert_allclose(aside, 0, atol=0.1)
    below = found[rows.max() + 4 :]
    deepest = below.min() if shadow > 0 else below.max()
    assert deepest == pytest.approx(-shadow, abs=0.3)
    core = ndimage.binary_erosion(mask, iterations=2)
    assert found[core].mean() == pytest.approx(-10, abs=0.3)


def test_benign_lesions_lie_and_malignant_ones_stand_and_have_longer_rims(ultrasound):
    heights, rims = [], []
    for mask in ultrasound.masks:
        rows, columns = np.nonzero(mask)
        heights.append(np.ptp(rows) / np.ptp(columns) if len(rows) else np.nan)
        rim = (mask > 0) & ~ndimage.binary_erosion(mask)
        rims.append(rim.sum() / np.sqrt(max(mask.sum(), 1)))
    benign, malignant = (ultrasound.target == k for k in (0, 1))
    heights, rims = np.array(heights), np.array(rims)
    assert np.median(heights[benign]) < 0.9 < 1 < np.median(heights[malignant])
    assert np.median(rims[malignant]) > 1.05 * np.median(rims[benign])


def test_the_same_number_gives_the_same_images():
    one, same, other = (
        make_ultrasound_lesions(6, size=48, random_state=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.images, same.images)
    np.testing.assert_array_equal(one.masks, same.masks)
    assert not np.array_equal(one.images, other.images)
    images, masks = make_ultrasound_lesions(6, size=48, random_state=0, return_X_y=True)
    np.testing.assert_array_equal(images, one.images)
    np.testing.assert_array_equal(masks, one.masks)
    assert images.dtype == np.float32
    assert masks.dtype == np.uint8
    assert 0 <= images.min() < images.max() <= 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"size": 16},
            "Got size=16, but make_ultrasound_lesions takes an integer of",
        ),
        ({"unclear": 1.5}, r"Got unclear=1\.5, but make_ultrasound_lesions takes a number"),
        ({"area_range": (0.0, 0.1)}, r"Got area_range\[0\]=0\.0, .* a number above 0"),
        ({"area_range": (0.1, 0.5)}, r"Got area_range\[1\]=0\.5, .* at most 0\.25"),
        ({"area_range": (0.2, 0.1)}, r"Got area_range=\(0\.2, 0\.1\), but make_ultra"),
    ],
)
def test_impossible_lesions_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_ultrasound_lesions(**wrong)
