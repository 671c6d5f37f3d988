import numpy as np
import pytest
from made_results import numbers, with_external

from skvae.study import delong_interval, external_figure


def test_both_scores_stand_below_one_another():
    result = with_external()
    axes = external_figure(result, confidence=0.9).axes[0]
    inside = [line for line in axes.lines if line.get_gid() == "inside"]
    outside = [line for line in axes.lines if line.get_gid() == "external"]
    summary = result.summary().set_index("arm")
    for place, arm in enumerate(result.arms):
        rows = result.external_predictions.query("arm == @arm")
        row = delong_interval(
            (rows["y"] == "sick").astype(int), rows["score"], confidence=0.9
        )
        assert inside[place].get_xdata()[0] == summary.loc[arm, "mean"]
        assert outside[place].get_xdata()[0] == pytest.approx(row.auc)
        assert outside[place].get_ydata()[0] > inside[place].get_ydata()[0]
        spans = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
        assert any(np.allclose(span, [row.low, row.high]) for span in spans)
        text = f"{row.auc:.2f} [{row.low:.2f}, {row.high:.2f}]"
        assert any(t.get_text().startswith(text) for t in axes.texts)
    assert "External: 60 patients" in axes.figure.get_suptitle()
    p = result.external().set_index("arm").loc["clinical", "p_holm"]
    assert any(t.get_text().endswith(f"p = {p:.3f}".replace("0.", ".")) for t in axes.texts)


def test_a_score_without_an_interval_has_a_square_alone():
    inside = numbers()
    outside = numbers(n=40, repeats=1, folds=1)
    result = type(inside)(
        **vars(inside)
        | {
            "external_scores": outside.scores,
            "external_predictions": outside.predictions,
        }
    )
    figure = external_figure(result)
    squares = [e for e in figure.axes[0].lines if e.get_gid() == "external"]
    found = [square.get_xdata()[0] for square in squares]
    np.testing.assert_allclose(found, outside.scores["score"])
    assert "no interval is known" in figure.get_supxlabel().replace("\n", " ")


def test_there_must_be_an_external_cohort(binary):
    with pytest.raises(ValueError, match="There is no external cohort"):
        external_figure(binary)
