import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae import LesionCrop


class Threshold(BaseEstimator):
    """A segmenter that finds what is bright, and remembers what it was fitted on."""

    def __init__(self, at=0.5):
        self.at = at

    def fit(self, X, y):
        self.seen_ = X.reshape(len(X), -1).sum(axis=1)
        return self

    def predict(self, X):
        return (X[:, 0] > self.at).astype(int)


def lesions(places, shape=(24, 20), length=(4, 6)):
    X = np.zeros((len(places), 1, *shape))
    for image, (row, column) in zip(X[:, 0], places, strict=True):
        image[row : row + length[0], column : column + length[1]] = 1
        image[0, -1] = 0.9  # a speck, not the lesion
    return X


def test_the_lesion_stands_in_the_middle():
    X = lesions([(3, 4), (10, 8), (18, 12)])
    crop = LesionCrop(Threshold().fit(X, X[:, 0]), margin=2)
    found = crop.fit_transform(X)
    assert crop.size_ == (8, 10)
    expected = np.zeros((8, 10))
    expected[2:6, 2:8] = 1
    assert np.array_equal(found[0, 0], expected)
    assert np.array_equal(found[1, 0], expected)
    # At the border the crop is moved inwards: nothing is made up.
    assert np.array_equal(found[2, 0], X[2, 0, 16:24, 10:20])
    assert np.array_equal(crop.transform(X), found)


def test_a_channel_may_hold_the_mask():
    X = lesions([(3, 4), (10, 8)])
    both = np.concatenate([np.random.default_rng(0).normal(size=X.shape), X > 0.95], axis=1)
    crops = LesionCrop(mask_channel=1, margin=0).fit_transform(both)
    assert crops.shape == (2, 2, 4, 6)
    assert (crops[:, 1] == 1).all()
    assert np.array_equal(crops[0, 0], both[0, 0, 3:7, 4:10])
    hidden = LesionCrop(mask_channel=1, margin=1, mask_mode="zero").fit_transform(both)
    assert (hidden[:, 0][hidden[:, 1] == 0] == 0).all()


def test_volumes_and_small_images():
    X = np.zeros((2, 1, 6, 8, 8)) - 1
    X[:, 0, 2:4, 3:5, 3:6] = 1
    crops = LesionCrop(Threshold().fit(X, X[:, 0]), size=(4, 4, 12)).fit_transform(X)
    assert crops.shape == (2, 1, 4, 4, 12)
    assert (crops[..., :2] == -1).all()
    assert np.array_equal(crops[0, 0, ..., 2:10], X[0, 0, 1:5, 2:6])


def test_no_foreground_gives_the_middle_and_a_warning():
    X = lesions([(3, 4), (10, 8)])
    X[1] = 0
    crop = LesionCrop(Threshold().fit(X, X[:, 0]), size=(4, 4)).fit(X[:1])
    with pytest.warns(UserWarning, match="1 of 2 images have no foreground"):
        assert np.array_equal(crop.transform(X)[1, 0], X[1, 0, 10:14, 8:12])


def test_training_images_are_cropped_as_new_ones_are():
    places = [(3, 4), (10, 8), (18, 12), (5, 5)]
    X = lesions(places)
    groups = np.array([0, 0, 1, 1])
    log = []

    class Logged(Threshold):
        def predict(self, X):
            log.append((set(self.seen_), set(X.reshape(len(X), -1).sum(axis=1))))
            return super().predict(X)

    X += np.arange(4)[:, None, None, None] / 1e4  # tells the images apart
    crop = LesionCrop(Logged(), cv=GroupKFold(2), size=(8, 8))
    found = crop.fit_transform(X, masks=X[:, 0] > 0.5, groups=groups)
    assert all(not seen & predicted for seen, predicted in log)
    assert len(log) == 2
    assert np.array_equal(found, crop.transform(X))


def test_segment_crop_features_outcome_as_one_pipeline():
    """The lesions of ill patients are brighter; where they lie says nothing."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = lesions(rng.integers(2, 12, size=(40, 2)))
    X[:, 0] += np.where(X[:, 0] == 1, 0.5 * y[:, None, None], 0)
    X += 0.05 * rng.normal(size=X.shape)
    rows = FunctionTransformer(lambda X: X.reshape(len(X), -1))
    with config_context(enable_metadata_routing=True):
        crop = LesionCrop(Threshold(), size=(6, 8))
        pipeline = make_pipeline(crop, rows, PCA(2), LogisticRegression())
        found = cross_validate(
            pipeline,
            X,
            y,
            cv=GroupKFold(4),
            params={"masks": X[:, 0] > 0.5, "groups": np.arange(40) // 2},
        )
    assert found["test_score"].min() == 1
    assert clone(crop).get_params()["size"] == (6, 8)


@pytest.mark.parametrize(
    ("parameters", "options", "message"),
    [
        ({}, {}, "Got segmenter=None and mask_channel=None, expected one"),
        ({"mask_channel": 3}, {}, "Got mask_channel=3, but X has 1 channels"),
        ({"mask_channel": 0, "size": (3,)}, {}, r"Got size=\(3,\), expected 2"),
        ({"mask_channel": 0, "margin": -1}, {}, "Got margin=-1"),
        ({"mask_channel": 0, "mask_mode": "channel"}, {}, "Got mask_mode='channel'"),
        ({"mask_channel": 0}, {"masks": 1}, "Got masks without segmenter"),
    ],
)
def test_bad_parameters_are_named(parameters, options, message):
    with pytest.raises(ValueError, match=message):
        LesionCrop(**parameters).fit(lesions([(3, 4)]), **options)
    with pytest.raises(ValueError, match=r"Got X of shape \(5, 4\)"):
        LesionCrop(mask_channel=0).fit(np.zeros((5, 4)))
