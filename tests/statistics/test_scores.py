"""The scores against loops, published ceilings and chance levels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress, norm, spearmanr
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.feature_selection import mutual_info_regression
from sklearn.linear_model import LassoCV

from skvae.inspection import (
    disentanglement_completeness_informativeness,
    interpretability,
    modularity,
    mutual_information_gap,
    separated_attribute_predictability,
    spearman_correlation_score,
)

SCORES = [
    interpretability,
    modularity,
    mutual_information_gap,
    separated_attribute_predictability,
    spearman_correlation_score,
]
OF_ATTRIBUTES = [score for score in SCORES if score is not modularity]


@pytest.fixture(scope="module")
def mixed():
    """Units that know attributes partly, shared and not at all; n = 1000, D = 8, K = 4."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(1000, 4))
    A[:, 1] = np.round(A[:, 1])
    Z = A @ rng.normal(size=(4, 8)) * rng.uniform(size=8) + rng.normal(size=(1000, 8))
    Z[:, 5] = A[:, 2] + 0.1 * rng.normal(size=1000)
    return Z, A


def second(values):
    return sorted(values)[-2]


def test_scc_against_a_loop(mixed):
    Z, A = mixed
    pairs = [[spearmanr(z, a) for z in Z.T] for a in A.T]
    best = [max(abs(r.statistic) * (r.pvalue <= 0.05) for r in row) for row in pairs]
    found = spearman_correlation_score(Z, A, average=False)
    assert found == pytest.approx(best, abs=1e-10)
    own = spearman_correlation_score(Z, A, units=[0, 1, 5, 3], average=False)
    assert own[2] == pytest.approx(abs(pairs[2][5].statistic), abs=1e-10)
    assert spearman_correlation_score(Z, A) == pytest.approx(np.mean(best), abs=1e-10)


def test_insignificant_correlations_do_not_count():
    rng = np.random.default_rng(1)
    Z, A = rng.normal(size=(40, 1)), rng.normal(size=(40, 30))
    found = spearman_correlation_score(Z, A, average=False)
    for k, value in enumerate(found):
        r = spearmanr(Z[:, 0], A[:, k])
        assert value == pytest.approx(abs(r.statistic) if r.pvalue <= 0.05 else 0)
    assert 0 < (found > 0).sum() < 30


def test_sap_against_a_loop(mixed):
    Z, A = mixed
    S = [[linregress(z, a).rvalue ** 2 for z in Z.T] for a in A.T]
    found = separated_attribute_predictability(Z, A, average=False)
    assert found == pytest.approx([max(row) - second(row) for row in S], abs=1e-10)
    own = separated_attribute_predictability(Z, A, units=[7, 7, 7, 7], average=False)
    assert own == pytest.approx([row[7] - max(row[:7]) for row in S], abs=1e-10)


def test_interpretability_of_given_units_against_a_loop(mixed):
    Z, A = mixed
    found = interpretability(Z, A, units=[3, 2, 5, 0], average=False)
    loop = [
        linregress(Z[:, d], a).rvalue ** 2 for d, a in zip([3, 2, 5, 0], A.T, strict=True)
    ]
    assert found == pytest.approx(loop, abs=1e-10)


def test_published_information_against_scikit_learn(mixed):
    Z, A = mixed
    M = np.column_stack([mutual_info_regression(Z, a, random_state=0) for a in A.T])
    H = [mutual_info_regression(a[:, None], a, random_state=0)[0] for a in A.T]
    gap = [(max(m) - second(m)) / h for m, h in zip(M.T, H, strict=True)]
    found = mutual_information_gap(Z, A, mutual_info="ksg", average=False)
    assert found == pytest.approx(gap, abs=2e-2)
    of_units = [1 - (sum(m**2) - max(m) ** 2) / (max(m) ** 2 * 3) for m in M]
    found = modularity(Z, A, mutual_info="ksg", average=False)
    assert found[5] == pytest.approx(of_units[5], abs=2e-2)
    best = [
        linregress(Z[:, m.argmax()], a).rvalue ** 2 for m, a in zip(M.T, A.T, strict=True)
    ]
    assert interpretability(Z, A, mutual_info="ksg") == pytest.approx(np.mean(best))


