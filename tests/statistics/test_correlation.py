"""The tests of unit and attribute against scipy, loops, and studies without effect."""

import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LinearRegression

from skvae.inspection import attribute_correlation
from skvae.statistics.correlation import AttributeCorrelation

pd = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def cohort():
    """60 rows, five units, three attributes with holes; unit 0 knows attribute 0."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(60, 3))
    Z = np.hstack([A[:, :1] + rng.normal(size=(60, 1)), rng.normal(size=(60, 4))])
    A[:, 2] = np.round(A[:, 2])
    A[::7, 1] = np.nan
    A[3::5, 2] = np.nan
    return Z, A


@pytest.mark.parametrize("method", ["spearman", "pearson"])
def test_against_scipy_pair_by_pair(method, cohort):
    Z, A = cohort
    found = attribute_correlation(Z, A, method=method)
    test = stats.spearmanr if method == "spearman" else stats.pearsonr
    for d in range(5):
        for k in range(3):
            known = ~np.isnan(A[:, k])
            expected = test(Z[known, d], A[known, k])
            assert found.n[k] == known.sum()
            assert found.statistic[d, k] == pytest.approx(expected.statistic, abs=1e-10)
            assert found.p[d, k] == pytest.approx(expected.pvalue, rel=1e-8)
            if method == "pearson":
                bounds = expected.confidence_interval(0.95)
                assert (found.low[d, k], found.high[d, k]) == pytest.approx(tuple(bounds))
    flat = found.p.ravel()
    corrected = stats.false_discovery_control(flat)
    assert found.p_corrected.ravel() == pytest.approx(corrected)


def test_spearman_interval_is_that_of_bonett_and_wright(cohort):
    Z, A = cohort
    found = attribute_correlation(Z[:, :1], A[:, :1], confidence=0.9)
    r = stats.spearmanr(Z[:, 0], A[:, 0]).statistic
    half = stats.norm.ppf(0.95) * np.sqrt((1 + r**2 / 2) / 57)
    expected = np.tanh([np.arctanh(r) - half, np.arctanh(r) + half])
    assert [found.low.item(), found.high.item()] == pytest.approx(expected)


def test_partial_correlation_is_that_of_residuals(cohort):
    Z, A = cohort
    volume = Z[:, 1:3] @ [1, -1] + np.random.default_rng(1).normal(size=60)
    found = attribute_correlation(Z, A[:, 0], method="pearson", control=volume)
    line = LinearRegression()
    left = [
        x - line.fit(volume[:, None], x).predict(volume[:, None]) for x in (*Z.T, A[:, 0])
    ]
    for d in range(5):
        r = stats.pearsonr(left[d], left[-1]).statistic
        t = r * np.sqrt(57 / (1 - r**2))
        assert found.statistic[d, 0] == pytest.approx(r, abs=1e-10)
        assert found.p[d, 0] == pytest.approx(2 * stats.t.sf(abs(t), 57), rel=1e-8)


def test_partial_spearman_by_its_formula(cohort):
    Z, A = cohort
    found = attribute_correlation(Z[:, :1], A[:, 0], control=Z[:, 3])
    r = stats.spearmanr(np.column_stack([Z[:, 0], A[:, 0], Z[:, 3]])).statistic
    expected = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt(
        (1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2)
    )
    assert found.statistic.item() == pytest.approx(expected)


def test_a_confounder_explains_all():
    rng = np.random.default_rng(0)
    volume = rng.lognormal(size=200)
    Z = (np.log(volume) + 0.2 * rng.normal(size=200))[:, None]
    length = np.cbrt(volume) * np.exp(0.05 * rng.normal(size=200))
    assert attribute_correlation(Z, length).statistic.item() > 0.9
    partial = attribute_correlation(Z, length, control=volume)
    assert abs(partial.statistic.item()) < 0.2
    assert partial.p.item() > 0.01
    assert attribute_correlation(Z, volume, control=volume).p.item() == 1


def test_missing_control_leaves_the_row_out(cohort):
    Z, A = cohort
    control = Z[:, 4].copy()
    control[:10] = np.nan
    found = attribute_correlation(Z, A[:, 0], control=control)
    rest = attribute_correlation(Z[10:], A[10:, 0], control=control[10:])
    assert found.n.tolist() == [50]
    assert found.p == pytest.approx(rest.p)


def test_auto_tests_classes_as_scipy_does():
    rng = np.random.default_rng(0)
    sex = np.array(["f", "m"])[rng.integers(2, size=50)]
    site = np.array(["a", "b", "c"])[rng.integers(3, size=50)]
    Z = rng.normal(size=(50, 2)) + (site == "b")[:, None] + 0.5 * (sex == "m")[:, None]
    stage = pd.Categorical(site, categories=["c", "a", "b"], ordered=True)
    frame = pd.DataFrame({"sex": sex, "site": site, "stage": stage, "smokes": Z[:, 1] > 0})
    found = attribute_correlation(Z, frame, method="auto")
    assert found.methods == ("spearman", "kruskal", "spearman", "spearman")
    for d in range(2):
        H = stats.kruskal(*(Z[site == s, d] for s in "abc"))
        assert found.p[d, 1] == pytest.approx(H.pvalue)
        assert found.statistic[d, 1] == pytest.approx(np.sqrt(H.statistic / 49))
        assert found.low[d, 1] < found.statistic[d, 1] < found.high[d, 1]
        order = stats.spearmanr(Z[:, d], stage.codes)
        assert found.p[d, 2] == pytest.approx(order.pvalue)
    men = stats.mannwhitneyu(Z[sex == "m", 0], Z[sex == "f", 0], use_continuity=False)
    assert found.p[0, 0] == pytest.approx(men.pvalue, rel=0.1)
    frame.loc[:4, "site"] = None
    assert attribute_correlation(Z, frame, method="auto").n.tolist() == [50, 45, 50, 50]


def test_information_finds_what_correlation_does_not():
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    Z = np.column_stack([np.abs(a), rng.normal(size=200)])
    found = attribute_correlation(Z, a, method="mutual_info", n_permutations=199)
    assert found.p.ravel()[0] == 1 / 200
    assert found.p.ravel()[1] > 0.05
    assert found.low[0, 0] > 0.5
    assert found.low[1, 0] < 0.1


def test_permutations_agree_with_formulas(cohort):
    Z, A = cohort
    known = np.isfinite(A).all(axis=1)
    blocks = np.arange(known.sum())
    exact = attribute_correlation(Z[known], A[known])
    found = attribute_correlation(
        Z[known], A[known], groups=blocks, grouping="blocks", n_permutations=2000
    )
    assert found.statistic == pytest.approx(exact.statistic)
    assert found.p == pytest.approx(exact.p, abs=0.04)
    assert found.high - found.low == pytest.approx(exact.high - exact.low, rel=0.35)


def test_max_t_keeps_to_its_level_and_is_sharper_than_holm():
    rng = np.random.default_rng(0)
    false = {"max_t": 0, "holm": 0}
    sharper = 0
    for study in range(60):
        shared = rng.normal(size=(40, 1))
        Z = shared + 0.3 * rng.normal(size=(40, 30))  # units that go together
        a = rng.normal(size=40)
        p = {
            how: attribute_correlation(
                Z, a, correction=how, n_permutations=99, random_state=study
            ).p_corrected.min()
            for how in false
        }
        for how in false:
            false[how] += p[how] <= 0.05
        sharper += p["max_t"] <= p["holm"]
    assert false["max_t"] <= 8
    assert sharper > 50


def test_one_row_a_patient():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(20), 4)
    Z, A = rng.normal(size=(80, 2)), rng.normal(size=(80, 1))
    A[patients == 3] = np.nan
    A[1, 0] = np.nan
    found = attribute_correlation(Z, A, groups=np.char.add("p", patients.astype(str)))
    means = pd.DataFrame(np.hstack([Z, A])).groupby(patients).mean().dropna()
    assert found.n.tolist() == [19]
    for d in range(2):
        assert found.p[d, 0] == pytest.approx(stats.spearmanr(means[d], means[2]).pvalue)


def test_rows_of_a_patient_are_no_evidence_of_their_own():
    """Ten like rows of each of 12 patients, no effect: naive tests reject nearly always."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(12), 10)
    rejected = dict.fromkeys(("naive", "mean", "blocks", "within"), 0)
    for study in range(60):
        Z, A = (
            rng.normal(size=(12, 1))[patients] + 0.1 * rng.normal(size=(120, 1))
            for _ in range(2)
        )
        for grouping in rejected:
            how = {"groups": patients, "grouping": grouping, "n_permutations": 99}
            how = {} if grouping == "naive" else how
            found = attribute_correlation(Z, A, n_bootstraps=5, random_state=study, **how)
            rejected[grouping] += found.p.item() <= 0.05
    assert rejected["naive"] > 30
    assert max(rejected[grouping] for grouping in ("mean", "blocks", "within")) <= 8


