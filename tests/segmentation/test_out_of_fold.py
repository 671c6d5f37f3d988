import numpy as np
import pytest
import sklearn
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvae import MaskStratifiedKFold, cross_val_predict_masks


class Histogram(ClassifierMixin, BaseEstimator):
    """Gives each pixel the shares of the labels in training, whatever the image is."""

    def __init__(self, smoothing=0):
        self.smoothing = smoothing

    def fit(self, X, y, sample_weight=None):
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        found = np.unique(np.concatenate([np.ravel(mask) for mask in y]))
        shares = [
            sum(w * np.mean(mask == k) for w, mask in zip(weights, y, strict=True))
            for k in found
        ]
        self.classes_ = found
        self.shares_ = (np.array(shares) + self.smoothing) / weights.sum()
        return self

    def predict_proba(self, X):
        maps = [np.multiply.outer(self.shares_, np.ones(np.shape(x)[1:])) for x in X]
        return np.fromiter(maps, dtype=object) if isinstance(X, list) else np.stack(maps)

    def predict_log_proba(self, X):
        return np.log(self.predict_proba(X).astype(np.float32))

    def predict(self, X):
        maps = [self.classes_[each.argmax(axis=0)] for each in self.predict_proba(X)]
        return np.fromiter(maps, dtype=object) if isinstance(X, list) else np.stack(maps)


RNG = np.random.default_rng(0)
X = RNG.random((9, 1, 6, 5))
Y = RNG.integers(0, 2, size=(9, 6, 5))
GROUPS = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3])


def test_maps_come_from_models_that_have_not_seen_the_image():
    maps = cross_val_predict_masks(Histogram(), X, Y, groups=GROUPS, cv=GroupKFold(3))
    assert maps.shape == (9, 2, 6, 5)
    for train, test in GroupKFold(3).split(X, groups=GROUPS):
        expected = Histogram().fit(X[train], Y[train]).predict_proba(X[test])
        np.testing.assert_array_equal(maps[test], expected)


def test_labels_are_those_of_scikit_learn():
    for cv in (None, 3, KFold(4, shuffle=True, random_state=0)):
        expected = cross_val_predict(Histogram(), X, Y, cv=cv)
        found = cross_val_predict_masks(Histogram(), X, Y, cv=cv, method="predict")
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_of_one_label_per_row_it_is_cross_val_predict(method):
    rows, labels = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    for y in (labels, labels > 0, np.array(["a", "b", "c"])[labels]):
        # An int makes stratified folds for classifiers, here as there.
        expected = cross_val_predict(model, rows, y, cv=4, method=method)
        found = cross_val_predict_masks(model, rows, y, cv=4, method=method)
        np.testing.assert_array_equal(found, expected)


def test_classes_that_a_fold_lacks_are_filled_as_scikit_learn_does():
    rows, labels = load_iris(return_X_y=True)
    for method in ("predict_proba", "predict_log_proba"):
        with pytest.warns(RuntimeWarning, match="Number of classes in training fold"):
            expected = cross_val_predict(
                GaussianNB(), rows, labels, cv=KFold(3), method=method
            )
        with pytest.warns(RuntimeWarning, match=r"Of the 3 classes, a fold was .* on 2"):
            found = cross_val_predict_masks(
                GaussianNB(), rows, labels, cv=KFold(3), method=method
            )
        absent = found[:, 0][:50]
        np.testing.assert_array_equal(found[:, 1:][:50], expected[:, 1:][:50])
        assert (absent == absent[0]).all()
        if method == "predict_proba":
            np.testing.assert_array_equal(found, expected)


def test_a_rare_label_has_probability_zero_where_training_lacks_it():
    y = Y.copy()
    y[0, 0] = 7
    with pytest.warns(RuntimeWarning, match=r"\(0, 1\): the others have predict_proba"):
        maps = cross_val_predict_masks(Histogram(), X, y, cv=KFold(3))
    assert maps.shape == (9, 3, 6, 5)
    assert (maps[:3, 2] == 0).all()
    assert (maps[3:, 2] > 0).all()
    np.testing.assert_allclose(maps.sum(axis=1), 1)
    with pytest.warns(RuntimeWarning, match="predict_log_proba"):
        logs = cross_val_predict_masks(
            Histogram(), X, y, cv=KFold(3), method="predict_log_proba"
        )
    assert np.isfinite(logs).all()
    np.testing.assert_allclose(np.exp(logs), maps, rtol=1e-5)


def test_lists_of_unequal_sizes():
    images = [x[:, :, : 5 - i % 2] for i, x in enumerate(X)]
    masks = [y[:, : 5 - i % 2] for i, y in enumerate(Y)]
    cv = MaskStratifiedKFold(3)
    maps = cross_val_predict_masks(Histogram(), images, masks, cv=cv)
    assert maps.dtype == object
    for i, each in enumerate(maps):
        assert each.shape == (2, *masks[i].shape)
    for train, test in cv.split(images, masks):
        fitted = Histogram().fit(None, [masks[i] for i in train])
        for i in test:
            np.testing.assert_allclose(maps[i][:, 0, 0], fitted.shares_)
    labels = cross_val_predict_masks(Histogram(), images, masks, cv=cv, method="predict")
    assert [each.shape for each in labels] == [each.shape for each in masks]


def test_pipelines_searches_and_threads():
    expected = cross_val_predict_masks(Histogram(), X, Y, cv=3)
    pipeline = make_pipeline(FunctionTransformer(), Histogram())
    np.testing.assert_array_equal(cross_val_predict_masks(pipeline, X, Y, cv=3), expected)
    with parallel_config(backend="threading"):
        parallel = cross_val_predict_masks(Histogram(), X, Y, cv=3, n_jobs=2)
    np.testing.assert_array_equal(parallel, expected)
    rows, labels = load_iris(return_X_y=True)
    folds = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1.0]}, cv=folds)
    assert cross_val_predict_masks(search, rows, labels, cv=3).shape == (150, 3)


def test_parameters_of_fit_and_metadata_routing():
    weights = np.arange(1.0, 10)
    direct = cross_val_predict_masks(
        Histogram(), X, Y, cv=3, params={"sample_weight": weights}
    )
    assert not np.array_equal(direct, cross_val_predict_masks(Histogram(), X, Y, cv=3))
    with sklearn.config_context(enable_metadata_routing=True):
        model = Histogram().set_fit_request(sample_weight=True)
        for estimator in (model, make_pipeline(FunctionTransformer(), clone(model))):
            routed = cross_val_predict_masks(
                estimator, X, Y, cv=3, params={"sample_weight": weights}
            )
            np.testing.assert_array_equal(routed, direct)
        grouped = cross_val_predict_masks(
            model, X, Y, cv=MaskStratifiedKFold(3), params={"groups": GROUPS}
        )
        with pytest.raises(TypeError, match="sample_weights"):
            cross_val_predict_masks(model, X, Y, params={"sample_weights": weights})
    plain = cross_val_predict_masks(
        Histogram(), X, Y, groups=GROUPS, cv=MaskStratifiedKFold(3)
    )
    np.testing.assert_array_equal(grouped, plain)


def test_what_cannot_be_predicted_is_named():
    with pytest.raises(ValueError, match="only works for partitions"):
        cross_val_predict_masks(Histogram(), X, Y, cv=[([0, 1], [2]), ([2, 3], [2])])
    with pytest.raises(AttributeError, match="'Histogram' object has no attribute 'maps'"):
        cross_val_predict_masks(Histogram(), X, Y, method="maps")
