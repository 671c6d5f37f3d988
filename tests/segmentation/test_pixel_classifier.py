import datetime
import pickle

import numpy as np
import pytest
from joblib import parallel_config
from scipy.ndimage import uniform_filter
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from skvae import ConvolutionalSparseAutoencoder, PixelClassifier, dice_scores
from skvae.datasets import make_mammograms
from skvae.training.caching import n_trainings

MAMMOGRAMS = make_mammograms(36, size=48, random_state=0)
X = (MAMMOGRAMS.images - MAMMOGRAMS.images.mean()) / MAMMOGRAMS.images.std()
Y = MAMMOGRAMS.masks
TRAIN, TEST = slice(24), slice(24, None)
SPARSE = ConvolutionalSparseAutoencoder(4, max_iter=2, scales=(1, 2), n_threads=1)


class LocalMeans(TransformerMixin, BaseEstimator):
    """Grey levels, and their means around each pixel."""

    def __init__(self, size=5):
        self.size = size

    def fit(self, X, y=None):
        self.fitted_shape_ = X.shape
        return self

    def transform_pixels(self, X):
        window = (0, 0) + (self.size,) * (X.ndim - 2)
        return np.concatenate([X, uniform_filter(X, window, mode="nearest")], axis=1)


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on, and takes all for its first class."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.rows_, self.y_, self.weight_ = X, y, sample_weight
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def means(**parameters):
    chosen = {"features": LocalMeans(), "random_state": 0}
    return PixelClassifier(**chosen | parameters)


@pytest.fixture(scope="module")
def numbered():
    """Images whose pixels are numbered, for features that are these numbers."""
    images = np.arange(6 * 80, dtype=np.float32).reshape(6, 1, 8, 10)
    return images, (images[:, 0] % 3).astype(int)


def test_probabilities_are_those_of_a_classifier_on_the_maps():
    p = PixelClassifier(features=SPARSE, n_pixels=10**6, random_state=3)
    p.fit(X[:6], Y[:6])
    sparse = clone(SPARSE).set_params(random_state=p.features_.random_state)
    maps = np.moveaxis(sparse.fit(X[:6]).transform_pixels(X), 1, -1)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(maps[:6].reshape(-1, 8), Y[:6].ravel())
    rows = maps[TEST].reshape(-1, 8)
    expected = np.moveaxis(classifier.predict_proba(rows).reshape(12, 48, 48, 3), -1, 1)
    np.testing.assert_allclose(p.predict_proba(X[TEST]), expected, atol=1e-5)
    labels = classifier.predict(rows).reshape(12, 48, 48)
    np.testing.assert_array_equal(p.predict(X[TEST]), labels)
    dice = dice_scores(Y[TEST], labels, labels=[1, 2])
    assert p.score(X[TEST], Y[TEST]) == pytest.approx(dice.mean())
    weights = np.arange(12)
    expected = np.average(dice.mean(axis=1), weights=weights)
    found = p.score(X[TEST], Y[TEST], sample_weight=weights)
    assert found == pytest.approx(expected)
    assert p.predict(X).dtype == Y.dtype
    assert p.n_pixels_ == Y[:6].size


def test_learned_textures_are_worth_more_than_grey_levels():
    """What the nightly test holds to a mark."""
    sparse = ConvolutionalSparseAutoencoder(8, max_iter=10, n_threads=1)
    breast, auc, correlation = Y[TEST] > 0, {}, {}
    for name, features in (("sparse", sparse), ("grey", LocalMeans(1))):
        p = means(features=features).fit(X[TRAIN], Y[TRAIN])
        probability = p.predict_proba(X[TEST])[:, 2][breast]
        auc[name] = roc_auc_score(Y[TEST][breast] == 2, probability)
        found = p.density(X[TEST], breast)
        correlation[name] = np.corrcoef(found, MAMMOGRAMS.density[TEST])[0, 1]
    assert auc["sparse"] > auc["grey"] + 0.05
    assert correlation["sparse"] > correlation["grey"]


@pytest.mark.nightly
def test_learned_textures_tell_tissues_apart_where_grey_levels_fail(record_property):
    mammograms = make_mammograms(28, random_state=0)
    images, train, test = mammograms.images, slice(16), slice(16, None)
    images = (images - images[train].mean()) / images[train].std()
    masks, density = mammograms.masks, mammograms.density[test]
    breast, auc, correlation = masks[test] > 0, {}, {}
    sparse = ConvolutionalSparseAutoencoder(12, max_iter=60, n_threads=1)
    for name, features in (("sparse", sparse), ("grey", LocalMeans(1))):
        p = means(features=features).fit(images[train], masks[train])
        probability = p.predict_proba(images[test])[:, 2][breast]
        auc[name] = roc_auc_score(masks[test][breast] == 2, probability)
        found = p.density(images[test], breast)
        correlation[name] = np.corrcoef(found, density)[0, 1]
        record_property(f"auc {name}", f"{auc[name]:.3f}")
        record_property(f"correlation {name}", f"{correlation[name]:.3f}")
    assert auc["sparse"] > 0.9 > auc["grey"] + 0.1
    assert correlation["sparse"] > max(0.95, correlation["grey"])


