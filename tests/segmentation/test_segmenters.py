import pickle

import numpy as np
import pytest
import torch
from joblib import parallel_config
from monai.transforms import RandAffined, RandFlip, RandFlipd
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae import RandomAugment, SegNetSegmenter, UNetSegmenter, dice_scores
from skvae.datasets import make_xrays
from skvae.objectives.batch import Batch

SMALL = {
    "depth": 2,
    "width": 4,
    "max_iter": 2,
    "batch_size": 4,
    "random_state": 0,
    "n_threads": 1,
    "device": "cpu",
}
# Enough to tell lungs from the rest, in a second or two.
LEARNING = SMALL | {"width": 8, "max_iter": 12, "learning_rate_init": 5e-3}
X, Y = make_xrays(28, size=32, random_state=0, return_X_y=True)
TRAIN, TEST = slice(20), slice(20, None)


def unet(**parameters):
    return UNetSegmenter(**SMALL | parameters)


@pytest.fixture(scope="module")
def fitted():
    return UNetSegmenter(**LEARNING).fit(X[TRAIN], Y[TRAIN])


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (UNetSegmenter, {}),
        (UNetSegmenter, {"skip": "add", "loss": "dice"}),
        (UNetSegmenter, {"up": "resize", "loss": "cross_entropy"}),
        (SegNetSegmenter, {"n_convolutions": 2}),
    ],
)
def test_lungs_are_found_where_a_threshold_and_the_mean_mask_fail(kind, parameters):
    segmenter = kind(**LEARNING | parameters).fit(X[TRAIN], Y[TRAIN])
    mean_mask = np.repeat([Y[TRAIN].mean(axis=0) > 0.5], len(Y[TEST]), axis=0)
    assert dice_scores(Y[TEST], mean_mask).mean() < 0.83
    assert segmenter.score(X[TEST], Y[TEST]) > 0.88


def test_a_first_stride_still_finds_lungs_in_larger_images():
    large, masks = make_xrays(28, size=64, random_state=0, return_X_y=True)
    segmenter = UNetSegmenter(**LEARNING | {"first_stride": 2})
    segmenter.fit(large[TRAIN], masks[TRAIN])
    assert segmenter.predict(large[TEST]).shape == masks[TEST].shape
    assert segmenter.score(large[TEST], masks[TEST]) > 0.88


def test_the_score_is_the_mean_dice_of_the_prediction_and_takes_weights(fitted):
    dice = dice_scores(Y[TEST], fitted.predict(X[TEST]))[:, 0]
    assert fitted.score(X[TEST], Y[TEST]) == pytest.approx(dice.mean())
    weights = np.arange(len(dice))
    expected = np.average(dice, weights=weights)
    assert fitted.score(X[TEST], Y[TEST], sample_weight=weights) == pytest.approx(expected)
    empty = np.zeros_like(Y[TEST])
    assert fitted.score(X[TEST], empty) == 0


def test_probabilities_sum_to_one_and_labels_are_the_most_probable(fitted):
    probability = fitted.predict_proba(X[TEST])
    assert probability.shape == (8, 2, 32, 32)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    labels = fitted.predict(X[TEST])
    np.testing.assert_array_equal(labels, probability.argmax(axis=1))
    assert labels.dtype == Y.dtype


def test_flat_masks_travel_as_scikit_learn_has_them():
    flat_X, flat_y = X.reshape(len(X), -1), Y.reshape(len(Y), -1)
    segmenter = UNetSegmenter(**LEARNING, image_shape=(1, 32, 32))
    segmenter.fit(flat_X[TRAIN], flat_y[TRAIN])
    predicted = segmenter.predict(flat_X[TEST])
    expected = f1_score(flat_y[TEST], predicted, average="samples")
    assert segmenter.score(flat_X[TEST], flat_y[TEST]) == pytest.approx(expected)
    quick = unet(max_iter=4, learning_rate_init=5e-3, image_shape=(1, 32, 32))
    scores = cross_val_score(quick, flat_X, flat_y, cv=2, scoring="f1_samples")
    assert scores.min() > 0
    np.testing.assert_allclose(scores, cross_val_score(quick, flat_X, flat_y, cv=2))


