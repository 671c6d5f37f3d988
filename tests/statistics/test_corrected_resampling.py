import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import make_moons
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.svm import SVC

from skvae.study import corrected_interval, corrected_ttest, holm

scores = st.lists(st.floats(-1, 1), min_size=3, max_size=30)
p_values = st.lists(st.floats(0, 1), max_size=12)


def test_agrees_with_the_gallery_of_scikit_learn():
    # "Statistical comparison of models using grid search": t = 0.750, one-sided p = 0.227.
    X, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    cv = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(SVC(kernel=kernel, random_state=0), X, y, cv=cv, scoring="roc_auc")
        for kernel in ("rbf", "linear")
    )
    t, p = corrected_ttest(rbf - linear, n_train=90, n_test=10)
    assert t == pytest.approx(0.750, abs=5e-4)
    assert p / 2 == pytest.approx(0.227, abs=5e-4)


def test_agrees_with_nestkit():
    # nestkit 0.3.0: nadeau_bengio_corrected_ttest(a, b, 80, 20) of scores that differ so.
    differences = [0.031, -0.012, 0.045, 0.022, 0.008]
    differences += [0.037, -0.021, 0.014, 0.052, 0.003]
    t, p = corrected_ttest(differences, 80, 20)
    assert t == pytest.approx(1.2596076332442505, rel=1e-12)
    assert p == pytest.approx(0.23949442129609885, rel=1e-12)
    expected = (0.0179, -0.014247005262102885, 0.050047005262102914)
    assert corrected_interval(differences, 80, 20) == pytest.approx(expected, rel=1e-12)


@given(scores)
def test_without_test_rows_it_is_the_textbook_test(values):
    if np.ptp(values) < 1e-6:
        return
    textbook = stats.ttest_1samp(values, 0)
    t, p = corrected_ttest(values, n_train=1e12, n_test=1)
    assert t == pytest.approx(textbook.statistic, rel=1e-6)
    assert p == pytest.approx(textbook.pvalue, rel=1e-6)
    mean, low, high = corrected_interval(values, 1e12, 1, confidence=0.9)
    assert (low, high) == pytest.approx(tuple(textbook.confidence_interval(0.9)), rel=1e-6)
    assert mean == pytest.approx(np.mean(values))


@given(scores)
def test_sign_and_order_of_the_differences_do_not_matter(values):
    t, p = corrected_ttest(values, 80, 20)
    mirrored = corrected_ttest(-np.array(values)[::-1], 80, 20)
    assert mirrored.statistic == pytest.approx(-t, rel=1e-9)
    assert mirrored.pvalue == pytest.approx(p, rel=1e-9)


def test_interval_and_test_say_the_same():
    values = np.random.default_rng(0).normal(0.02, 0.03, 25)
    p = corrected_ttest(values, 80, 20).pvalue
    _, low, high = corrected_interval(values, 80, 20, confidence=1 - p)
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-12)


def test_more_repeats_do_not_shrink_the_interval_to_nothing():
    values = np.random.default_rng(0).normal(size=10)
    widths = [np.ptp(corrected_interval(np.tile(values, k), 80, 20)[1:]) for k in (1, 100)]
    assert widths[1] > 0.6 * widths[0]


def test_no_variance():
    assert corrected_ttest([0.0] * 5, 80, 20) == (0.0, 1.0)
    assert corrected_ttest([0.1] * 5, 80, 20) == (np.inf, 0.0)
    # 0.9 - 0.8 and 0.3 - 0.2 differ in the last bit.
    assert corrected_ttest(np.subtract([0.9, 0.3], [0.8, 0.2]), 80, 20).pvalue == 0


@pytest.mark.parametrize("scale", ["raw", "logit"])
@pytest.mark.parametrize("score", [0, 0.1, 1])
def test_scores_that_are_all_equal_have_no_interval(score, scale):
    interval = corrected_interval([score] * 5, 80, 20, scale=scale)
    mean, low, high = interval
    assert mean == score
    assert np.isnan([low, high]).all()
    assert f"every fold has the same score, {score:g}," in interval.reason
    assert corrected_interval([0.1, 0.2], 80, 20, scale=scale).reason == ""