def test_within_patients_follows_rows_and_not_patients():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(15), 6)
    slice_area = rng.normal(size=90)
    age = rng.normal(size=15)[patients]
    Z = np.column_stack([slice_area + 5 * rng.normal(size=15)[patients], age])
    Z += 0.3 * rng.normal(size=(90, 2))
    A = pd.DataFrame({"area": slice_area, "age": age + 1e-3 * rng.normal(size=90)})
    found = attribute_correlation(Z, A, groups=patients, grouping="within")
    assert found.p[0, 0] == 1 / 1001
    assert found.statistic[0, 0] > 0.6
    assert found.p[1, 1] > 0.05
    assert attribute_correlation(Z, A, groups=patients).p[1, 1] < 1e-6


def test_undefined_attributes_and_constant_units(cohort):
    Z, A = cohort
    Z = np.hstack([Z, np.ones((60, 1))])
    A = np.hstack(
        [A, np.full((60, 1), 2.0), np.where(np.arange(60) < 4, 1, np.nan)[:, None]]
    )
    with pytest.warns(UndefinedMetricWarning) as record:
        found = attribute_correlation(Z, A)
    assert [str(w.message).split(":")[0] for w in record] == [
        "The attribute 'attribute_3' is constant, 'attribute_4' is known in 4 rows",
    ]
    assert np.isnan(found.p_corrected[:, 3:]).all()
    assert found.statistic[5, :3].tolist() == [0, 0, 0]
    assert found.p[5, :3].tolist() == [1, 1, 1]
    assert np.isnan(found.low[5]).all()
    assert np.isfinite(found.low[:5, :3]).all()


