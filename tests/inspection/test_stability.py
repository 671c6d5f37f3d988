from itertools import combinations

import numpy as np
import pytest
from contract import small
from joblib import parallel_config
from scipy.linalg import orthogonal_procrustes
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvae import Autoencoder, LayerExtractor, VAEFeatureExtractor
from skvae.inspection import FeatureStabilityDisplay, feature_stability
from skvae.statistics.intraclass import intraclass_correlation

pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
N = 80
# Three directions of a size, and noise; the first column says which row it is.
X = (RNG.normal(size=(N, 3)) @ RNG.normal(size=(3, 9)) + 0.1 * RNG.normal(size=(N, 9))) / 3
X = np.hstack([np.arange(N)[:, None] / 1e6, X]).astype(np.float32)
GROUPS = np.arange(N) // 4

fits = []


class Watched(Autoencoder):
    """Keeps what it was fitted to, and by which seed."""

    def fit(self, X, y=None, sample_weight=None, groups=None):
        fits.append((np.rint(X[:, 0] * 1e6).astype(int), self.random_state))
        return super().fit(X, y, sample_weight, groups)


@pytest.fixture
def watched():
    fits.clear()
    return small(Watched, max_iter=30, learning_rate_init=0.01)


OVER = ["seed", "fold", "bootstrap"]


