import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skvae import Autoencoder
from skvae.study import layer_map, learning_curve
from skvae.study.cohort import Cohort
from skvae.study.folds import inner_splits


def test_it_is_the_best_inner_score_of_each_layer(cohort):
    X, y, groups = cohort
    network = Autoencoder(2, hidden_layer_sizes=(3,), max_iter=3, random_state=0)
    arm = make_pipeline(network, LogisticRegression())
    grid = {
        "autoencoder__layer": ["hidden_1", "code"],
        "autoencoder__n_components": [1, 2],
        "logisticregression__C": [0.01, 1.0],
    }
    found = layer_map(
        {"net": (arm, grid), "raw": LogisticRegression()}, X, y, groups=groups
    )
    splits = inner_splits(
        Cohort.checked(X, y, groups, None), np.arange(len(y)), 3, random_state=0
    )
    search = GridSearchCV(arm, grid, scoring="roc_auc", cv=splits).fit(X, y)
    assert set(found["arm"]) == {"net"}
    assert len(found) == 4
    for row in found.itertuples():
        scores = [
            score
            for tried, score in zip(
                search.cv_results_["params"],
                search.cv_results_["mean_test_score"],
                strict=True,
            )
            if tried["autoencoder__layer"] == row.layer
            and tried["autoencoder__n_components"] == row.n_components
        ]
        assert row.mean == pytest.approx(max(scores))


@pytest.mark.parametrize("aggregate", ["mean", "max"])
def test_patients_are_scored_where_their_rows_are_aggregated(cohort, aggregate):
    X, y, groups = cohort
    network = Autoencoder(2, hidden_layer_sizes=(3,), max_iter=3, random_state=0)
    arm = make_pipeline(network, LogisticRegression())
    grid = {"autoencoder__layer": ["hidden_1", ["hidden_1", "code"]]}
    options = {"groups": groups, "inner": 2, "aggregate": aggregate}
    found = layer_map({"net": (arm, grid)}, X, y, **options)
    assert list(found["layer"]) == ["hidden_1", "hidden_1 + code"]
    checked = Cohort.checked(X, y, groups, None)
    scores = []
    for train, test in inner_splits(checked, np.arange(len(y)), 2, random_state=0):
        arm.set_params(autoencoder__layer="hidden_1").fit(X[train], y[train])
        rows = pd.DataFrame({"y": y[test], "score": arm.predict_proba(X[test])[:, 1]})
        patients = rows.groupby(groups[test]).agg({"y": "first", "score": aggregate})
        scores.append(roc_auc_score(patients["y"], patients["score"]))
    assert found["mean"][0] == pytest.approx(np.mean(scores))


@pytest.mark.parametrize("function", [layer_map, learning_curve])
def test_unknown_ways_to_aggregate_are_refused(cohort, function):
    X, y, groups = cohort
    arms = {"raw": LogisticRegression()}
    with pytest.raises(ValueError, match="aggregate='median'"):
        function(arms, X, y, groups=groups, aggregate="median")
    with pytest.raises(ValueError, match="differ in y"):
        function(arms, X, np.arange(len(y)) % 2, groups=groups, aggregate="mean")


def test_arms_without_layers_are_refused(cohort):
    X, y, groups = cohort
    with pytest.raises(ValueError, match="Got the arms raw"):
        layer_map({"raw": LogisticRegression()}, X, y, groups=groups)
