"""What is said of a network within a pipeline or search is what it says by itself."""

from copy import copy

import numpy as np
import pytest
from contract import small
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skvae import Autoencoder, AutoencoderClassifier, VAEFeatureExtractor
from skvae.inspection import (
    AttentionMapDisplay,
    AttributeCorrelationDisplay,
    LatentTraversalDisplay,
    attention_map,
    attribute_correlation,
    closed_loop,
    latent_interpolation,
    latent_traversal,
    layer_probe,
)
from skvae.inspection.linear_probe import RIDGES
from skvae.inspection.network_step import find_network
from skvae.search import StackedGridSearchCV

pytestmark = [
    pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning"),
    pytest.mark.filterwarnings("ignore::skvae.exceptions.ConstantCodeWarning"),
]
X, Y = load_digits(return_X_y=True)
X, Y = X[:120] + 1.0, Y[:120]


def vae(**parameters):
    return small(
        VAEFeatureExtractor,
        image_shape=(1, 8, 8),
        n_components=3,
        channels=(4,),
        max_iter=3,
        beta=0.01,
        activation="elu",
        **parameters,
    )


def scaled(*behind, **parameters):
    return make_pipeline(StandardScaler(), vae(**parameters), *behind)


@pytest.fixture(scope="module")
def fitted():
    return scaled(LogisticRegression(max_iter=300)).fit(X, Y)


@pytest.fixture(scope="module", params=["pipeline", "nested", "search", "stacked"])
def whole(request, fitted):
    if request.param == "pipeline":
        return fitted
    if request.param == "nested":
        return Pipeline([("first", fitted[:2]), ("last", fitted[2])])
    kind = GridSearchCV if request.param == "search" else StackedGridSearchCV
    grid = {"vaefeatureextractor__beta": [0.01]}
    return kind(clone(fitted), grid, cv=2).fit(X, Y)


def parts(whole):
    """Return the scaled rows and the network, taken out by hand."""
    inner = getattr(whole, "best_estimator_", whole)
    steps = inner[0] if isinstance(inner[0], Pipeline) else inner
    return steps[0].transform(X), steps[1]


def ink(images):
    return np.column_stack(
        [images.sum(axis=(1, 2, 3)), images[..., :4].mean(axis=(1, 2, 3))]
    )


def test_numbers_are_those_of_the_network_on_what_it_is_given(whole):
    Z, network = parts(whole)
    asked = {"unit": 1, "n_steps": 4}
    ours, bare = latent_traversal(whole, X, **asked), latent_traversal(network, Z, **asked)
    np.testing.assert_array_equal(ours.codes, bare.codes)
    np.testing.assert_array_equal(ours.values, bare.values)
    np.testing.assert_array_equal(ours.decoded, bare.images)
    assert (bare.scale, ours.scale) == ("", "units of the pipeline's input")
    between = latent_interpolation(whole, X[:2]), latent_interpolation(network, Z[:2])
    np.testing.assert_array_equal(between[0].decoded, between[1].images)
    for more in ({}, {"method": "gradcam", "relu": False}):
        np.testing.assert_array_equal(
            attention_map(whole, X[:5], unit=2, **more),
            attention_map(network, Z[:5], unit=2, **more),
        )
    A = X[:, [20, 30]]
    correlation = attribute_correlation(X, A, estimator=whole)
    code = network.transform(Z).astype(np.float64)
    np.testing.assert_array_equal(
        correlation.statistic, attribute_correlation(code, A).statistic
    )
    assert correlation.units == ("mean_0", "mean_1", "mean_2")


def test_traversals_are_in_units_of_the_input(fitted):
    traversal = latent_traversal(fitted, X, unit=(0, 1), n_steps=3)
    rows = traversal.decoded.reshape(9, 64)
    expected = fitted[0].inverse_transform(rows).reshape(3, 3, 1, 8, 8)
    np.testing.assert_array_equal(traversal.images, expected)
    ends = latent_interpolation(fitted, X[[3, 8]]).ends
    np.testing.assert_allclose(ends.reshape(2, 64), X[[3, 8]], rtol=1e-5, atol=1e-5)


