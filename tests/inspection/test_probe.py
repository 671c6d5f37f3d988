import numpy as np
import pytest
from contract import small
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import Autoencoder, VAEFeatureExtractor
from skvae.datasets import make_sprites
from skvae.inspection import layer_probe
from skvae.inspection.linear_probe import RIDGES, class_target, number_target

pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def sprites():
    return make_sprites(150, size=16, random_state=0)


@pytest.fixture(scope="module")
def autoencoder():
    return small(Autoencoder, n_components=3, channels=(4, 6), max_iter=3)


@pytest.fixture(scope="module")
def fitted(sprites, autoencoder):
    """The autoencoder, fitted to all sprites."""
    return clone(autoencoder).fit(sprites.images)


def test_fold_by_fold_against_a_loop(sprites, autoencoder):
    scale = sprites.factors[:, 1]
    folds = list(KFold(3, shuffle=True, random_state=1).split(scale))
    found = layer_probe(autoencoder, sprites.images, attributes=scale, cv=folds).folds()
    assert found["encoder_refitted"].all()
    for fold, (train, test) in enumerate(folds):
        fitted = clone(autoencoder).fit(sprites.images[train])
        for layer in ("conv_2", "code"):
            fitted.set_params(layer=layer)
            Z = [
                fitted.transform(sprites.images[rows]).astype(float)
                for rows in (train, test)
            ]
            ridge = make_pipeline(StandardScaler(), RidgeCV(RIDGES)).fit(Z[0], scale[train])
            is_it = (found["layer"] == layer) & (found["fold"] == fold)
            scores = found[is_it].set_index("metric")["score"]
            expected = r2_score(scale[test], ridge.predict(Z[1]))
            assert scores["r2"] == pytest.approx(expected, abs=1e-4)
            assert scores["r2"] <= scores["spearman"] ** 2 + 0.2


def test_table_says_mean_spread_and_best_layer(sprites, autoencoder):
    probe = layer_probe(
        autoencoder, sprites.images, attributes=sprites.factors[:, [1, 3]], cv=3
    )
    folds, table = probe.folds(), probe.table()
    one = folds.query("target == 'attribute_1' and metric == 'r2' and layer == 'code'")
    row = table.query("target == 'attribute_1' and metric == 'r2' and layer == 'code'")
    assert row["mean"].item() == pytest.approx(one["score"].mean())
    assert row["sd"].item() == pytest.approx(one["score"].std(ddof=1))
    assert row["n_folds"].item() == 3
    best = table[table["best"]].set_index(["target", "metric"])
    assert len(best) == 4
    everything = table.groupby(["target", "metric"])["mean"].max()
    assert (best["mean"].sort_index() == everything.sort_index()).all()


def test_fitted_estimator_is_read_as_it_is(sprites, autoencoder, fitted):
    before = fitted.get_params()["layer"]
    network = fitted.network_
    probe = layer_probe(fitted, sprites.images, sprites.target, layers=["code"], cv=3)
    assert not probe.encoder_refitted
    assert not probe.table()["encoder_refitted"].any()
    assert fitted.layer == before
    assert fitted.network_ is network
    assert not hasattr(autoencoder, "network_")


def test_classes_of_digits_can_be_read_and_shuffled_ones_not():
    X, y = load_digits(return_X_y=True)
    X, y = (X[:240, None].reshape(-1, 1, 8, 8) / 16).astype(np.float32), y[:240]
    vae = small(VAEFeatureExtractor, n_components=6, channels=(8,), max_iter=8, beta=0.01)
    vae.fit(X)
    auc = layer_probe(vae, X, y, layers=["conv_1", "mean"], cv=3).table()
    assert auc["metric"].tolist() == ["roc_auc"] * 2
    assert (auc["mean"] > 0.75).all()
    shuffled = np.random.default_rng(0).permutation(y) > 4
    chance = layer_probe(vae, X, shuffled, layers=["conv_1", "mean"], cv=3).table()
    assert (abs(chance["mean"] - 0.5) < 0.12).all()


