"""Files of skops, MLflow and cloudpickle give every kind back, bit for bit."""

import pickle

import numpy as np
import pytest
from contract import KINDS, given, labels, small
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skvae
from skvae import AutoencoderClassifier, RandomAugment, VAEFeatureExtractor

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning"),
    pytest.mark.filterwarnings("ignore::skvae.exceptions.EmptyOrganWarning"),
]

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
X = given(VAEFeatureExtractor, "rows")
Y = np.arange(len(X)) % 2


def by_skops(estimator):
    sio = pytest.importorskip("skops.io")
    data = sio.dumps(estimator)
    types = sio.get_untrusted_types(data=data)
    return sio.loads(data, trusted=types), types


@each_kind
@pytest.mark.parametrize("name", ["rows", "images"])
def test_skops_gives_every_kind_back(kind, name):
    rows = given(kind, name)
    estimator = small(kind).fit(rows, labels(kind, rows))
    copied, types = by_skops(estimator)
    np.testing.assert_array_equal(copied.transform(rows), estimator.transform(rows))
    if hasattr(estimator, "predict"):
        np.testing.assert_array_equal(copied.predict(rows), estimator.predict(rows))
    assert f"{kind.__module__}.{kind.__name__}" in types
    # A user can tell at a glance that nothing else is to be trusted.
    others = [found for found in types if found not in skvae.SKOPS_TRUSTED]
    assert all(found.startswith(("contract.Tiny", "sklearn.tree.")) for found in others)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), VAEFeatureExtractor(3, max_iter=1)),
        GridSearchCV(
            make_pipeline(VAEFeatureExtractor(3, max_iter=1), LogisticRegression()),
            {"vaefeatureextractor__layer": ["mean", "hidden_1"]},
            cv=2,
        ),
    ],
    ids=["pipeline", "search"],
)
def test_skops_gives_what_stands_around_a_kind_back(estimator):
    copied, types = by_skops(estimator.fit(X, Y))
    others = [found for found in types if found not in skvae.SKOPS_TRUSTED]
    assert all(found.startswith("sklearn.") for found in others)
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "transform"
    expected = getattr(estimator, method)(X)
    np.testing.assert_array_equal(getattr(copied, method)(X), expected)


def test_training_goes_on_behind_skops_as_if_it_had_not_stopped():
    vae = VAEFeatureExtractor(3, max_iter=2, warm_start=True, random_state=0).fit(X)
    copied, _ = by_skops(vae)
    np.testing.assert_array_equal(
        copied.partial_fit(X).transform(X), vae.partial_fit(X).transform(X)
    )


def test_skops_keeps_the_parameters_that_are_values_of_ours():
    images = given(AutoencoderClassifier, "images")
    estimator = small(AutoencoderClassifier, augment=RandomAugment(flip=False, rotate=5))
    copied, _ = by_skops(estimator.fit(images, Y))
    assert copied.augment == RandomAugment(flip=False, rotate=5)
    np.testing.assert_array_equal(copied.predict(images), estimator.predict(images))


@pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning")
@each_kind
def test_mlflow_keeps_a_pipeline_with_every_kind(kind, tmp_path):
    sklearn_flavor = pytest.importorskip("mlflow.sklearn")
    sio = pytest.importorskip("skops.io")
    rows = given(kind, "rows")
    pipeline = make_pipeline(FunctionTransformer(), small(kind))
    pipeline.fit(rows, labels(kind, rows))
    sklearn_flavor.save_model(
        pipeline,
        tmp_path / "model",
        pip_requirements=[],
        skops_trusted_types=sio.get_untrusted_types(data=sio.dumps(pipeline)),
    )
    loaded = sklearn_flavor.load_model(str(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.transform(rows), pipeline.transform(rows))


@each_kind
def test_cloudpickle_gives_every_kind_back(kind):
    cloudpickle = pytest.importorskip("cloudpickle")
    rows = given(kind, "rows")
    estimator = small(kind).fit(rows, labels(kind, rows))
    copied = pickle.loads(cloudpickle.dumps(estimator))
    np.testing.assert_array_equal(copied.transform(rows), estimator.transform(rows))
