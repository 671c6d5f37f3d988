import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from skvae.report.survival_panels import product_limit, thirds_of_risk
from skvae.study import observed_figure


def test_dots_are_rows_of_the_first_repeat(regression):
    figure = observed_figure(regression, unit="ml")
    rows = regression.predictions.query("arm == 'volume'")
    first = rows.query("repeat == 1")
    axes = figure.axes[1]
    (dots,) = (line for line in axes.lines if line.get_gid() == "volume")
    assert len(first) == 90
    np.testing.assert_array_equal(dots.get_xdata(), first["y"])
    np.testing.assert_array_equal(dots.get_ydata(), first["prediction"])
    parts = [part for _, part in rows.groupby("repeat")]
    r2 = np.mean([r2_score(p["y"], p["prediction"]) for p in parts])
    mae = np.mean([mean_absolute_error(p["y"], p["prediction"]) for p in parts])
    assert axes.get_title(loc="left") == f"volume\nR² {r2:.2f}, MAE {mae:.3g}"
    assert axes.get_xlabel() == "observed (ml)"
    assert figure.axes[0].get_xlim() == figure.axes[2].get_ylim()


def test_the_product_limit_is_that_by_hand():
    time = np.array([2.0, 3.0, 3.0, 5.0, 6.0, 6.0, 8.0])
    event = np.array([True, True, False, True, False, True, False])
    at, share, low, high = product_limit(time, event, 0.95)
    by_hand = [1.0]
    for t in np.unique(time):
        died, at_risk = (event & (time == t)).sum(), (time >= t).sum()
        by_hand.append(by_hand[-1] * (1 - died / at_risk))
    np.testing.assert_array_equal(at, [0, 2, 3, 5, 6, 8])
    np.testing.assert_allclose(share, by_hand)
    # Greenwood's variance on the log-log scale, at the second time.
    greenwood = 1 / (7 * 6) + 1 / (6 * 5)
    half = 1.959964 * np.sqrt(greenwood) / np.log(share[2])
    expected = share[2] ** np.exp(np.array([-half, half]))
    np.testing.assert_allclose([low[2], high[2]], np.sort(expected), rtol=1e-6)


def test_thirds_are_those_of_each_fold(survival):
    rows = survival.predictions.query("arm == 'pca' and repeat == 1")
    # Risks of another model on another scale must not fill the highest third.
    shifted = rows.assign(score=rows["score"] + 100 * (rows["fold"] == 2))
    third = thirds_of_risk(shifted)
    np.testing.assert_array_equal(third, thirds_of_risk(rows))
    for fold in (1, 2, 3):
        of_fold = (rows["fold"] == fold).to_numpy()
        assert np.bincount(third[of_fold]).tolist() == [10, 10, 10]
        scores = rows["score"].to_numpy()
        assert scores[of_fold & (third == 0)].max() < scores[of_fold & (third == 2)].min()


def test_survival_has_curves_and_numbers_at_risk(survival):
    figure = observed_figure(survival, arms=["pca", "clinical"], unit="months")
    above, below = figure.axes[:2]
    rows = survival.predictions.query("arm == 'pca' and repeat == 1")
    third = thirds_of_risk(rows)
    time, event = rows["time"].to_numpy(), rows["event"].to_numpy()
    for k, name in enumerate(("low", "middle", "high")):
        (line,) = (each for each in above.lines if each.get_gid() == name)
        at, share, *_ = product_limit(time[third == k], event[third == k], 0.95)
        drawn = line.get_xdata()
        expected = share[np.searchsorted(at, drawn)]
        np.testing.assert_allclose(line.get_ydata(), expected)
        # No step is lost but what nobody could see.
        places = np.linspace(0, drawn[-1], 500)
        shown = line.get_ydata()[np.searchsorted(drawn, places, side="right") - 1]
        true = share[np.searchsorted(at, places, side="right") - 1]
        assert np.abs(shown - true).max() < 0.004
    at_zero = [t.get_text() for t in below.texts if t.get_position()[0] == 0]
    assert at_zero == ["30", "30", "30"]
    tick, last = max(
        (t.get_position()[0], t) for t in below.texts if t.get_color() == "#D55E00"
    )
    assert int(last.get_text()) == (time[third == 2] >= tick).sum()
    high = f"high: {event[third == 2].sum()} of 30"
    assert high in [label.get_text() for label in below.get_yticklabels()]
    mean = survival.summary().set_index("arm").loc["pca", "mean"]
    assert f"C index {mean:.2f} [" in above.get_title(loc="left")
    assert below.get_xlabel() == "time (months)"


def test_classes_are_refused(binary):
    with pytest.raises(ValueError, match="classes in observed_figure, expected a number"):
        observed_figure(binary)