def test_a_loop_is_measured_in_units_of_the_input(fitted):
    table = closed_loop(fitted, X, ink, units=[0, 1], n_steps=5)
    low, high = np.quantile(ink(X.reshape(-1, 1, 8, 8)), (0.02, 0.98), axis=0)
    moved = ink(latent_traversal(fitted, X, unit=0, n_steps=5).images)[:, 0]
    expected = np.ptp(moved) / (high - low)[0]
    assert table.loc[0, "on_target"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("before", "columns", "expected"),
    [
        # Undone in turn: a selection leaves NaN where nothing reaches the network.
        ([SimpleImputer(), VarianceThreshold(4), StandardScaler()], 64, "pipeline's input"),
        ([PCA(9), StandardScaler()], 64, "pipeline's input"),
        # Not undone: its inverse would do nothing.
        ([FunctionTransformer(np.sqrt), StandardScaler()], 64, "'functiontransformer' has"),
        ([make_union(PCA(3), PCA(5))], 8, "'featureunion' has no inverse"),
    ],
)
def test_what_cannot_be_undone_is_said(before, columns, expected):
    model = make_pipeline(*before, small(Autoencoder, max_iter=1)).fit(X)
    traversal = latent_traversal(model, X, unit=0, n_steps=3)
    assert traversal.images.shape == (3, columns)
    assert expected in traversal.scale
    if isinstance(before[0], SimpleImputer):
        seen = model[1].get_support()
        assert np.isnan(traversal.images[:, ~seen]).all()
        inverse = model[1].inverse_transform(model[2].inverse_transform(traversal.decoded))
        np.testing.assert_array_equal(traversal.images[:, seen], inverse[:, seen])
    elif isinstance(before[0], PCA):
        inverse = model[0].inverse_transform(model[1].inverse_transform(traversal.decoded))
        np.testing.assert_array_equal(traversal.images, inverse)
    else:
        np.testing.assert_array_equal(traversal.images, traversal.decoded)


def test_columns_keep_their_names_and_units():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(X, columns=[f"pixel {k}" for k in range(64)])
    model = make_pipeline(VarianceThreshold(4), StandardScaler(), small(Autoencoder))
    display = LatentTraversalDisplay.from_estimator(model.fit(table), table, unit=1)
    found = display.traversal
    seen = model[0].get_support()
    reach = np.full(64, -1.0)
    reach[seen] = np.ptp(found.decoded, axis=0)
    top = np.argsort(-reach)[:15]
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == [f"pixel {k}" for k in top]
    first, last = found.images[[0, -1], top[0]]
    assert display.ax_.texts[0].get_text() == f"{first:.3g} → {last:.3g}"
    assert "decoded values in units of the pipeline's input" in display.ax_.get_title(
        loc="right"
    )


def test_the_score_of_a_class_is_explained_through_the_features(fitted):
    """Where maps are pooled and the score is linear, its gradient is known by hand."""
    model = make_pipeline(
        StandardScaler(),
        vae(layer="conv_1"),
        StandardScaler(),
        PCA(3),
        LogisticRegression(max_iter=300),
    ).fit(X, Y)
    network, behind = model[1], model[2:]
    Z = model[0].transform(X[:6])
    weights = behind[2].coef_[4] @ behind[1].components_ / behind[0].scale_
    maps = copy(network).set_params(pool=None).transform(Z)
    A = maps.reshape(6, 4, 4, 4).astype(np.float64)
    cells = np.einsum("k,nkij->nij", weights / 16, A)  # the mean over 16 cells
    total = cells.sum(axis=(1, 2))
    scores = model.decision_function(X[:6])[:, 4]
    np.testing.assert_allclose(total - total[0], scores - scores[0], rtol=1e-3, atol=1e-4)
    found = attention_map(model, X[:6], target_class=4, relu=False)
    # At the pixels that the cells look at, nothing is interpolated.
    np.testing.assert_allclose(found[:, ::2, ::2], cells, rtol=1e-3, atol=1e-6)