def test_labels_may_be_any_whole_numbers():
    y = np.where(X[:, 0] > 0.6, 43, np.where(Y, 7, 3))
    segmenter = unet().fit(X, y)
    assert segmenter.classes_.tolist() == [3, 7, 43]
    assert set(np.unique(segmenter.predict(X))) <= {3, 7, 43}
    assert segmenter.predict_proba(X).shape == (28, 3, 32, 32)
    # Without a background, all labels count.
    dice = dice_scores(y, segmenter.predict(X), labels=[3, 7, 43])
    assert segmenter.score(X, y) == pytest.approx(dice.mean())


def test_labels_that_training_has_not_seen_are_scored(fitted):
    y = Y[TEST].copy()
    y[:, :2] = 2
    scores = dice_scores(y, fitted.predict(X[TEST]), labels=[1, 2])
    assert not scores[:, 1].any()
    assert fitted.score(X[TEST], y) == pytest.approx(scores.mean())


def test_labels_that_overlap():
    y = np.stack([Y, X[:, 0] > 0.35], axis=1).astype(np.uint8)
    segmenter = UNetSegmenter(**LEARNING).fit(X[TRAIN], y[TRAIN])
    predicted = segmenter.predict(X[TEST])
    assert predicted.shape == (8, 2, 32, 32)
    np.testing.assert_array_equal(predicted, segmenter.predict_proba(X[TEST]) > 0.5)
    each = [dice_scores(y[TEST, k], predicted[:, k], labels=[1]).mean() for k in (0, 1)]
    assert segmenter.score(X[TEST], y[TEST]) == pytest.approx(np.mean(each))
    assert min(each) > 0.8
    patches = UNetSegmenter(**SMALL, patch_size=16).fit(X, y)
    assert patches.predict(X[:2]).shape == (2, 2, 32, 32)


def test_pixels_that_do_not_count_change_nothing():
    hidden = np.random.default_rng(0).random(Y.shape) < 0.5
    masks = [np.where(hidden, 255, Y), np.where(hidden, 9, Y)]
    fits = [
        unet(ignore_label=label).fit(X, y) for y, label in zip(masks, (255, 9), strict=True)
    ]
    np.testing.assert_array_equal(*(each.predict_proba(X) for each in fits))
    assert not np.array_equal(fits[0].predict_proba(X), unet().fit(X, Y).predict_proba(X))
    expected = dice_scores(masks[0], fits[0].predict(X), labels=[1], ignore_label=255)
    assert fits[0].score(X, masks[0]) == pytest.approx(expected.mean())


def test_lists_of_unequal_sizes():
    sizes = [(32, 32), (25, 32), (32, 19), (17, 23)] * 5
    images = [x[:, :h, :w] for x, (h, w) in zip(X, sizes, strict=False)]
    masks = [y[:h, :w] for y, (h, w) in zip(Y, sizes, strict=False)]
    for patch_size in (None, 16):
        segmenter = UNetSegmenter(**LEARNING, patch_size=patch_size).fit(images, masks)
        predicted = segmenter.predict(images)
        assert [each.shape for each in predicted] == sizes
        assert [p.shape for p in segmenter.predict_proba(images[:3])] == [
            (2, *size) for size in sizes[:3]
        ]
        assert segmenter.score(images, masks) > 0.8
        assert segmenter.transform(images).shape == (20, 32)
    np.testing.assert_allclose(
        segmenter.transform(images)[3], segmenter.transform(images[3][None])[0], rtol=1e-5
    )
    scores = cross_val_score(unet(), images, masks, cv=2)
    assert np.isfinite(scores).all()
    with pytest.raises(ValueError, match="expected pool='avg' or 'max'"):
        segmenter.set_params(pool=None).transform(images)
    with pytest.raises(ValueError, match="ignore_label=None with images of unequal sizes"):
        unet(ignore_label=None).fit(images, masks)
    with pytest.raises(ValueError, match=r"mask of shape \(25, 32\) for the image 0"):
        unet().fit(images, masks[1:] + masks[:1])


def test_images_of_another_size_are_predicted_as_they_are(fitted):
    larger, _ = make_xrays(2, size=45, random_state=3, return_X_y=True)
    both = fitted.predict_proba(larger)
    with torch.inference_mode():
        expected = fitted.network_.module(torch.from_numpy(larger))["mask"]
    np.testing.assert_allclose(both, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"image 0 of shape \(2, 45, 45\), but expected 1"):
        fitted.predict(np.zeros((1, 2, 45, 45)))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        fitted.predict(np.full((1, 1, 45, 45), np.nan))


