from dataclasses import replace

import pytest
from sklearn.linear_model import LogisticRegression

from skvae.report.literature import LITERATURE
from skvae.report.methods_text import methods_markdown, methods_sentences
from skvae.report.steps_in_words import arm_in_words, grid_in_words
from skvae.study import nested_cv
from skvae.study.reporting import record_of


def sentences(result, **known):
    return dict(methods_sentences(record_of(result, **known)))


def test_it_says_what_was_done(result, covariates):
    said = sentences(result, inputs=covariates)
    assert "3 pipelines (pca, clinical, net)" in said["methods-design"]
    assert "80 rows of 40 patients" in said["methods-design"]
    assert "2 outer folds, repeated 2 times" in said["methods-splits"]
    assert "2 inner folds" in said["methods-splits"]
    assert "benign: 40, malignant: 40" in said["methods-outcome"]
    assert "of the class malignant" in said["methods-outcome"]
    assert "No value of the inputs was missing." in said["methods-missing"]
    assert "pca__n_components of 1, 2" in said["methods-tuning"]
    assert "Youden" in said["methods-threshold"]
    assert "n_components 2" in said["methods-networks"]
    assert "max_iter 4" in said["methods-networks"]
    assert "40 rows of 20 patients of another cohort" in said["methods-external"]
    assert "volume, age" in said["methods-confounders"]
    assert said["methods-clinical"] == "Clinical columns alone: clinical."
    assert "methods-no-networks" not in said
    assert "methods-loading" not in said
    assert "methods-volume" not in said


def test_what_the_record_lacks_is_not_said(cohort_result):
    said = sentences(cohort_result)
    absent = {"threshold", "external", "confounders", "networks", "leaks", "tuning"}
    assert not {f"methods-{name}" for name in absent} & set(said)
    assert "Each row counted as a patient of its own." in said["methods-splits"]
    assert "repeated" not in said["methods-splits"]
    assert "methods-comparison" not in said


@pytest.fixture(scope="module")
def cohort_result():
    X = [[i % 7, i % 3] for i in range(30)]
    y = [i % 2 for i in range(30)]
    return nested_cv({"raw": LogisticRegression()}, X, y, outer=(2, 1), reference="raw")


def test_papers_are_those_that_are_named(result, cohort_result):
    for found in (result, cohort_result):
        text = methods_markdown(record_of(found))
        body, _, papers = text.partition("## References")
        for name, whole in LITERATURE.items():
            assert (name in body) == (whole in papers)
    # Patients have two rows, for which Wilson and DeLong have no interval.
    said = sentences(result)
    assert "a bootstrap of whole patients" in said["methods-threshold"]
    assert "Wilson" not in methods_markdown(record_of(result))
    assert "DeLong" not in methods_markdown(record_of(result))


def test_an_older_result_says_nothing_of_itself(result):
    old = replace(result, design={})
    assert sentences(old) == {}
    assert "does not say how it was made" in methods_markdown(record_of(old))


def test_patients_are_counted_for_each_feature(result, cohort_result):
    # 15 rows of a class, and two columns: below ten for each.
    assert "methods-dimension" not in sentences(cohort_result)


def test_steps_in_words():
    steps = [
        {"class": "SelectBlock", "params": {"block": "a"}, "branch": "x"},
        {"class": "PCA", "params": {"n_components": 3}, "branch": "x"},
        {"class": "SelectBlock", "params": {"block": "b"}, "branch": "y"},
        {"class": "Mine", "params": {"k": 1}, "changed": {"k": 1}, "branch": ""},
    ]
    assert arm_in_words({"steps": steps}) == (
        "the input a, then principal components (n_components 3); beside it the input b; "
        "then Mine(k=1)"
    )
    arm = {"grid": [{"C": [1, 2]}, {"C": [3]}], "n_configurations": 3}
    assert grid_in_words(arm) == "3 configurations: C of 1, 2 or C of 3"
