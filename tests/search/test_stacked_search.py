"""Searches that train side by side find what others find, to the last bit."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_validate
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import Autoencoder, AutoencoderClassifier, VAEFeatureExtractor
from skvae.search import StackedGridSearchCV, fill_cache
from skvae.search.shared_trainings import trainings
from skvae.study import nested_cv
from skvae.training.caching import n_trainings

X, Y = load_breast_cancer(return_X_y=True)
X, Y = X[:90], Y[:90]
GROUPS = np.arange(90) // 3
MODEL = LogisticRegression(max_iter=5000)


def pipeline(**given):
    vae = VAEFeatureExtractor(4, max_iter=2, random_state=0, n_threads=1, **given)
    steps = [
        ("scale", StandardScaler()),
        ("vae", vae),
        ("lr", MODEL),
    ]
    return Pipeline(steps)


GRID = {"vae__beta": [0.1, 1.0], "vae__layer": ["mean", "hidden_1"], "lr__C": [0.1, 1.0]}


def assert_same_results(found, expected):
    assert list(found.cv_results_) == list(expected.cv_results_)
    for name, values in expected.cv_results_.items():
        if "time" not in name:
            np.testing.assert_array_equal(found.cv_results_[name], values)
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_same_as_grid_search(n_jobs):
    found = StackedGridSearchCV(pipeline(), GRID, cv=3, n_jobs=n_jobs).fit(X, Y)
    expected = GridSearchCV(pipeline(), GRID, cv=3).fit(X, Y)
    assert_same_results(found, expected)
    assert found.n_trained_ == 8  # two values of beta, on three folds and on all rows
    assert found.best_estimator_["vae"].memory is None
    assert found.estimator["vae"].memory is None
    assert found.cv == 3


def test_a_splitter_without_a_seed_is_asked_once():
    class Counting(KFold):
        n_calls = 0

        def split(self, *args, **kwargs):
            Counting.n_calls += 1
            return super().split(*args, **kwargs)

    StackedGridSearchCV(pipeline(), GRID, cv=Counting(3, shuffle=True)).fit(X, Y)
    assert Counting.n_calls == 1


def test_groups_and_frames():
    frame = pd.DataFrame(X).add_prefix("f")
    with config_context(enable_metadata_routing=True):
        search = StackedGridSearchCV(pipeline(), GRID, cv=GroupKFold(3))
        found = search.fit(frame, Y, groups=GROUPS)
        plain = GridSearchCV(pipeline(), GRID, cv=GroupKFold(3))
        expected = plain.fit(frame, Y, groups=GROUPS)
    for name in ("mean_test_score", "split0_test_score"):
        np.testing.assert_array_equal(found.cv_results_[name], expected.cv_results_[name])


def test_without_a_seed_nothing_is_trained_ahead():
    estimator = pipeline().set_params(vae__random_state=None)
    search = StackedGridSearchCV(estimator, {"lr__C": [0.1, 1.0]}, cv=2).fit(X, Y)
    assert search.n_trained_ == 0


def test_one_memory_for_all(tmp_path):
    estimator = pipeline(memory=str(tmp_path))
    assert fill_cache(estimator, X, Y, cv=3, param_grid=GRID) == 6
    assert fill_cache(estimator, X, Y, cv=3, param_grid=GRID) == 0
    assert n_trainings(tmp_path) == 6
    GridSearchCV(estimator, GRID, cv=3, refit=False).fit(X, Y)
    cross_validate(estimator.set_params(vae__beta=0.1), X, Y, cv=3)
    assert n_trainings(tmp_path) == 6


def test_half_of_the_entries_deleted(tmp_path):
    estimator = pipeline(memory=str(tmp_path))
    fill_cache(estimator, X, Y, cv=3, param_grid=GRID)
    first = GridSearchCV(estimator, GRID, cv=3, refit=False).fit(X, Y).cv_results_
    entries = sorted(
        path
        for path in tmp_path.rglob("output.pkl")
        if "diagnostics" not in path.parent.name
    )
    for entry in entries[::2]:
        entry.unlink()
    fill_cache(estimator, X, Y, cv=3, param_grid=GRID)
    again = GridSearchCV(estimator, GRID, cv=3, refit=False).fit(X, Y).cv_results_
    np.testing.assert_array_equal(first["mean_test_score"], again["mean_test_score"])
    assert n_trainings(tmp_path) == 9


def test_networks_one_behind_the_other(tmp_path):
    """A classifier pretrains, and what it fine-tunes depends on that."""
    memory = str(tmp_path)
    classifier = AutoencoderClassifier(
        autoencoder=Autoencoder(3, max_iter=2, random_state=0, memory=memory),
        head_max_iter=1,
        finetune_max_iter=1,
        random_state=0,
        memory=memory,
    )
    estimator = make_pipeline(StandardScaler(), classifier)
    fill_cache(estimator, X, Y, cv=4, param_grid={})
    n_before = n_trainings(tmp_path)
    assert n_before >= 4
    cross_validate(estimator, X, Y, cv=4)
    assert n_trainings(tmp_path) == n_before


def test_networks_side_by_side(tmp_path):
    nets = [
        (kind.__name__, kind(3, max_iter=1, random_state=0, memory=str(tmp_path)))
        for kind in (Autoencoder, VAEFeatureExtractor)
    ]
    estimator = make_pipeline(StandardScaler(), FeatureUnion(nets), MODEL)
    assert fill_cache(estimator, X, Y, cv=4, param_grid={}) == 8
    cross_validate(estimator, X, Y, cv=4)
    assert n_trainings(tmp_path) == 8


def test_candidates_that_share_a_training():
    candidates = [
        {"vae__layer": layer, "vae__beta": beta, "lr__C": c}
        for layer in ("mean", "hidden_1")
        for beta in (0.1, 1.0)
        for c in (1, 2)
    ]
    found = trainings(pipeline(), candidates)
    assert [estimator["vae"].beta for estimator in found] == [0.1, 1.0]


def test_a_cache_is_needed():
    with pytest.raises(ValueError, match="expected one with memory= a folder"):
        fill_cache(pipeline(), X, Y, cv=3, param_grid=GRID)


@pytest.mark.parametrize("with_memory", [False, True])
def test_nested_cv_trains_the_folds_of_an_arm_side_by_side(
    monkeypatch, tmp_path, with_memory
):
    memory = str(tmp_path) if with_memory else None
    arms = {
        "vae": (pipeline(memory=memory), GRID),
        "lr": make_pipeline(StandardScaler(), MODEL),
    }
    found = nested_cv(arms, X, Y, groups=GROUPS, outer=(4, 1), inner=2, reference="lr")
    # Two values of beta, in each of four folds on two inner folds and on all their rows.
    timings = found.timings.groupby("arm")["n_trainings"].sum()
    assert timings["vae"] == 24
    assert timings["lr"] == 0
    monkeypatch.setattr("skvae.study.tasks.together", lambda tasks, _: [[t] for t in tasks])
    monkeypatch.setattr("skvae.study.folds_together.has_networks", lambda arm: False)
    expected = nested_cv(arms, X, Y, groups=GROUPS, outer=(4, 1), inner=2, reference="lr")
    pd.testing.assert_frame_equal(found.scores, expected.scores)
    pd.testing.assert_frame_equal(found.predictions, expected.predictions)
