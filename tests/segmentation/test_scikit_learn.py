"""How masks go through scikit-learn with a real segmenter, and where they do not."""

import numpy as np
import pytest
import sklearn
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae import MaskStratifiedKFold, UNetSegmenter, cross_val_predict_masks, dice_scores
from skvae.datasets import make_xrays

X, Y = make_xrays(18, size=32, random_state=0, return_X_y=True)
BONE = (X[:, 0] > 0.35).astype(np.uint8)
OVERLAPPING = np.stack([Y, BONE], axis=1).astype(np.uint8)
PATIENTS = np.repeat(np.arange(6), 3)


def unet(**parameters):
    settings = {"depth": 1, "width": 4, "max_iter": 6, "batch_size": 6, "n_threads": 1}
    settings |= {"learning_rate_init": 0.02, "random_state": 0, "device": "cpu"}
    return UNetSegmenter(**settings | parameters)


def named(order=("lung", "bone")):
    y = np.empty(Y.shape, [(name, "u1") for name in order])
    y["lung"], y["bone"] = OVERLAPPING[:, 0], OVERLAPPING[:, 1]
    return y


def test_fields_are_labels_that_overlap_and_keep_their_names():
    plain, y = unet().fit(X, OVERLAPPING), named()
    segmenter = unet().fit(X, y)
    assert segmenter.classes_.tolist() == ["lung", "bone"]
    np.testing.assert_array_equal(segmenter.predict_proba(X), plain.predict_proba(X))
    predicted, expected = segmenter.predict(X), plain.predict(X)
    assert expected.any()
    assert predicted.dtype == y.dtype
    np.testing.assert_array_equal(predicted["lung"], expected[:, 0])
    np.testing.assert_array_equal(predicted["bone"], expected[:, 1])
    score = plain.score(X, OVERLAPPING)
    assert score > 0.3
    whole = np.empty(len(X), [("bone", "u1", (32, 32)), ("lung", "u1", (32, 32))])
    whole["lung"], whole["bone"] = OVERLAPPING[:, 0], OVERLAPPING[:, 1]
    for truth in (y, list(y), named(("bone", "lung")), whole, OVERLAPPING):
        assert segmenter.score(X, truth) == score
    assert unet().fit(X, whole).classes_.tolist() == ["bone", "lung"]


def test_fields_of_images_of_unequal_sizes():
    widths = 32 - np.arange(len(X)) % 3
    images = [x[:, :, :w] for x, w in zip(X, widths, strict=True)]
    as_axis = [mask[:, :, :w] for mask, w in zip(OVERLAPPING, widths, strict=True)]
    y = [mask[:, :w] for mask, w in zip(named(), widths, strict=True)]
    plain, segmenter = unet().fit(images, as_axis), unet().fit(images, y)
    for a, b in zip(segmenter.predict(images), plain.predict(images), strict=True):
        np.testing.assert_array_equal(a["bone"], b[1])
    assert segmenter.score(images, y) == plain.score(images, as_axis)


def test_fields_of_rows():
    rows = np.random.default_rng(0).random((20, 3))
    y = np.empty(20, [("a", "u1"), ("b", "u1")])
    y["a"], y["b"] = rows[:, 0] > 0.5, rows[:, 1] > 0.5
    segmenter = unet().fit(rows, y)
    assert segmenter.predict(rows).shape == (20,)
    assert segmenter.predict(rows).dtype == y.dtype
    assert 0 <= segmenter.score(rows, y) <= 1


def test_fields_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"'label' of shape \(18,\), but expected equal"):
        unet().fit(X, np.zeros(18, [("lung", "u1", (32, 32)), ("label", "i4")]))
    segmenter = unet(max_iter=1).fit(X, named())
    with pytest.raises(ValueError, match="Got masks with the fields lung, but expected 'b"):
        segmenter.score(X, named()[["lung"]])


