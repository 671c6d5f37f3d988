import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skvae import Autoencoder
from skvae.study import layer_map
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


def test_arms_without_layers_are_refused(cohort):
    X, y, groups = cohort
    with pytest.raises(ValueError, match="Got the arms raw"):
        layer_map({"raw": LogisticRegression()}, X, y, groups=groups)
