"""What all statistics of a table of predictions share: checks, averages, the bootstrap."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skvae.statistics.proportions import wilson_interval
from skvae.statistics.scored_rows import ScoredRows
from skvae.study import (
    averaged_curve,
    calibration,
    choose_threshold,
    decision_curve,
    delong_interval,
    threshold_metrics,
)

FUNCTIONS = {
    "averaged_curve": averaged_curve,
    "calibration": calibration,
    "choose_threshold": choose_threshold,
    "decision_curve": decision_curve,
    "delong_interval": delong_interval,
    "threshold_metrics": lambda y, score, **more: threshold_metrics(y, score, 0.5, **more),
}
every_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
Y = [0, 1, 0, 1, 1, 0]
SCORE = [0.2, 0.4, 0.3, 0.9, 0.25, 0.1]


@every_function
def test_the_positive_class_is_never_guessed(function):
    names = np.array(["benign", "malignant"])[Y]
    with pytest.raises(ValueError, match=r"'benign', 'malignant' and pos_label=None"):
        function(names, SCORE)
    with pytest.raises(ValueError, match="pos_label='cancer'"):
        function(names, SCORE, pos_label="cancer")
    with pytest.raises(ValueError, match="0, 1, 2"):
        function([0, 1, 2, 1, 1, 0], SCORE)


@every_function
def test_names_numbers_and_truth_values_say_the_same(function):
    def values(result):
        fields = vars(result) if hasattr(result, "__dict__") else {"": result}
        return {k: v for k, v in fields.items() if k != "positive"}

    expected = values(function(Y, SCORE))
    for y, more in (
        (np.array(Y) > 0, {}),
        (2 * np.array(Y) - 1, {}),
        (np.array(["a", "b"])[Y], {"pos_label": "b"}),
        (pd.Series(Y, index=list("uvwxyz")), {}),
    ):
        found = values(function(y, SCORE, **more))
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            if isinstance(value, str):
                assert found[name] == value
            else:
                np.testing.assert_array_equal(found[name], value)


@every_function
def test_columns_that_cannot_be_used(function):
    with pytest.raises(ValueError, match="score of shape"):
        function(Y, SCORE[1:])
    with pytest.raises(ValueError, match="score with NaN"):
        function(Y, [np.nan, *SCORE[1:]])
    with pytest.raises(ValueError, match="single class"):
        function([1] * 6, SCORE)
    with pytest.raises(ValueError, match="y with 1 missing values"):
        function([np.nan, *Y[1:]], SCORE)
    with pytest.raises(ValueError, match="score of dtype <U"):
        function(Y, ["high"] * 6)
    with pytest.raises(ValueError, match="masked array as score"):
        function(Y, np.ma.masked_less(SCORE, 0.2))


@pytest.mark.parametrize(
    "function",
    [averaged_curve, calibration, decision_curve, FUNCTIONS["threshold_metrics"]],
)
def test_repeats_need_patients_and_both_classes(function):
    with pytest.raises(ValueError, match="repeat without groups"):
        function(Y, SCORE, repeat=[1, 1, 1, 2, 2, 2])
    with pytest.raises(ValueError, match="single class in a repeat"):
        function(Y, SCORE, repeat=[1, 2, 1, 2, 2, 1], groups=[1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("function", [calibration, decision_curve])
def test_decision_values_are_no_probabilities(function):
    with pytest.raises(ValueError, match=r"scores from -1.3 to 0.9, but .* probabilities"):
        function(Y, [-1.3, *SCORE[1:]])


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_patients_that_are_missing_are_no_patient(missing):
    with pytest.raises(ValueError, match="groups with 2 missing values"):
        delong_interval(Y, SCORE, groups=[missing, "a", "b", "c", "d", missing])


def test_without_draws_there_is_no_band():
    curve = averaged_curve(Y, SCORE, n_bootstraps=0)
    assert np.isnan([*curve.low, *curve.high, *curve.area[1:]]).all()
    assert "[no interval]" in repr(curve)
    assert np.isnan(decision_curve(Y, SCORE, n_bootstraps=0).low).all()
    assert np.isnan(calibration(Y, SCORE, n_bootstraps=0).brier.low)


def test_weights_are_patients_drawn_with_all_their_rows():
    """Each draw gives what its patients give when their rows are written out."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(8), [1, 1, 2, 3, 1, 2, 1, 1])
    groups = np.tile(patient, 3)
    repeat = np.repeat([1, 2, 3], 12)
    y, score = rng.integers(0, 2, 36), rng.random(36)
    y[::12], y[1::12] = 0, 1
    rows = ScoredRows.checked("a test", y, score, repeat=repeat, groups=groups)
    assert rows.n_patients == 8
    assert rows.several_rows_a_patient
    drawn = []

    def mean_of_positives(of, weights):
        drawn.append(weights)
        positive = rows.positive[of]
        return (weights @ (positive * rows.score[of])) / (weights @ positive)

    values = rows.averaged(mean_of_positives, n_bootstraps=20, random_state=1)
    for draw in range(21):
        means = []
        for r in range(3):
            of = np.flatnonzero(repeat == r + 1)
            times = dict(zip(groups[of], drawn[r][draw], strict=True))
            written = [
                row
                for g, count in times.items()
                for _ in range(int(count))
                for row in of[groups[of] == g]
            ]
            assert sum(times.values()) == 8
            means.append(np.mean([score[row] for row in written if y[row]]))
        assert values[draw] == pytest.approx(np.mean(means))


def test_blocks_of_draws_change_nothing(monkeypatch):
    whole = averaged_curve(Y, SCORE, n_bootstraps=50)
    monkeypatch.setattr("skvae.statistics.scored_rows.BLOCK", 40)
    in_blocks = averaged_curve(Y, SCORE, n_bootstraps=50)
    np.testing.assert_array_equal(whole.low, in_blocks.low)
    assert whole.area == in_blocks.area


def test_wilson_is_scipys_and_takes_means_of_counts():
    for k, n in ((0, 7), (3, 7), (7, 7), (120, 1000)):
        low, high = wilson_interval(k, n, confidence=0.9)
        expected = stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    low, high = wilson_interval([2.5, 0], [5.0, 0])
    assert low[0] + high[0] == pytest.approx(1)
    assert np.isnan([low[1], high[1]]).all()