def test_scores_behind_a_code_are_sums_of_the_maps_of_its_units(fitted):
    code = [attention_map(fitted, X[:5], unit=u, relu=False) for u in range(3)]
    for index, name in enumerate(fitted.classes_[:4]):
        by_hand = np.einsum("u,unij->nij", fitted[-1].coef_[index], code)
        found = attention_map(fitted, X[:5], target_class=name, relu=False)
        np.testing.assert_allclose(found, by_hand, rtol=1e-3, atol=1e-5)


def test_of_two_classes_the_first_is_the_opposite_of_the_second():
    model = scaled(StandardScaler(), LogisticRegression()).fit(X, Y > 4)
    no, yes = (
        attention_map(model, X[:5], target_class=c, relu=False) for c in (False, True)
    )
    np.testing.assert_array_equal(no, -yes)
    assert np.abs(yes).max() > 1e-4


def test_a_linear_prediction_is_explained_without_asking():
    model = scaled(Ridge()).fit(X, X[:, 20])
    units = [attention_map(model, X[:4], unit=u, relu=False) for u in range(3)]
    expected = np.einsum("u,unij->nij", model[-1].coef_, units)
    np.testing.assert_allclose(
        attention_map(model, X[:4], relu=False), expected, rtol=1e-3, atol=1e-4
    )


def test_a_classifier_of_its_own_network_is_explained_as_the_last_step():
    network = small(Autoencoder, n_components=3, channels=(4,), max_iter=1)
    classifier = AutoencoderClassifier(
        autoencoder=network,
        image_shape=(1, 8, 8),
        finetune_max_iter=1,
        head_max_iter=1,
        n_threads=1,
        random_state=0,
    )
    model = make_pipeline(StandardScaler(), classifier).fit(X, Y)
    np.testing.assert_array_equal(
        attention_map(model, X[:3], target_class=4),
        attention_map(model[1], model[0].transform(X[:3]), target_class=4),
    )


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (RandomForestClassifier(2), "'randomforestclassifier' .* no linear score"),
        (SVC(), r"the step 'svc' \(SVC\) behind the encoder, which is no affine map"),
        (LogisticRegression(), "target_class='nine', but LogisticRegression was fitted"),
    ],
)
def test_what_is_not_linear_is_refused(last, message):
    model = scaled(last).fit(X, Y)
    asked = "nine" if isinstance(last, LogisticRegression) else 1
    with pytest.raises(ValueError, match=message):
        attention_map(model, X[:9], target_class=asked)


def test_a_step_between_that_is_not_affine_is_named():
    model = scaled(FunctionTransformer(np.abs), LogisticRegression(max_iter=300)).fit(X, Y)
    with pytest.raises(ValueError, match=r"'functiontransformer' .* no affine map"):
        attention_map(model, X[:9], target_class=1)
    with pytest.raises(ValueError, match="neither unit nor attribute nor target_class"):
        attention_map(model, X[:9])


def test_images_are_shown_as_they_were_before_the_steps(fitted):
    display = AttentionMapDisplay.from_estimator(fitted, X[:3], target_class=2)
    np.testing.assert_array_equal(display.images, X[:3].reshape(3, 1, 8, 8))
    assert display.name == "score of class 2 per cell of conv_1"


def test_own_units_are_those_of_attributes_by_name(lesions):
    found = attribute_correlation(lesions.X, lesions.attributes, estimator=lesions.vae)
    assert found.own_units == (0, 1, 2, 3)
    swapped = lesions.attributes[["intensity", "volume"]].rename(columns={"volume": "v"})
    display = AttributeCorrelationDisplay.from_estimator(lesions.vae, lesions.X, swapped)
    assert display.correlation.own_units == (2, None)


