from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from skvae.study import delong_interval, delong_test


def placements(y, score):
    """Count by pairs, as DeLong et al. (1988) define them."""
    positive, negative = score[y == 1], score[y == 0]

    def psi(a, b):
        return 1.0 if a > b else 0.5 if a == b else 0.0

    v = [sum(psi(a, b) for b in negative) / len(negative) for a in positive]
    w = [sum(psi(a, b) for a in positive) / len(positive) for b in negative]
    return np.array(v), np.array(w)


def covariance(one, other):
    """Of placements of two models, with n - 1."""
    total = 0.0
    for a, b in zip(one, other, strict=True):
        n, mean_a, mean_b = len(a), sum(a) / len(a), sum(b) / len(b)
        products = sum((p - mean_a) * (q - mean_b) for p, q in zip(a, b, strict=True))
        total += products / (n - 1) / n
    return total


@pytest.mark.parametrize("seed", range(100))
def test_against_a_count_of_placements_with_ties(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(12, 45))
    y = rng.permutation(np.arange(n) % int(rng.integers(2, 4)) == 0).astype(int)
    a = rng.integers(0, 9, n) + y
    b = rng.integers(0, 4, n) + y * rng.integers(0, 2, n)
    counted = [placements(y, score) for score in (a, b)]
    auc = [np.mean(v) for v, _ in counted]
    s = {(i, j): covariance(counted[i], counted[j]) for i, j in product((0, 1), repeat=2)}

    found = delong_interval(y, a, scale="raw", confidence=0.9)
    half = stats.norm.ppf(0.95) * np.sqrt(s[0, 0])
    assert found.auc == pytest.approx(roc_auc_score(y, a))
    assert found == pytest.approx((auc[0], auc[0] - half, auc[0] + half))
    on_logits = logit(auc[0]) + np.array([-1, 1]) * half / (auc[0] * (1 - auc[0]))
    assert delong_interval(y, a, confidence=0.9)[1:] == pytest.approx(expit(on_logits))

    test = delong_test(y, a, b, confidence=0.9)
    error = np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    assert test.difference == pytest.approx(auc[0] - auc[1])
    assert test.statistic == pytest.approx((auc[0] - auc[1]) / error)
    assert test.pvalue == pytest.approx(2 * stats.norm.sf(abs(auc[0] - auc[1]) / error))
    assert test.high - test.low == pytest.approx(2 * stats.norm.ppf(0.95) * error)


def test_the_interval_holds():
    """Of normal scores, whose AUC is known."""
    truth = stats.norm.cdf(1.2 / np.sqrt(2))
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    inside = 0
    for _ in range(400):
        _, low, high = delong_interval(y, rng.normal(size=80) + 1.2 * y)
        inside += low <= truth <= high
    assert 0.92 <= inside / 400 <= 0.98


def test_without_variance_there_is_no_interval_and_a_reason():
    perfect = delong_interval([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    assert perfect.auc == 1
    assert np.isnan(perfect[1:]).all()
    assert "at an AUC of 1 " in perfect.reason
    tied = delong_interval([0, 0, 0, 1, 1, 1], [0.7] * 6)
    assert tied.auc == 0.5
    assert "at an AUC of 0.5 " in tied.reason
    assert delong_interval([0, 1, 0, 1], [1, 2, 3, 4]).reason == ""


def test_equal_rankings_do_not_differ():
    rng = np.random.default_rng(0)
    y, score = np.arange(30) % 2, rng.normal(size=30)
    assert delong_test(y, score, np.exp(score))[:3] == (0, 1, 0)
    opposite = delong_test([0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1])
    assert opposite.difference == 1
    assert np.isnan([opposite.statistic, opposite.pvalue]).all()


def test_models_change_places():
    rng = np.random.default_rng(1)
    y, a, b = np.arange(40) % 2, *rng.normal(size=(2, 40))
    one, other = delong_test(y, a, b), delong_test(y, b, a)
    assert other.statistic == pytest.approx(-one.statistic)
    assert other.pvalue == pytest.approx(one.pvalue)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))


def test_repeated_patients_are_refused():
    y, score = [0, 1, 0, 1], [0.1, 0.9, 0.4, 0.3]
    delong_interval(y, score, groups=["a", "b", "c", "d"])
    with pytest.raises(ValueError, match="3 rows of the patient 'b', but delong_interval"):
        delong_interval(y, score, groups=["a", "b", "b", "b"])
    with pytest.raises(ValueError, match="2 rows of the patient 7, but delong_test"):
        delong_test(y, score, score, groups=[7, 7, 2, 3])


def test_a_variance_takes_two_rows_of_each_class():
    with pytest.raises(ValueError, match="1 rows of the positive class and 3"):
        delong_interval([0, 1, 0, 0], [0.1, 0.9, 0.4, 0.3])
