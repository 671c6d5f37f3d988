"""Segmenters of several networks predict the mean of the maps of each."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.frozen import FrozenEstimator

import skvae
from skvae import SegNetSegmenter, UNetSegmenter, cross_val_predict_masks
from skvae.datasets import make_mammograms
from skvae.estimators.several_fits import one_by_one
from skvae.training_counts import counted_trainings

MAMMOGRAMS = make_mammograms(6, size=32, random_state=0)
X = MAMMOGRAMS.images
MASKS = (MAMMOGRAMS.masks > 0).astype(np.uint8)
# The second label lies within the first; both are there at once.
OVERLAPPING = np.stack([MASKS, MASKS * (X[:, 0] > 0.5)], axis=1)
SMALL = {"depth": 2, "width": 4, "max_iter": 2, "batch_size": 4, "random_state": 0}


def logits(network, x):
    return network.network_.read(x, ["mask_logits"], None, 1).reshape(len(x), 2, 32, 32)


@pytest.mark.parametrize("y", [MASKS, OVERLAPPING], ids=["one label", "overlapping"])
@pytest.mark.parametrize("options", [{}, {"deep_supervision": True}])
def test_maps_are_the_mean_of_those_of_each(y, options):
    several = UNetSegmenter(n_networks=3, **SMALL, **options)
    alone = [one.fit(X, y) for one in one_by_one(several)]
    several.fit(X, y)
    each = [logits(one, X).astype(np.float64) for one in alone]
    chances = softmax(each, axis=2) if y is MASKS else expit(each)
    expected = chances.mean(axis=0)
    found = several.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    labels = expected.argmax(axis=1) if y is MASKS else expected > 0.5
    np.testing.assert_array_equal(several.predict(X), labels)
    # The logits are those of the mean, so that who reads them reads the same.
    joint = logits(several, X)
    again = softmax(joint, axis=1) if y is MASKS else expit(joint)
    np.testing.assert_allclose(again, expected, atol=1e-6)
    np.testing.assert_array_equal(
        several.transform(X), np.hstack([one.transform(X) for one in alone])
    )
    first = UNetSegmenter(**SMALL, **options).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), alone[0].predict_proba(X))
    assert np.abs(alone[1].predict_proba(X) - alone[0].predict_proba(X)).max() > 1e-3
    assert [row["network"] for row in several.history_] == [0, 0, 1, 1, 2, 2]
    assert several.n_iter_ == 6


@pytest.mark.parametrize("kind", [UNetSegmenter, SegNetSegmenter])
def test_windows_flips_and_parts_are_of_the_mean(kind):
    small = SMALL if kind is UNetSegmenter else SMALL | {"n_convolutions": (1, 1)}
    reading = {"patch_size": 16, "test_time_flips": True}
    several = kind(n_networks=2, **small, **reading)
    each = [one.fit(X, MASKS) for one in one_by_one(several)]
    expected = np.mean([one.predict_proba(X) for one in each], axis=0)
    several.fit(X, MASKS)
    np.testing.assert_allclose(several.predict_proba(X), expected, atol=1e-6)
    other = several.predict_proba([X[0], np.ones((1, 21, 20), np.float32)])
    assert [one.shape for one in other] == [(2, 32, 32), (2, 21, 20)]


def test_what_is_known_is_not_trained_again(tmp_path):
    kinds = {n: UNetSegmenter(n_networks=n, memory=str(tmp_path), **SMALL) for n in (2, 3)}
    with counted_trainings() as first:
        kinds[2].fit(X, MASKS)
    with counted_trainings() as then:
        kinds[3].fit(X, MASKS)
    assert (first.n, then.n) == (2, 1)


def test_an_interrupted_fit_keeps_the_network_that_is_whole(monkeypatch):
    fit, fits = UNetSegmenter._fit, []

    def stopped_at_the_second(self, *args, **kwargs):
        fits.append(self)
        if len(fits) == 2:
            raise KeyboardInterrupt
        return fit(self, *args, **kwargs)

    alone = UNetSegmenter(**SMALL).fit(X, MASKS)
    monkeypatch.setattr(UNetSegmenter, "_fit", stopped_at_the_second)
    several = UNetSegmenter(n_networks=3, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        several.fit(X, MASKS)
    np.testing.assert_array_equal(several.predict_proba(X), alone.predict_proba(X))


def test_it_is_saved_and_predicts_out_of_fold(tmp_path):
    several = UNetSegmenter(n_networks=2, **SMALL).fit(X, MASKS)
    skvae.save(several, tmp_path / "unet.skvae")
    loaded = skvae.load(tmp_path / "unet.skvae")
    np.testing.assert_array_equal(loaded.predict_proba(X), several.predict_proba(X))
    maps = cross_val_predict_masks(several, X, MASKS, cv=2)
    of_first = loaded.fit(X[3:], MASKS[3:]).predict_proba(X[:3])
    np.testing.assert_array_equal(maps[:3], of_first)


def test_weights_that_all_begin_with():
    donor = UNetSegmenter(**SMALL).fit(X, MASKS)
    options = {"freeze": "encoder", **SMALL}
    for weights in (donor, FrozenEstimator(donor)):  # the first is lost in a clone
        several = UNetSegmenter(n_networks=2, encoder_weights=weights, **options)
        features = several.fit(X, MASKS).transform(X)
        np.testing.assert_array_equal(features, np.tile(donor.transform(X), 2))
        assert several.transfer_report_ is not None
    with pytest.raises(ValueError, match="networks are several; expected"):
        UNetSegmenter(encoder_weights=several, **options).fit(X, MASKS)
