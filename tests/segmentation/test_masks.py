"""The layouts in which masks may come, and what is refused, by all that take them."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import uniform_filter
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score

from skvae import (
    CascadeSegmenter,
    MaskStratifiedKFold,
    PixelClassifier,
    UNetSegmenter,
    cross_val_predict_masks,
    dice_scores,
    involvement,
)
from skvae.datasets import make_infected_lungs
from skvae.estimators.inputs import as_array
from skvae.segmentation.dice import mean_dice

LUNGS = make_infected_lungs(12, size=32, random_state=0)
X, Y = LUNGS.images[:, :, 4:28, 4:28].copy(), LUNGS.masks[:, 4:28, 4:28].astype(int)
NET = {"depth": 1, "width": 2, "max_iter": 1, "batch_size": 6, "learning_rate_init": 0.02}
SHARED = {"random_state": 0, "n_threads": 1, "device": "cpu"}
WITHOUT_ORGAN = pytest.mark.filterwarnings(
    "ignore::skvae.exceptions.EmptyOrganWarning"
)  # of networks that have hardly learned


class LocalMeans(TransformerMixin, BaseEstimator):
    """Grey levels, and their means around each pixel."""

    def fit(self, X, y=None):
        return self

    def transform_pixels(self, X):
        window = (0, 0) + (3,) * (X.ndim - 2)
        return np.concatenate([X, uniform_filter(X, window, mode="nearest")], axis=1)


def unet(**parameters):
    return UNetSegmenter(**NET | SHARED | parameters)


def cascade(**parameters):
    stages = {"stage1": UNetSegmenter(**NET), "stage2": UNetSegmenter(**NET), "cv": 2}
    return CascadeSegmenter(**stages | SHARED | parameters)


def pixels(**parameters):
    return PixelClassifier(**{"features": LocalMeans(), "random_state": 0} | parameters)


each_kind = pytest.mark.parametrize("kind", [unet, cascade, pixels])


def entries(arrays):
    """Return arrays, also of equal shape, as the entries of an object array."""
    found = np.empty(len(arrays), dtype=object)
    found[:] = [*arrays]
    return found


def cut(widths):
    images = [x[:, :, :w] for x, w in zip(X, widths, strict=True)]
    return images, [y[:, :w] for y, w in zip(Y, widths, strict=True)]


@each_kind
@WITHOUT_ORGAN
def test_object_arrays_and_series_are_lists_of_images(kind):
    expected = kind().fit(X, Y)
    probability, score = expected.predict_proba(X), expected.score(X, Y)
    for wrap in (entries, lambda a: pd.Series(list(a), index=range(20, 20 + len(a)))):
        fitted = kind().fit(wrap(X), wrap(Y))
        np.testing.assert_array_equal(fitted.predict_proba(wrap(X)), probability)
        assert fitted.score(wrap(X), wrap(Y)) == score
        np.testing.assert_array_equal(fitted.predict(wrap(X[:1])), fitted.predict(X[:1]))
    # Three folds, of which one has images of equal sizes.
    images, masks = cut([24] * 4 + [20, 22] * 4)
    scores = cross_val_score(kind(), images, masks, cv=KFold(3), error_score="raise")
    listed = cross_val_predict_masks(kind(), images, masks, cv=KFold(3), method="predict")
    for wrap in (entries, lambda a: pd.Series(list(a), index=range(20, 20 + len(a)))):
        given = wrap(images), wrap(masks)
        found = cross_val_score(kind(), *given, cv=KFold(3), error_score="raise")
        np.testing.assert_array_equal(found, scores)
        found = cross_val_predict_masks(kind(), *given, cv=KFold(3), method="predict")
        assert [each.shape for each in found] == [mask.shape for mask in masks]
        for a, b in zip(found, listed, strict=True):
            np.testing.assert_array_equal(a, b)


def test_scikit_learn_cannot_join_labels_where_one_fold_has_equal_sizes():
    images, masks = cut([24] * 4 + [20, 22] * 4)
    with pytest.raises(ValueError, match="same number of dimensions"):
        cross_val_predict(unet(max_iter=1), images, masks, cv=KFold(3))


def test_arrays_that_are_entries_become_one():
    numbers = np.array([1.0, 2.0], dtype=object)
    assert as_array(numbers) is numbers
    assert as_array(entries([np.float64(1), np.float64(2)])).dtype == object
    np.testing.assert_array_equal(as_array(entries(X)), X)
    np.testing.assert_array_equal(as_array(pd.Series(list(X), index=X[:, 0, 0, 0])), X)


@each_kind
@WITHOUT_ORGAN
@pytest.mark.parametrize("shape", [(5, 8), (5, 6, 8), (1, 8)])
def test_images_of_unequal_sizes_say_themselves_how_many_channels_they_have(kind, shape):
    rng = np.random.default_rng(0)
    # The first and the second half are folds, with other largest sizes and, once, one.
    widths = [8, 7] * 3 + [6] * 6
    images = [rng.random((*shape[:-1], w), dtype=np.float32) for w in widths]
    masks = [np.digitize(x[0], [0.4, 0.8]) for x in images]
    model = kind().fit(images, masks)
    assert model.sample_shape_ == shape
    assert [each.shape for each in model.predict(images)] == [m.shape for m in masks]
    own = kind(image_shape=shape).fit(images, masks)
    for a, b in zip(own.predict_proba(images), model.predict_proba(images), strict=True):
        np.testing.assert_array_equal(a, b)
    scores = cross_val_score(
        kind(image_shape=shape), images, masks, cv=KFold(2), error_score="raise"
    )
    assert np.isfinite(scores).all()
    # Another number of channels, or axes, is still an error.
    other = (shape[0] + 1, *shape[1:])
    with pytest.raises(ValueError, match=r"Got X with samples of shape"):
        kind(image_shape=other).fit(images[6:], masks[6:])


@each_kind
@WITHOUT_ORGAN
def test_images_without_a_pixel_that_counts_do_not_count_in_the_score(kind):
    half, model = Y.copy(), kind().fit(X, Y)
    half[::2] = -1
    weights = np.arange(12) + 1
    expected = model.score(X[1::2], Y[1::2])
    assert expected < 0.99
    assert model.score(X, half) == pytest.approx(expected)
    weighted = model.score(X[1::2], Y[1::2], weights[1::2])
    assert model.score(X, half, weights) == pytest.approx(weighted)
    with pytest.raises(
        ValueError, match=r"y without a pixel that counts \(ignore_label=-1"
    ):
        model.score(X, np.full_like(Y, -1))
    with pytest.raises(ValueError, match="0 for every image that has pixels that count"):
        model.score(X, half, np.arange(12) % 2 == 0)


def test_a_label_that_is_drawn_nowhere_in_an_image_does_not_count_there():
    truth = np.zeros((2, 2, 4), dtype=int)
    truth[:, :, :2], truth[0, 1] = 1, -1
    predicted = np.zeros((2, 2, 4), dtype=int)
    predicted[:, 0, :1], predicted[1, 1] = 1, 1
    scores = dice_scores(truth, predicted, multilabel=True)
    np.testing.assert_allclose(scores, [[2 / 3, np.nan], [2 / 3, 2 / 3]])
    settings = {"multilabel": True, "sample_weight": [1, 2]}
    found = mean_dice(truth, predicted, np.arange(2), -1, **settings)
    assert found == pytest.approx(2 / 3)
    found = dice_scores(truth[:, 1], predicted[:, 1], labels=[1, 2])
    np.testing.assert_allclose(found, [[np.nan] * 2, [2 / 3, 1]])


def test_folds_with_and_without_labelled_images():
    half = Y.copy()
    half[::2] = -1
    scores = cross_val_score(pixels(), X, half, cv=KFold(2), error_score="raise")
    expected = []
    for train, test in KFold(2).split(X):
        labelled = test[half[test].max(axis=(1, 2)) >= 0]
        model = pixels().fit(X[train], half[train])
        dice = dice_scores(Y[labelled], model.predict(X[labelled]), labels=[1, 2])
        expected.append(dice.mean())
    np.testing.assert_allclose(scores, expected)


@each_kind
@WITHOUT_ORGAN
def test_weights_of_a_score_are_checked(kind):
    model = kind().fit(X, Y)
    with pytest.raises(ValueError, match=r"weight.shape == \(3,\), expected \(12,\)"):
        model.score(X, Y, np.ones(3))
    with pytest.raises(ValueError, match="must contain at least one non-zero"):
        model.score(X, Y, np.zeros(12))
    with pytest.raises(ValueError, match="Negative values in data passed to"):
        model.score(X, Y, -np.ones(12))


@each_kind
@WITHOUT_ORGAN
def test_masks_that_are_not_finite_are_refused_wherever_they_are_compared(kind):
    missing = np.where(Y, np.nan, 0)
    model = kind().fit(X, Y)
    for truth in (missing, list(missing), missing.reshape(12, -1)):
        with pytest.raises(ValueError, match="Input y contains NaN"):
            model.score(X, truth)
    images, masks = cut([24, 22] * 6)
    masks[3] = np.where(masks[3], np.inf, 0)
    with pytest.raises(ValueError, match="Input y_true contains infinity"):
        model.score(images, masks)
    with pytest.raises(ValueError, match="Input y_true contains NaN"):
        dice_scores(missing, Y)
    with pytest.raises(ValueError, match="Input y_pred contains NaN"):
        dice_scores(Y, missing)


def test_a_table_is_a_mask_per_row():
    rows = Y.reshape(12, -1)
    table = pd.DataFrame(rows, index=range(5, 17))
    predicted = np.roll(rows, 1)
    expected = dice_scores(rows, predicted)
    np.testing.assert_array_equal(dice_scores(table, pd.DataFrame(predicted)), expected)
    found, wanted = involvement(table), involvement(rows)
    np.testing.assert_array_equal(found.fraction, wanted.fraction)
    # Also with fewer columns than rows, where columns would pass for masks.
    for n_columns in (300, 7):
        tests = [
            [test.tolist() for _, test in MaskStratifiedKFold(3).split(X, y)]
            for y in (rows[:, 200 : 200 + n_columns], table.iloc[:, 200 : 200 + n_columns])
        ]
        assert tests[0] == tests[1]


@each_kind
def test_masked_arrays_are_refused(kind):
    masked = np.ma.masked_array(Y, Y == 2)
    fails = pytest.raises(
        ValueError, match=r"Got a masked array as y, .* y.filled\(ignore_la"
    )
    for y in (masked, list(masked), masked.reshape(12, -1)):
        with fails:
            kind().fit(X, y)
        with fails:
            dice_scores(y, Y)
        with fails:
            next(MaskStratifiedKFold(2).split(X, y))
        with fails:
            involvement(y)
    images, masks = cut([24, 22] * 6)
    masks[3] = np.ma.masked_array(masks[3])
    with fails:
        kind().fit(images, masks)


@each_kind
@WITHOUT_ORGAN
def test_labels_below_the_background_are_refused(kind):
    below = np.where(np.arange(24) < 4, -5, Y)
    model = kind()
    for parameters, label in (({}, -5), ({"ignore_label": 255}, -5)):
        with pytest.raises(ValueError, match=f"Got y with the label {label}, but expected"):
            model.set_params(**parameters).fit(X, below)
    everything = kind(ignore_label=None)
    with pytest.raises(ValueError, match=r"the label -1, but .* ignore_label=None do not"):
        everything.fit(X, np.where(Y == 2, -1, Y))
    left_out = kind(ignore_label=-5).fit(X, below)
    hidden = kind(ignore_label=255).fit(X, np.where(below == -5, 255, below))
    np.testing.assert_array_equal(left_out.predict(X), hidden.predict(X))
    assert left_out.score(X, below) == hidden.score(X, np.where(below == -5, 255, below))
    with pytest.raises(ValueError, match="Got y with the label -5, but expected numbers"):
        hidden.score(X, below)


@each_kind
@WITHOUT_ORGAN
def test_nothing_to_predict_is_named(kind):
    model = kind().fit(X, Y)
    for nothing in ([], X[:0], X[:0, :, :20], np.empty(0, dtype=object)):
        for method in (model.predict, model.predict_proba, model.transform):
            with pytest.raises(ValueError, match=r"array with 0 sample\(s\) \(shape="):
                method(nothing)
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        kind().fit(X[:0], Y[:0])
