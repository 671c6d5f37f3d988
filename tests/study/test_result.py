import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skvae.exceptions import MissingDependencyError
from skvae.report.comparison import comparison_figure
from skvae.report.terminal import summary_table
from skvae.report.verdict import verdict
from skvae.study import (
    bayesian_correlated_ttest,
    corrected_interval,
    corrected_ttest,
    holm,
    nested_cv,
)


@pytest.fixture(scope="module")
def result(cohort):
    X, y, groups = cohort
    raw = LogisticRegression()
    arms = {
        "pca": (make_pipeline(PCA(2), raw), {"pca__n_components": [1, 3]}),
        "raw": raw,
        "first": (raw, {"C": [0.01, 1.0]}),
    }
    return nested_cv(arms, X, y, groups=groups, outer=(5, 2))


def test_summary_is_made_of_the_public_statistics(result):
    summary = result.summary(confidence=0.9).set_index("arm")
    sizes = [result.scores[f"n_{part}_groups"].mean() for part in ("train", "test")]
    reference = result.fold_scores("pca")
    p = []
    for arm in ("raw", "first"):
        scores = result.fold_scores(arm)
        row = summary.loc[arm]
        mean = row[["mean", "ci_low", "ci_high"]]
        difference = row[["difference", "difference_ci_low", "difference_ci_high"]]
        paired = corrected_interval(scores - reference, *sizes, confidence=0.9)
        logit = {"confidence": 0.9, "scale": "logit"}
        assert tuple(mean) == corrected_interval(scores, *sizes, **logit)
        assert tuple(difference) == paired
        p.append(corrected_ttest(scores - reference, *sizes).pvalue)
        rope = bayesian_correlated_ttest(scores - reference, *sizes)
        assert tuple(row[["worse", "equal", "better"]]) == tuple(rope)
    assert list(summary["p"][1:]) == p
    assert list(summary["p_holm"][1:]) == list(holm(p))
    assert summary.loc["pca", ["difference", "p", "p_holm"]].isna().to_numpy().all()
    assert list(summary["n_configurations"]) == [2, 1, 2]


def test_repr_tells_the_main_numbers(result):
    text = repr(result)
    assert "roc_auc, 3 arms x 10 folds, 120 samples of 50 groups, reference 'pca'" in text
    assert all(f"\n  {arm}" in text for arm in result.arms)


def test_files_hold_what_the_frames_hold(result, tmp_path):
    paths = result.to_csv(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [
        "results.csv",
        "predictions.csv",
        "summary.csv",
        "timings.csv",
    ]
    frames = result.scores, result.predictions, result.summary(), result.timings
    for path, frame in zip(paths, frames, strict=False):
        read = pd.read_csv(path)
        pd.testing.assert_frame_equal(read, frame, rtol=1e-12)


def test_figure_has_a_row_for_each_arm(result):
    left, right = comparison_figure(result).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["pca", "raw", "first"]
    assert "AUC" in left.get_xlabel()
    assert "pca" in right.get_xlabel()
    assert "50 patients" in left.figure.get_suptitle()
    assert len(left.collections) > len(right.collections) > 0


def test_table_has_a_row_for_each_arm(result):
    assert summary_table(result).row_count == 3


def with_differences(result, **shifts):
    scores = result.scores.assign(score=result.scores["score"] - 0.2)
    reference = result.fold_scores("pca") - 0.2
    for arm, shift in shifts.items():
        scores.loc[scores["arm"] == arm, "score"] = reference + shift
    return replace(result, scores=scores)


@pytest.mark.parametrize(
    ("shifts", "sentence"),
    [
        ({"raw": 0.0, "first": 0.0}, "No arm differs from pca beyond chance"),
        ({"raw": 0.1, "first": 0.0}, "raw is better than pca by 0.100"),
        ({"raw": 0.0, "first": -0.1}, "first is worse than pca by 0.100"),
        ({"raw": 0.1, "first": 0.1}, "raw is better than pca by 0.100 (p < .001), and"),
    ],
)
def test_verdict_says_what_was_found(result, shifts, sentence):
    assert sentence in verdict(with_differences(result, **shifts))


def test_what_is_not_above_chance_is_not_better(result):
    scores = result.scores.copy()
    noise = np.tile([-0.05, 0.05, -0.02, 0.02, 0.0], 2)
    scores.loc[scores["arm"] == "pca", "score"] = 0.35 + noise
    scores.loc[scores["arm"] == "raw", "score"] = 0.5 + noise[::-1]
    scores.loc[scores["arm"] == "first", "score"] = 0.35 + noise[::-1]
    text = verdict(replace(result, scores=scores))
    assert text.startswith("No arm both is surely better than chance and differs from pca")
    assert "raw differs from pca (p < .001), but neither is surely above chance" in text


def test_equal_folds_have_no_interval_and_no_nan_in_the_words(result):
    scores = result.scores.assign(score=1.0)
    same = replace(result, scores=scores)
    assert "no interval can be given" in verdict(same)
    assert "nan" not in verdict(same) + repr(same)
    assert "no interval" in repr(same)
    comparison_figure(same)


def test_verdict_without_arms_to_compare(cohort, arms):
    X, y, groups = cohort
    alone = nested_cv({"pca": arms["pca"]}, X, y, groups=groups)
    assert verdict(alone) == "There is no arm to compare with pca."


def test_matplotlib_is_asked_for_by_name(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match="needs matplotlib: pip install"):
        comparison_figure(result)
