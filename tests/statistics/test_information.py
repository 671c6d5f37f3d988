import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_regression
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

from skvae.statistics.information import (
    adjusted_information,
    binned_information,
    entropy,
    equal_bins,
    mutual_information,
    quantile_bins,
)


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    a = rng.normal(size=151)
    Z = np.column_stack([a + 0.3 * rng.normal(size=151), rng.normal(size=151), a > 0.5])
    return Z, a


def test_against_scikit_learn_pair_by_pair(columns):
    Z, a = columns
    bins, classes = quantile_bins(Z), quantile_bins(a[:, None])[:, 0]
    for j, found in enumerate(binned_information(bins, classes)):
        assert found == pytest.approx(mutual_info_score(bins[:, j], classes), abs=1e-12)
    for j, found in enumerate(adjusted_information(bins, classes)):
        expected = adjusted_mutual_info_score(bins[:, j], classes)
        assert found == pytest.approx(expected, abs=1e-10)
    ksg = mutual_info_regression(Z, a, random_state=3)
    assert mutual_information(Z, a, "ksg", seed=3) == pytest.approx(ksg)


def test_twenty_bins_are_those_of_numpy(columns):
    Z, _ = columns
    for j, found in enumerate(equal_bins(Z).T):
        counts, _ = np.histogram(Z[:, j], bins=20)
        assert (np.bincount(found, minlength=20) == counts).all()


def test_bins_of_equal_counts():
    x = np.random.default_rng(0).permutation(103.0 * np.arange(100))
    assert (np.bincount(quantile_bins(x[:, None])[:, 0]) == 10).all()
    few = np.array([2.0, 7.0, 2.0, 9.0])
    assert quantile_bins(few[:, None])[:, 0].tolist() == [0, 1, 0, 2]


def test_noise_knows_nothing_and_a_copy_all():
    rng = np.random.default_rng(0)
    a, noise = rng.normal(size=80), rng.normal(size=(80, 400))
    adjusted = adjusted_information(quantile_bins(noise), quantile_bins(a[:, None])[:, 0])
    assert abs(adjusted.mean()) < 0.005
    copies = np.column_stack([a, -np.exp(a)])
    assert mutual_information(copies, a, "adjusted") == pytest.approx(1)
    for estimator in ("ksg", "histogram"):
        known = mutual_information(a[:, None], a, estimator, seed=1)[0]
        assert known == pytest.approx(entropy(a, estimator, seed=1))


def test_constant_unit_knows_nothing():
    a = np.arange(30.0)
    assert mutual_information(np.ones((30, 1)), a, "adjusted") == pytest.approx(0)
    assert mutual_information(np.ones((30, 1)), a, "histogram") == pytest.approx(0)