def test_table_and_matrix_keep_names_and_order(cohort):
    Z, A = cohort
    A = pd.DataFrame(A, columns=["volume", "age", "grade"])
    Z = pd.DataFrame(Z, columns=[f"mean_{d}" for d in range(5)])
    found = attribute_correlation(Z, A, correction="holm")
    assert isinstance(found, AttributeCorrelation)
    table = found.table()
    assert table.columns.tolist() == [
        *(
            "unit",
            "attribute",
            "method",
            "n",
            "statistic",
            "low",
            "high",
            "p",
            "p_corrected",
        )
    ]
    assert table["attribute"].tolist() == ["volume"] * 5 + ["age"] * 5 + ["grade"] * 5
    assert (table.groupby("attribute")["p"].diff().dropna() >= 0).all()
    first = table.iloc[0]
    assert first["unit"] == "mean_0"
    assert first["p"] == found.matrix("p").loc["mean_0", "volume"]
    assert found.matrix().shape == (5, 3)
    with pytest.raises(ValueError, match="value='q'"):
        found.matrix("q")


def test_same_seed_same_numbers_and_arguments_stay_as_they_are(cohort):
    Z, A = cohort
    before = Z.copy(), A.copy()
    arguments = {"method": "mutual_info", "n_permutations": 50, "n_bootstraps": 10}
    one, two = (attribute_correlation(Z, A, **arguments) for _ in range(2))
    assert (one.p == two.p).all()
    assert (one.low == two.low).all()
    for was, stays in zip(before, (Z, A), strict=True):
        assert np.array_equal(was, stays, equal_nan=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "kendall"}, "method='kendall'"),
        ({"correction": "none"}, "correction='none'"),
        ({"grouping": "patient"}, "grouping='patient'"),
        ({"method": "mutual_info", "control": np.arange(60.0)}, "control with a statistic"),
        ({"groups": np.zeros(59)}, "59"),
        (
            {"groups": np.repeat(np.arange(8), [1, 2, 4, 6, 8, 10, 13, 16])}
            | {"grouping": "blocks"},
            "cannot be exchanged",
        ),
    ],
)
def test_errors_name_the_parameter(arguments, message, cohort):
    with pytest.raises(ValueError, match=message):
        attribute_correlation(*cohort, **arguments)


def test_classes_have_no_mean_and_no_order(cohort):
    site = pd.DataFrame({"site": np.array(["a", "b", "c"])[np.arange(60) % 3]})
    with pytest.raises(ValueError, match="'site' have no order"):
        attribute_correlation(cohort[0], site)
    with pytest.raises(ValueError, match="several classes in one group"):
        attribute_correlation(
            cohort[0], site, method="auto", groups=np.repeat(np.arange(30), 2)
        )
