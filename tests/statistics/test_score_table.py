import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from skvae import VAEFeatureExtractor
from skvae.inspection import (
    disentanglement_completeness_informativeness,
    disentanglement_scores,
    interpretability,
    modularity,
    mutual_information_gap,
    separated_attribute_predictability,
    spearman_correlation_score,
)
from skvae.statistics.score_table import SCORES

pytest.importorskip("pandas")
FEW = {"n_permutations": 39, "n_bootstraps": 30}


@pytest.fixture(scope="module")
def code():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(120, 3))
    A[::5, 1] = np.nan
    Z = np.nan_to_num(A) @ rng.normal(size=(3, 6)) + rng.normal(size=(120, 6))
    return Z, A


def test_values_are_those_of_the_functions(code):
    Z, A = code
    table = disentanglement_scores(
        Z,
        A,
        units=[4, 5, 0],
        scores=SCORES,
        n_permutations=2,
        n_bootstraps=2,
    )
    for score in (
        interpretability,
        mutual_information_gap,
        separated_attribute_predictability,
        spearman_correlation_score,
    ):
        for units, which in ((None, "best"), ([4, 5, 0], "own")):
            is_it = (table["score"] == score.__name__) & (table["units"] == which)
            found = table[is_it].set_index("attribute")["value"]
            assert found["(mean)"] == pytest.approx(score(Z, A, units=units))
            values = score(Z, A, units=units, average=False)
            assert found.iloc[1:].tolist() == pytest.approx(values.tolist())
    of_all = table[table["units"] == "all"].set_index("score")["value"]
    assert of_all["modularity"] == pytest.approx(modularity(Z, A))
    dci = disentanglement_completeness_informativeness(Z, A)
    assert of_all["completeness"] == pytest.approx(dci.completeness, abs=0.1)


def test_noise_lies_inside_its_null():
    rng, outside = np.random.default_rng(0), 0
    for study in range(20):
        Z, A = rng.normal(size=(40, 12)), rng.normal(size=(40, 3))
        table = disentanglement_scores(
            Z, A, n_permutations=39, n_bootstraps=1, random_state=study
        )
        means = table[table["attribute"] == "(mean)"]
        assert (abs(means["value"] - means["chance"]) < 0.35).all()
        outside += (means["p"] <= 0.05).to_numpy()
    # Of 20 studies one is expected; six or more happen once in 3,000 times.
    assert (outside <= 5).all()


def test_ideal_units_lie_far_outside():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(80, 2))
    Z = np.hstack([A[:, ::-1], rng.normal(size=(80, 8))])
    table = disentanglement_scores(Z, A, units=[1, 0], **FEW)
    of_attributes = table[table["units"] != "all"]
    assert (of_attributes["p"] == 1 / 40).all()
    assert (of_attributes["value"] > of_attributes["chance_high"] + 0.3).all()
    assert (of_attributes["low"] <= of_attributes["value"]).all()
    assert (of_attributes["high"] <= 1).all()
    best, own = (of_attributes[of_attributes["units"] == u] for u in ("best", "own"))
    assert best["value"].tolist() == pytest.approx(own["value"].tolist())


def test_n_counts_known_rows_and_patients(code):
    Z, A = code
    table = disentanglement_scores(Z, A, scores=["interpretability"], **FEW)
    assert table["n"].tolist() == [120, 120, 96, 120]
    by_patient = disentanglement_scores(
        Z, A, scores=["interpretability"], groups=np.repeat(np.arange(40), 3), **FEW
    )
    assert by_patient["n"].tolist() == [40] * 4
    means = Z.reshape(40, 3, 6).mean(axis=1), np.nanmean(A.reshape(40, 3, 3), axis=1)
    assert by_patient["value"].iloc[0] == pytest.approx(interpretability(*means))


def test_units_that_are_not_used_do_not_count():
    """A mean leaks what its unit never tells the decoder (4.1)."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(200, 1))
    Z = np.hstack([a + 0.3 * rng.normal(size=(200, 1)), 1e-3 * a])
    scores = {"scores": ["separated_attribute_predictability"]}
    leaking = disentanglement_scores(Z, a, units=[0], **scores, **FEW)
    active = disentanglement_scores(
        Z, a, units=[0], active_units=np.array([True, False]), **scores, **FEW
    )
    assert leaking["value"].iloc[-1] < 0
    assert active["value"].iloc[-1] > 0.8


def test_one_attribute_has_no_modularity(code):
    Z, A = code
    table = disentanglement_scores(Z, A[:, 0], n_permutations=3, n_bootstraps=3)
    assert "modularity" not in set(table["score"])
    assert table["value"].notna().all()


def test_constant_attribute_is_nan_and_said_so(code):
    Z, A = code
    A = np.column_stack([A, np.ones(120)])
    with pytest.warns(UndefinedMetricWarning, match="'attribute_3' is constant"):
        table = disentanglement_scores(Z, A, n_permutations=3, n_bootstraps=3)
    is_constant = table["attribute"] == "attribute_3"
    assert table.loc[is_constant, ["value", "low", "p"]].isna().all(axis=None)
    assert table.loc[~is_constant, ["value", "low", "high", "p"]].notna().all(axis=None)


def test_same_seed_same_table(code):
    few = {"n_permutations": 3, "n_bootstraps": 3, "mutual_info": "ksg"}
    one, two = (disentanglement_scores(*code, **few, random_state=5) for _ in range(2))
    assert one.equals(two)


def test_errors_name_the_parameter(code):
    with pytest.raises(ValueError, match="scores='sap'"):
        disentanglement_scores(*code, scores=["sap"])
    with pytest.raises(ValueError, match="active_units of type int64"):
        disentanglement_scores(*code, active_units=[1, 0, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="mutual_info='bins'"):
        disentanglement_scores(*code, mutual_info="bins")


def test_real_strokes(real_data):
    """A small VAE of digits knows slant and thickness better than chance would have it."""
    pd = pytest.importorskip("pandas")
    digits = pd.read_csv(real_data / "mnist/mnist_5k.csv.gz", header=None)[::8]
    morpho = pd.read_csv(real_data / "mnist/mnist_5k_morpho.csv.gz")[::8]
    pixels = digits.to_numpy(dtype=np.float32)[:, :784] / 255
    A = morpho[["area", "length", "thickness", "slant", "width", "height"]]
    vae = VAEFeatureExtractor(
        8,
        likelihood="bernoulli",
        max_iter=4,
        n_threads=1,
        device="cpu",
        random_state=0,
    )
    Z = vae.fit(pixels[:400]).transform(pixels[400:])
    table = disentanglement_scores(Z, A.iloc[400:], **FEW)
    means = table[table["attribute"] == "(mean)"].set_index("score")
    assert means.loc["spearman_correlation_score", "p"] == 1 / 40
    # A VAE without attributes: far from regularised ones (.95), far from chance (.2).
    assert 0.35 < means.loc["spearman_correlation_score", "value"] < 0.8
    sampled = vae.sample_posterior(pixels[400:], random_state=0)
    noisy = spearman_correlation_score(sampled, A.iloc[400:])
    assert noisy < means.loc["spearman_correlation_score", "value"]