def test_every_layout_gives_the_same_scores_in_stratified_folds_of_patients():
    cv = MaskStratifiedKFold(3)
    arguments = {"cv": cv, "groups": PATIENTS}
    expected = cross_val_score(unet(), X, Y, **arguments)
    assert (expected > 0.2).all()
    flat = unet(image_shape=(1, 32, 32))
    rows = X.reshape(len(X), -1), Y.reshape(len(Y), -1)
    for scores in (
        cross_val_score(unet(), list(X), list(Y), **arguments),
        cross_val_score(flat, *rows, **arguments, scoring="f1_samples"),
        cross_val_score(unet(), X, Y, **arguments, scoring=make_scorer(mean_dice)),
    ):
        np.testing.assert_allclose(scores, expected)


def mean_dice(y, predicted):
    return dice_scores(y, predicted).mean()


def test_a_search_over_a_pipeline_routes_weights_and_patients():
    weights = np.linspace(0.1, 2, len(X))
    grid = {"unetsegmenter__loss": ["dice", "both"]}
    with sklearn.config_context(enable_metadata_routing=True):
        segmenter = unet().set_fit_request(sample_weight=True, groups=True)
        segmenter.set_score_request(sample_weight=True)
        pipeline = make_pipeline(FunctionTransformer(), segmenter)
        search = GridSearchCV(pipeline, grid, cv=MaskStratifiedKFold(2))
        search.fit(X, Y, sample_weight=weights, groups=PATIENTS)
    best = search.best_params_["unetsegmenter__loss"]
    scores = []
    for train, test in MaskStratifiedKFold(2).split(X, Y, PATIENTS):
        fitted = unet(loss=best).fit(X[train], Y[train], weights[train], PATIENTS[train])
        scores.append(fitted.score(X[test], Y[test], weights[test]))
    assert search.best_score_ == pytest.approx(np.mean(scores))


def test_out_of_fold_probabilities_agree_with_labels_and_scores():
    cv = MaskStratifiedKFold(3)
    arguments = {"cv": cv, "groups": PATIENTS}
    maps = cross_val_predict_masks(unet(), X, Y, **arguments)
    labels = cross_val_predict(unet(), X, Y, **arguments)
    np.testing.assert_array_equal(maps.argmax(axis=1), labels)
    scores = cross_val_score(unet(), X, Y, **arguments)
    dice = dice_scores(Y, labels)[:, 0]
    folds = [dice[test].mean() for _, test in cv.split(X, Y, PATIENTS)]
    np.testing.assert_allclose(scores, folds)
    small = unet(max_iter=1)
    fields = cross_val_predict_masks(small, X, named(), cv=2, method="predict")
    np.testing.assert_array_equal(fields, cross_val_predict(small, X, named(), cv=2))
    features = cross_val_predict_masks(small, X, Y, cv=2, method="transform")
    assert features.shape == (18, 8)


@pytest.mark.parametrize(
    ("splitter", "message"),
    [
        (StratifiedKFold(2), "dim 3, while dim <= 2 is required"),
        (StratifiedGroupKFold(2), "Got 'unknown' instead"),
    ],
)
def test_stratified_folds_of_scikit_learn_do_not_know_masks(splitter, message):
    groups = PATIENTS if isinstance(splitter, StratifiedGroupKFold) else None
    with pytest.raises(ValueError, match=message):
        cross_val_score(unet(), X, Y, cv=splitter, groups=groups)
    precomputed = list(splitter.split(X, BONE.mean(axis=(1, 2)) > 0.4, groups))
    assert len(cross_val_score(unet(max_iter=1), X, Y, cv=precomputed)) == 2


def test_other_failures_are_as_the_guide_tells():
    small = unet(max_iter=1)
    with pytest.raises(ValueError, match="unknown is not supported"):
        cross_val_score(small, X, Y, scoring="accuracy", cv=2, error_score="raise")
    with pytest.warns(UserWarning, match="Scoring failed"):
        scores = cross_val_score(small, X, Y, scoring="f1", cv=KFold(2))
    assert np.isnan(scores).all()
    with (
        pytest.raises(ValueError, match="shape mismatch"),
        pytest.warns(RuntimeWarning, match="total number of classes"),
    ):
        cross_val_predict(small, X, Y, cv=2, method="predict_proba")
    with pytest.raises(ValueError, match="dim 3, while dim <= 2"):
        train_test_split(X, Y, stratify=Y)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[18, 1\]"):
        small.fit(X, {"lung": Y})
