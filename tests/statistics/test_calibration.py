import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from skvae.statistics.logistic_recalibration import (
    calibration_in_the_large,
    recalibration_slope,
)
from skvae.statistics.scored_rows import unsaturated
from skvae.study import calibration


def risks(n=300, slope=0.5, shift=0.3, seed=0):
    """Classes, and log odds that are too extreme and too low."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(size=n)
    y = rng.random(n) < expit(log_odds)
    return y, expit((log_odds - shift) / slope)


def slope_of(y, p):
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    return model.fit(logit(p)[:, None], y).coef_[0, 0]


def intercept_of(y, p):
    return brentq(lambda a: (expit(a + logit(p)) - y).mean(), -50, 50, xtol=1e-13)


def test_slope_and_intercept_against_other_solvers():
    y, p = risks()
    found = calibration(y, p)
    assert found.slope.value == pytest.approx(slope_of(y, p), abs=1e-5)
    assert found.intercept.value == pytest.approx(intercept_of(y, p), abs=1e-9)
    assert found.brier.value == pytest.approx(brier_score_loss(y, p))
    assert found.reason == ""


def test_what_was_put_in_comes_out():
    y, p = risks(n=5_000, slope=0.5, shift=0.3)
    found = calibration(y, p, n_bootstraps=200)
    assert found.slope.low < 0.5 < found.slope.high
    assert found.slope.high - found.slope.low < 0.1
    well = calibration(y, expit(logit(p) * 0.5 + 0.3), n_bootstraps=200)
    assert well.slope.low < 1 < well.slope.high
    assert well.intercept.low < 0 < well.intercept.high
    np.testing.assert_allclose(well.observed, well.predicted, atol=0.05)


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
def test_the_curve_is_scikit_learns(strategy):
    y, p = risks()
    p = np.round(p, 2).clip(0.01, 0.99)
    found = calibration(y, p, n_bins=7, strategy=strategy)
    observed, predicted = calibration_curve(y, p, n_bins=7, strategy=strategy)
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.predicted, predicted)
    assert found.n_rows.sum() == 300
    assert (found.low <= found.observed).all()
    assert (found.observed <= found.high).all()


def test_each_is_computed_within_a_repeat_and_averaged():
    (y, p), (_, q) = risks(n=100), risks(n=100, slope=1.0, shift=0)
    both = {"repeat": np.repeat([1, 2], 100), "groups": np.tile(np.arange(100), 2)}
    found = calibration(np.tile(y, 2), np.concatenate([p, q]), **both)
    first, second = calibration(y, p), calibration(y, q)
    for name in ("slope", "intercept", "brier"):
        mean = (getattr(first, name).value + getattr(second, name).value) / 2
        assert getattr(found, name).value == pytest.approx(mean)
    assert found.n_rows.sum() == 100


@given(st.integers(0, 10_000), st.floats(0.05, 5))
@example(4051, 1.0)  # all rows of one class
def test_weights_are_rows_written_several_times(seed, scale):
    rng = np.random.default_rng(seed)
    n = 12
    y, log_odds = rng.random(n) < 0.5, scale * np.round(rng.normal(size=n), 1)
    weights = rng.integers(0, 4, (3, n)).astype(float)
    slope = recalibration_slope(y, log_odds, weights)
    intercept = calibration_in_the_large(y, log_odds, weights)
    for draw in range(3):
        rows = np.repeat(np.arange(n), weights[draw].astype(int))
        if len(set(y[rows])) < 2:
            assert np.isnan([slope[draw], intercept[draw]]).all()
            continue
        residual = y[rows] - expit(log_odds[rows] + intercept[draw])
        assert residual.sum() == pytest.approx(0, abs=1e-7)
        zero, one = log_odds[rows][~y[rows]], log_odds[rows][y[rows]]
        if zero.max() <= one.min() or one.max() <= zero.min():
            assert not np.isfinite(slope[draw])
            continue
        # At the maximum, what the best intercept leaves is not correlated with x.
        b = slope[draw]
        a = brentq(lambda a: (expit(a + b * log_odds[rows]) - y[rows]).sum(), -900, 900)  # noqa: B023
        left = y[rows] - expit(a + b * log_odds[rows])
        assert left @ log_odds[rows] == pytest.approx(0, abs=1e-5)


def test_separation_and_sure_probabilities_have_no_slope_and_say_why():
    y = np.array([0, 0, 0, 1, 1, 1])
    p = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.8])
    apart = calibration(y, p)
    assert np.isnan([*apart.slope]).all()
    assert "separate the classes" in apart.reason
    assert apart.intercept.value == pytest.approx(intercept_of(y, p), abs=1e-9)
    constant = calibration([0, 1, 1, 0], [0.3] * 4)
    assert np.isnan(constant.slope.value)
    assert "all equal" in constant.reason
    assert constant.intercept.value == pytest.approx(logit(0.5) - logit(0.3))
    sure = calibration(y, [0, 0.4, 0.3, 0.2, 0.7, 1])
    assert np.isnan([sure.slope.value, sure.intercept.value]).all()
    assert "2 of 6 probabilities are exactly 0 or 1" in sure.reason
    assert sure.brier.value == pytest.approx(
        brier_score_loss(y, [0, 0.4, 0.3, 0.2, 0.7, 1])
    )


def test_ones_of_float32_are_rounded_and_have_log_odds():
    rng = np.random.default_rng(0)
    log_odds = rng.normal(scale=8, size=300)
    y = rng.random(300) < expit(log_odds / 4)
    exact, rounded = expit(log_odds), expit(log_odds.astype(np.float32))
    assert (rounded == 1).any()
    assert (exact < 1).all()
    expected, found = calibration(y, exact), calibration(y, rounded)
    assert found.slope.value == pytest.approx(expected.slope.value, abs=0.005)
    assert found.intercept.value == pytest.approx(expected.intercept.value, abs=0.01)
    assert "exactly 0 or 1" in calibration(y, rounded.astype(float)).reason
    zeros = np.array([0, 0.5, 1, 0.25], dtype=np.float32)
    assert np.isfinite(logit(unsaturated(zeros))).all()
    assert (np.argsort(unsaturated(zeros)) == np.argsort(zeros)).all()


def test_a_slope_may_have_no_upper_bound():
    y = np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 1])
    found = calibration(y, np.linspace(0.05, 0.95, 10))
    assert 0 < found.slope.low < found.slope.value < found.slope.high == np.inf


def test_arguments_are_named():
    y, p = risks()
    with pytest.raises(ValueError, match="strategy='equal'"):
        calibration(y, p, strategy="equal")
    with pytest.raises(ValueError, match="n_bins=0"):
        calibration(y, p, n_bins=0)