@pytest.mark.parametrize("over", OVER)
def test_what_is_compared_was_seen_by_neither_and_aligned_on_what_both_saw(watched, over):
    found = feature_stability(
        watched, X, groups=GROUPS, over=over, n_repeats=4, layers=["code"]
    )
    trained = [set(rows.tolist()) for rows, _ in fits]
    unseen = set(range(N)) - set.union(*trained)
    assert len(unseen) == N // 4
    groups = [{GROUPS[i] for i in rows} for rows in (unseen, *trained)]
    assert all(not groups[0] & each for each in groups[1:])
    pairs = found.pairs()
    own = pairs[pairs["layer"] == "code"]
    assert list(zip(own["first"], own["second"], strict=True)) == list(
        combinations(range(4), 2)
    )
    assert set(own["n_unseen"]) == {N // 4}
    shared = [len(trained[i] & trained[j]) for i, j in combinations(range(4), 2)]
    assert own["n_shared"].tolist() == shared

    seeds = [seed for _, seed in fits]
    assert len(set(seeds)) == (4 if over == "seed" else 1)
    sizes = [len(rows) for rows, _ in fits]
    if over == "seed":
        assert all(each == trained[0] for each in trained)
    elif over == "fold":
        left_out = [set(range(N)) - unseen - each for each in trained]
        assert set.union(*left_out) | unseen == set(range(N))
        assert sum(map(len, left_out)) == 60
    else:
        assert set(sizes) == {60}
        assert all(40 > len(each) > 20 or len(each) < 60 for each in trained)
        assert any(len(rows) > len(set(rows)) for rows, _ in fits)


def test_numbers_against_a_loop(watched):
    found = feature_stability(watched, X, n_repeats=2, layers=["code"], random_state=3)
    (rows, first), (_, second) = fits
    unseen = np.setdiff1d(np.arange(N), rows)
    codes = []
    for seed in (first, second):
        network = clone(watched).set_params(random_state=seed).fit(X[rows])
        code = network.transform(X).astype(float)
        codes.append((code - code[rows].mean(axis=0)) / code[rows].std(axis=0))
    a, b = codes
    turned = b @ orthogonal_procrustes(b[rows], a[rows])[0]
    expected = [
        intraclass_correlation(np.stack([a[unseen, k], turned[unseen, k]], axis=1)).icc
        for k in range(3)
    ]
    features = found.features()
    own = features[features["layer"] == "code"]
    np.testing.assert_allclose(own["icc"], expected, rtol=1e-4)
    assert own["icc"].tolist() == own["lowest"].tolist()
    row = found.table().set_index("layer").loc["code"]
    assert row["icc"] == pytest.approx(np.mean(expected), rel=1e-4)
    assert row["n_good"] == np.sum(np.array(expected) >= 0.75)
    # PCA does not depend on the seed.
    principal = found.table().set_index("layer").loc["PCA"]
    assert principal[["icc", "cka"]].tolist() == pytest.approx([1, 1])
    assert principal["angle"] == pytest.approx(0, abs=1e-4)
    assert repr(found) == (
        "FeatureStability(1 layers, 1 pairs, over='seed', align='orthogonal')"
    )


def test_components_of_folds_are_compared_as_codes_are(watched):
    found = feature_stability(watched, X, over="fold", n_repeats=3, layers=["code"])
    unseen = np.setdiff1d(np.arange(N), np.concatenate([rows for rows, _ in fits]))
    pairs = found.pairs()
    pairs = pairs[pairs["layer"] == "PCA"].set_index(["first", "second"])
    for i, j in combinations(range(3), 2):
        rows = [np.sort(fits[k][0]) for k in (i, j)]
        shared = np.intersect1d(*rows)
        a, b = (PCA(3).fit(X[train]).transform(X) for train in rows)
        a, b = ((c - c[shared].mean(axis=0)) / c[shared].std(axis=0) for c in (a, b))
        turned = b @ orthogonal_procrustes(b[shared], a[shared])[0]
        icc = [
            intraclass_correlation(np.stack(p, axis=1)).icc
            for p in zip(a[unseen].T, turned[unseen].T, strict=True)
        ]
        assert pairs.loc[(i, j), "icc"] == pytest.approx(np.mean(icc), rel=1e-4)


def test_components_are_as_many_as_the_fewest_rows_allow():
    wide = RNG.normal(size=(40, 60)).astype(np.float32)
    model = small(Autoencoder, hidden_layer_sizes=(64,), max_iter=1)
    asked = {"over": "bootstrap", "n_repeats": 3, "layers": ["hidden_1"]}
    table = feature_stability(model, wide, **asked).table().set_index("layer")
    # Of 30 rows, some 19 are drawn.
    assert 10 < table.loc["PCA", "n_features"] < 24
    assert table.loc["random", "n_features"] == table.loc["PCA", "n_features"]
    assert table.loc["hidden_1", "n_features"] == 64


def test_what_is_in_the_data_is_found_again_and_noise_is_not():
    model = make_pipeline(
        StandardScaler(), small(Autoencoder, max_iter=80, learning_rate_init=0.01)
    )
    asked = {"n_repeats": 2, "layers": ["code"], "references": False, "random_state": 2}
    noise = np.random.default_rng(1).normal(size=(N, 40))
    found, lost = (
        feature_stability(model, x, **asked).table().iloc[0] for x in (X[:, 1:], noise)
    )
    assert found["icc"] > 0.75
    assert lost["icc"] < 0.5
    assert found["cka"] > 0.6
    assert abs(lost["cka"]) < 0.3
    assert found["angle"] < 30 < 50 < lost["angle"]
    for row in (found, lost):
        assert abs(row["chance"]) < 0.35
        assert row["angle_by_chance"] > 50


def test_other_segmentations_are_read_by_one_network(watched):
    noise = 0.02 * RNG.normal(size=(2, N, 9)).astype(np.float32)
    others = [np.hstack([X[:, :1], X[:, 1:] + each]) for each in noise]
    found = feature_stability(watched, X, over="mask", repeated=others, layers=["code"])
    ((rows, _),) = fits
    unseen = np.setdiff1d(np.arange(N), rows)
    network = clone(watched).fit(X[rows])
    codes = [network.transform(each).astype(float) for each in (X, *others)]
    pairs = found.pairs()
    pairs = pairs[pairs["layer"] == "code"].set_index(["first", "second"])
    for i, j in combinations(range(3), 2):
        scaled = [(c - c[rows].mean(axis=0)) / c[rows].std(axis=0) for c in codes]
        icc = [
            intraclass_correlation(np.stack(p, axis=1)).icc
            for p in zip(scaled[i][unseen].T, scaled[j][unseen].T, strict=True)
        ]
        assert pairs.loc[(i, j), "icc"] == pytest.approx(np.mean(icc), abs=0.01)
    assert found.align == "none"
    frozen = make_pipeline(FrozenEstimator(network))
    again = feature_stability(frozen, X, over="mask", repeated=others, layers=["code"])
    np.testing.assert_allclose(
        again.table()["icc"].iloc[0], found.table()["icc"].iloc[0], atol=1e-6
    )


def test_all_layers_with_constant_units_and_processes():
    model = make_pipeline(
        FunctionTransformer(lambda x: x[:, 1:]),
        small(VAEFeatureExtractor, max_iter=20, learning_rate_init=0.01),
    )
    found = feature_stability(model, X, n_repeats=2, references=False)
    table = found.table()
    names = [row.name for row in small(VAEFeatureExtractor).list_layers(X)]
    assert table["layer"].tolist() == names
    # z is the mean.
    numbers = table.set_index("layer")[["icc", "cka", "angle"]]
    np.testing.assert_allclose(numbers.loc["z"], numbers.loc["mean"], atol=1e-6)
    assert len(found.features()) == table["n_features"].sum()


def test_a_network_without_a_seed_has_the_same_in_each_fit_and_call(watched):
    watched.set_params(random_state=None, max_iter=2)
    asked = {"over": "fold", "n_repeats": 3, "layers": ["code"], "references": False}
    first = feature_stability(watched, X, **asked)
    assert len({seed for _, seed in fits}) == 1
    with parallel_config(backend="threading"):  # the contract has the processes
        again = feature_stability(watched, X, **asked, n_jobs=2)
    other = feature_stability(watched, X, **asked, random_state=1)
    assert again.comparisons == first.comparisons != other.comparisons
    assert watched.random_state is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"over": "folds"}, "over='folds', but feature_stability takes one of seed, fold"),
        ({"align": "rotate"}, "align='rotate', but feature_stability takes one of"),
        ({"n_repeats": 1}, "n_repeats=1, but feature_stability takes an integer of at le"),
        ({"over": "fold", "n_repeats": 2}, "n_repeats=2.*at least 3"),
        ({"test_size": 0}, "test_size=0, but"),
        ({"over": "mask"}, "over='mask' without repeated, but"),
        ({"repeated": [X]}, "over='seed' with repeated, but"),
        ({"over": "mask", "repeated": [X[:4]]}, r"repeated with \[4\] rows, .* 80 rows"),
        ({"layers": ["cod"]}, r"layers=\['cod'\], but Autoencoder has the layers"),
    ],
)
def test_what_is_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        feature_stability(small(Autoencoder), X, **asked)