def test_adjusted_gap_hardly_depends_on_the_number_of_rows():
    """The 20-bin gap rises with n, the gap of nearest neighbours falls (4.1)."""
    found = {}
    for n in (100, 3000):
        rng = np.random.default_rng(0)
        a = rng.normal(size=(n, 1))
        Z = np.hstack([a + 0.1 * rng.normal(size=(n, 1)), rng.normal(size=(n, 1))])
        found[n] = {
            how: mutual_information_gap(Z, a, mutual_info=how)
            for how in ("adjusted", "ksg", "histogram")
        }
    assert abs(found[3000]["adjusted"] - found[100]["adjusted"]) < 0.12
    assert found[3000]["ksg"] < found[100]["ksg"] - 0.15
    assert found[3000]["histogram"] > found[100]["histogram"] + 0.15


@pytest.mark.parametrize(
    ("score", "low", "high"),
    [
        (spearman_correlation_score, 0.22, 0.29),
        (separated_attribute_predictability, 0.005, 0.04),
        (interpretability, 0, 0.05),
        (modularity, 0.75, 0.92),
    ],
)
def test_chance_levels_of_64_units(score, low, high):
    rng = np.random.default_rng(0)
    by_chance = [
        score(rng.normal(size=(100, 64)), rng.normal(size=(100, 4))) for _ in "ten"
    ]
    assert low < np.mean(by_chance) < high


@pytest.mark.parametrize(
    ("transform", "ceiling"),
    [
        (norm.cdf, 0.955),
        (lambda z: -norm.logsf(z), 0.816),
        (lambda z: z > 0, 0.637),
        (lambda z: z > norm.ppf(0.8), 0.490),
        (lambda z: np.floor(3 * norm.cdf(z)), 0.793),
        (lambda z: np.floor(6 * norm.cdf(z)), 0.906),
    ],
)
def test_ceilings_of_a_unit_in_perfect_order(transform, ceiling):
    z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    a = transform(z).astype(float)
    assert interpretability(z, a, units=[0]) == pytest.approx(ceiling, abs=6e-3)


def test_ideal_units():
    A = np.random.default_rng(0).uniform(size=(500, 3))
    Z = np.hstack([A[:, ::-1], np.zeros((500, 2))])
    assert spearman_correlation_score(np.exp(Z), A) > 0.99
    assert separated_attribute_predictability(Z, A) > 0.95
    assert mutual_information_gap(Z, A) > 0.95
    assert interpretability(Z, A, units=[2, 1, 0]) == pytest.approx(1)
    # Two of five units know nothing, which counts as 0.
    assert modularity(Z, A) == pytest.approx(0.6, abs=0.01)


def test_attributes_that_go_together_leave_no_gap():
    """r = .95 and perfect units: 1 - .95^2 is left."""
    A = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.95], [0.95, 1]], 2000)
    r = np.corrcoef(A.T)[0, 1]
    assert separated_attribute_predictability(A, A) == pytest.approx(1 - r**2)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 3))
def test_what_must_hold_of_any_arrays(seed, n_units, n_attributes):
    rng = np.random.default_rng(seed)
    Z, A = rng.normal(size=(25, n_units)), rng.normal(size=(25, n_attributes))
    A[:, 0] += Z[:, 0]
    order = rng.permutation(n_units)
    for score in OF_ATTRIBUTES:
        value = score(Z, A, average=False)
        assert (value >= -1e-12).all()
        assert (value <= 1 + 1e-12).all()
        assert score(Z[:, order] * 4, A, average=False) == pytest.approx(value)
        best = score(Z, A, average=False)
        for d in range(n_units):
            own = score(Z, A, units=[d] * n_attributes, average=False)
            # R2 may be larger at a unit that is not the one with most information.
            assert score is interpretability or (own <= best + 1e-12).all()


@pytest.mark.parametrize("score", SCORES)
def test_missing_attributes_are_left_out_pair_by_pair(score, mixed):
    Z, A = mixed
    holes = A[:200].copy()
    holes[::3, 0] = np.nan
    holes[1::4, 2] = np.nan
    if score is modularity:
        known = ~np.isnan(holes[:, 0])
        alone = mutual_information_gap(Z[:200][known], holes[known, :1], average=False)
        assert mutual_information_gap(Z[:200], holes, average=False)[0] == alone[0]
        return
    found = score(Z[:200], holes, average=False)
    for k in range(4):
        known = ~np.isnan(holes[:, k])
        alone = score(Z[:200][known], holes[known][:, [k]], average=False)
        assert found[k] == pytest.approx(alone[0], abs=1e-12)


