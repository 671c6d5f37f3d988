import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from skvae.study import bayesian_correlated_ttest, corrected_ttest

DIFFERENCES = [0.031, -0.012, 0.045, 0.022, 0.008, 0.037, -0.021, 0.014, 0.052, 0.003]


# baycomp 1.0.3: two_on_single(b, a, rope, runs=2), two repeats of five folds.
@pytest.mark.parametrize(
    ("rope", "expected"),
    [
        (0.02, (0.012874562819278401, 0.544236491238653, 0.4428889459420686)),
        (0.01, (0.04060628755791639, 0.2553026088439033, 0.7040911035981803)),
        (0, (0.11974721064804938, 0, 0.8802527893519506)),
    ],
)
def test_agrees_with_baycomp(rope, expected):
    found = bayesian_correlated_ttest(DIFFERENCES, 80, 20, rope=rope)
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_mass_of_the_posterior_by_integration():
    d = np.array(DIFFERENCES)
    error = np.sqrt((1 / 10 + 30 / 70) * d.var(ddof=1))
    mass, _ = integrate.quad(stats.t(9, d.mean(), error).pdf, -0.03, 0.03)
    found = bayesian_correlated_ttest(DIFFERENCES, 70, 30, rope=0.03)
    assert found.equal == pytest.approx(mass, abs=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30), st.floats(0, 0.5))
def test_probabilities_sum_to_one_and_change_places_with_the_sign(values, rope):
    worse, equal, better = bayesian_correlated_ttest(values, 80, 20, rope=rope)
    assert min(worse, equal, better) >= 0
    assert worse + equal + better == pytest.approx(1)
    mirrored = bayesian_correlated_ttest(np.negative(values), 80, 20, rope=rope)
    assert mirrored == pytest.approx((better, equal, worse), abs=1e-12)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_without_a_region_it_is_the_one_sided_corrected_test(values):
    worse, _, better = bayesian_correlated_ttest(values, 80, 20, rope=0)
    assert 2 * min(worse, better) == pytest.approx(corrected_ttest(values, 80, 20).pvalue)


def test_equal_differences_are_certain():
    assert bayesian_correlated_ttest([0.0] * 5, 80, 20) == (0, 1, 0)
    assert bayesian_correlated_ttest([0.1] * 5, 80, 20) == (0, 0, 1)
    assert bayesian_correlated_ttest([-0.1] * 5, 80, 20) == (1, 0, 0)
    assert bayesian_correlated_ttest([0.0] * 5, 80, 20, rope=0) == (0.5, 0, 0.5)


def test_a_region_below_zero_is_named():
    with pytest.raises(ValueError, match=r"rope=-0.1, but bayesian_correlated_ttest"):
        bayesian_correlated_ttest(DIFFERENCES, 80, 20, rope=-0.1)
