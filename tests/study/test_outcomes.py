"""Numbers, classes, times to an event, lesions of a patient: one study for all."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae.study import choose_threshold, concordance_index, default_arms, nested_cv
from skvae.study.cohort import Cohort
from skvae.study.folds import draw_folds


class Cox(BaseEstimator):
    """Cox regression with a ridge penalty and Breslow's ties, as a user may bring it."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y):
        order = np.argsort(-y["months"])
        X, event = np.asarray(X)[order], y["died"][order]
        last = np.searchsorted(-y["months"][order], -y["months"][order], side="right") - 1

        def loss(coef):
            risk = X @ coef
            at_risk = np.logaddexp.accumulate(risk)[last]
            return -(risk - at_risk)[event].sum() + self.alpha / 2 * coef @ coef

        self.coef_ = minimize(loss, np.zeros(X.shape[1])).x
        return self

    def predict(self, X):
        return np.asarray(X) @ self.coef_


@pytest.fixture(scope="module")
def survival():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6))
    time = rng.exponential(np.exp(-1.2 * X[:, 0]))
    censoring = rng.exponential(2.0, size=120)
    y = np.empty(120, dtype=[("died", bool), ("months", float)])
    y["died"], y["months"] = time <= censoring, np.minimum(time, censoring)
    return X, y


def test_times_to_an_event_with_an_estimator_of_the_user(survival):
    X, y = survival
    arms = default_arms(
        X,
        ["radiomics", "pca"],
        outcome="event",
        model=Cox(),
        model_grid={"alpha": [1.0, 10.0]},
        n_components=2,
    )
    result = nested_cv(arms, X, y, outer=(4, 2))
    assert result.scoring == "concordance"
    assert result.summary().set_index("arm").loc["radiomics", "mean"] > 0.7
    part = result.predictions.query("arm == 'radiomics' and repeat == 1 and fold == 2")
    score = result.scores.query("arm == 'radiomics' and repeat == 1 and fold == 2")["score"]
    assert score.item() == concordance_index(part["event"], part["time"], part["score"])
    assert np.array_equal(part["time"], y["months"][part["sample"]])
    events = result.predictions.query("arm == 'pca'").groupby(["repeat", "fold"])["event"]
    assert np.ptp(events.sum()) <= 1, "folds are stratified by event"


def test_a_risk_without_a_model_is_asked_for(survival):
    with pytest.raises(ValueError, match="Got event and time without model"):
        default_arms(survival[0], outcome="event")


def test_numbers(cohort):
    X, _, groups = cohort
    rng = np.random.default_rng(1)
    y = 3 * X[:, 1] + rng.normal(size=120)
    arms = default_arms(
        X,
        ["radiomics", "best_k", "pca", "zero_rule"],
        outcome="number",
        n_components=3,
        layers=["code"],
    )
    scores = ["r2", "neg_mean_absolute_error"]
    result = nested_cv(arms, X, y, groups=groups, scoring=scores)
    summary = result.summary().set_index("arm")
    assert result.scoring == "r2"
    assert summary.loc["radiomics", "mean"] > 0.8
    assert summary.loc["best_k", "mean"] > 0.8
    assert summary.loc["zero_rule", "mean"] <= 0
    part = result.predictions.query("arm == 'radiomics' and fold == 1")
    row = result.scores.query("arm == 'radiomics' and fold == 1").iloc[0]
    assert row["score"] == pytest.approx(r2_score(part["y"], part["prediction"]))
    error = np.abs(part["y"] - part["prediction"]).mean()
    assert row["score_neg_mean_absolute_error"] == pytest.approx(-error)


def test_folds_of_a_number_have_its_quarters():
    y = np.arange(80.0) ** 2
    result = nested_cv({"pca": Ridge()}, y[:, None], y)
    middles = result.predictions.groupby("fold")["y"].median()
    assert middles.max() - middles.min() < 800


def test_three_classes_and_several_scores():
    rng = np.random.default_rng(0)
    y = np.array(["a", "b", "c"])[np.arange(90) % 3]
    X = rng.normal(size=(90, 4)) + 2.0 * (np.arange(90) % 3)[:, None]
    arms = default_arms(X, ["radiomics", "pca"], n_components=2, layers=["code"])
    result = nested_cv(arms, X, y, scoring=["roc_auc_ovr", "accuracy"])
    assert result.positive is None
    part = result.predictions.query("arm == 'pca' and fold == 3")
    row = result.scores.query("arm == 'pca' and fold == 3").iloc[0]
    probabilities = part[["score_a", "score_b", "score_c"]]
    assert row["score"] == roc_auc_score(part["y"], probabilities, multi_class="ovr")
    assert row["score_accuracy"] == accuracy_score(part["y"], part["prediction"])
    assert row["score"] > 0.9


