"""With ``cross_fit``, training rows are read by networks that have not seen them."""

import numpy as np
import pandas as pd
import pytest
from contract import small
from scipy import sparse
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

import skvae
from skvae import AttriVAE, Autoencoder, VAEFeatureExtractor
from skvae.estimators import cross_fitting
from skvae.estimators.cross_fitting import folds_for, turned
from skvae.search import StackedGridSearchCV
from skvae.training.caching import n_trainings
from skvae.training_counts import counted_trainings

X, Y = load_breast_cancer(return_X_y=True)
X, Y = StandardScaler().fit_transform(X)[:60], Y[:60]
PATIENTS = np.repeat(np.arange(20), 3)


def by_hand(estimator, params, parts=1):
    """Fit a clone to the rows of each fold, and turn what it reads by scipy."""
    whole = clone(estimator).fit(X, **params).transform(X).astype(float)
    found = np.empty_like(whole)
    for known, unseen in folds_for(estimator, X, params):
        given = {name: value[known] for name, value in params.items()}
        one = clone(estimator).fit(X[known], **given)
        for units in np.array_split(np.arange(whole.shape[1]), parts):
            b, c = (one.transform(X[rows])[:, units] for rows in (known, unseen))
            a = whole[known][:, units]
            turn, _ = orthogonal_procrustes(b - b.mean(0), a - a.mean(0))
            found[np.ix_(unseen, units)] = a.mean(0) + (c - b.mean(0)) @ turn
    return found


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({}, 1),
        ({"layer": ["hidden_1", "decoded_1"]}, 2),
        ({"n_networks": 2}, 2),
        ({"n_networks": 2, "combine": "average"}, 1),
    ],
)
def test_features_are_those_of_clones_of_the_other_folds_turned(parameters, parts):
    estimator = small(VAEFeatureExtractor, cross_fit=3, **parameters)
    params = {"groups": PATIENTS}
    expected = by_hand(clone(estimator), params, parts)
    found = estimator.fit_transform(X, **params)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_estimator_is_as_without():
    crossed, plain = small(Autoencoder, cross_fit=3), small(Autoencoder)
    features = crossed.fit_transform(X)
    np.testing.assert_array_equal(crossed.transform(X), plain.fit_transform(X))
    assert not np.allclose(features, plain.transform(X))
    np.testing.assert_array_equal(clone(crossed).fit(X).transform(X), plain.transform(X))


@pytest.mark.parametrize("n_rows", [40, 5])  # more than units, and fewer
def test_units_that_are_permuted_or_rotated_come_out_the_same(n_rows):
    rng = np.random.default_rng(0)
    known, unseen, target = (rng.normal(size=(n, 8)) for n in (n_rows, 7, n_rows))
    units = [slice(0, 2), slice(2, 8)]
    expected = turned(known, unseen, target, units)
    rotation, permutation = (
        ortho_group.rvs(6, random_state=0),
        np.eye(6)[[3, 0, 5, 1, 2, 4]],
    )
    for turn in (rotation, permutation * [1, -1, 1, 1, -1, 1]):
        whole = np.eye(8)
        whole[2:, 2:] = turn
        found = turned(known @ whole, unseen @ whole, target, units)
        np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(turned(known, known, known, units), known, atol=1e-9)


def test_permuted_units_of_the_networks_of_folds_change_nothing(monkeypatch):
    estimator = small(Autoencoder, cross_fit=3, layer="hidden_1")
    expected = clone(estimator).fit_transform(X)
    of_one_fold, rng = cross_fitting.of_one_fold, np.random.default_rng(0)

    def permuted(*given):
        one = of_one_fold(*given)
        read, order = one.transform, rng.permutation(8)
        one.transform = lambda rows: read(rows)[:, order]
        return one

    monkeypatch.setattr(cross_fitting, "of_one_fold", permuted)
    np.testing.assert_allclose(estimator.fit_transform(X), expected, atol=1e-5)
    monkeypatch.setattr(cross_fitting, "turned", lambda known, unseen, *_: unseen)
    assert np.abs(estimator.fit_transform(X) - expected).max() > 0.1


def test_how_a_row_is_read_does_not_depend_on_it():
    estimator = small(Autoencoder, cross_fit=3)
    (_, fold), *_, (_, other) = folds_for(estimator, X, {})
    changed = X.copy()
    changed[fold[0]] = 5 * X[other[0]]
    before, after = (clone(estimator).fit_transform(each) for each in (X, changed))
    # The network of the fold has not seen it: that of all rows, which has, turns alone.
    mates = fold[1:]
    np.testing.assert_allclose(pdist(after[mates]), pdist(before[mates]), atol=1e-4)
    assert np.abs(pdist(after[other]) - pdist(before[other])).max() > 1e-3


def test_patients_are_never_split_whatever_they_are_called():
    estimator = small(Autoencoder, cross_fit=5)
    folds = folds_for(estimator, X, {"groups": PATIENTS})
    for known, unseen in folds:
        assert not set(PATIENTS[known]) & set(PATIENTS[unseen])
    assert sorted(np.concatenate([unseen for _, unseen in folds])) == list(range(60))
    names = [f"patient {-number}" for number in PATIENTS]
    for one, other in zip(folds, folds_for(estimator, X, {"groups": names}), strict=True):
        np.testing.assert_array_equal(one[1], other[1])