def test_training_on_patches_and_prediction_by_windows():
    segmenter = UNetSegmenter(**LEARNING | {"patch_size": 24, "max_iter": 15})
    segmenter.fit(X[TRAIN], Y[TRAIN])
    assert segmenter.score(X[TEST], Y[TEST]) > 0.85
    whole = clone(segmenter).fit(X[TRAIN], Y[TRAIN]).set_params(patch_size=None)
    windows = segmenter.predict_proba(X[TEST])
    assert 0 < np.abs(windows - whole.predict_proba(X[TEST])).max() < 0.9
    # A window that takes the image whole is the image.
    one = segmenter.set_params(patch_size=32).predict_proba(X[TEST])
    np.testing.assert_allclose(one, whole.predict_proba(X[TEST]), rtol=1e-4, atol=1e-5)


PARTLY = np.where(np.arange(32) < 24, Y[:1].astype(int), -1)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_patches_of_one_partly_drawn_image_are_enough(batch_size):
    changed = {"patch_size": 16, "n_patches": 8, "batch_size": batch_size, "max_iter": 60}
    segmenter = UNetSegmenter(**LEARNING | changed).fit(X[:1], PARTLY)
    assert segmenter.score(X[:1], PARTLY) > 0.9


@pytest.mark.parametrize("normalization", ["instance", "group", None])
def test_one_image_is_enough_where_nothing_is_normalised_over_images(normalization):
    changed = {"normalization": normalization, "max_iter": 90}
    assert UNetSegmenter(**LEARNING | changed).fit(X[:1], Y[:1]).score(X[:1], Y[:1]) > 0.9


@pytest.mark.parametrize(
    ("images", "masks", "parameters"),
    [
        (X[:1], Y[:1], {}),
        (X[:1], Y[:1], {"patch_size": 16, "n_patches": 1}),
        (X[:1, 0, 0], Y[:1, 0, :1], {"normalization": None, "patch_size": 16}),
    ],
    ids=["whole", "one patch", "a row"],
)
def test_one_image_is_refused_where_there_is_nothing_to_normalise_over(
    images, masks, parameters
):
    with pytest.raises(ValueError, match=r"n_samples=1, but with normalization=.*"):
        unet(**parameters).fit(images, masks)


def test_windows_show_their_progress(fitted, capsys):
    windows = clone(fitted).set_params(verbose=True, patch_size=16, max_iter=1)
    windows.fit(X[:4], Y[:4])
    capsys.readouterr()
    windows.predict(X[:2])
    assert "UNetSegmenter: windows" in capsys.readouterr().out


@pytest.mark.parametrize("seed", range(3))
def test_augmentation_moves_image_and_mask_alike(seed):
    mask = torch.from_numpy(Y)
    # Of an image that shows its mask, a threshold is the mask, wherever it is moved.
    batch = Batch(mask[:, None].float(), mask=2 * mask)
    augment = RandomAugment(intensity=0)
    moved = augment(batch, torch.Generator().manual_seed(seed))
    assert set(moved.mask.unique().tolist()) <= {0, 2}
    a, b = moved.x[:, 0] > 0.5, moved.mask == 2
    iou = (a & b).flatten(1).sum(1) / (a | b).flatten(1).sum(1)
    assert iou.mean() > 0.95
    assert not moved.mask.equal(batch.mask)


ROWS = RandFlipd(["image", "mask"], prob=0.5, spatial_axis=0)
BOTH = RandFlipd(["image", "mask"], prob=0.5)
AFFINE = RandAffined(
    ["image", "mask"], prob=1, mode=("bilinear", "nearest"), rotate_range=0.3
)


