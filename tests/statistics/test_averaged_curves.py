import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from skvae.study import averaged_curve, delong_interval

KINDS = ("roc", "precision_recall")
AREAS = {"roc": roc_auc_score, "precision_recall": average_precision_score}


def predictions(n=120, n_repeats=4, seed=0, digits=1):
    """Rows of several repeats, with ties."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    repeat = np.repeat(np.arange(n_repeats), n)
    signal = np.tile(y + rng.normal(size=n), n_repeats)
    score = np.round(signal + 0.5 * rng.normal(size=n * n_repeats), digits)
    return np.tile(y, n_repeats), score, repeat, np.tile(np.arange(n), n_repeats)


@pytest.mark.parametrize("kind", KINDS)
def test_the_area_is_the_mean_of_scikit_learns_within_repeats(kind):
    y, score, repeat, groups = predictions()
    curve = averaged_curve(y, score, kind=kind, repeat=repeat, groups=groups)
    areas = [AREAS[kind](y[repeat == r], score[repeat == r]) for r in range(4)]
    assert curve.area.value == pytest.approx(np.mean(areas))
    assert curve.area.low < curve.area.value < curve.area.high
    assert (curve.n_repeats, curve.n_patients) == (4, 120)
    pooled = AREAS[kind](y, score)
    assert abs(pooled - np.mean(areas)) > 1e-4


def test_the_roc_curve_is_the_vertical_mean_of_scikit_learns():
    y, score, repeat, groups = predictions()
    curve = averaged_curve(y, score, repeat=repeat, groups=groups)
    each = [roc_curve(y[repeat == r], score[repeat == r]) for r in range(4)]
    expected = np.mean([np.interp(curve.x, fpr, tpr) for fpr, tpr, _ in each], axis=0)
    np.testing.assert_allclose(curve.y, expected, atol=1e-12)
    assert (np.diff(curve.y) >= 0).all()
    assert curve.y[-1] == 1


def test_precision_is_that_of_the_highest_threshold_that_reaches_a_recall():
    y, score, repeat, groups = predictions()
    curve = averaged_curve(y, score, kind="precision_recall", repeat=repeat, groups=groups)
    expected = []
    for r in range(4):
        # From the highest threshold on; the last point, without a threshold, left out.
        precision, recall, _ = precision_recall_curve(y[repeat == r], score[repeat == r])
        precision, recall = precision[-2::-1], recall[-2::-1]
        expected.append([precision[recall >= max(x, 1e-9) - 1e-12][0] for x in curve.x])
    np.testing.assert_allclose(curve.y, np.mean(expected, axis=0), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_scores_are_one_step_whatever_the_order_of_the_rows(kind):
    y, score, repeat, groups = predictions(digits=0)
    curve = averaged_curve(y, score, kind=kind, repeat=repeat, groups=groups)
    order = np.random.default_rng(1).permutation(len(y))
    other = averaged_curve(
        y[order], score[order], kind=kind, repeat=repeat[order], groups=groups[order]
    )
    np.testing.assert_allclose(curve.y, other.y, atol=1e-12)
    constant = averaged_curve(y[:120], np.zeros(120), kind=kind)
    expected = constant.x if kind == "roc" else np.full(101, constant.prevalence)
    np.testing.assert_allclose(constant.y, expected, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_repeats_that_say_nothing_new_leave_the_band_as_wide(kind):
    y, score, _, groups = predictions(n_repeats=1)
    plain = averaged_curve(y, score, kind=kind, groups=groups)
    twice = [np.tile(column, 2) for column in (y, score, groups)]
    lesions = averaged_curve(*twice[:2], kind=kind, groups=twice[2])
    repeats = averaged_curve(
        *twice[:2], kind=kind, groups=twice[2], repeat=np.repeat([1, 2], 120)
    )
    independent = averaged_curve(*twice[:2], kind=kind)
    for same in (lesions, repeats):
        np.testing.assert_allclose(same.y, plain.y, atol=1e-12)
        np.testing.assert_allclose(same.low, plain.low, atol=1e-12)
        np.testing.assert_allclose(same.high, plain.high, atol=1e-12)
    width = np.mean(plain.high - plain.low)
    assert np.mean(independent.high - independent.low) < 0.85 * width


def test_the_bootstrap_of_the_area_agrees_with_delong():
    y, score, *_ = predictions(n=300, n_repeats=1, digits=3)
    area = averaged_curve(y, score, n_bootstraps=4000).area
    auc, low, high = delong_interval(y, score, scale="raw")
    assert area.value == pytest.approx(auc)
    assert (area.low, area.high) == pytest.approx((low, high), abs=0.008)


def test_the_band_contains_the_curve_and_depends_on_the_seed_alone():
    y, score, repeat, groups = predictions()
    tables = [
        averaged_curve(y, score, repeat=repeat, groups=groups, random_state=seed)
        for seed in (3, 3, 4)
    ]
    assert (tables[0].low <= tables[0].y).all()
    assert (tables[0].y <= tables[0].high).all()
    np.testing.assert_array_equal(tables[0].low, tables[1].low)
    assert (tables[0].low != tables[2].low).any()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=20))
def test_the_area_counts_pairs(rows):
    y, score = map(np.array, zip(*rows, strict=True))
    if y.all() or not y.any():
        return
    above = score[y][:, None] - score[~y]
    expected = np.mean((above > 0) + 0.5 * (above == 0))
    area = averaged_curve(y, score, n_bootstraps=2).area
    assert area.value == pytest.approx(expected)


def test_repr_and_axes():
    y, score, repeat, groups = predictions()
    curve = averaged_curve(y, score, repeat=repeat, groups=groups)
    assert repr(curve).startswith("AveragedCurve(roc of 4 repeats of 120 patients, 55% of")
    assert curve.axes == ("false positive rate", "sensitivity")
    with pytest.raises(ValueError, match="kind='pr'"):
        averaged_curve(y, score, kind="pr")