@pytest.mark.parametrize("score", OF_ATTRIBUTES)
def test_constant_attribute_is_nan_and_said_so(score, mixed):
    Z, A = mixed[0][:60], mixed[1][:60].copy()
    rest = score(Z, A[:, 1:])
    A[:, 0] = 3
    with pytest.warns(UndefinedMetricWarning, match="'attribute_0' is constant"):
        values = score(Z, A, average=False)
    assert np.isnan(values).tolist() == [True, False, False, False]
    with pytest.warns(UndefinedMetricWarning, match="'attribute_0' is constant"):
        assert score(Z, A) == pytest.approx(rest)


@pytest.mark.parametrize("score", SCORES)
def test_constant_units_change_no_score_of_attributes(score, mixed):
    Z, A = mixed[0][:60], mixed[1][:60]
    dead = np.hstack([Z, np.full((60, 2), 7.0)])
    if score is modularity:
        assert score(dead, A, average=False)[-2:].tolist() == [0, 0]
    else:
        assert score(dead, A, average=False) == pytest.approx(score(Z, A, average=False))


def test_a_single_attribute(mixed):
    Z, A = mixed[0][:60], mixed[1][:60, 0]
    for score in OF_ATTRIBUTES:
        assert 0 <= score(Z, A) <= 1
    with pytest.warns(UndefinedMetricWarning, match="single attribute"):
        assert np.isnan(modularity(Z, A))


def test_sap_of_classes():
    rng = np.random.default_rng(0)
    sex = rng.integers(2, size=120).astype(float)
    Z = np.column_stack([sex + 0.01 * rng.normal(size=120), rng.normal(size=120)])
    found = separated_attribute_predictability(Z, sex, classes=[0])
    assert 0.35 < found < 0.65  # accuracy 1, and that of guessing


def test_dci_of_ideal_and_mixed_units():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(300, 2))
    ideal = disentanglement_completeness_informativeness(A[:, ::-1], A)
    assert min(ideal[:3]) > 0.99
    turned = A @ np.array([[1, 1], [1, -1]])
    mixed = disentanglement_completeness_informativeness(turned, A)
    assert mixed.disentanglement < 0.01
    assert mixed.completeness < 0.01
    assert mixed.informativeness > 0.99
    split = np.column_stack([A[:, 0], A[:, 1], A[:, 1] + 0.01 * rng.normal(size=300)])
    forest = disentanglement_completeness_informativeness(split, A, model="forest")
    assert forest.disentanglement > 0.9
    assert forest.completeness < 0.9


def test_dci_against_a_loop(mixed):
    Z, A = mixed
    found = disentanglement_completeness_informativeness(Z, A)
    standard = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    for k, a in enumerate((A - A.mean(axis=0)).T / A.std(axis=0)[:, None]):
        coefficients = LassoCV(alphas=20, eps=1e-2, cv=5).fit(standard, a).coef_
        assert found.importances[:, k] == pytest.approx(abs(coefficients), abs=0.05)
    R = found.importances
    disentangled, complete = 0, 0
    for d in range(8):
        p = R[d][R[d] > 0] / R[d].sum() if R[d].sum() else np.ones(1)
        disentangled += R[d].sum() / R.sum() * (1 + sum(p * np.log(p) / np.log(4)))
    for k in range(4):
        p = R[:, k][R[:, k] > 0] / R[:, k].sum()
        complete += (1 + sum(p * np.log(p) / np.log(8))) / 4
    assert found.disentanglement == pytest.approx(disentangled)
    assert found.completeness == pytest.approx(complete)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": [0, 1]}, r"units=\[0, 1\].*from 0 to 7 for each of 4"),
        ({"units": [0, 1, 2, 8]}, "from 0 to 7"),
        ({"mutual_info": "bins"}, "mutual_info='bins'"),
    ],
)
def test_errors_name_the_parameter(arguments, message, mixed):
    with pytest.raises(ValueError, match=message):
        interpretability(*mixed, **arguments)


def test_rows_must_fit_and_classes_have_an_order(mixed):
    pd = pytest.importorskip("pandas")
    Z, A = mixed
    with pytest.raises(ValueError, match="attributes of 999 rows, but Z has 1000"):
        interpretability(Z, A[:-1])
    with pytest.raises(ValueError, match="NaN"):
        interpretability(np.where(Z > 2, np.nan, Z), A)
    site = pd.DataFrame({"site": np.array(["a", "b", "c"])[np.arange(1000) % 3]})
    with pytest.raises(ValueError, match="'site' with unordered classes"):
        interpretability(Z, site)
