"""Statistics of a study against packages that compute the same (extra `oracles`).

Golden values of these stand in the tests of each statistic.
"""

import numpy as np
import pytest

from skvae.study import (
    bayesian_correlated_ttest,
    corrected_interval,
    corrected_ttest,
    decision_curve,
    holm,
)

pytestmark = [
    pytest.mark.nightly,
    # Of the packages themselves.
    pytest.mark.filterwarnings("ignore"),
]


def paired_scores(seed):
    """Scores of two arms on five folds in as many repeats as the seed says."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0.8, 0.05, 5 * (1 + seed % 4))
    return common + rng.normal(0.01, 0.03, (2, len(common)))


@pytest.mark.parametrize("seed", range(20))
def test_nestkit(seed):
    nestkit = pytest.importorskip("nestkit.comparison.statistical_tests")
    a, b = paired_scores(seed)
    expected = nestkit.nadeau_bengio_corrected_ttest(a, b, 96, 24)
    t, p = corrected_ttest(a - b, 96, 24)
    assert t == pytest.approx(expected["t_statistic"])
    assert p == pytest.approx(expected["p_value"])
    bounds = expected["mean_difference"], expected["ci_lower"], expected["ci_upper"]
    assert corrected_interval(a - b, 96, 24) == pytest.approx(bounds)
    expected = nestkit.bayesian_correlated_ttest(a, b, 96, 24, rope=0.02)
    names = ("p_b_better", "p_equivalent", "p_a_better")
    found = bayesian_correlated_ttest(a - b, 96, 24, rope=0.02)
    assert found == pytest.approx([expected[name] for name in names])
    p_values = list(np.random.default_rng(seed).random(6) / 3)
    assert holm(p_values) == pytest.approx(nestkit.holm_bonferroni_correction(p_values))


@pytest.mark.parametrize("seed", range(20))
def test_baycomp(seed):
    baycomp = pytest.importorskip("baycomp")
    a, b = paired_scores(seed)
    for rope in (0.01, 0.02):
        # It takes n_test / n_train to be 1 / (folds - 1).
        expected = baycomp.two_on_single(b, a, rope=rope, runs=len(a) // 5)
        found = bayesian_correlated_ttest(a - b, 80, 20, rope=rope)
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_dcurves(seed):
    dcurves = pytest.importorskip("dcurves")
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(seed)
    y = (rng.random(150) < 0.3).astype(int)
    p = np.round((0.3 * y + 0.7 * rng.random(150)).clip(0.01, 0.99), 2)
    thresholds = [0.05, 0.15, 0.33, 0.5, 0.77]
    table = dcurves.dca(
        pandas.DataFrame({"y": y, "p": p}), "y", ["p"], thresholds=thresholds
    )
    curve = decision_curve(y, p, thresholds=thresholds)
    benefits = {"p": curve.model, "all": curve.treat_all, "none": curve.treat_none}
    for model, found in benefits.items():
        expected = table.loc[table["model"] == model, "net_benefit"].to_numpy()
        assert found == pytest.approx(expected)
    assert table["prevalence"].iloc[0] == pytest.approx(curve.prevalence)
