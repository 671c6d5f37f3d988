import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import (
    confusion_matrix,
    precision_score,
    recall_score,
    roc_curve,
)

from skvae.study import choose_threshold, threshold_metrics

rows = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=20)


def predictions(n=60, n_repeats=3):
    rng = np.random.default_rng(0)
    y = np.tile(rng.integers(0, 2, n), n_repeats)
    score = np.round(y + rng.normal(size=n * n_repeats), 1)
    return y, score, np.repeat(np.arange(n_repeats), n), np.tile(np.arange(n), n_repeats)


def test_against_scikit_learn_and_scipy_in_one_repeat():
    y, score, *_ = predictions(n_repeats=1)
    called = score >= 0.3
    found = threshold_metrics(y, score, 0.3, confidence=0.9)
    assert (found.confusion == confusion_matrix(y, called)).all()
    assert found.sensitivity.value == pytest.approx(recall_score(y, called))
    assert found.specificity.value == pytest.approx(recall_score(1 - y, ~called))
    assert found.ppv.value == pytest.approx(precision_score(y, called))
    assert found.npv.value == pytest.approx(precision_score(1 - y, ~called))
    (tn, fp), (fn, tp) = confusion_matrix(y, called)
    for estimate, k, n in (
        (found.sensitivity, tp, tp + fn),
        (found.specificity, tn, tn + fp),
        (found.ppv, tp, tp + fp),
        (found.npv, tn, tn + fn),
    ):
        expected = stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
        assert estimate[1:] == pytest.approx((expected.low, expected.high))
    assert found.interval == "Wilson"


def test_counts_are_those_of_one_repeat():
    y, score, repeat, groups = predictions()
    found = threshold_metrics(y, score, 0.3, repeat=repeat, groups=groups)
    each = [confusion_matrix(y[repeat == r], score[repeat == r] >= 0.3) for r in range(3)]
    np.testing.assert_allclose(found.confusion, np.mean(each, axis=0))
    assert found.confusion.sum() == pytest.approx(60)
    once = threshold_metrics(y[:60], score[:60], 0.3)
    again = [np.tile(column[:60], 3) for column in (y, score)]
    repeated = threshold_metrics(*again, 0.3, repeat=repeat, groups=groups)
    assert repeated.sensitivity == pytest.approx(once.sensitivity)
    assert repeated.ppv == pytest.approx(once.ppv)


def test_a_threshold_a_row_is_that_of_its_fold():
    y, score, *_ = predictions(n_repeats=1)
    threshold = np.where(np.arange(60) < 30, 0.1, 0.8)
    found = threshold_metrics(y, score, threshold)
    halves = [
        threshold_metrics(y[half], score[half], t).confusion
        for half, t in ((slice(30), 0.1), (slice(30, None), 0.8))
    ]
    np.testing.assert_array_equal(found.confusion, sum(halves))


def test_patients_with_several_rows_are_drawn_whole():
    y, score, *_ = predictions(n=400, n_repeats=1)
    alone = threshold_metrics(y, score, 0.3)
    four = [np.repeat(column, 4) for column in (y, score, np.arange(400))]
    clustered = threshold_metrics(*four[:2], 0.3, groups=four[2])
    assert clustered.interval == "bootstrap of patients"
    np.testing.assert_array_equal(clustered.confusion, 4 * alone.confusion)
    # Four copies say no more than one, though Wilson would halve the interval.
    naive = threshold_metrics(*four[:2], 0.3)
    for name in ("sensitivity", "specificity", "ppv", "npv"):
        one, many, wrong = (getattr(each, name) for each in (alone, clustered, naive))
        assert many.value == pytest.approx(one.value)
        assert many[1:] == pytest.approx(one[1:], abs=0.015)
        assert wrong.high - wrong.low < 0.6 * (one.high - one.low)


def test_where_nothing_is_called_positive():
    found = threshold_metrics([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], 0.5)
    assert np.isnan([*found.ppv]).all()
    assert found.sensitivity.value == 0
    assert found.npv.value == 0.5
    assert "PPV nan [no interval]" in repr(found)


def best_by_search(y, score, worth):
    """The lowest of the best thresholds among all that make a difference."""
    worths = {
        t: worth(np.mean(score[y] >= t), np.mean(score[~y] < t))
        for t in [*np.unique(score), np.inf]
    }
    best = max(worths.values())
    return min(t for t, value in worths.items() if value >= best - 1e-12)


@given(rows, st.sampled_from(["youden", "sensitivity", "specificity"]))
def test_no_threshold_is_better(table, rule):
    y, score = map(np.array, zip(*table, strict=True))
    if y.all() or not y.any():
        return
    worth = {
        "youden": lambda sensitivity, specificity: sensitivity + specificity,
        "sensitivity": lambda sensitivity, specificity: (
            specificity if sensitivity >= 0.7 else -1
        ),
        "specificity": lambda sensitivity, specificity: (
            sensitivity if specificity >= 0.7 else -1
        ),
    }[rule]
    t = choose_threshold(y, score, rule=rule, least=0.7)
    found = worth(np.mean(score[y] >= t), np.mean(score[~y] < t))
    expected = best_by_search(y, score, worth)
    assert found == pytest.approx(
        worth(np.mean(score[y] >= expected), np.mean(score[~y] < expected))
    )
    if rule == "youden":
        np.testing.assert_array_equal(score >= t, score >= expected)


def test_youden_is_the_point_farthest_above_the_diagonal():
    y, score, *_ = predictions(n_repeats=1)
    t = choose_threshold(y, score)
    fpr, tpr, _ = roc_curve(y, score)
    found = threshold_metrics(y, score, t)
    youden = found.sensitivity.value + found.specificity.value - 1
    assert youden == pytest.approx((tpr - fpr).max())
    assert t not in score


def test_neighbouring_numbers_have_a_threshold_between():
    low = 0.1
    high = np.nextafter(low, 1)
    assert choose_threshold([0, 1], [low, high]) == high


def test_arguments_are_named():
    y, score, *_ = predictions(n_repeats=1)
    with pytest.raises(ValueError, match="rule='f1'"):
        choose_threshold(y, score, rule="f1")
    with pytest.raises(ValueError, match=r"least=1.5"):
        choose_threshold(y, score, rule="sensitivity", least=1.5)
    with pytest.raises(ValueError, match="one for each of 60 rows"):
        threshold_metrics(y, score, [0.1, 0.2])