def test_the_classifier_sees_labelled_pixels_alone(numbered):
    images, masks = numbered
    hidden = np.random.default_rng(0).random(masks.shape) < 0.5
    hidden[4] = True
    y = np.where(hidden, 255, masks)
    features = LocalMeans(1)
    p = PixelClassifier(
        features=features, classifier=Recorder(), ignore_label=255, n_pixels=60
    )
    p.fit(images, y)
    # The image without a label takes part in learning the features alone.
    assert p.features_.fitted_shape_ == images.shape
    number = p.classifier_.rows_[:, 0].astype(int)
    assert 60 <= len(number) == p.n_pixels_ < 60 + 15
    assert len(set(number)) == len(number)
    assert not hidden.flat[number].any()
    np.testing.assert_array_equal(p.classifier_.y_, masks.flat[number])
    assert p.classes_.tolist() == [0, 1, 2]
    others = np.where(hidden, 9, masks)
    q = means(ignore_label=9, n_pixels=60).fit(images, others)
    r = means(ignore_label=255, n_pixels=60).fit(images, y)
    np.testing.assert_array_equal(q.predict_proba(images), r.predict_proba(images))


def test_weights_of_images_reach_their_pixels(numbered):
    images, masks = numbered
    weights = np.array([0, 1, 2, 3, 4, 5])
    p = means(classifier=Recorder(), n_pixels=90).fit(images, masks, sample_weight=weights)
    image = p.classifier_.rows_[:, 0].astype(int) // 80
    np.testing.assert_array_equal(p.classifier_.weight_, weights[image])
    weighted = means().fit(X, Y, sample_weight=np.arange(36) < 18)
    assert not np.array_equal(weighted.predict(X), means().fit(X, Y).predict(X))
    with pytest.raises(ValueError, match="expected a classifier whose fit takes weights"):
        means(classifier=KNeighborsClassifier()).fit(images, masks, sample_weight=weights)
    with pytest.raises(ValueError, match="Negative values in data passed to"):
        means().fit(images, masks, sample_weight=-weights)


@pytest.mark.parametrize(
    "image",
    [
        np.full((1, 9, 7), datetime.date(2020, 1, 1)),
        np.full((1, 9, 7), "2020-01-01", "datetime64[s]"),
        np.full((1, 9, 7), "high"),
        np.full((1, 9, 7), 1j),
    ],
    ids=["objects", "dates", "text", "complex"],
)
def test_images_of_another_size_are_refused_that_are_no_numbers(image):
    fitted = PixelClassifier(features=LocalMeans(), random_state=0, n_pixels=300).fit(X, Y)
    for given in (image[None], [image, np.zeros((1, 8, 8))]):
        with pytest.raises((TypeError, ValueError), match=r"\bX\b"):
            fitted.predict(given)


def test_lists_of_unequal_sizes():
    sizes = [(48, 48), (40, 48), (48, 31), (30, 44)] * 3
    images = [x[:, :h, :w] for x, (h, w) in zip(X, sizes, strict=False)]
    masks = [y[:h, :w] for y, (h, w) in zip(Y, sizes, strict=False)]
    for features in (LocalMeans(), SPARSE):
        p = PixelClassifier(features=features, random_state=0, n_pixels=10**6)
        p.fit(images, masks)
        assert p.n_pixels_ == sum(h * w for h, w in sizes)
        predicted = p.predict(images)
        assert [each.shape for each in predicted] == sizes
        assert [each.shape for each in p.predict_proba(images[:4])] == [
            (3, *size) for size in sizes[:4]
        ]
        np.testing.assert_array_equal(p.predict(images[3][None])[0], predicted[3])
        dice = [
            dice_scores(t[None], m[None], labels=[1, 2])
            for t, m in zip(masks, predicted, strict=True)
        ]
        assert p.score(images, masks) == pytest.approx(np.mean(dice))
        assert p.transform(images).shape == (12, p.transform(X).shape[1])
        region = [mask > 0 for mask in masks]
        shares = [
            np.mean(m[r] == 2) if r.any() else np.nan
            for m, r in zip(predicted, region, strict=True)
        ]
        np.testing.assert_allclose(p.density(images, region), shares)
    # The middle parts of all images have the smallest height and width.
    p = means().fit(images, masks)
    assert p.features_.fitted_shape_ == (12, 1, 30, 31)
    assert np.isfinite(cross_val_score(means(), images, masks, cv=2)).all()
    with pytest.raises(ValueError, match="ignore_label=None with images of unequal sizes"):
        means(ignore_label=None).fit(images, masks)


