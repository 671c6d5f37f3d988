"""What small, noisy sets need: flips, rules for parts, other losses."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from sklearn.base import clone

import skvae
from skvae import SegNetSegmenter, UNetSegmenter
from skvae.datasets import make_ultrasound_lesions, make_xrays
from skvae.training.caching import n_trainings

SMALL = {
    "depth": 2,
    "width": 4,
    "max_iter": 3,
    "batch_size": 4,
    "learning_rate_init": 5e-3,
    "random_state": 0,
    "n_threads": 1,
    "device": "cpu",
}
X, Y = make_xrays(12, size=33, random_state=0, return_X_y=True)
UNITS = (X - X.mean()) / X.std()


@pytest.fixture(scope="module")
def fitted():
    return UNetSegmenter(**SMALL | {"max_iter": 8}).fit(X, Y)


def test_flips_are_those_of_the_images_each_flipped_back(fitted):
    of_one = fitted.predict_proba
    upside = [of_one(X), of_one(X[:, :, ::-1].copy())[:, :, ::-1]]
    sides = [of_one(X[..., ::-1].copy())[..., ::-1]]
    sides.append(of_one(X[:, :, ::-1, ::-1].copy())[:, :, ::-1, ::-1])
    flipping = clone(fitted).set_params(test_time_flips=(0,)).fit(X, Y)
    np.testing.assert_allclose(flipping.predict_proba(X), np.mean(upside, 0), atol=1e-6)
    flipping.set_params(test_time_flips=True)
    expected = np.mean(upside + sides, axis=0)
    np.testing.assert_allclose(flipping.predict_proba(X), expected, atol=1e-6)
    np.testing.assert_array_equal(flipping.predict(X), expected.argmax(axis=1))
    assert not np.allclose(expected, of_one(X), atol=1e-3)
    # By windows that see all of the image, it is the same.
    flipping.set_params(patch_size=33)
    np.testing.assert_allclose(flipping.predict_proba(X[:2]), expected[:2], atol=1e-5)


def test_a_flip_of_an_axis_that_is_not_there_is_refused_before_training():
    with pytest.raises(ValueError, match=r"test_time_flips=\(2,\), .* the 2 spatial axes"):
        UNetSegmenter(**SMALL, test_time_flips=(2,)).fit(X, Y)


def test_labels_keep_one_part_or_those_of_some_size_and_probabilities_stay(fitted):
    assert "mask_logits_2" not in fitted.network_.shapes
    before, probability = fitted.predict(X), fitted.predict_proba(X)
    eight = np.ones((3, 3))
    assert max(ndimage.label(mask, eight)[1] for mask in before) > 1
    ruled = clone(fitted).set_params(keep_largest=True).fit(X, Y)
    found = ruled.predict(X)
    for mask, part in zip(before, found, strict=True):
        parts, n_parts = ndimage.label(mask, eight)
        sizes = ndimage.sum_labels(mask, parts, range(1, n_parts + 1))
        assert part.sum() == sizes.max()
        assert (mask[part > 0] == 1).all()
    np.testing.assert_array_equal(ruled.predict_proba(X), probability)
    assert ruled.score(X, Y) == pytest.approx(
        skvae.dice_scores(Y, found, labels=[1]).mean()
    )
    ruled.set_params(keep_largest=False, min_size=20)
    sizes = [
        np.bincount(ndimage.label(mask, eight)[0].ravel())[1:] for mask in ruled.predict(X)
    ]
    assert np.concatenate(sizes).min() >= 20
    ruled.set_params(min_size=33 * 33 + 1)
    assert not ruled.predict(X).any()


def test_parts_of_lists_of_unequal_sizes_and_of_labels_that_overlap(fitted):
    ruled = clone(fitted).set_params(min_size=33 * 33 + 1)
    images, masks = [X[0], X[1][:, :20]], [Y[0], Y[1][:20]]
    predicted = ruled.fit(images, masks).predict(images)
    assert [mask.shape for mask in predicted] == [(33, 33), (20, 33)]
    assert not any(mask.any() for mask in predicted)
    named = np.empty(Y.shape, [("lungs", "u1"), ("bright", "u1")])
    named["lungs"], named["bright"] = Y, X[:, 0] > 0.5
    predicted = ruled.set_params(min_size=0, keep_largest=True).fit(X, named).predict(X)
    for mask in predicted["bright"]:
        assert ndimage.label(mask, np.ones((3, 3)))[1] <= 1


def test_what_is_removed_needs_a_background():
    segmenter = UNetSegmenter(**SMALL | {"max_iter": 1}, min_size=5).fit(X, Y + 3)
    with pytest.raises(ValueError, match=r"min_size=5 with the classes 3, 4, but what"):
        segmenter.predict(X)
    assert set(np.unique(segmenter.set_params(min_size=0).predict(X))) <= {3, 4}


def test_reading_parameters_train_nothing_anew(tmp_path):
    segmenter = UNetSegmenter(**SMALL | {"max_iter": 1}, memory=str(tmp_path))
    for parameters in (
        {},
        {"test_time_flips": True},
        {"keep_largest": True},
        {"min_size": 9},
    ):
        clone(segmenter).set_params(**parameters).fit(X, Y).predict(X)
    assert n_trainings(str(tmp_path)) == 1
    clone(segmenter).set_params(tversky_beta=0.7).fit(X, Y)
    clone(segmenter).set_params(deep_supervision=True).fit(X, Y)
    assert n_trainings(str(tmp_path)) == 3


@pytest.mark.parametrize("kind", [UNetSegmenter, SegNetSegmenter])
@pytest.mark.parametrize("patch_size", [None, 16])
def test_deep_supervision_of_any_kind_and_size(kind, patch_size, tmp_path):
    counts = {"n_convolutions": 1, "deep_supervision": True, "patch_size": patch_size}
    deep = kind(**SMALL | counts | {"depth": 3}).fit(X, Y)
    layers = [layer.name for layer in deep.list_layers()]
    assert layers.index("mask_logits_3") < layers.index("mask_logits_2")
    assert deep.transform(X).shape[0] == 12
    skvae.save(deep, tmp_path / "deep.skvae")
    loaded = skvae.load(tmp_path / "deep.skvae")
    np.testing.assert_array_equal(loaded.predict_proba(X), deep.predict_proba(X))


def test_levels_of_the_decoder_learn_what_the_finest_does():
    learning = SMALL | {"max_iter": 20, "width": 8}
    deep = UNetSegmenter(**learning, deep_supervision=True).fit(X, Y)
    logits = deep.network_.read(X, ["mask_logits_2"], None).reshape(12, 2, 17, 17)
    coarse = Y[:, ::2, ::2]
    assert skvae.dice_scores(coarse, logits.argmax(axis=1), labels=[1]).mean() > 0.8
    assert deep.score(X, Y) > 0.8


def test_a_larger_beta_misses_fewer_pixels_of_small_lesions():
    ultrasound = make_ultrasound_lesions(24, size=32, without=0.0, random_state=0)
    x, y = ultrasound.images, ultrasound.masks
    found = {
        beta: UNetSegmenter(**SMALL | {"max_iter": 8}, loss="dice", tversky_beta=beta)
        .fit(x, y)
        .predict(x)
        for beta in (0.2, 0.9)
    }
    missed = {beta: (y & (mask == 0)).sum() / y.sum() for beta, mask in found.items()}
    assert missed[0.9] < missed[0.2]
    assert found[0.9].sum() > found[0.2].sum()


def test_slices_far_apart_are_segmented_with_any_kind_of_step():
    x = np.stack([X[:, :, :24, :24]] * 3, axis=2)  # three slices of the same
    y = np.stack([Y[:, :24, :24]] * 3, axis=1)
    for parameters in ({}, {"first_stride": 2, "deep_supervision": True, "up": "resize"}):
        unet = UNetSegmenter(**SMALL, spacing=[200, 1.5, 1.5], **parameters).fit(x, y)
        assert unet.predict(x).shape == y.shape
        # Nothing was convolved across slices, nor read from a neighbour.
        kernels = {tuple(w.shape[2:]) for w in unet.network_.module.parameters()}
        assert {k[0] for k in kernels if len(k) == 3} == {1}
        probability = unet.predict_proba(x)
        np.testing.assert_allclose(probability[:, :, 0], probability[:, :, 2], atol=1e-6)
    one = UNetSegmenter(**SMALL, spacing=(1.0, 1.0)).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(one, UNetSegmenter(**SMALL).fit(X, Y).predict_proba(X))


@pytest.mark.parametrize("spacing", [(1.0,), (1, 1, 1), (1, 0), (1, np.nan), (1, "2"), ()])
def test_distances_that_are_not_those_of_the_axes_are_refused(spacing):
    with pytest.raises(ValueError, match=r"spacing=.* but images have 2 spatial axes"):
        UNetSegmenter(**SMALL, spacing=spacing).fit(X, Y)


@pytest.mark.parametrize(("offset", "scale"), [(25, 1), (-1000, 1), (3e4, 400)])
def test_images_far_from_zero_are_warned_of(offset, scale):
    short = UNetSegmenter(depth=1, width=2, max_iter=1, normalization="group")
    with pytest.warns(UserWarning, match="Got X whose channel 0 has a mean of") as caught:
        short.fit(UNITS * scale + offset, Y)
    assert [Path(w.filename).name for w in caught] == [Path(__file__).name]


@pytest.mark.parametrize(("offset", "scale"), [(0, 1), (-1000, 400), (3, 1), (30000, 5000)])
def test_other_units_are_not_warned_of(offset, scale):
    short = UNetSegmenter(depth=1, width=2, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short.fit(UNITS * scale + offset, Y)
        constant = np.full_like(X, 5)
        short.fit(np.concatenate([X, constant], axis=1), Y)