def test_whole_numbers_are_classes_and_floats_amounts():
    X = np.arange(60.0)[:, None]
    with pytest.raises(ValueError, match=r"class 0 has only 1 rows .* Numbers that are"):
        nested_cv({"pca": LogisticRegression()}, X, np.arange(60))
    assert nested_cv({"pca": Ridge()}, X, np.arange(60.0)).scoring == "r2"


@pytest.mark.parametrize("dtype", [np.int64, np.float64, str])
def test_a_count_may_be_said_to_be_a_number(dtype):
    count = np.arange(90) % 9
    X = np.random.default_rng(0).normal(count[:, None], 1.0)
    named = nested_cv({"pca": Ridge()}, X, count.astype(dtype), outcome="number")
    assert (named.kind, named.scoring) == ("number", "r2")
    part = named.predictions.query("fold == 1")
    r2 = r2_score(part["y"], part["prediction"])
    assert named.scores["score"].iloc[0] == pytest.approx(r2)
    assert named.summary()["mean"].item() > 0.8
    alike = nested_cv({"pca": LogisticRegression(max_iter=999)}, X, count.astype(dtype))
    assert (alike.kind, alike.scoring) == ("classes", "roc_auc_ovr")


def test_many_whole_floats_may_be_said_to_be_classes():
    y = np.arange(72.0) % 12
    other = np.arange(24.0)[:, None], np.arange(24.0) % 12
    arm = {"pca": LogisticRegression(max_iter=500)}
    how = {"outcome": "classes", "scoring": "accuracy", "outer": (3, 1), "inner": 2}
    result = nested_cv(arm, y[:, None] + 0.1, y, external=other, **how)
    assert result.kind == "classes"
    assert len(result.external_predictions) == 24


@pytest.mark.parametrize(
    ("y", "outcome", "message"),
    [
        (
            np.arange(20) + 0.5,
            "classes",
            "outcome='classes', but y has fractions such as 0.5",
        ),
        (
            np.array(["a", "b"] * 10),
            "number",
            "but y holds values such as .*'a'.*; expected",
        ),
        (np.arange(20), "event", "outcome='event', but y is no structured array"),
        (
            np.zeros(20, dtype=[("a", bool), ("b", float)]),
            "number",
            "but y is a structured",
        ),
        (
            np.arange(20),
            "regression",
            "Got outcome='regression', but nested_cv takes one of",
        ),
    ],
)
def test_an_outcome_that_y_is_not_is_refused(y, outcome, message):
    with pytest.raises(ValueError, match=message):
        nested_cv({"pca": Ridge()}, np.zeros((20, 2)), y, outcome=outcome)


@pytest.mark.parametrize("positive", ["ill", "well"])
def test_the_positive_class_is_named_and_decides(cohort, positive):
    X, y, groups = cohort
    labels = np.array(["ill", "well"])[y]
    arms = {"pca": make_pipeline(StandardScaler(), LogisticRegression())}
    options = {"groups": groups, "positive": positive, "scoring": ["roc_auc", "f1"]}
    result = nested_cv(arms, X, labels, **options)
    assert result.positive == positive
    assert set(result.summary()["positive"]) == {positive}
    predictions = result.predictions
    assert set(predictions["y"]) == set(predictions["prediction"]) == {"ill", "well"}
    assert np.array_equal(predictions["y"], labels[predictions["sample"]])
    is_positive = predictions["y"] == positive
    assert predictions.loc[is_positive, "score"].mean() > 0.5
    assert roc_auc_score(is_positive, predictions["score"]) > 0.8
    called = (predictions["score"] > 0.5) == (predictions["prediction"] == positive)
    assert called.all()


@pytest.fixture(scope="module")
def lesions():
    """Return 150 lesions of 60 patients, of which one column tells the class a little."""
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.arange(60), rng.integers(0, 60, 90)])
    y = groups % 2
    return (
        rng.normal(size=(150, 4)) + 0.7 * y[:, None],
        y,
        np.char.add("P", groups.astype(str)),
    )