def test_windows_of_large_images_give_the_features_of_the_whole():
    sparse = ConvolutionalSparseAutoencoder(4, max_iter=2, n_threads=1)
    p = PixelClassifier(features=sparse, random_state=0).fit(X[:6], Y[:6])
    large = make_mammograms(2, size=120, random_state=1).images
    whole, features = p.predict_proba(large), p.transform(large)
    # The kernel of 7 and the interpolation at scale 4, then the window of 9.
    p.set_params(window_size=32, window_margin=24)
    np.testing.assert_allclose(p.predict_proba(large), whole, atol=1e-5)
    np.testing.assert_allclose(p.transform(large), features, atol=1e-5)
    near = p.set_params(window_margin=4).predict_proba(large)
    assert 1e-3 < np.abs(near - whole).max() < 0.9


def test_volumes_and_flat_images():
    rng = np.random.default_rng(0)
    volumes = rng.random((6, 2, 9, 8, 10), dtype=np.float32)
    masks = (uniform_filter(volumes[:, 0], (0, 3, 3, 3)) > 0.5).astype(int)
    p = means(features=LocalMeans(3)).fit(volumes, masks)
    assert p.predict_proba(volumes).shape == (6, 2, 9, 8, 10)
    assert p.score(volumes, masks) > 0.8
    flat = means(features=LocalMeans(3), image_shape=(2, 9, 8, 10))
    flat.fit(volumes.reshape(6, -1), masks.reshape(6, -1))
    predicted = flat.predict(volumes.reshape(6, -1))
    np.testing.assert_array_equal(predicted, p.predict(volumes).reshape(6, -1))
    assert flat.n_features_in_ == 2 * 9 * 8 * 10
    sparse = ConvolutionalSparseAutoencoder(3, kernel_size=3, scales=(1, 2), max_iter=1)
    p = PixelClassifier(features=sparse).fit(volumes, masks)
    assert p.predict(volumes).shape == masks.shape


def test_transform_is_the_mean_of_each_feature():
    p = means().fit(X, Y)
    maps = LocalMeans().transform_pixels(X)
    np.testing.assert_allclose(p.transform(X), maps.mean(axis=(2, 3)), atol=1e-5)
    assert p.get_feature_names_out().tolist() == ["pixelclassifier0", "pixelclassifier1"]


def test_density_is_the_share_of_the_breast_that_is_dense():
    p = means().fit(X[TRAIN], Y[TRAIN])
    predicted = p.predict(X[TEST])
    n_dense = (predicted == 2).sum(axis=(1, 2))
    expected = n_dense / (predicted > 0).sum(axis=(1, 2))
    np.testing.assert_allclose(p.density(X[TEST]), expected)
    np.testing.assert_allclose(p.density(X[TEST], dense_label=1), 1 - expected)
    breast = Y[TEST] > 0
    inside = [np.mean(m[b] == 2) for m, b in zip(predicted, breast, strict=True)]
    np.testing.assert_allclose(p.density(X[TEST], breast), inside)
    np.testing.assert_allclose(p.density(X[TEST], breast.reshape(12, -1)), inside)
    with pytest.raises(ValueError, match=r"dense_label=3, but the classes are \[0, 1, 2\]"):
        p.density(X[TEST], dense_label=3)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        p.density(X[TEST], breast[:3])
    two = means().fit(X[TRAIN], Y[TRAIN] == 2)
    with pytest.raises(ValueError, match="region=None with the classes"):
        two.density(X[TEST])
    assert np.corrcoef(two.density(X[TEST], breast), inside)[0, 1] > 0.9


def test_fitted_features_come_frozen_and_stay_as_they_are():
    sparse = clone(SPARSE).set_params(random_state=1).fit(X)
    before = sparse.transform_pixels(X[:2])
    with pytest.raises(ValueError, match="which is fitted, but a clone of it, as a search"):
        PixelClassifier(features=sparse).fit(X, Y)
    frozen = PixelClassifier(features=FrozenEstimator(sparse), random_state=0)
    fitted = clone(frozen).fit(X[TRAIN], Y[TRAIN])
    assert fitted.features_.estimator is sparse
    np.testing.assert_array_equal(sparse.transform_pixels(X[:2]), before)
    with pytest.raises(ValueError, match="not fitted yet"):
        PixelClassifier(features=FrozenEstimator(SPARSE)).fit(X, Y)
    unfitted = PixelClassifier(features=SPARSE).fit(X[:4], Y[:4])
    assert unfitted.features is SPARSE
    assert not hasattr(SPARSE, "network_")