def by_hand(folds, layers=("conv_1", "mean")):
    """Fit scaler and network in each fold, and a ridge on each layer; R2 in order."""
    found = []
    for train, test in folds:
        scaler = StandardScaler().fit(X[train])
        network = vae().fit(scaler.transform(X[train]))
        for layer in layers:
            network.set_params(layer=layer)
            Z = [network.transform(scaler.transform(X[rows])) for rows in (train, test)]
            found.append((layer, ridge_score(*Z, train, test)))
    return found


def ridge_score(Z, Z_test, train, test):
    model = make_pipeline(StandardScaler(), RidgeCV(RIDGES))
    model.fit(Z.astype(np.float64), X[train, 20])
    return r2_score(X[test, 20], model.predict(Z_test.astype(np.float64)))


@pytest.mark.parametrize("kind", ["unfitted", "fitted", "search"])
def test_a_probe_fits_what_stands_before_in_each_fold(kind, fitted):
    folds = list(KFold(3, shuffle=True, random_state=1).split(X))
    model = clone(fitted) if kind == "unfitted" else fitted
    if kind == "search":
        model = GridSearchCV(clone(fitted), {"vaefeatureextractor__beta": [0.01]}, cv=2)
        model.fit(X, Y)
    how = {"attributes": X[:, 20], "layers": ["conv_1", "mean"], "cv": folds}
    probe = layer_probe(model, X, **how)
    assert probe.encoder_refitted
    scores = probe.folds().query("metric == 'r2'")
    expected = by_hand(folds)
    assert scores["layer"].tolist() == [layer for layer, _ in expected]
    # Whether train and test rows are read together or apart is in the last bits.
    np.testing.assert_allclose(scores["score"], [s for _, s in expected], atol=1e-4)


def test_a_probe_of_a_fitted_pipeline_can_read_it_as_it_is(fitted):
    how = {"attributes": X[:, 20], "layers": ["mean"], "cv": 3}
    as_it_is = layer_probe(fitted, X, refit=False, **how)
    Z = fitted[0].transform(X)
    bare = layer_probe(fitted[1], Z, **how)
    assert not as_it_is.encoder_refitted
    assert as_it_is.scores == bare.scores
    again = layer_probe(fitted[1], X, refit=True, **how)
    assert again.scores == layer_probe(clone(fitted[1]), X, **how).scores
    with pytest.raises(NotFittedError):
        layer_probe(clone(fitted), X, refit=False, **how)


def test_a_frozen_encoder_stays_as_it_is(fitted):
    model = make_pipeline(StandardScaler(), FrozenEstimator(fitted[1]))
    folds = list(KFold(2).split(X))
    probe = layer_probe(model, X, attributes=X[:, 20], layers=["mean"], cv=folds)
    assert not probe.encoder_refitted
    scores = [s.score for s in probe.scores if s.metric == "r2"]
    for (train, test), score in zip(folds, scores, strict=True):
        scaler = StandardScaler().fit(X[train])
        Z = [fitted[1].transform(scaler.transform(X[rows])) for rows in (train, test)]
        assert score == pytest.approx(ridge_score(*Z, train, test), abs=1e-4)


def test_references_are_all_columns_and_as_many_components(fitted):
    folds = list(KFold(2).split(X))
    how = {"attributes": X[:, 20] + X[:, 3], "cv": folds, "references": True}
    layers = ["conv_1", "hidden_1", "mean"]
    scores = layer_probe(fitted, X, layers=layers, **how).folds()
    scores = scores.query("metric == 'r2' and fold == 1").set_index(["layer", "n_features"])
    assert scores.index[scores["is_reference"]].tolist() == [
        *(("PCA", 3), ("PCA", 4), ("PCA", 8)),
        ("all columns", 64),
    ]
    train, test = folds[1]
    scaler = StandardScaler().fit(X[train])
    rows, others = scaler.transform(X[train]), scaler.transform(X[test])
    target = X[:, 20] + X[:, 3]
    for n in (3, 4, 8):
        pca = PCA(n, svd_solver="full").fit(rows)
        ridge = make_pipeline(StandardScaler(), RidgeCV(RIDGES))
        ridge.fit(pca.transform(rows), target[train])
        expected = r2_score(target[test], ridge.predict(pca.transform(others)))
        assert scores.loc[("PCA", n), "score"] == pytest.approx(expected, abs=1e-6)
    assert scores.loc[("all columns", 64), "score"] > 0.9