@pytest.mark.parametrize("aggregate", ["mean", "max"])
def test_lesions_become_one_prediction_of_the_patient(lesions, aggregate):
    X, y, groups = lesions
    arms = {"pca": make_pipeline(StandardScaler(), LogisticRegression())}
    rows = nested_cv(arms, X, y, groups=groups)
    patients = nested_cv(arms, X, y, groups=groups, aggregate=aggregate)
    keys = ["fold", "group"]
    mine = rows.predictions.groupby(keys).agg(y=("y", "first"), score=("score", aggregate))
    theirs = patients.predictions.set_index(keys)[["y", "score"]]
    pd.testing.assert_frame_equal(mine.sort_index(), theirs.sort_index())
    assert (patients.predictions["sample"] == patients.predictions["group"]).all()
    folds = mine.groupby("fold")[["y", "score"]]
    auc = folds.apply(lambda part: roc_auc_score(part["y"], part["score"]))
    assert np.allclose(patients.scores["score"], auc)
    predicted = patients.predictions["prediction"] == (patients.predictions["score"] > 0.5)
    assert predicted.all()


def test_the_inner_folds_choose_by_patients(lesions):
    X, y, groups = lesions
    model = make_pipeline(StandardScaler(), KNeighborsClassifier())
    grid = {"kneighborsclassifier__n_neighbors": [1, 5, 31]}
    arms, how = {"pca": (model, grid)}, {"groups": groups, "threshold": "youden"}
    result = nested_cv(arms, X, y, aggregate="max", **how)
    rows = nested_cv(arms, X, y, **how)
    assert not np.allclose(result.scores["inner_score"], rows.scores["inner_score"])
    fold = draw_folds(Cohort.checked(X, y, groups, None), (5, 1), 3, 0)[1]
    X, y, groups = X[fold.train], y[fold.train], groups[fold.train]

    def by_hand(n_neighbors, inner):
        train, test = inner
        fitted = clone(model).set_params(kneighborsclassifier__n_neighbors=n_neighbors)
        score = fitted.fit(X[train], y[train]).predict_proba(X[test])[:, 1]
        frame = pd.DataFrame({"y": y[test], "score": score, "group": groups[test]})
        return frame.groupby("group").max()

    tables = {n: [by_hand(n, inner) for inner in fold.inner] for n in (1, 5, 31)}
    means = {
        n: np.mean([roc_auc_score(part["y"], part["score"]) for part in parts])
        for n, parts in tables.items()
    }
    row = result.scores.iloc[1]
    assert row["param_kneighborsclassifier__n_neighbors"] == max(means, key=means.get)
    assert row["inner_score"] == pytest.approx(max(means.values()))
    joined = pd.concat(tables[max(means, key=means.get)])
    chosen = choose_threshold(joined["y"], joined["score"], rule="youden")
    assert row["threshold"] == chosen


def test_rows_of_one_name_need_groups(lesions):
    X, y, groups = lesions
    frame = pd.DataFrame(X, index=groups)
    with pytest.raises(ValueError, match=r"rows called 'P\d+' and no groups"):
        nested_cv({"pca": LogisticRegression()}, frame, y)
    nested_cv({"pca": LogisticRegression()}, frame, y, groups=groups)


def test_the_threshold_is_of_the_training_part(cohort):
    X, y, groups = cohort
    arms = {
        "pca": (
            make_pipeline(StandardScaler(), LogisticRegression()),
            {"logisticregression__C": [0.01, 1.0]},
        )
    }
    with_rule = nested_cv(arms, X, y, groups=groups, threshold="youden")
    without = nested_cv(arms, X, y, groups=groups)
    columns = ["arm", "fold", "score", "param_logisticregression__C"]
    pd.testing.assert_frame_equal(with_rule.scores[columns], without.scores[columns])
    assert set(with_rule.scores["n_fits"]) == {2 * 3 + 3 + 1}
    at = with_rule.predictions.groupby("fold")["threshold"].unique()
    assert [values.item() for values in at] == list(with_rule.scores["threshold"])
    # Chosen again by hand, of the training part alone, it is the same.
    fold = draw_folds(Cohort.checked(X, y, groups, None), (5, 1), 3, 0)[0]
    row = with_rule.scores.iloc[0]
    chosen = make_pipeline(
        StandardScaler(), LogisticRegression(C=row["param_logisticregression__C"])
    )
    seen = X[fold.train], y[fold.train]
    unseen = cross_val_predict(chosen, *seen, cv=fold.inner, method="predict_proba")
    assert row["threshold"] == choose_threshold(seen[1], unseen[:, 1], rule="youden")
    assert with_rule.scores["threshold"].between(0.1, 0.9).all()
    assert with_rule.scores["threshold"].nunique() == 5


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(9, dtype=[("a", bool)]), "expected two: a boolean event"),
        (np.zeros(9, dtype=[("a", bool), ("b", float)]), "without any event"),
        (
            np.array([(True, -1.0)] * 9, dtype=[("a", bool), ("b", float)]),
            "time -1.0 in row 0",
        ),
    ],
)
def test_bad_events_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        nested_cv({"pca": Cox()}, np.zeros((9, 2)), y)
