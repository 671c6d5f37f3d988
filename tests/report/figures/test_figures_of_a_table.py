"""Every figure of a small study of a real table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from sklearn.metrics import roc_curve

import skvae.study as study
from skvae.datasets import read_features
from skvae.study import default_arms, nested_cv, roc_figure


@pytest.fixture(scope="module")
def result(real_data):
    file = real_data / "radmlbench" / "NSCLC-Radiogenomics.gz"
    data = read_features(file, target="Target", id="ID", positive=1)
    parts = []
    for rows in (np.arange(len(data.target)) % 3 > 0, np.arange(len(data.target)) % 3 == 0):
        X = {"radiomics": data.features[rows]}
        parts.append((X, data.target[rows], data.groups[rows]))
    (X, y, groups), external = parts
    arms = default_arms(X, ["pca", "best_k"], n_components=[4, 8])
    options = {"groups": groups, "positive": data.positive, "threshold": "youden"}
    return nested_cv(arms, X, y, outer=(3, 1), inner=2, external=external, **options)


@pytest.mark.parametrize(
    "name",
    [
        "calibration_figure",
        "chosen_figure",
        "comparison_figure",
        "confusion_figure",
        "decision_curve_figure",
        "difference_figure",
        "external_figure",
        "precision_recall_figure",
        "roc_figure",
    ],
)
def test_each_is_drawn_within_its_paper(result, name):
    figure = getattr(study, name)(result)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = figure.get_size_inches()
    assert width <= 7.0
    box = figure.get_tightbbox(canvas.get_renderer())
    assert box.x0 > -0.05
    assert box.y0 > -0.05
    assert box.x1 < width + 0.05
    assert box.y1 < height + 0.05
    # No blank margins either.
    assert box.width > 0.9 * width
    assert box.height > 0.9 * height


def test_the_curve_is_that_of_the_predictions(result):
    axes = roc_figure(result, n_bootstraps=0).axes[0]
    rows = result.predictions.query("arm == 'best_k'")
    fpr, tpr, _ = roc_curve(rows["y"] == 1, rows["score"])
    (line,) = (each for each in axes.lines if each.get_gid() == "best_k")
    expected = np.interp(np.linspace(0, 1, 101), fpr, tpr)
    np.testing.assert_allclose(line.get_ydata()[2:], expected[1:], atol=1e-12)


def test_the_text_of_a_result_is_short(result):
    lines = repr(result).splitlines()
    assert len(lines) == 3
    assert all("external 0." in line for line in lines[1:])
    many = [result.scores.assign(arm=f"arm{i:02d}") for i in range(12)]
    frame = pd.concat([result.scores.query("arm == 'pca'"), *(m.iloc[:3] for m in many)])
    no_external = {
        "external_scores": pd.DataFrame(),
        "external_predictions": pd.DataFrame(),
    }
    lines = repr(replace(result, scores=frame, **no_external)).splitlines()
    assert len(lines) == 12
    assert lines[-1].strip() == "and 3 more in summary()"
