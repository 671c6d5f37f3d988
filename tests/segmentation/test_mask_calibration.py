"""Temperatures, intervals and expectations against truths drawn from known chances."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from skvae import calibrate_masks

RNG = np.random.default_rng(0)


def drawn(n, shape=(24, 24), heat=1.0, rng=RNG):
    """Return truths, maps that are too sure by some factor, and the true chances."""
    logits = 2 * rng.standard_normal((n, *shape)) - 1
    chance = expit(logits)
    truth = (rng.random(chance.shape) < chance).astype(int)
    said = expit(heat * logits)
    return truth, np.stack([1 - said, said], axis=1), chance


def test_the_temperature_is_that_by_which_maps_are_too_sure():
    truth, maps, chance = drawn(60, heat=3.0)
    calibration = calibrate_masks(truth, maps)
    assert calibration.temperature == pytest.approx(3, rel=0.03)
    np.testing.assert_allclose(calibration.apply(maps)[:, 1], chance, atol=0.01)
    before, after = calibration.log_loss
    assert before == pytest.approx(log_loss(truth.ravel(), maps[:, 1].ravel()), rel=1e-3)
    assert after == pytest.approx(log_loss(truth.ravel(), chance.ravel()), rel=1e-2)
    # Maps that say what is, stay as they are, nearly; labels always do.
    honest = np.stack([1 - chance, chance], axis=1)
    assert calibrate_masks(truth, honest).temperature == pytest.approx(1, rel=0.03)
    same = calibration.apply(maps).argmax(axis=1) == maps.argmax(axis=1)
    assert same.all()


def test_classes_by_name_and_pixels_that_do_not_count():
    logits = RNG.standard_normal((40, 3, 300)) * 2
    chance = softmax(logits, axis=1)
    index = (RNG.random((40, 1, 300)) > chance.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    truth, maps = np.array([0, 4, 7])[index], softmax(0.5 * logits, axis=1)
    calibration = calibrate_masks(truth, maps, classes=[0, 4, 7])
    assert calibration.temperature == pytest.approx(0.5, rel=0.05)
    assert calibration.errors.shape == (40, 2)
    truth[:, 100:] = -1
    part = calibrate_masks(truth, maps, classes=[0, 4, 7])
    alone = calibrate_masks(truth[:, :100], maps[..., :100], classes=[0, 4, 7])
    assert part.temperature == alone.temperature
    with pytest.raises(ValueError, match=r"y_true with the label 4, .* classes 0, 1, 2"):
        calibrate_masks(truth, maps)


def test_labels_that_overlap_as_an_axis_or_as_fields_and_images_of_unequal_sizes():
    logits = RNG.standard_normal((30, 2, 20, 20)) * 2
    truth = (RNG.random(logits.shape) < expit(logits)).astype(np.uint8)
    maps = expit(2 * logits)
    calibration = calibrate_masks(truth, maps, multilabel=True)
    assert calibration.temperature == pytest.approx(2, rel=0.03)
    np.testing.assert_allclose(calibration.apply(maps), expit(logits), atol=0.02)
    volume = calibration.quantify(maps).volume
    np.testing.assert_array_equal(volume, (maps > 0.5).sum(axis=(2, 3)))
    fields = np.empty((30, 20, 20), [("organ", "u1"), ("lesion", "u1")])
    fields["organ"], fields["lesion"] = truth[:, 0], truth[:, 1]
    named = calibrate_masks(fields, maps)
    assert named.temperature == calibration.temperature
    assert named.classes.tolist() == ["organ", "lesion"]
    some, smaller = list(truth), list(maps)
    some[3], smaller[3] = some[3][:, :7], smaller[3][:, :7]
    listed = calibrate_masks(some, smaller, multilabel=True)
    assert listed.apply(smaller)[3].shape == (2, 7, 20)
    assert listed.quantify(smaller).low.shape == (30, 2)


def images(n, rng):
    """Maps of lesions whose volume is off by a factor of its own in each image."""
    size = rng.integers(20, 200, n)
    off = rng.normal(0, 0.15, n)
    place = np.arange(400)
    said = expit((size[:, np.newaxis] - place) / (4 + 20 * np.abs(rng.normal(size=(n, 1)))))
    truth = place < (size * (1 + off))[:, np.newaxis]
    return truth.astype(int), np.stack([1 - said, said], axis=1)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_intervals_cover_the_share_that_they_promise(coverage):
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(8):
        calibration = calibrate_masks(*images(99, rng), coverage=coverage)
        truth, maps = images(100, rng)
        found = calibration.quantify(maps)
        volume = truth.sum(axis=1)[:, np.newaxis]
        covered.append((found.low <= volume) & (volume <= found.high))
    # Of 99 images and one more, it is this share in expectation.
    assert np.mean(covered) == pytest.approx(coverage, abs=0.03)


def test_of_too_few_images_no_interval_is_told():
    calibration = calibrate_masks(*images(8, RNG))
    found = calibration.quantify(images(3, RNG)[1])
    assert np.isinf(found.high).all()
    assert (found.low == 0).all()
    assert np.isfinite(calibrate_masks(*images(9, RNG)).quantify(images(1, RNG)[1]).high)


def test_the_dice_coefficient_to_expect_is_its_mean_over_truths_that_are_drawn():
    chance = expit(3 * RNG.standard_normal((5, 900)) - np.arange(5)[:, np.newaxis])
    maps = np.stack([1 - chance, chance], axis=1)
    truth = (RNG.random((400, *chance.shape)) < chance).astype(int)
    found = calibrate_masks(truth[0], maps).__class__(
        1.0, (0.0, 0.0), np.zeros((5, 1)), 0.5, np.array([0, 1]), False
    )
    said = chance > 0.5
    dice = 2 * (truth & said).sum(axis=2) / (truth.sum(axis=2) + said.sum(axis=1))
    quantified = found.quantify(maps)
    np.testing.assert_allclose(
        quantified.expected_dice[:, 0], dice.mean(axis=0), atol=0.005
    )
    assert quantified.order[0] == 4  # the fewest pixels, all of them doubtful
    assert sorted(quantified.order) == [0, 1, 2, 3, 4]
    nothing = np.stack([np.full((1, 900), 0.9), np.full((1, 900), 0.1)], axis=1)
    assert found.quantify(nothing).expected_dice == pytest.approx(0.9)


def test_what_does_not_belong_together_is_refused():
    truth, maps, _ = drawn(4, (5, 5))
    with pytest.raises(ValueError, match=r"shape \(3, 5, 5\) for the image 0, .*\(2, "):
        calibrate_masks(truth, np.concatenate([maps, maps[:, :1]], axis=1), classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes=\[1, 0\], .* ascending"):
        calibrate_masks(truth, maps, classes=[1, 0])
    with pytest.raises(ValueError, match="coverage=1 in"):
        calibrate_masks(truth, maps, coverage=1)
    with pytest.raises(ValueError, match="coverage"):
        calibrate_masks(truth, maps, coverage=0)
    with pytest.raises(ValueError, match="without a pixel that counts"):
        calibrate_masks(np.full_like(truth, -1), maps)
    with pytest.raises(ValueError, match=r"expected \(2, \*spatial\)"):
        calibrate_masks(truth, maps).apply(maps[:, :1])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        calibrate_masks(truth[:3], maps)