def test_networks_that_cannot_be_fitted_again():
    frozen = FrozenEstimator(small(Autoencoder).fit(X))
    with pytest.raises(ValueError, match=r"frozen network .*over='seed' fits"):
        feature_stability(frozen, X)
    extractor = LayerExtractor(frozen, layer="code", device="cpu")
    same = feature_stability(extractor, X, n_repeats=2, references=False, layers=["code"])
    assert same.table()["icc"].tolist() == pytest.approx([1])


def test_display(watched):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    found = feature_stability(watched, X, n_repeats=3, layers=["hidden_1", "code"])
    display = FeatureStabilityDisplay.from_stability(found, threshold=0.9)
    ax, features, table = display.ax_, found.features(), found.table()
    for k, layer in enumerate(["hidden_1", "code"]):
        drawn = next(
            line
            for line in ax.lines
            if line.get_marker() == "o" and round(np.mean(line.get_xdata())) == k
        )
        values = features[(features["layer"] == layer)]["icc"].dropna()
        np.testing.assert_allclose(drawn.get_ydata(), np.sort(values))
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["hidden_1 (8)", "code (3)"]
    (diamonds,) = (line for line in ax.lines if line.get_marker() == "D")
    components = table[table["layer"] == "PCA"].set_index("n_features")["icc"]
    np.testing.assert_allclose(diamonds.get_ydata(), components.loc[[8, 3]])
    assert "n = 20 rows that no network has seen; dashed: 0.9" in ax.get_title(loc="left")
    matplotlib.pyplot.close("all")
