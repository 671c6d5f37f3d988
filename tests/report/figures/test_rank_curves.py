import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from skvae.report.canvas import COLOURS, DASHES, REFERENCE
from skvae.study import averaged_curve, precision_recall_figure, roc_figure

FIGURES = (roc_figure, precision_recall_figure)


def drawn(axes, gid):
    """Return x and y of the line of that name."""
    (line,) = (line for line in axes.lines if line.get_gid() == gid)
    return line.get_xdata(), line.get_ydata()


def test_the_roc_curve_is_that_of_scikit_learn_averaged_over_repeats(binary):
    axes = roc_figure(binary, n_bootstraps=20).axes[0]
    for arm in binary.arms:
        rows = binary.predictions.query("arm == @arm")
        heights = []
        for _, part in rows.groupby("repeat"):
            fpr, tpr, _ = roc_curve(part["y"] == "sick", part["score"])
            heights.append(np.interp(np.linspace(0, 1, 101), fpr, tpr))
        x, y = drawn(axes, arm)
        assert (x[0], y[0]) == (0, 0)
        np.testing.assert_allclose(x[1:], np.linspace(0, 1, 101))
        # At 0, several points of a curve lie above one another: the highest counts.
        np.testing.assert_allclose(y[2:], np.mean(heights, axis=0)[1:], atol=1e-12)


def test_precision_is_that_of_the_highest_threshold_that_reaches_a_recall(binary):
    figure = precision_recall_figure(binary, n_bootstraps=20)
    axes = figure.axes[0]
    rows = binary.predictions.query("arm == 'volume'")
    heights, areas = [], []
    for _, part in rows.groupby("repeat"):
        y, score = part["y"] == "sick", part["score"]
        precision, recall, _ = precision_recall_curve(y, score)
        reached = [precision[recall >= x - 1e-12][-1] for x in np.linspace(0.01, 1, 100)]
        heights.append(reached)
        areas.append(average_precision_score(y, score))
    np.testing.assert_allclose(drawn(axes, "volume")[1][1:], np.mean(heights, axis=0))
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert f"volume\nAP {np.mean(areas):.2f} [" in texts[1]
    prevalence = (binary.predictions["y"] == "sick").mean()
    assert drawn(axes, "prevalence")[1][0] == prevalence
    assert texts[-1] == f"prevalence {prevalence:.2f}"


@pytest.mark.parametrize("draw", FIGURES)
def test_bands_hold_their_curves_and_are_those_of_the_bootstrap(binary, draw):
    axes = draw(binary, n_bootstraps=200, confidence=0.9, random_state=3).axes[0]
    rows = binary.predictions.query("arm == 'clinical'")
    curve = averaged_curve(
        (rows["y"] == "sick").astype(int),
        rows["score"],
        kind="roc" if draw is roc_figure else "precision_recall",
        repeat=rows["repeat"],
        groups=rows["group"],
        n_bootstraps=200,
        confidence=0.9,
        random_state=3,
    )
    (found,) = (e for e in axes.collections if e.get_gid() == "clinical band")
    corners = found.get_paths()[0].vertices
    for bound in (curve.low, curve.high):
        for point in zip(curve.x, bound, strict=True):
            assert np.abs(corners - point).max(axis=1).min() < 1e-12
    y = drawn(axes, "clinical")[1][-101:]
    np.testing.assert_array_equal(y, curve.y)
    assert np.mean((curve.low <= y) & (y <= curve.high)) > 0.95


def test_crosses_mark_what_the_thresholds_of_the_folds_gave(binary):
    axes = roc_figure(binary, n_bootstraps=0).axes[0]
    rows = binary.predictions.query("arm == 'pca'")
    called, sick = rows["score"] >= rows["threshold"], rows["y"] == "sick"
    x, y = drawn(axes, "pca threshold")
    assert y[0] == pytest.approx((called & sick).sum() / sick.sum())
    assert x[0] == pytest.approx((called & ~sick).sum() / (~sick).sum())


@pytest.mark.parametrize("draw", FIGURES)
def test_eight_arms_have_lines_that_can_be_told_apart(many_arms, draw):
    axes = draw(many_arms, n_bootstraps=20).axes[0]
    lines = {
        line.get_gid(): line for line in axes.lines if line.get_gid() in many_arms.arms
    }
    assert len(lines) == 8
    assert len({str(line._unscaled_dash_pattern) for line in lines.values()}) == 8
    assert len({line.get_color() for line in lines.values()}) == 8
    assert lines["pca"].get_color() == REFERENCE
    assert len(set(COLOURS)) == len(set(DASHES)) == 7
    best = many_arms.summary().set_index("arm")["mean"].drop("pca").idxmax()
    bands = {each.get_gid() for each in axes.collections}
    assert bands == {"pca band", f"{best} band"}
    assert f"of pca and {best}" in axes.figure.get_supxlabel().replace("\n", " ")


@pytest.mark.parametrize("draw", FIGURES)
def test_three_classes_have_a_panel_each(multiclass, draw):
    figure = draw(multiclass, n_bootstraps=20)
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    titles = [axes.get_title(loc="left") for axes in panels]
    assert titles == [f"{c} against the others" for c in ("cyst", "scar", "tumour")]
    if draw is roc_figure:
        rows = multiclass.predictions.query("arm == 'volume'")
        heights = []
        for _, part in rows.groupby("repeat"):
            fpr, tpr, _ = roc_curve(part["y"] == "tumour", part["score_tumour"])
            heights.append(np.interp(np.linspace(0, 1, 101), fpr, tpr))
        np.testing.assert_allclose(
            drawn(panels[2], "volume")[1][2:], np.mean(heights, axis=0)[1:]
        )


def test_arms_are_chosen_by_name_and_those_without_scores_left_out(binary):
    axes = roc_figure(binary, arms=["pca", "clinical"], n_bootstraps=0).axes[0]
    assert {line.get_gid() for line in axes.lines} >= {"pca", "clinical"}
    assert "volume" not in {line.get_gid() for line in axes.lines}
    silent = binary.predictions.copy()
    silent.loc[silent["arm"] == "volume", "score"] = np.nan
    without = type(binary)(**{**vars(binary), "predictions": silent})
    figure = roc_figure(without, n_bootstraps=0)
    assert "Not shown: volume." in figure.get_supxlabel().replace("\n", " ")
    nobody = binary.predictions.drop(columns="score")
    with pytest.raises(ValueError, match="no arm in roc_figure has scores of its classes"):
        roc_figure(type(binary)(**{**vars(binary), "predictions": nobody}))


@pytest.mark.parametrize("draw", FIGURES)
def test_what_has_no_curve_is_refused(binary, regression, draw):
    with pytest.raises(ValueError, match=f"a number in {draw.__name__}, expected classes"):
        draw(regression)
    with pytest.raises(ValueError, match=r"Got arms=\['pcs'\] in .*, expected some of pca"):
        draw(binary, arms=["pcs"])


def test_figures_are_free_of_pyplot_and_small(many_arms, tmp_path):
    figure = roc_figure(many_arms, n_bootstraps=20)
    assert type(figure) is Figure
    figure.savefig(tmp_path / "roc.svg")
    text = (tmp_path / "roc.svg").read_text()
    assert len(text) < 200_000
    assert "<text" not in text, "fonts are paths"