def test_settings_are_shared_where_the_features_have_none(tmp_path):
    shared = {"device": "cpu", "verbose": False, "memory": str(tmp_path)}
    own = clone(SPARSE).set_params(n_threads=2)
    p = PixelClassifier(features=own, random_state=0, n_threads=1, **shared)
    p.fit(X[:4], Y[:4])
    assert p.features_.device == "cpu"
    assert p.features_.n_threads == 2
    assert p.features_.memory == str(tmp_path)
    unseeded = PixelClassifier(features=SPARSE, **shared).fit(X[:4], Y[:4])
    assert unseeded.features_.memory is None
    same = [clone(p).fit(X[:4], Y[:4]).predict_proba(X) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert n_trainings(tmp_path) == 1


def test_a_search_over_the_classifier_trains_a_network_per_fold(tmp_path):
    x, y = X[:16], Y[:16]
    classifier = LogisticRegression(class_weight={0: 1, 1: 1, 2: 5})
    p = PixelClassifier(
        features=SPARSE, classifier=classifier, random_state=0, memory=str(tmp_path)
    )
    grid = {"classifier__C": [1e-4, 1.0], "n_pixels": [200, 2000]}
    with parallel_config(backend="threading"):  # the contract has the processes
        search = GridSearchCV(p, grid, cv=KFold(2), n_jobs=2).fit(x, y)
    assert n_trainings(tmp_path) == 3
    alone = clone(p).set_params(**search.best_params_)
    scores = cross_val_score(alone, x, y, cv=KFold(2))
    assert search.best_score_ == pytest.approx(scores.mean())
    wider = GridSearchCV(p, {"features__pool_size": [3, 9]}, cv=KFold(2)).fit(x, y)
    # A network of each fold for the other size, and for the refit if that is the best.
    refitted = wider.best_params_["features__pool_size"] != SPARSE.pool_size
    assert n_trainings(tmp_path) == 3 + 2 + refitted
    assert wider.best_params_ in ({"features__pool_size": 3}, {"features__pool_size": 9})


def test_any_classifier_anywhere_in_scikit_learn():
    groups = np.repeat(np.arange(9), 4)
    scores = cross_val_score(means(), X, Y, cv=GroupKFold(3), groups=groups)
    assert scores.shape == (3,)
    pipeline = make_pipeline(FunctionTransformer(), means()).fit(X, Y)
    direct = means().fit(X, Y)
    assert pipeline.score(X, Y) == direct.score(X, Y)
    copied = pickle.loads(pickle.dumps(direct))
    np.testing.assert_array_equal(copied.predict(X), direct.predict(X))
    machine = means(classifier=LinearSVC()).fit(X, Y)
    assert machine.score(X, Y) > 0.5
    assert not hasattr(machine, "predict_proba")
    assert hasattr(means(), "predict_proba")
    # random_state draws the forest's seed as well.
    forest = means(classifier=make_pipeline(RandomForestClassifier(5)), n_pixels=500)
    found = [clone(forest).fit(X, Y).predict_proba(X) for _ in range(2)]
    np.testing.assert_array_equal(*found)
    other = forest.set_params(random_state=1).fit(X, Y).predict_proba(X)
    assert not np.array_equal(other, found[0])


def test_a_refit_that_fails_leaves_all_as_it_was():
    model = means().fit(X[TRAIN], Y[TRAIN])
    before, expected = dict(vars(model)), model.predict_proba(X[TEST])
    model.set_params(features=LocalMeans(9), classifier=KNeighborsClassifier())
    with pytest.raises(ValueError, match="expected a classifier whose fit takes weights"):
        model.fit(X[:4, :, :32], Y[:4, :32] == 1, sample_weight=np.ones(4))
    model.set_params(features=before["features"], classifier=before["classifier"])
    assert vars(model).keys() == before.keys()
    np.testing.assert_array_equal(model.predict_proba(X[TEST]), expected)
    with pytest.raises(ValueError, match="expected a classifier whose fit takes weights"):
        (unfitted := means(classifier=KNeighborsClassifier())).fit(X, Y, np.ones(36))
    assert vars(unfitted).keys() == unfitted.get_params(deep=False).keys()


@pytest.mark.parametrize(
    ("parameters", "y", "message"),
    [
        ({}, None, "requires y to be passed, but the target y is None"),
        ({}, Y[:5], "inconsistent numbers of samples"),
        ({}, np.zeros_like(Y), r"1 classes \(0\), but PixelClassifier needs from 2"),
        ({}, np.stack([Y > 0, Y > 1], 1), "2 labels that overlap, but PixelClassifier"),
        ({"features": StandardScaler()}, Y, "but expected an estimator with transform_pix"),
        ({"n_pixels": 0}, Y, "'n_pixels' parameter of PixelClassifier must be an int"),
    ],
)
def test_what_does_not_fit_is_named(parameters, y, message):
    with pytest.raises(ValueError, match=message):
        means(**parameters).fit(X, y)