def test_a_pipeline_routes_patients_and_fits_what_follows_to_unseen_rows():
    crossed = small(Autoencoder, cross_fit=5)
    pipeline = make_pipeline(crossed, LogisticRegression())
    with config_context(enable_metadata_routing=True):
        pipeline.fit(X, Y, groups=PATIENTS)
    features = clone(crossed).fit_transform(X, groups=PATIENTS)
    expected = LogisticRegression().fit(features, Y)
    np.testing.assert_array_equal(pipeline[-1].coef_, expected.coef_)
    plain = small(Autoencoder).fit(X).transform(X)
    np.testing.assert_array_equal(pipeline.predict(X), expected.predict(plain))


def test_a_memory_has_each_network_and_a_search_trains_them_side_by_side(tmp_path):
    crossed = small(Autoencoder, cross_fit=5, memory=str(tmp_path))
    first = crossed.fit_transform(X)
    assert n_trainings(str(tmp_path)) == 6
    with counted_trainings() as count:
        again = crossed.fit_transform(X)
    assert count.n == 0
    np.testing.assert_array_equal(first, again)

    pipeline = make_pipeline(small(Autoencoder, cross_fit=5), LogisticRegression())
    grid = {"autoencoder__layer": ["code", "hidden_1"]}
    stacked = StackedGridSearchCV(pipeline, grid, cv=KFold(3)).fit(X, Y)
    plain = GridSearchCV(pipeline, grid, cv=KFold(3)).fit(X, Y)
    assert stacked.n_trained_ == 4 * 6  # three folds and the whole
    name = "mean_test_score"
    np.testing.assert_array_equal(stacked.cv_results_[name], plain.cv_results_[name])
    np.testing.assert_array_equal(stacked.predict_proba(X), plain.predict_proba(X))


def test_tables_images_and_sparse_rows():
    frame = pd.DataFrame(X).rename(index=lambda number: f"row {number}", columns=str)
    crossed = small(Autoencoder, cross_fit=3)
    named = clone(crossed).set_output(transform="pandas").fit_transform(frame)
    assert list(named.columns) == ["code_0", "code_1", "code_2"]
    assert list(named.index) == list(frame.index)
    np.testing.assert_array_equal(named, crossed.fit_transform(X))
    np.testing.assert_array_equal(crossed.fit_transform(X.tolist()), named)
    counts = sparse.coo_matrix(np.where(X > 1, X, 0))
    assert clone(crossed).fit_transform(counts).shape == (60, 3)
    images = np.random.default_rng(0).random((20, 1, 6, 6), dtype=np.float32)
    maps = small(Autoencoder, cross_fit=2, layer=["conv_1", "code"], pool=None)
    assert maps.fit_transform(images).shape == (20, 2 * 9 + 3)


def test_what_fit_learns_from_goes_by_folds_as_well():
    attributed = small(AttriVAE, cross_fit=3)
    attributes, weight = X[:, :2], np.linspace(0.5, 1.5, 60)
    params = {"attributes": attributes, "sample_weight": weight}
    found = attributed.fit_transform(X, Y, **params)
    known, unseen = folds_for(attributed, X, {})[1]
    given = {name: value[known] for name, value in params.items()}
    one = clone(attributed).fit(X[known], Y[known], **given)
    whole = clone(attributed).fit(X, Y, **params).transform(X[known])
    codes = one.transform(X[known]), one.transform(X[unseen])
    expected = turned(*codes, whole, [slice(0, 3)])
    np.testing.assert_allclose(found[unseen], expected, atol=1e-5)


def test_a_saved_one_and_one_with_a_bar_are_the_same(tmp_path, capsys):
    crossed = small(VAEFeatureExtractor, cross_fit=3)
    features = crossed.fit_transform(X)
    skvae.save(crossed, tmp_path / "crossed.skvae")
    loaded = skvae.load(tmp_path / "crossed.skvae")
    assert loaded.cross_fit == 3
    np.testing.assert_array_equal(loaded.transform(X), crossed.transform(X))
    watched = clone(crossed).set_callbacks(ProgressBar())
    np.testing.assert_array_equal(watched.fit_transform(X), features)


# Those of fit_transform: others would have it that training rows are read as new ones.
CHECKS = (
    estimator_checks.check_set_output_transform,
    estimator_checks.check_set_output_transform_pandas,
    estimator_checks.check_global_output_transform_pandas,
    estimator_checks.check_transformer_get_feature_names_out,
    estimator_checks.check_transformer_preserve_dtypes,
    estimator_checks.check_dict_unchanged,
    estimator_checks.check_param_validation,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.filterwarnings("ignore::skvae.exceptions.ConstantCodeWarning")
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
def test_scikit_learn_contract(check):
    check("Autoencoder", small(Autoencoder, cross_fit=2, max_iter=1))


def test_what_cannot_be_is_refused_before_training():
    with pytest.raises(ValueError, match="cross_fit=5 with warm_start=True"):
        small(Autoencoder, cross_fit=5, warm_start=True).fit_transform(X)
    few = small(Autoencoder, cross_fit=5)
    with pytest.raises(ValueError, match="cross_fit=5 for 4 groups"):
        few.fit_transform(X, groups=np.arange(60) % 4)
    with pytest.raises(ValueError, match="cross_fit=5 for 3 rows"):
        few.fit_transform(X[:3])
    assert not hasattr(few, "network_")
    with pytest.raises(ValueError, match="'cross_fit' parameter"):
        small(Autoencoder, cross_fit=1).fit_transform(X)
