from dataclasses import replace

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from skvae.study import calibration, calibration_figure, decision_curve_figure


def line(axes, gid):
    (found,) = (each for each in axes.lines if each.get_gid() == gid)
    return found.get_xdata(), found.get_ydata()


@pytest.fixture
def one_repeat(binary):
    return replace(
        binary,
        predictions=binary.predictions.query("repeat == 1"),
        scores=binary.scores.query("repeat == 1"),
    )


def test_bins_are_those_of_scikit_learn(one_repeat):
    figure = calibration_figure(one_repeat, n_bootstraps=20, n_bins=4)
    rows = one_repeat.predictions.query("arm == 'volume'")
    observed, predicted = calibration_curve(
        rows["y"] == "sick", rows["score"], n_bins=4, strategy="quantile"
    )
    (points,) = figure.axes[2].containers
    x, y = points.lines[0].get_data()
    np.testing.assert_allclose(x, predicted)
    np.testing.assert_allclose(y, observed)


def test_slope_and_intercept_are_written(binary):
    figure = calibration_figure(binary, n_bootstraps=50, random_state=1)
    rows = binary.predictions.query("arm == 'pca'")
    found = calibration(
        (rows["y"] == "sick").astype(int),
        rows["score"],
        repeat=rows["repeat"],
        groups=rows["group"],
        n_bootstraps=50,
        random_state=1,
    )
    title = figure.axes[0].get_title(loc="left")
    assert title.startswith("pca (reference)\n")
    slope, intercept = found.slope, found.intercept
    assert f"slope {slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]" in title
    assert f"intercept {intercept.value:.2f} [" in title
    (points,) = figure.axes[0].containers
    low, high = np.array(points.lines[2][0].get_segments())[:, :, 1].T
    y = points.lines[0].get_ydata()
    assert np.all((low <= y) & (y <= high))
    np.testing.assert_allclose(low, np.minimum(found.low, found.observed))
    np.testing.assert_allclose(high, np.maximum(found.high, found.observed))


def test_risks_are_counted_up_and_down(binary):
    axes = calibration_figure(binary, n_bootstraps=0).axes[1]
    rows = binary.predictions.query("arm == 'pca'")
    up, down = (patch.get_data().values for patch in axes.patches)
    assert up.sum() == (rows["y"] == "sick").sum() / 2
    assert down.sum() == -(rows["y"] == "well").sum() / 2


def test_net_benefit_is_that_by_hand(binary):
    axes = decision_curve_figure(binary, n_bootstraps=20, thresholds=[0.2, 0.5]).axes[0]
    rows = binary.predictions.query("arm == 'clinical'")
    sick = (rows["y"] == "sick").to_numpy()
    expected = []
    for t in (0.2, 0.5):
        treated = (rows["score"] >= t).to_numpy()
        true, false = (treated & sick).sum(), (treated & ~sick).sum()
        expected.append((true - false * t / (1 - t)) / len(rows))
    np.testing.assert_allclose(line(axes, "clinical")[1], expected)
    share = sick.mean()
    np.testing.assert_allclose(
        line(axes, "treat all")[1], [share - 0.25 * (1 - share), share - (1 - share)]
    )
    assert not line(axes, "treat none")[1].any()


def test_thresholds_end_where_single_patients_decide(binary):
    axes = decision_curve_figure(binary, n_bootstraps=0).axes[0]
    t = line(axes, "pca")[0]
    n_sick = (binary.predictions.query("arm == 'pca' and repeat == 1")["y"] == "sick").sum()
    odds = t / (1 - t)
    assert odds[-1] <= 0.1 * n_sick
    assert t[-1] <= binary.predictions["score"].max()
    after = (t[-1] + 0.01) / (0.99 - t[-1])
    assert after > 0.1 * n_sick or t[-1] + 0.01 > binary.predictions["score"].max()


@pytest.mark.parametrize("draw", [calibration_figure, decision_curve_figure])
def test_three_classes(multiclass, draw):
    figure = draw(multiclass, arms=["pca", "volume"], n_bootstraps=20)
    titles = [axes.get_title(loc="left").partition("\n")[0] for axes in figure.axes]
    titles = [title for title in titles if title]
    if draw is calibration_figure:
        classes = ("cyst", "scar", "tumour")
        assert titles == [f"{arm}: {c}" for arm in ("pca", "volume") for c in classes]
    else:
        assert len(titles) == 3


@pytest.mark.parametrize("draw", [calibration_figure, decision_curve_figure])
def test_decision_values_are_left_out_or_refused(binary, regression, draw):
    predictions = binary.predictions.copy()
    is_svm = predictions["arm"] == "volume"
    predictions.loc[is_svm, "score"] = predictions.loc[is_svm, "score"] * 4 - 2
    figure = draw(replace(binary, predictions=predictions), n_bootstraps=0)
    assert "ot shown: volume." in figure.get_supxlabel().replace("\n", " ")
    predictions["score"] = 4 * binary.predictions["score"] - 2
    with pytest.raises(ValueError, match="has probabilities from 0 to 1, expected an arm"):
        draw(replace(binary, predictions=predictions))
    with pytest.raises(ValueError, match="outcome is a number"):
        draw(regression)