@pytest.mark.parametrize(
    ("transform", "patch_size"),
    [
        pytest.param(ROWS, None, id="rows"),
        pytest.param(AFFINE, 24, id="affine, patches"),
        pytest.param(ROWS, 24, id="rows, patches", marks=pytest.mark.nightly),
        pytest.param(BOTH, None, id="both", marks=pytest.mark.nightly),
        pytest.param(BOTH, 24, id="both, patches", marks=pytest.mark.nightly),
        pytest.param(AFFINE, None, id="affine", marks=pytest.mark.nightly),
    ],
)
def test_transforms_of_monai_move_image_and_mask_alike(transform, patch_size):
    # Of images that show their masks, a network learns these, unless they come apart.
    shown, masks = Y[:, None].astype(np.float32), 2 * Y
    parameters = LEARNING | {"augment": transform, "patch_size": patch_size}
    segmenter = UNetSegmenter(**parameters, overlap=0).fit(shown[TRAIN], masks[TRAIN])
    assert segmenter.classes_.tolist() == [0, 2]
    assert segmenter.score(shown[TEST], masks[TEST]) > 0.95


def test_an_array_transform_of_monai_is_named_and_changes_nothing(fitted):
    segmenter = clone(fitted).set_params(augment=RandFlip(prob=1))
    with pytest.raises(ValueError, match=r"augment=<monai.*RandFlipd\(\['image', 'mask'"):
        segmenter.fit(X, Y)
    assert not hasattr(segmenter, "network_")


def test_training_with_augmentation_is_reproducible():
    a, b = (unet(augment=True, patch_size=16).fit(X, Y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_scikit_learn_takes_masks_everywhere():
    groups = np.repeat(np.arange(7), 4)
    scores = cross_val_score(unet(), X, Y, cv=GroupKFold(3), groups=groups)
    assert scores.shape == (3,)
    grid = {"skip": ["concat", None]}
    with parallel_config(backend="threading"):  # the contract has the processes
        search = GridSearchCV(unet(), grid, cv=KFold(2), n_jobs=2).fit(X, Y)
    assert search.predict(X).shape == Y.shape
    alone = cross_val_score(unet(**search.best_params_), X, Y, cv=KFold(2)).mean()
    assert search.best_score_ == pytest.approx(alone)
    pipeline = make_pipeline(FunctionTransformer(), unet()).fit(X, Y)
    direct = unet().fit(X, Y)
    assert pipeline.score(X, Y) == direct.score(X, Y)
    np.testing.assert_array_equal(pipeline[:-1].transform(X), X)
    predicted = cross_val_predict(unet(), X, Y, cv=2)
    assert predicted.shape == Y.shape
    copied = pickle.loads(pickle.dumps(direct))
    np.testing.assert_array_equal(copied.predict(X), direct.predict(X))


def test_volumes_and_signals():
    rng = np.random.default_rng(0)
    for shape in ((6, 2, 9, 11, 10), (6, 1, 37)):
        images = rng.random(shape, dtype=np.float32)
        masks = (images[:, 0] > 0.5).astype(int)
        segmenter = unet(image_shape=shape[1:]).fit(images, masks)
        assert segmenter.predict(images).shape == masks.shape
        assert segmenter.predict_proba(images).shape == (6, 2, *shape[2:])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (Y[:5], "inconsistent numbers of samples"),
        (Y[:, :20], r"Got y of shape \(28, 20, 32\) for images of \(32, 32\) pixels"),
        (np.zeros_like(Y), r"Got y with 1 classes \(0\), but UNetSegmenter needs from 2"),
        (Y + 0.25, "the label 0.25, but UNetSegmenter expects whole numbers"),
        (
            Y[:, None] * 3,
            "labels 0, 3; with an axis for overlapping labels, expected 0 and",
        ),
        (np.full(Y.shape, "lung"), "Got y of dtype <U4"),
        (np.where(Y, np.nan, 0), "Input y contains NaN"),
    ],
)
def test_masks_that_do_not_fit_are_named_and_change_nothing(y, message):
    segmenter = unet()
    with pytest.raises(ValueError, match=message):
        segmenter.fit(X, y)
    with pytest.raises(NotFittedError):
        segmenter.predict(X)
    assert not hasattr(segmenter, "classes_")


def test_wrong_numbers_of_convolutions_are_named():
    with pytest.raises(ValueError, match=r"n_convolutions=\(2, 2\) with depth=2"):
        unet(n_convolutions=(2, 2)).fit(X, Y)


@pytest.mark.parametrize("counts", [(2.5, 2, 2), ["2", 2, 2], (2, 0, 1)])
def test_numbers_of_convolutions_are_whole_and_positive(counts):
    with pytest.raises(ValueError, match=r"n_convolutions=.*whole numbers of at least 1"):
        unet(n_convolutions=counts).fit(X, Y)