@given(st.lists(st.floats(0, 1), min_size=3, max_size=30), st.floats(0.5, 0.99))
def test_the_logit_interval_is_the_delta_method_of_the_raw_one(values, confidence):
    if np.ptp(values) < 1e-6:
        return
    mean, low, high = corrected_interval(values, 80, 20, confidence=confidence)
    m, *bounds = corrected_interval(values, 80, 20, confidence=confidence, scale="logit")
    assert m == mean
    half = (high - low) / 2 / (mean * (1 - mean))
    odds = mean / (1 - mean) * np.exp([-half, half])
    assert bounds == pytest.approx(odds / (1 + odds), rel=1e-9)
    assert 0 <= bounds[0] < mean < bounds[1] <= 1


def test_the_logit_takes_scores_from_0_to_1_alone():
    with pytest.raises(ValueError, match=r"scale='logit' and scores from -0.1 to 0.2"):
        corrected_interval([-0.1, 0.2], 80, 20, scale="logit")
    with pytest.raises(ValueError, match="scale='log'"):
        corrected_interval([0.1, 0.2], 80, 20, scale="log")


@pytest.mark.parametrize("bad", [[0.5], [0.5, np.nan], [[0.1, 0.2]], []])
def test_scores_that_cannot_be_used(bad):
    with pytest.raises(ValueError, match="at least two finite numbers"):
        corrected_interval(bad, 80, 20)


def test_numbers_out_of_range_are_named():
    with pytest.raises(ValueError, match="confidence=95"):
        corrected_interval([0.1, 0.2], 80, 20, confidence=95)
    with pytest.raises(ValueError, match="n_train=0"):
        corrected_ttest([0.1, 0.2], 0, 20)
    with pytest.raises(ValueError, match="p_values"):
        holm([0.1, 1.1])
    with pytest.raises(ValueError, match="p_values"):
        holm([0.1, np.nan])


def test_holm_against_worked_example():
    # R: p.adjust(c(.01, .02, .03, .04, .05), "holm")
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx(
        [0.05, 0.08, 0.09, 0.09, 0.09]
    )


@given(p_values)
def test_holm_keeps_order_and_never_lowers(values):
    raw, adjusted = np.array(values), holm(values)
    assert np.all(adjusted >= raw)
    assert np.all(adjusted <= 1)
    assert np.all(adjusted <= np.minimum(1, raw * len(raw)) + 1e-15)  # Bonferroni
    assert np.all(np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0)


def test_level_where_nothing_differs():
    """Two equally good features: the naive t rejects far too often, the corrected not."""
    rng = np.random.default_rng(0)
    n, n_studies, rejected = 60, 400, np.zeros(2)
    folds = np.arange(n) % 5
    for _ in range(n_studies):
        y = np.arange(n) // 5 % 2
        X = rng.normal(size=(n, 2)) + y[:, None]
        differences = []
        for _ in range(5):
            fold = np.empty(n, dtype=int)
            for label in (0, 1):
                fold[y == label] = rng.permutation(folds[y == label])
            for k in range(5):
                train, test = fold != k, fold == k
                centre = [X[train & (y == label)].mean(axis=0) for label in (0, 1)]
                side = np.sign(centre[1] - centre[0])
                guess = side * (X[test] - (centre[0] + centre[1]) / 2) > 0
                accuracy = (guess == y[test, None]).mean(axis=0)
                differences.append(accuracy[0] - accuracy[1])
        naive = stats.ttest_1samp(differences, 0).pvalue
        corrected = corrected_ttest(differences, 4 * n / 5, n / 5).pvalue
        rejected += (naive < 0.05, corrected < 0.05)
    naive, corrected = rejected / n_studies
    assert naive > 0.2
    assert corrected <= 0.05
