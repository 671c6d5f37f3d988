"""The methods say that something was searched, nested or compared only where it was."""

import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_studies import GROUPS, X, said, study

from skvae import Autoencoder
from skvae.report.flow import Flow
from skvae.report.steps_in_words import arm_in_words, grid_in_words, in_words
from skvae.study.reporting import record_of

GRID = {"C": [0.1, 1.0]}


def test_without_a_search_nothing_is_nested():
    result = study(LogisticRegression())
    sentences = said(result)
    text = " ".join(sentences.values())
    assert "1 pipeline (pca) was judged by cross-validation on" in text
    assert "nested" not in text.lower()
    assert "inner" not in text
    assert "compared" not in text
    assert "differences" not in text
    assert "same for all" not in text
    boxes = " ".join(Flow.of(record_of(result)).boxes)
    assert "Nested" not in boxes
    assert "tuned" not in boxes


def test_a_search_is_nested_whoever_brings_it_along():
    ours = said(study((LogisticRegression(), GRID)))
    assert "nested cross-validation (Varma" in ours["methods-design"]
    assert "2 inner folds were drawn" in ours["methods-splits"]
    theirs = said(study(GridSearchCV(LogisticRegression(), GRID, cv=2)))
    assert "nested cross-validation (Varma" in theirs["methods-design"]
    assert "inner folds" not in theirs["methods-splits"]
    assert "every outer split, but not within pca" in theirs["methods-splits"]


def test_thresholds_take_inner_folds_and_are_no_search():
    sentences = said(study(LogisticRegression(), threshold="youden"))
    assert "2 inner folds were drawn" in sentences["methods-splits"]
    assert "by cross-validation" in sentences["methods-design"]
    assert "without its test part" in sentences["methods-threshold"]


@pytest.mark.parametrize(
    ("others", "words"),
    [(1, "a was compared with pca."), (2, "a, b were compared with pca.")],
)
def test_those_that_are_compared_are_named(others, words):
    arms = {name: LogisticRegression() for name in ["pca", "a", "b"][: others + 1]}
    assert said(study(arms))["methods-reference"] == words


def test_what_is_searched_is_not_printed_as_fixed():
    network = Autoencoder(2, hidden_layer_sizes=(3,), max_iter=1, random_state=0)
    arm = make_pipeline(network, LogisticRegression())
    grid = {"autoencoder__layer": ["hidden_1", ("hidden_1", "code")]}
    grid["logisticregression__C"] = [0.1, 1.0]
    arms = {"pca": make_pipeline(PCA(2), LogisticRegression()), "net": (arm, grid)}
    sentences = said(study(arms))
    words = sentences["methods-arms"]
    assert "net: an autoencoder (n_components 2) with layer searched" in words
    assert words.endswith("then logistic regression with C searched.")
    assert "pca: principal components (n_components 2), then logistic" in words
    assert "layer searched" in sentences["methods-networks"]
    assert "hidden_1, hidden_1 + code" in sentences["methods-tuning"]
    assert "without a search: pca." in sentences["methods-tuning"]


def test_words_of_steps_that_are_searched():
    step = {"name": "s", "class": "SimpleImputer", "params": {"strategy": "mean"}}
    arm = {"steps": [step], "grid": [{"s__strategy": ["mean", "median"]}]}
    assert arm_in_words(arm) == "SimpleImputer(strategy searched)"
    mine = {"name": "m", "class": "Mine", "params": {"k": 1}, "changed": {"k": 1}}
    assert arm_in_words({"steps": [mine], "grid": [{"m__k": [1, 2]}]}) == "Mine(k searched)"
    whole = {"steps": [mine], "grid": [{"m": ["a", "b"]}]}
    assert arm_in_words(whole) == "a step that was searched (m)"
    grid = {"grid": [{"m__layer": [["a", "b"], "c"]}], "n_configurations": 2}
    assert grid_in_words(grid) == "2 configurations: m__layer of a + b, c"
    assert in_words(None) == "None"


def test_steps_of_some_arms_are_not_said_of_all():
    scaled = make_pipeline(StandardScaler(), Ridge())
    result = study({"pca": scaled, "raw": Ridge()}, y=X[:, 0], outcome="number")
    sentences = said(result)
    assert sentences["methods-scaling"].endswith("by StandardScaler (pca).")
    assert "logit" not in sentences["methods-intervals"]
    alone = said(study({"pca": scaled}, y=X[:, 0], outcome="number"))
    assert alone["methods-scaling"].endswith("by StandardScaler.")


def test_patients_are_counted_of_the_training_part():
    result = study(LogisticRegression())
    text = said(result)["methods-size"]
    n = len(set(GROUPS)) // 4  # half of a class are tested
    assert f"had {n} patients of the rarer class, {n / 6:.1f} for each" in text


def test_further_scores_stand_where_they_are_announced():
    result = study(LogisticRegression(), scoring=["roc_auc", "accuracy"])
    assert "Further scores: accuracy." in said(result)["methods-scores"]
    mean = result.scores["score_accuracy"].mean()
    assert result.table()["mean accuracy"].tolist() == [f"{mean:.3f}"]
    assert not [c for c in result.table() if c.startswith("difference")]
