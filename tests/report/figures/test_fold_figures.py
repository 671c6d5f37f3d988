from dataclasses import replace

import numpy as np
import pytest

from skvae.study import (
    chosen_figure,
    comparison_figure,
    corrected_interval,
    difference_figure,
)


def test_every_fold_has_a_dot_at_its_paired_difference(binary):
    left, right = difference_figure(binary, confidence=0.9).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["volume", "clinical"]
    dots = [each for each in left.collections if each.get_gid() == "folds"]
    means = [each for each in left.lines if each.get_gid() == "mean"]
    sizes = [binary.scores[f"n_{part}_groups"].mean() for part in ("train", "test")]
    intervals = [each for each in left.lines if each.get_marker() == "|"]
    reference = binary.fold_scores("pca")
    for arm, drawn, mean, line in zip(
        ("volume", "clinical"), dots, means, intervals, strict=True
    ):
        expected = binary.fold_scores(arm) - reference
        np.testing.assert_allclose(drawn.get_offsets()[:, 0], expected)
        interval = corrected_interval(expected, *sizes, confidence=0.9)
        np.testing.assert_allclose(line.get_xdata(), interval[1:])
        assert mean.get_xdata()[0] == interval.mean
    n_better = (binary.fold_scores("clinical") > reference).sum()
    assert any(
        f"better in {n_better} of 6 folds, Holm p" in t.get_text() for t in left.texts
    )
    summary = binary.summary(0.9).set_index("arm")
    widths = [patch.get_width() for patch in right.patches]
    expected = summary.loc[["volume", "clinical"], ["worse", "equal", "better"]]
    np.testing.assert_allclose(widths, expected.to_numpy().ravel())
    np.testing.assert_allclose(expected.sum(axis=1), 1)


def test_dots_of_a_repeat_stand_in_a_row(binary):
    left, _ = difference_figure(binary).axes
    heights = next(e for e in left.collections if e.get_gid() == "folds").get_offsets()[
        :, 1
    ]
    assert len(set(heights[:3])) == len(set(heights[3:])) == 1
    assert heights[0] != heights[3]


def test_folds_without_a_score_are_left_out(binary):
    scores = binary.scores.copy()
    lost = (scores["arm"] == "volume") & (scores["fold"] == 2)
    scores.loc[lost, "score"] = np.nan
    fewer = replace(binary, scores=scores)
    row = fewer.summary().set_index("arm").loc["volume"]
    known = np.array([True, False, True] * 2)
    paired = (binary.fold_scores("volume") - binary.fold_scores("pca"))[known]
    assert row["difference"] == pytest.approx(paired.mean())
    left, _ = difference_figure(fewer).axes
    assert any("of 4 folds" in text.get_text() for text in left.texts)
    scores.loc[scores["arm"] == "volume", "score"] = np.nan
    nothing = replace(binary, scores=scores)
    assert np.isnan(nothing.summary().set_index("arm").loc["volume", "p_holm"])
    assert not np.isnan(nothing.summary().set_index("arm").loc["clinical", "p_holm"])
    left, _ = difference_figure(nothing).axes
    assert any("no test" in text.get_text() for text in left.texts)
    comparison_figure(nothing)


def test_one_arm_has_no_difference(binary):
    alone = replace(binary, scores=binary.scores.query("arm == 'pca'"))
    with pytest.raises(ValueError, match="only arm 'pca' in difference_figure"):
        difference_figure(alone)


def test_choices_are_counted(many_arms):
    figure = chosen_figure(many_arms, arms=["vae", "pca"])
    pca, vae = figure.axes
    rows = many_arms.scores.query("arm == 'vae'")
    layers = sorted(rows["param_encode__layer"].unique())
    sizes = sorted(rows["param_encode__n_components"].unique())
    assert [label.get_text() for label in vae.get_yticklabels()] == layers
    assert [label.get_text() for label in vae.get_xticklabels()] == [str(s) for s in sizes]
    expected = [
        (
            (rows["param_encode__layer"] == a) & (rows["param_encode__n_components"] == b)
        ).sum()
        for a in layers
        for b in sizes
    ]
    assert [int(text.get_text()) for text in vae.texts] == expected
    assert sum(expected) == 6
    assert vae.get_title(loc="left") == "vae: 6 tried"
    assert (pca.get_xlabel(), pca.get_ylabel()) == ("n_components", "C")


def test_nothing_to_choose(binary):
    kept = [c for c in binary.scores if not c.startswith("param_")]
    with pytest.raises(ValueError, match="of whose arms none was searched"):
        chosen_figure(replace(binary, scores=binary.scores[kept]))