def test_layers_that_are_not_there_are_known_before_training(monkeypatch):
    monkeypatch.setattr(VAEFeatureExtractor, "fit", None)
    with pytest.raises(ValueError, match=r"layers=\['cod'\], but .* layers conv_1"):
        layer_probe(scaled(), X, Y, layers=["cod"])


def test_patients_reach_every_fit_of_a_fold():
    class Centred(StandardScaler):
        def fit(self, X, y=None, groups=None):
            assert len(groups) == len(X)
            return super().fit(X, y)

        def fit_transform(self, X, y=None, groups=None):
            return self.fit(X, y, groups).transform(X)

    model = make_pipeline(Centred(), vae())
    groups = np.arange(120) // 2
    layer_probe(model, X, attributes=X[:, 20], groups=groups, layers=["mean"], cv=2)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            make_pipeline(StandardScaler(), PCA(2)),
            r"steps 'standardscaler' \(StandardScaler\), 'pca' \(PCA\), but expected a net",
        ),
        (
            make_pipeline(make_union(PCA(2), vae())),
            r"'featureunion' .* holds the network 'vaefeatureextractor' .* beside other",
        ),
        (
            ColumnTransformer([("all", scaled(), list(range(64)))]),
            "'ColumnTransformer' .* holds the network 'vaefeatureextractor'",
        ),
        (GridSearchCV(vae(), {"beta": [1.0]}), "GridSearchCV .* without a best_estimator_"),
        (StandardScaler(), "'StandardScaler' object|StandardScaler instance is not fitted"),
    ],
)
def test_where_there_is_no_network_the_step_is_named(model, message):
    for ask in (
        lambda: latent_traversal(model, X, unit=0),
        lambda: attention_map(model, X, unit=0),
        lambda: attribute_correlation(X, X[:, :2], estimator=model),
    ):
        with pytest.raises((ValueError, NotFittedError), match=message):
            ask()


def test_of_two_networks_the_last_is_found(fitted):
    second = small(Autoencoder, max_iter=1)
    model = make_pipeline(StandardScaler(), vae(), second).fit(X)
    found = find_network(model)
    assert [step.name for step in found.before] == ["standardscaler", "vaefeatureextractor"]
    assert found.estimator is model[-1]
    assert latent_traversal(model, X, unit=0).images.shape == (7, 64)


def test_an_unfitted_pipeline_is_said_to_be_so():
    with pytest.raises(NotFittedError):
        latent_traversal(scaled(), X, unit=0)


def test_a_radiomics_table_is_shown_in_its_own_units(real_data):
    pd = pytest.importorskip("pandas")
    table = pd.read_csv(
        real_data / "radmlbench" / "NSCLC-Radiogenomics.gz", compression="gzip"
    )
    features = table.drop(columns=["ID", "Target"])
    model = make_pipeline(StandardScaler(), small(Autoencoder, max_iter=5)).fit(features)
    display = LatentTraversalDisplay.from_estimator(model, features, unit=0)
    found = display.traversal
    assert found.feature_names == tuple(features.columns)
    standardised = (found.images - features.mean().to_numpy()) / features.std(
        ddof=0
    ).to_numpy()
    np.testing.assert_allclose(standardised, found.decoded, rtol=1e-3, atol=1e-3)
    largest = features.columns[np.ptp(standardised, axis=0).argmax()]
    assert display.ax_.get_yticklabels()[0].get_text() == largest
    assert len(display.ax_.patches) == 15
