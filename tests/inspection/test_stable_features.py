import pickle

import numpy as np
import pandas as pd
import pytest
from contract import small
from joblib import parallel_config
from scipy.linalg import orthogonal_procrustes
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import skvae
from skvae import AttriVAE, StableFeatures, VAEFeatureExtractor
from skvae.statistics.intraclass import intraclass_correlation
from skvae.training.caching import n_trainings

pytestmark = [
    pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning"),
    pytest.mark.filterwarnings("ignore::skvae.exceptions.ConstantCodeWarning"),
]

RNG = np.random.default_rng(0)
N = 60
# Two directions of a size each, and noise; the first column says which row it is.
SIGNAL = RNG.normal(size=(N, 2)) * [3, 2] @ np.linalg.qr(RNG.normal(size=(30, 2)))[0].T
X = np.hstack([np.arange(N)[:, None] / 1e6, SIGNAL + 0.2 * RNG.normal(size=(N, 30))])
GROUPS = np.arange(N) // 3
VAE = small(VAEFeatureExtractor, max_iter=1, batch_size=64)

NOT_YIELDED = (
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_transformer_get_feature_names_out,
    estimator_checks.check_transformer_get_feature_names_out_pandas,
    estimator_checks.check_get_feature_names_out_error,
    estimator_checks.check_param_validation,
    estimator_checks.check_set_output_transform,
    estimator_checks.check_set_output_transform_pandas,
    estimator_checks.check_set_output_transform_polars,
    estimator_checks.check_global_output_transform_pandas,
    estimator_checks.check_global_set_output_transform_polars,
    estimator_checks.check_inplace_ensure_writeable,
)


def hasty(held=VAE, **parameters):
    """Return one that passes all on, of whatever it holds."""
    chosen = {"threshold": -1, "n_repeats": 2, "random_state": 0} | parameters
    return StableFeatures(clone(held), **chosen)


@parametrize_with_checks([hasty()])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("check", NOT_YIELDED, ids=lambda check: check.__name__)
def test_checks_that_are_not_yielded(check):
    check("StableFeatures", hasty())


@pytest.mark.parametrize("over", ["seed", "fold", "bootstrap"])
def test_stability_against_a_loop(over):
    fits = []

    class Watched(PCA):
        def fit(self, X, y=None):
            fits.append((np.rint(np.asarray(X)[:, 0] * 1e6).astype(int), self.random_state))
            return super().fit(X, y)

    stable = StableFeatures(Watched(4), threshold=0.95, over=over, random_state=0)
    stable.fit(X, groups=GROUPS)
    (rows, _), *others = fits
    assert rows.tolist() == list(range(N))
    assert len({seed for _, seed in fits}) == (6 if over == "seed" else 1)
    lacking = [np.setdiff1d(rows, each) for each, _ in others]
    for (each, _), rest in zip(others, lacking, strict=True):
        assert not set(GROUPS[each]) & set(GROUPS[rest])
    if over != "bootstrap":
        assert sorted(np.concatenate(lacking)) == list(range(N))
    icc = []
    whole = PCA(4).fit(X)
    for (each, _), rest in zip(others, lacking, strict=True):
        seen = np.unique(each)
        a, b = whole.transform(X), PCA(4).fit(X[each]).transform(X)
        a, b = ((c - c[seen].mean(axis=0)) / c[seen].std(axis=0) for c in (a, b))
        b = b @ orthogonal_procrustes(b[seen], a[seen])[0]
        pairs = zip(a[rest].T, b[rest].T, strict=True)
        icc.append([intraclass_correlation(np.stack(p, axis=1)).icc for p in pairs])
    np.testing.assert_allclose(stable.stability_, np.mean(icc, axis=0), rtol=1e-6)
    assert stable.get_support().tolist() == (stable.stability_ >= 0.95).tolist()
    # The two directions that the data have, and not those of the noise.
    assert stable.get_support(indices=True).tolist() == [0, 1]
    np.testing.assert_array_equal(
        stable.transform(X), stable.estimator_.transform(X)[:, [0, 1]]
    )


