"""Pipelines and searches come back whole; what cannot be saved is named."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from contract import fitted, given, labels, small
from forged_models import forge
from scipy.stats import uniform
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)

import skvae
from skvae.exceptions import ModelFileWarning
from skvae.study import Blocks, default_arms
from skvae.study.arm_features import FEATURES, flatten

pytestmark = [
    pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning"),
    pytest.mark.filterwarnings("ignore::skvae.exceptions.ConstantCodeWarning"),
    pytest.mark.filterwarnings("ignore:.*lbfgs failed to converge"),
]

rng = np.random.default_rng(0)
N_ROWS = 36
Y = np.arange(N_ROWS) % 2
TABLE = pd.DataFrame(rng.normal(size=(N_ROWS, 7)), columns=list("abcdefg"))
TABLE["original_shape_MeshVolume"] = np.exp(rng.normal(size=N_ROWS))
TABLE.loc[3, "a"] = np.nan
CLINICAL = pd.DataFrame(
    {"age": rng.normal(60, 9, N_ROWS), "sex": rng.choice(["f", "m"], N_ROWS)}
)
IMAGES = rng.random((N_ROWS, 1, 8, 8), dtype=np.float32)
MASKS = (IMAGES > 0.5).astype(np.float32)
BLOCKS = {"radiomics": TABLE, "clinical": CLINICAL, "images": IMAGES}

METHODS = ("predict", "predict_proba", "transform", "decision_function")


def round_trip(estimator, folder):
    path, again = folder / "first.skvae", folder / "again.skvae"
    digest = skvae.save(estimator, path)
    loaded = skvae.load(path, sha256=digest)
    skvae.save(estimator, again)
    assert again.read_bytes() == path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelFileWarning)
        skvae.save(loaded, again)
    assert skvae.load(again)
    return loaded


def assert_same(estimator, loaded, X):
    n_compared = 0
    for method in METHODS:
        if hasattr(estimator, method):
            expected, found = getattr(estimator, method)(X), getattr(loaded, method)(X)
            assert type(found) is type(expected)
            np.testing.assert_array_equal(found, expected)
            n_compared += 1
    assert n_compared


ARMS = [
    *((TABLE, name, "classes") for name in ("volume", "radiomics", "best_k", "pca")),
    *(
        (TABLE, name, "classes")
        for name in ("autoencoder", "vae", "attri_vae", "embedding")
    ),
    *((TABLE, name, "number") for name in ("best_k", "vae", "zero_rule")),
    *((IMAGES, name, "classes") for name in ("pca", "autoencoder", "vae", "zero_rule")),
    (MASKS, "volume", "classes"),
    *((BLOCKS, name, "classes") for name in ("clinical", "zero_rule")),
    *(
        (BLOCKS, name, "classes")
        for name in ("clinical+vae:images", "pca:radiomics+best_k")
    ),
]


def arm_of(X, name, outcome, **options):
    """Return a default arm, trained for a moment."""
    estimator, grid = default_arms(X, [name], outcome=outcome, **options)[name]
    epochs = [k for k in estimator.get_params() if k.endswith("features__max_iter")]
    estimator.set_params(**dict.fromkeys(epochs, 2))
    if grid is None:
        return estimator
    return GridSearchCV(estimator, {k: values[:2] for k, values in grid.items()}, cv=2)


@pytest.mark.filterwarnings("ignore::skvae.exceptions.ModelFileWarning")
@pytest.mark.parametrize(
    ("X", "name", "outcome"), ARMS, ids=[f"{i}-{arm[1]}" for i, arm in enumerate(ARMS)]
)
def test_every_default_arm_of_a_study_comes_back(X, name, outcome, tmp_path):
    search = arm_of(X, name, outcome, memory=str(tmp_path / "networks"))
    X = Blocks(X) if isinstance(X, dict) else X
    y = Y if outcome == "classes" else Y + rng.normal(size=N_ROWS)
    if name == "attri_vae":
        with sklearn.config_context(enable_metadata_routing=True):
            search.fit(X, y, attributes=TABLE[["b"]])
    else:
        search.fit(X, y)
    loaded = round_trip(search, tmp_path)
    assert_same(search, loaded, X)
    assert loaded.score(X, y) == search.score(X, y)
    if name == "attri_vae":
        requests = [
            each.best_estimator_.named_steps["features"].get_metadata_routing()
            for each in (search, loaded)
        ]
        assert requests[0].fit.requests == requests[1].fit.requests


def test_the_arms_above_are_all_that_there_are():
    kinds = {part.partition(":")[0] for arm in ARMS for part in arm[1].split("+")}
    assert kinds == {*FEATURES, "zero_rule"}


@pytest.mark.filterwarnings("ignore::skvae.exceptions.ModelFileWarning")
def test_an_arm_of_scans_comes_back_and_reads_files(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    values, rows = rng.normal(size=(12, 10, 10, 10)).astype(np.float32), []
    for i, scan in enumerate(values):
        row = {"Image": str(tmp_path / f"{i}.nii"), "Mask": str(tmp_path / f"{i}_mask.nii")}
        sitk.WriteImage(sitk.GetImageFromArray(scan), row["Image"])
        mask = np.zeros(scan.shape, np.uint8)
        mask[3:7, 3:7, 3:7] = 1
        sitk.WriteImage(sitk.GetImageFromArray(mask), row["Mask"])
        rows.append(row)
    X = pd.DataFrame(rows)
    loader = skvae.images.ImageLoader(crop="mask", size=(6, 6, 6), margin_mm=1)
    options = {"memory": str(tmp_path / "networks"), "loader": loader, "n_components": 2}
    search = arm_of(X, "autoencoder", "classes", **options).fit(X, Y[:12])
    loaded = round_trip(search, tmp_path)
    assert loaded.best_estimator_.named_steps["load"].cache is None
    assert_same(search, loaded, X)
    for name in ("first.skvae", "again.skvae"):
        assert str(tmp_path).encode() not in (tmp_path / name).read_bytes()


def columns(*parts):
    return ColumnTransformer(list(parts), remainder="passthrough")


PIPELINES = {
    "scaled": make_pipeline(SimpleImputer(), StandardScaler(), PCA(3)),
    "shares": make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), MinMaxScaler((-1, 1))
    ),
    "selected": make_pipeline(
        SimpleImputer(), VarianceThreshold(), SelectKBest(f_classif, k=3), Ridge()
    ),
    "whitened": make_pipeline(
        SimpleImputer(), PCA(0.9, whiten=True, svd_solver="full"), LogisticRegression()
    ),
    "columns": make_pipeline(
        columns(("a", SimpleImputer(), ["a"]), ("b", "drop", ["b", "c"])),
        FunctionTransformer(np.abs),
        FunctionTransformer(np.log1p, inverse_func=np.expm1),
    ),
    "places": columns(("a", SimpleImputer(), slice(0, 3)), ("b", StandardScaler(), [4, 5])),
    "pandas": make_pipeline(SimpleImputer(), StandardScaler()).set_output(
        transform="pandas"
    ),
    "united": make_union(
        make_pipeline(SimpleImputer(), PCA(2)),
        SimpleImputer(strategy="constant", fill_value=-1.0),
    ),
    "an autoencoder": make_pipeline(
        SimpleImputer(), StandardScaler(), skvae.Autoencoder(2, max_iter=1), Ridge()
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines_of_the_listed_parts_come_back(name, tmp_path):
    pipeline = sklearn.base.clone(PIPELINES[name]).fit(TABLE, Y)
    loaded = round_trip(pipeline, tmp_path)
    for method in METHODS:
        if hasattr(pipeline, method):
            expected = getattr(pipeline, method)(TABLE)
            found = getattr(loaded, method)(TABLE)
            assert type(found) is type(expected)
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    first = getattr(loaded, "steps", [(0, loaded)])[0][1]
    np.testing.assert_array_equal(first.feature_names_in_, TABLE.columns)


def test_texts_and_unknown_categories_come_back(tmp_path):
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=3)
    encoder.fit(CLINICAL[["sex"]])
    loaded = round_trip(encoder, tmp_path)
    new = pd.DataFrame({"sex": ["f", "ü", "m"]})
    np.testing.assert_array_equal(loaded.transform(new), encoder.transform(new))
    assert loaded.categories_[0].dtype == encoder.categories_[0].dtype


def test_a_search_keeps_its_table_of_results(tmp_path):
    pipeline = make_pipeline(SimpleImputer(), skvae.Autoencoder(2, max_iter=1), Ridge())
    grid = {
        "autoencoder__layer": ["code", "hidden_1"],
        "ridge__alpha": [0.1, 1.0],
        "simpleimputer": [SimpleImputer(), SimpleImputer(strategy="median")],
    }
    search = GridSearchCV(pipeline, grid, cv=2, scoring="r2").fit(TABLE, Y)
    loaded = round_trip(search, tmp_path)
    assert_same(search, loaded, TABLE)
    pd.testing.assert_frame_equal(
        pd.DataFrame(loaded.cv_results_).drop(columns=["params", "param_simpleimputer"]),
        pd.DataFrame(search.cv_results_).drop(columns=["params", "param_simpleimputer"]),
    )
    assert repr(loaded.best_params_) == repr(search.best_params_)
    assert loaded.score(TABLE, Y) == search.score(TABLE, Y)
    assert (loaded.cv, loaded.scoring, loaded.n_splits_) == (2, "r2", 2)


def test_folds_and_functions_of_a_search_are_left_out(tmp_path):
    folds = [(np.arange(18), np.arange(18, 36)), (np.arange(18, 36), np.arange(18))]
    search = RandomizedSearchCV(
        make_pipeline(SimpleImputer(), Ridge()),
        {"ridge__alpha": uniform(0.1, 1)},
        n_iter=2,
        cv=folds,
        scoring=lambda estimator, X, y: -float(estimator.predict(X).std()),
        random_state=0,
    ).fit(TABLE, Y)
    with pytest.warns(ModelFileWarning, match="RandomizedSearchCV.cv, .*scoring: no plain"):
        skvae.save(search, tmp_path / "search.skvae")


def test_requests_of_pipelines_come_back(tmp_path):
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight="weight")
        loaded = round_trip(make_pipeline(scaler).fit(TABLE), tmp_path)[0]
        assert loaded.get_metadata_routing().fit.requests == {"sample_weight": "weight"}


def test_held_estimators_come_back(tmp_path):
    X = given(skvae.Autoencoder, "rows")
    frozen = FrozenEstimator(fitted(skvae.Autoencoder, "rows"))
    pipeline = make_pipeline(frozen, FrozenEstimator(StandardScaler().fit(X[:, :3])))
    assert_same(pipeline, round_trip(pipeline.fit(X), tmp_path), X)
    classifier = small(skvae.AutoencoderClassifier, autoencoder=frozen)
    classifier.fit(X, labels(skvae.AutoencoderClassifier, X))
    assert_same(classifier, round_trip(classifier, tmp_path), X)
    union = FeatureUnion([("a", frozen), ("b", "passthrough"), ("c", "drop")]).fit(X)
    assert_same(union, round_trip(union, tmp_path), X)


class Doubled(StandardScaler):
    """A part of a user, which has the name of no part."""


@pytest.mark.parametrize(
    ("step", "named"),
    [
        (RandomForestClassifier(2), r"steps\[1\]\[1\]=RandomForestClassifier\("),
        (Doubled(), r"steps\[1\]\[1\]=Doubled\("),
        (FunctionTransformer(lambda X: X), r"steps\[1\]\[1\].func=<function"),
    ],
)
def test_another_step_is_refused_by_its_name_with_the_way_out(step, named, tmp_path):
    pipeline = make_pipeline(SimpleImputer(), step).fit(TABLE, Y)
    with pytest.raises(ValueError, match=f"{named}.*skops.*trusted=skvae.SKOPS_TRUSTED"):
        skvae.save(pipeline, tmp_path / "model.skvae")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path):
    path, ridge = tmp_path / "model.skvae", Ridge().fit(TABLE[["b"]], Y)
    skvae.save(ridge, path)

    def poison(description, arrays):
        arrays["coef_"] = np.array([np.nan])

    forge(path, path, poison)
    with pytest.raises(ValueError, match=r"Ridge.coef_ has entries that are NaN"):
        skvae.load(path)
    ridge.coef_[0] = np.inf
    autoencoder = small(skvae.Autoencoder).fit(given(skvae.Autoencoder, "rows"))
    next(iter(autoencoder.network_.module.parameters())).data[0, 0] = np.nan
    for model, named in ((ridge, "Ridge.coef_"), (autoencoder, "tensor hidden.0.0.weight")):
        with pytest.raises(ValueError, match=f"{named} has entries that are NaN"):
            skvae.save(model, path)


def test_what_is_too_large_to_be_loaded_is_not_saved(tmp_path):
    path, autoencoder = tmp_path / "model.skvae", fitted(skvae.Autoencoder, "rows")
    copied = sklearn.base.clone(autoencoder).fit(given(skvae.Autoencoder, "rows"))
    copied.network_.sample_shape = (2**25,)
    with pytest.raises(ValueError, match=r"samples of shape \(33554432,\), which are too"):
        skvae.save(copied, path)
    copied = sklearn.base.clone(autoencoder).fit(given(skvae.Autoencoder, "rows"))
    copied.note_ = np.array(["a" * 100_000] * 100)
    with pytest.raises(ValueError, match=r"note_ of 100 texts of dtype <U100000, which"):
        skvae.save(copied, path)
    copied.note_ = ["a"] * 300_000
    with pytest.raises(ValueError, match="description has more than 262144 values"):
        skvae.save(copied, path)
    assert not path.exists()


def test_the_layout_of_an_array_comes_back(tmp_path):
    # A product of matrices may differ in its last bits by how they lie in memory.
    pca = PCA(3).fit(flatten(IMAGES))
    pca.components_ = np.asfortranarray(pca.components_)
    loaded = round_trip(pca, tmp_path)
    assert loaded.components_.flags.f_contiguous
    np.testing.assert_array_equal(loaded.components_, pca.components_)