def test_patients_stay_on_one_side(sprites, autoencoder):
    """Noise of each patient, ten rows each: readable only if rows leak."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(15), 10)
    images = rng.uniform(size=(15, 1, 16, 16))[patients].astype(np.float32)
    images += 0.01 * rng.normal(size=images.shape).astype(np.float32)
    age = rng.normal(size=15)[patients]
    arguments = {"attributes": age, "layers": ["conv_1"], "cv": 5}
    fitted = clone(autoencoder).set_params(pool=None).fit(images)
    leaking = layer_probe(fitted, images, **arguments).table()
    honest = layer_probe(fitted, images, groups=patients, **arguments).table()
    assert leaking["mean"].iloc[0] > 0.8
    assert honest["mean"].iloc[0] < 0.4
    for fold in honest.itertuples():
        assert fold.n_folds == 5


def test_what_fit_takes_is_of_the_training_rows(sprites):
    seen = []

    class Watching(Autoencoder):
        def fit(self, X, y=None, sample_weight=None, groups=None):
            seen.append((len(X), y is not None and len(y), len(groups), len(set(groups))))
            return super().fit(X)

    groups = np.repeat(np.arange(30), 5)
    model = small(Watching, n_components=2, channels=(4,), max_iter=1)
    layer_probe(model, sprites.images, sprites.target, groups=groups, layers=["code"], cv=3)
    assert len(seen) == 3
    for n, n_y, n_groups, n_patients in seen:
        assert n == n_y == n_groups == 5 * n_patients


def test_missing_attributes_and_two_values(sprites, fitted):
    A = np.column_stack([sprites.factors[:, 1], sprites.factors[:, 1] > 0.75])
    A = A.astype(float)
    A[::3, 0] = np.nan
    folds = layer_probe(fitted, sprites.images, attributes=A, layers=["code"], cv=5).folds()
    assert folds["metric"].unique().tolist() == ["r2", "spearman", "roc_auc"]
    of_first = folds[folds["metric"] == "r2"]
    assert (of_first["n_train"] + of_first["n_test"] == 100).all()
    assert folds["score"].notna().all()


def test_a_fold_without_both_classes_is_said_so(sprites, fitted):
    y = np.arange(150) >= 100
    with pytest.warns(UndefinedMetricWarning, match="'y' is constant or lacks a class"):
        folds = layer_probe(fitted, sprites.images, y, layers=["code"], cv=KFold(3)).folds()
    assert folds["score"].isna().all()


def test_targets_know_what_is_missing():
    classes = class_target("y", np.array(["b", None, "a", "b"], dtype=object))
    assert classes.values[classes.known].tolist() == [1, 0, 1]
    numbers = number_target("a", [1, np.nan, 3])
    assert numbers.known.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "neither y nor attributes"),
        ({"y": np.zeros(149)}, "y of 149 rows, but X has 150"),
        ({"attributes": np.ones(150)}, "'attribute_0' without two values"),
        ({"y": np.arange(150) % 2, "layers": ["cod"]}, r"layers=\['cod'\].*conv_1, conv_2"),
    ],
)
def test_errors_name_the_parameter(arguments, message, sprites, autoencoder):
    with pytest.raises(ValueError, match=message):
        layer_probe(autoencoder, sprites.images, **arguments)


def test_estimators_without_layers(sprites):
    with pytest.raises(ValueError, match="StandardScaler as estimator"):
        layer_probe(StandardScaler(), sprites.images, sprites.target)


@pytest.mark.parametrize("name", ["y", "attributes", "groups"])
def test_columns_of_other_rows_are_refused(autoencoder, name):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(8, 3)), list("abcdefgh"))
    columns = {"y": np.arange(8) % 2, name: pd.Series(np.arange(8.0), X.index)[::-1]}
    with pytest.raises(ValueError, match=f"Got {name} with the index of X in another"):
        layer_probe(autoencoder, X, **columns)
    with pytest.raises(ValueError, match=f"masked array as {name}"):
        layer_probe(autoencoder, X, **columns | {name: np.ma.arange(8)})


def test_every_row_of_a_probe_has_a_group(autoencoder):
    X = np.random.default_rng(0).normal(size=(8, 3))
    groups = [0, 0, 1, np.nan, 2, 2, 3, 3]
    with pytest.raises(ValueError, match="groups with nan in row 3, but layer_probe"):
        layer_probe(autoencoder, X, np.arange(8) % 2, groups=groups)


def test_an_inner_fold_that_lacks_a_class_is_left_out(fitted, sprites):
    """Where whole groups are of one class, some parts cannot train or score."""
    groups = np.repeat(np.arange(10), 15)
    y = np.array([1, 0, 0, 0, 0, 1, 0, 0, 0, 1])[groups]
    how = {"layers": ["code"], "groups": groups}
    folds = [(np.arange(75), np.arange(75, 150)), (np.arange(75, 150), np.arange(75))]
    scores = layer_probe(fitted, sprites.images, y, cv=folds, **how).scores
    assert len(scores) == 2
    assert all(0 <= s.score <= 1 for s in scores)


def test_undefined_targets_are_one_warning(fitted, sprites):
    A = np.full((150, 40), np.nan)
    A[:4] = np.arange(4)[:, None]
    with pytest.warns(UndefinedMetricWarning, match=r"and 37 more: these .* NaN") as caught:
        layer_probe(fitted, sprites.images, attributes=A, layers=["code"], cv=KFold(5))
    assert len(caught) == 1