def test_in_a_pipeline_the_rows_of_other_folds_are_not_seen():
    seen = []

    def watch(x):
        seen.append(np.rint(x[:, 0] * 1e6).astype(int))
        return x

    y = (SIGNAL[:, 0] > 0).astype(int)
    held = make_pipeline(FunctionTransformer(watch), StandardScaler(), PCA(3))
    model = make_pipeline(StableFeatures(held, random_state=0), LogisticRegression())
    train, test = next(GroupKFold(3).split(X, y, GROUPS))
    model.fit(X[train], y[train])
    assert not np.intersect1d(np.concatenate(seen), test).size
    assert model.score(X[test], y[test]) > 0.8


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_search_over_the_threshold_trains_each_network_once(tmp_path):
    y = (SIGNAL[:, 0] > 0).astype(int)
    vae = clone(VAE).set_params(memory=str(tmp_path), max_iter=2)
    pipe = make_pipeline(
        StandardScaler(),
        StableFeatures(vae, over="fold", n_repeats=2, random_state=0),
        LogisticRegression(),
    )
    grid = {"stablefeatures__threshold": [-1.0, 0.0, 1.0]}
    with pytest.warns(FitFailedWarning, match=r"threshold=1\.0, but the most stable"):
        search = GridSearchCV(pipe, grid, cv=2).fit(X, y)
    assert n_trainings(tmp_path) == 3 * 3  # three fits of two folds and of all rows
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).tolist() == [True, True, False]


def test_no_column_that_is_stable_enough():
    noise = RNG.normal(size=(N, 30))
    with pytest.raises(
        ValueError, match=r"threshold=0\.99, but .* 5 columns of PCA has an"
    ):
        StableFeatures(PCA(5), threshold=0.99, random_state=0).fit(noise)


def test_names_frames_clones_and_pickles():
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(31)])
    stable = StableFeatures(PCA(4), threshold=0.95, random_state=0)
    stable.set_output(transform="pandas")
    features = stable.fit_transform(frame)
    assert features.columns.tolist() == ["pca0", "pca1"]
    assert stable.feature_names_in_.tolist() == frame.columns.tolist()
    copied = pickle.loads(pickle.dumps(stable))
    pd.testing.assert_frame_equal(copied.transform(frame), features)
    with parallel_config(backend="threading"):  # the contract has the processes
        again = clone(stable).set_params(n_jobs=2).fit_transform(frame)
    pd.testing.assert_frame_equal(again, features)


def test_images_columns_that_are_constant_and_the_default_estimator():
    images = RNG.random((40, 1, 7, 6), dtype=np.float32)
    held = small(VAEFeatureExtractor, max_iter=2)
    stable = hasty(held).fit(images)
    assert stable.transform(images).shape == (40, 3)
    assert stable.get_feature_names_out().tolist() == ["mean_0", "mean_1", "mean_2"]
    blank = FunctionTransformer(lambda x: np.hstack([x, np.ones((len(x), 1))]))
    stable = StableFeatures(make_pipeline(PCA(2), blank), random_state=0).fit(X)
    assert stable.stability_[2] == 0
    assert stable.support_.tolist() == [True, True, False]
    assert StableFeatures()._held().get_params() == VAEFeatureExtractor().get_params()


def test_units_of_attributes_are_compared_by_their_place():
    attributes = SIGNAL[:, :1]
    held = small(AttriVAE, max_iter=60, learning_rate_init=0.01, alpha=20.0, gamma=20.0)
    scaled = StandardScaler().fit_transform(X[:, 1:])
    stable = hasty(held, align="none", n_repeats=3)
    stable.fit(scaled, (attributes[:, 0] > 0).astype(int), attributes=attributes)
    own, *others = stable.stability_
    assert own > 0.8
    assert own > max(others)


def test_saved_and_loaded(tmp_path):
    stable = hasty(make_pipeline(StandardScaler(), VAE)).fit(X)
    skvae.save(stable, tmp_path / "model.skvae")
    loaded = skvae.load(tmp_path / "model.skvae")
    np.testing.assert_array_equal(loaded.transform(X), stable.transform(X))
    np.testing.assert_array_equal(loaded.stability_, stable.stability_)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (StableFeatures(StandardScaler()), "over='seed', but StandardScaler has no rand"),
        (StableFeatures(PCA(2), n_repeats=40), "n_samples=60 of 60 patients, but n_repeat"),
        (StableFeatures(PCA(0.999)), "PCA as estimator, which makes .. features of all ro"),
        (StableFeatures(PCA(2), threshold=2), "'threshold' parameter of StableFeatures"),
    ],
)
def test_what_is_refused(model, message):
    wide = np.hstack([X, RNG.normal(size=(N, 80))])
    with pytest.raises(ValueError, match=message):
        model.fit(wide)
