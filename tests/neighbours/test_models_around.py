"""Models and searches of other libraries, with features or a classifier of ours inside."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

from skvae import Autoencoder, AutoencoderClassifier, VAEFeatureExtractor

pytestmark = pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 6))
Y = (X[:, 0] + 0.1 * rng.normal(size=80) > 0).astype(int)

FEATURES = VAEFeatureExtractor(3, max_iter=5, layer="hidden_1", random_state=0, n_threads=1)
OURS = AutoencoderClassifier(
    autoencoder=Autoencoder(3, max_iter=1),
    head_max_iter=20,
    head_learning_rate_init=0.03,
    finetune_max_iter=1,
    random_state=0,
    n_threads=1,
)
LAYERS = {"vaefeatureextractor__layer": ["mean", "hidden_1"]}


def behind(model):
    return make_pipeline(clone(FEATURES), model)


def test_calibration_gives_probabilities_that_order_as_ours_do():
    calibrated = CalibratedClassifierCV(clone(OURS), cv=2, method="sigmoid").fit(X, Y)
    p = calibrated.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[Y == 1, 1].mean() > p[Y == 0, 1].mean() + 0.2


def test_a_tuned_threshold_is_met():
    tuned = TunedThresholdClassifierCV(clone(OURS), cv=2, scoring="recall").fit(X, Y)
    expected = OURS.fit(X, Y).predict_proba(X)[:, 1] >= tuned.best_threshold_
    assert (tuned.predict(X) == expected).mean() > 0.9


def test_a_stack_takes_our_probabilities_and_theirs():
    members = [("ours", clone(OURS)), ("behind", behind(LogisticRegression()))]
    stack = StackingClassifier(members, cv=2).fit(X, Y)
    assert stack.score(X, Y) > 0.8


def test_halving_finds_the_layer_that_tells_more():
    search = HalvingGridSearchCV(
        behind(LogisticRegression()), LAYERS, cv=2, min_resources=40, random_state=0
    ).fit(X, Y)
    assert search.best_params_ == {"vaefeatureextractor__layer": "hidden_1"}


@pytest.mark.nightly
def test_survival_of_scikit_survival_in_a_grid():
    survival = pytest.importorskip("sksurv.linear_model")
    Surv = pytest.importorskip("sksurv.util").Surv
    times = np.exp(-X[:, 0]) * rng.exponential(size=80)
    y = Surv.from_arrays(rng.random(80) < 0.8, times)
    model = behind(survival.CoxPHSurvivalAnalysis(alpha=1.0))
    search = GridSearchCV(model, LAYERS, cv=2).fit(X, y)
    assert search.best_score_ > 0.6  # concordance; by chance .5


@pytest.mark.nightly
def test_resampling_of_imbalanced_learn_before_and_behind():
    sampling = pytest.importorskip("imblearn.over_sampling")
    imblearn_pipeline = pytest.importorskip("imblearn.pipeline").make_pipeline
    rare = np.flatnonzero((Y == 0) | (np.arange(80) % 4 == 0))
    smote = sampling.SMOTE(k_neighbors=2, random_state=0)
    for steps in ([smote, clone(FEATURES)], [clone(FEATURES), smote]):
        model = imblearn_pipeline(*map(clone, steps), LogisticRegression())
        assert cross_val_score(model, X[rare], Y[rare], cv=2, scoring="roc_auc").min() > 0.6


@pytest.mark.nightly
def test_shap_adds_up_to_the_probability():
    shap = pytest.importorskip("shap")
    fitted = clone(OURS).fit(X, Y)

    def risk(rows):
        return fitted.predict_proba(rows)[:, 1]

    explained = shap.PermutationExplainer(risk, X[:20], seed=0)(X[:4])
    total = explained.base_values + explained.values.sum(axis=1)
    np.testing.assert_allclose(total, risk(X[:4]), atol=1e-4)
    assert np.abs(explained.values).mean(axis=0).argmax() == 0  # the column that counts


@pytest.mark.nightly
def test_conformal_sets_of_mapie_cover():
    mapie = pytest.importorskip("mapie.classification")
    fitted = clone(OURS).fit(X[:40], Y[:40])
    conformal = mapie.SplitConformalClassifier(fitted, confidence_level=0.9)
    conformal.conformalize(X[40:], Y[40:])
    predicted, sets = conformal.predict_set(X[40:])
    np.testing.assert_array_equal(predicted, fitted.predict(X[40:]))
    assert sets[np.arange(40), Y[40:], 0].mean() >= 0.9


@pytest.mark.nightly
def test_conformal_values_of_crepes_cover():
    crepes = pytest.importorskip("crepes")
    wrapped = crepes.WrapClassifier(clone(OURS))
    wrapped.fit(X[:40], Y[:40])
    wrapped.calibrate(X[40:], Y[40:], seed=0)
    sets = wrapped.predict_set(X[40:], confidence=0.9, seed=0)
    assert np.mean([y in found for y, found in zip(Y[40:], sets, strict=True)]) >= 0.85


@pytest.mark.nightly
def test_optuna_finds_the_layer_that_tells_more():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def score(trial):
        layer = trial.suggest_categorical("layer", ["mean", "hidden_1"])
        model = behind(LogisticRegression())
        model.set_params(vaefeatureextractor__layer=layer)
        return cross_val_score(model, X, Y, cv=2).mean()

    space = {"layer": ["mean", "hidden_1"]}
    sampler = optuna.samplers.GridSampler(space, seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(score, n_trials=2)
    assert study.best_params == {"layer": "hidden_1"}


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["lightgbm.LGBMClassifier", "xgboost.XGBClassifier"])
def test_boosted_trees_learn_from_our_features(name):
    module, _, kind = name.partition(".")
    kind = getattr(pytest.importorskip(module), kind)
    quiet = {"verbosity": -1} if module == "lightgbm" else {"verbosity": 0}
    model = behind(kind(n_estimators=20, n_jobs=1, min_child_samples=5, **quiet))
    if module == "xgboost":
        model = behind(kind(n_estimators=20, n_jobs=1, **quiet))
    assert model.fit(X[:60], Y[:60]).score(X[60:], Y[60:]) > 0.6
