import numpy as np
import pytest
from scipy import stats

from skvae.study import intraclass_correlation

KINDS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)")
# Table 2 of Shrout & Fleiss (1979).
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)


def test_shrout_and_fleiss():
    found = [round(intraclass_correlation(JUDGES, kind=kind).icc, 2) for kind in KINDS]
    assert found == [0.17, 0.29, 0.71]


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    # R, psych::ICC of the same table.
    [("ICC(1,1)", -0.133, 0.72), ("ICC(2,1)", 0.019, 0.76), ("ICC(3,1)", 0.342, 0.95)],
)
def test_intervals_of_the_same_table(kind, low, high):
    found = intraclass_correlation(JUDGES, kind=kind)
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=6e-3)


def test_against_the_anova_of_loops():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 3)) + rng.normal(size=(9, 1)) + rng.normal(size=3)
    n, k = x.shape
    grand = x.mean()
    between = k * sum((row.mean() - grand) ** 2 for row in x) / (n - 1)
    within = sum((v - row.mean()) ** 2 for row in x for v in row) / (n * (k - 1))
    raters = n * sum((column.mean() - grand) ** 2 for column in x.T) / (k - 1)
    rest = within * n * (k - 1) - raters * (k - 1)
    rest /= (n - 1) * (k - 1)
    expected = (
        (between - within) / (between + (k - 1) * within),
        (between - rest) / (between + (k - 1) * rest + k * (raters - rest) / n),
        (between - rest) / (between + (k - 1) * rest),
    )
    found = [intraclass_correlation(x, kind=kind).icc for kind in KINDS]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold(kind):
    """Of subjects, raters and errors drawn with known variances."""
    rng = np.random.default_rng(0)
    n, k, inside = 30, 3, 0
    subject, rater = 1.0, 0.0 if kind == "ICC(1,1)" else 0.3
    agreed = 0.0 if kind == "ICC(3,1)" else rater**2
    truth = subject**2 / (subject**2 + agreed + 0.5**2)
    for _ in range(400):
        x = subject * rng.normal(size=(n, 1)) + rater * rng.normal(size=k)
        x = x + 0.5 * rng.normal(size=(n, k))
        _, low, high = intraclass_correlation(x, kind=kind)
        inside += low <= truth <= high
    assert 0.92 <= inside / 400 <= 0.98


def test_a_rater_who_is_always_higher_counts_where_it_should():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 1)) + 0.1 * rng.normal(size=(20, 2))
    shifted = x + np.array([0, 3])
    consistency = [intraclass_correlation(v, kind="ICC(3,1)") for v in (x, shifted)]
    assert consistency[0] == pytest.approx(consistency[1])
    for kind in KINDS[:2]:
        assert intraclass_correlation(shifted, kind=kind).icc < 0.3
        assert intraclass_correlation(x, kind=kind).icc > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_units_do_not_matter(kind):
    one = intraclass_correlation(JUDGES, kind=kind)
    assert intraclass_correlation(1e-6 * JUDGES + 5, kind=kind) == pytest.approx(
        one, abs=1e-6
    )


@pytest.mark.parametrize("kind", KINDS)
def test_ratings_without_variance(kind):
    assert np.isnan(intraclass_correlation(np.full((5, 2), 0.3), kind=kind)).all()
    equal = intraclass_correlation(np.tile(np.arange(5.0)[:, None], 3), kind=kind)
    assert equal.icc == 1
    assert np.isnan(equal[1:]).all()


def test_two_raters_of_consistency_follow_pearson_where_variances_are_equal():
    rng = np.random.default_rng(0)
    x = stats.zscore(rng.normal(size=(50, 2)) + rng.normal(size=(50, 1)))
    r = np.corrcoef(x.T)[0, 1]
    assert intraclass_correlation(x, kind="ICC(3,1)").icc == pytest.approx(r)


@pytest.mark.parametrize("bad", [[1, 2, 3], [[1, 2]], [[1], [2]], [[1, 2], [3, np.nan]]])
def test_ratings_that_cannot_be_used(bad):
    with pytest.raises(ValueError, match="ratings of shape"):
        intraclass_correlation(bad)


def test_the_kind_is_named():
    with pytest.raises(ValueError, match=r"kind='ICC\(2,k\)'"):
        intraclass_correlation(JUDGES, kind="ICC(2,k)")
