import numpy as np
import pytest
import torch
from monai.networks.nets import BasicUNet
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


def test_a_label_tells_the_lesion_from_the_organ():
    X = lesions([(3, 4), (10, 8)])
    masks = np.ones_like(X) + (X > 0.95)
    both = np.concatenate([X, masks], axis=1)
    crops = LesionCrop(mask_channel=1, label=2, margin=0).fit_transform(both)
    assert crops.shape == (2, 2, 4, 6)
    assert (crops[:, 1] == 2).all()
    assert LesionCrop(mask_channel=1, margin=0).fit(both).size_ == (24, 20)


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


class NetworkOfMonai(BaseEstimator):
    """What it takes to use a network of MONAI: labels by the larger of two outputs."""

    def fit(self, X, masks):
        torch.manual_seed(0)
        widths = (4, 4, 8, 8, 8, 4)
        self.network_ = BasicUNet(2, in_channels=1, out_channels=2, features=widths)
        optimizer = torch.optim.Adam(self.network_.parameters(), lr=0.01)
        x, target = torch.as_tensor(X).float(), torch.as_tensor(masks).long()
        for _ in range(40):
            loss = torch.nn.functional.cross_entropy(self.network_(x), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.network_.eval()
        return self

    def predict(self, X):
        with torch.no_grad():
            return self.network_(torch.as_tensor(X).float()).argmax(dim=1).numpy()


class OnlyPredicts:
    """A network that was trained elsewhere."""

    def __init__(self, fitted):
        self.predict = fitted.predict


@pytest.fixture(scope="module")
def noisy():
    """Return 24 images with a lesion in noise, their masks, and where the lesions are."""
    rng = np.random.default_rng(0)
    places = rng.integers(2, 22, size=(24, 2))
    X = lesions(places, shape=(32, 32))
    masks = (X[:, 0] == 1).astype(int)
    return X + 0.2 * rng.normal(size=X.shape), masks, places


def test_a_network_of_monai_learns_from_masks_and_crops(noisy):
    X, masks, places = noisy
    crop = LesionCrop(NetworkOfMonai(), size=(8, 10)).fit(X[:16], masks=masks[:16])
    found = crop.transform(X[16:])
    expected = [
        image[:, min(max(0, r - 2), 24) :, min(max(0, c - 2), 22) :][:, :8, :10]
        for image, (r, c) in zip(X[16:], places[16:], strict=True)
    ]
    same = [np.array_equal(*pair) for pair in zip(found, expected, strict=True)]
    assert np.mean(same) >= 0.75  # 1 here; a network elsewhere may be a pixel off
    pretrained = LesionCrop(OnlyPredicts(crop.segmenter_), size=(8, 10))
    assert np.array_equal(clone(pretrained).fit(X[:16]).transform(X[16:]), found)


def test_what_cannot_segment_is_named(noisy):
    X, masks, _ = noisy
    fitted = Threshold().fit(X, masks)
    with pytest.raises(ValueError, match="Got masks without segmenter"):
        LesionCrop(OnlyPredicts(fitted)).fit(X, masks=masks)
    with pytest.raises(TypeError, match="Got segmenter of type PCA, expected an object"):
        LesionCrop(PCA()).fit(X)
    fitted.predict = lambda X: np.zeros(X.shape[:1] + X.shape[3:])
    with pytest.raises(ValueError, match=r"predicts an array of shape \(24, 32\) for"):
        LesionCrop(fitted).fit(X)


@pytest.mark.parametrize(
    ("parameters", "options", "message"),
    [
        ({}, {}, "Got segmenter=None and mask_channel=None, expected one"),
        ({"mask_channel": 3}, {}, "Got mask_channel=3, but X has 1 channels"),
        ({"mask_channel": 0, "size": (3,)}, {}, r"Got size=\(3,\), expected 2"),
        ({"mask_channel": 0, "margin": -1}, {}, "Got margin=-1"),
        ({"mask_channel": 0, "label": 0}, {}, "Got label=0"),
        ({"mask_channel": 0, "mask_mode": "channel"}, {}, "Got mask_mode='channel'"),
        ({"mask_channel": 0}, {"masks": 1}, "Got masks without segmenter"),
    ],
)
def test_bad_parameters_are_named(parameters, options, message):
    with pytest.raises(ValueError, match=message):
        LesionCrop(**parameters).fit(lesions([(3, 4)]), **options)
    with pytest.raises(ValueError, match=r"Got X of shape \(5, 4\)"):
        LesionCrop(mask_channel=0).fit(np.zeros((5, 4)))
