import json
import shutil
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvae import AttriVAE, Autoencoder, AutoencoderClassifier, VAEFeatureExtractor
from skvae.datasets import LazyRows
from skvae.study import RepeatedStratifiedGroupKFold, SelectBlock, nested_cv
from skvae.study.arm_features import flatten
from skvae.study.exchanged_rows import donor_rows, stacked_copies
from skvae.study.fitted_networks import trained_networks
from skvae.study.importance import Judged, importance
from skvae.study.input_blocks import Blocks
from skvae.study.input_parts import InputPart, clusters_of, parts_of
from skvae.study.pictures import Pictures
from skvae.study.quick_auc import quick_auc

FRAMES = ("training", "units", "importance", "attributes")
SMALL = {"max_iter": 3, "hidden_layer_sizes": (8,), "random_state": 0}


@pytest.fixture(scope="module")
def table():
    """Return 60 rows of which the columns 3 and 4 tell the class, and nothing else does."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = pd.DataFrame(rng.normal(size=(60, 6)), columns=list("abcdef"))
    X["d"] += 3.0 * y
    X["e"] = X["d"] + 0.1 * rng.normal(size=60)
    return X.rename(columns={"f": "original_shape_MeshVolume"}).abs(), y


def network_arms():
    vae = make_pipeline(
        StandardScaler(), VAEFeatureExtractor(3, **SMALL), LogisticRegression()
    )
    grid = {"vaefeatureextractor__layer": ["hidden_1", "mean"]}
    return {
        "raw": make_pipeline(StandardScaler(), LogisticRegression()),
        "vae": (vae, grid),
    }


OPTIONS = {"outer": (3, 1), "inner": 2, "reference": "raw"}


@pytest.fixture(scope="module")
def whole(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return nested_cv(network_arms(), *table, **OPTIONS, explain=True, folder=folder), folder


def assert_same(one, other):
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
    assert one.pictures.keys() == other.pictures.keys()
    for arm, pictures in one.pictures.items():
        for field in fields(Pictures):
            a, b = getattr(pictures, field.name), getattr(other.pictures[arm], field.name)
            assert np.array_equal(a, b, equal_nan=isinstance(a, np.ndarray)), field.name


def mean_drops(result, arm):
    rows = result.importance[result.importance["arm"] == arm]
    return rows.groupby("block")["drop"].mean().sort_values(ascending=False)


def test_the_columns_that_tell_the_class_cost_most_and_are_one_block(whole):
    result, _ = whole
    drops = mean_drops(result, "raw")
    assert drops.index[0] in ("d + 1", "e + 1")
    assert drops.iloc[0] > 0.2 > 5 * abs(drops.iloc[1:]).max() / 2
    first = result.importance[result.importance["block"] == drops.index[0]]
    assert set(first["n_columns"]) == {2}
    assert set(first["columns"].iloc[0].split(", ")) == {"d", "e"}
    assert set(result.importance["n_repeats"]) == {5}


@pytest.mark.parametrize("shape", [(1, 12, 12), (1, 6, 12, 9)])
def test_the_region_that_tells_the_class_costs_most(shape):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = rng.normal(size=(60, *shape))
    X[y == 1, ..., :3, -3:] += 1.0
    arm = make_pipeline(FunctionTransformer(flatten), LogisticRegression())
    result = nested_cv({"raw": arm}, X, y, **OPTIONS, explain=True)
    best = mean_drops(result, "raw")
    expected = "y 0–2, x 9–11" if len(shape) == 3 else "y 0–3, x 6–8"
    assert best.index[0].endswith(expected)
    assert len(best) == (16 if len(shape) == 3 else 27)


def test_a_drop_is_what_scikit_learn_finds_for_the_same_exchanges(table):
    X, y = table
    patients = np.arange(60) // 3
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:30], y[:30])
    rows = np.arange(30, 60)
    held_out, numbers = X.iloc[rows], patients[rows] - 10
    judged = Judged(fitted, held_out, y[rows], patients[rows], y[rows], "roc_auc", None)
    clusters = clusters_of(X)
    found = importance(judged, clusters, seed=3)
    rng = np.random.default_rng(3)
    score = roc_auc_score(y[rows], fitted.predict_proba(held_out)[:, 1])
    for row, columns in zip(found, clusters[None], strict=True):
        after = []
        for _ in range(5):
            donors = donor_rows(numbers, rng)
            changed = held_out.copy()
            for k in columns:
                changed.iloc[:, k] = held_out.iloc[donors, k].to_numpy()
            after.append(roc_auc_score(y[rows], fitted.predict_proba(changed)[:, 1]))
        assert row["drop"] == pytest.approx(score - np.mean(after), abs=1e-12)
        assert row["columns"] == ", ".join(X.columns[columns])


def test_rows_of_a_patient_get_those_of_one_patient():
    numbers = np.array([0, 1, 1, 2, 2, 2, 3, 0])
    for seed in range(5):
        donors = donor_rows(numbers, np.random.default_rng(seed))
        from_ = [set(numbers[donors[numbers == k]]) for k in range(4)]
        assert all(len(patient) == 1 for patient in from_)
        assert set.union(*from_) == {0, 1, 2, 3}
    alone = donor_rows(np.arange(9), np.random.default_rng(0))
    assert sorted(alone) == list(range(9))


def test_copies_differ_in_the_exchanged_part_alone():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "c": [0.1, 0.2, 0.3]})
    frame["d"] = pd.Categorical(["u", "v", "u"])
    images = np.arange(3 * 4.0).reshape(3, 1, 2, 2)
    X = Blocks({"table": frame, "images": images, "other": frame[["a"]]})
    donors, same = np.array([2, 0, 1]), np.arange(3)
    copies = [
        (None, same),
        (InputPart("b", "b", 2, "table", (1, 3)), donors),
        (
            InputPart("corner", "corner", 1, "images", None, (slice(0, 1), slice(1, 2))),
            donors,
        ),
        (InputPart("all", "all", 4, "images"), donors),
        (InputPart("all", "all", 1, "other"), donors),
    ]
    stacked = stacked_copies(X, copies)
    assert len(stacked) == 15
    assert list(stacked["other"]["a"]) == 4 * [1, 2, 3] + [3, 1, 2]
    assert list(stacked["other"].index) == 5 * [0, 1, 2]
    for k in (0, 2, 3, 4):
        copy = stacked["table"].iloc[3 * k : 3 * k + 3]
        pd.testing.assert_frame_equal(copy, frame)
    changed = stacked["table"].iloc[3:6]
    assert changed["b"].isna().to_list() == [True, False, False]
    assert list(changed["d"]) == ["u", "u", "v"]
    assert list(changed["a"]) == [1, 2, 3]
    assert changed.dtypes.equals(frame.dtypes)
    parts = stacked["images"].reshape(5, *images.shape)
    assert np.array_equal(parts[0], images)
    assert np.array_equal(parts[3], images[donors])
    moved = images.copy()
    moved[:, :, 0, 1] = images[donors][:, :, 0, 1]
    assert np.array_equal(parts[2], moved)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_quick_area_is_that_of_scikit_learn(n_classes):
    rng = np.random.default_rng(0)
    y = np.arange(50) % n_classes
    X = rng.integers(0, 3, size=(50, 1)) + y[:, None]  # many ties
    model = LogisticRegression().fit(X, y)
    values = model.predict_proba(X)
    expected = roc_auc_score(
        y, values if n_classes > 2 else values[:, 1], multi_class="ovr"
    )
    assert quick_auc(model, X, y) == pytest.approx(expected, abs=1e-12)


def test_curves_are_the_history_of_the_chosen_network(table, whole):
    X, y = table
    result, _ = whole
    arm, _ = network_arms()["vae"]
    splitter = RepeatedStratifiedGroupKFold(3, 1, random_state=0)
    splits = list(splitter.split(X, y, np.arange(60)))
    for fold, (train, test) in enumerate(splits, 1):
        row = result.scores.query("arm == 'vae' and fold == @fold").iloc[0]
        layer = row["param_vaefeatureextractor__layer"]
        fitted = clone(arm).set_params(vaefeatureextractor__layer=layer)
        fitted.fit(X.iloc[train], y[train])
        vae = fitted[1]
        curve = result.training.query("arm == 'vae' and fold == @fold")
        assert list(curve["train_loss"]) == [row["loss"] for row in vae.history_]
        assert list(curve["epoch"]) == [1, 2, 3]
        assert curve["valid_loss"].isna().all()
        units = result.units.query("fold == @fold").set_index("layer")
        assert units.loc["mean", "n_active"] == vae.active_units_
        assert list(units.index) == list(dict.fromkeys(["mean", layer]))
        if fold == 1:
            pictures = result.pictures["vae"]
            Z = fitted[:1].transform(X.iloc[test]).astype(np.float32)
            shown = [list(X.index[test]).index(int(name)) for name in pictures.samples]
            made = vae.reconstruct(Z)
            assert np.array_equal(pictures.inputs, Z[shown])
            assert np.array_equal(pictures.reconstructions, made[shown])
            r2 = 1 - ((Z - made) ** 2).sum(0) / ((Z - Z.mean(0)) ** 2).sum(0)
            assert pictures.r2 == pytest.approx(r2, abs=1e-5)
            assert pictures.columns == list(X.columns)


def test_a_resumed_study_explains_the_same(table, whole, tmp_path):
    result, folder = whole
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for name in ("vae-1-1.json", "raw-1-3.json"):
        (copy / "checkpoints" / name).unlink()
    options = OPTIONS | {"folder": copy, "resume": True}
    assert_same(nested_cv(network_arms(), *table, **options, explain=True), result)


@pytest.mark.parametrize(
    "names", [["raw"], pytest.param(["raw", "vae"], marks=pytest.mark.nightly)]
)
def test_two_processes_explain_the_same(table, names):
    arms = {name: network_arms()[name] for name in names}
    one, two = (nested_cv(arms, *table, **OPTIONS, explain=True, n_jobs=n) for n in (1, 2))
    assert_same(one, two)


def test_without_explanations_nothing_changes(table, whole, tmp_path):
    result, folder = whole
    without = nested_cv(network_arms(), *table, **OPTIONS, folder=tmp_path / "a")
    for one, name in ((without, "b"), (result, "c")):
        one.to_csv(tmp_path / name)
    for name in ("results.csv", "predictions.csv", "summary.csv"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "c" / name).read_bytes()
    written = {path.name for path in (tmp_path / "c").iterdir()}
    more = {f"{name}.csv" for name in FRAMES}
    assert written - {path.name for path in (tmp_path / "b").iterdir()} == more
    assert "explain_seconds" not in without.timings
    assert not without.pictures
    assert all(getattr(without, name).empty for name in FRAMES)
    for path in sorted((folder / "checkpoints").glob("*-1-?.json")):
        plain = json.loads((tmp_path / "a" / "checkpoints" / path.name).read_text())
        told = json.loads(path.read_text())
        del told["explained"]
        del told["timing"], plain["timing"]
        assert told == plain
    with pytest.raises(ValueError, match="a change of explain"):
        nested_cv(
            network_arms(), *table, **OPTIONS, folder=folder, resume=True, explain=False
        )


def test_units_are_compared_with_attributes_with_and_without_the_volume(table):
    from skvae.inspection import attribute_correlation

    X, y = table
    attributes = pd.DataFrame({"first": X["a"] + X["original_shape_MeshVolume"]})
    with config_context(enable_metadata_routing=True):
        vae = AttriVAE(2, max_iter=5, random_state=0).set_fit_request(attributes=True)
    arm = make_pipeline(StandardScaler(), vae, LogisticRegression())
    options = OPTIONS | {"reference": "a", "params": {"attributes": attributes}}
    rows = nested_cv({"a": arm}, X, y, **options, explain=True).attributes
    train, test = next(
        iter(RepeatedStratifiedGroupKFold(3, 1, random_state=0).split(X, y, np.arange(60)))
    )
    vae.fit(
        StandardScaler().fit_transform(X.iloc[train]),
        y[train],
        attributes=attributes.iloc[train],
    )
    scaled = StandardScaler().fit(X.iloc[train]).transform(X.iloc[test])
    Z = vae.set_params(layer="mean").transform(scaled)
    volume = X["original_shape_MeshVolume"].iloc[test]
    of_first = rows[rows["attribute"] == "first"]
    for control, name in ((None, ""), (volume, "volume")):
        found = attribute_correlation(Z, attributes.iloc[test], control=control)
        some = of_first[of_first["controlled_for"] == name]
        assert list(some["rho"]) == pytest.approx(list(found.statistic[:, 0]), abs=1e-6)
        assert list(some["ci_low"]) == pytest.approx(list(found.low[:, 0]), abs=1e-6)
        assert list(some["own"]) == [True, False]
    assert set(rows.query("attribute == 'volume'")["controlled_for"]) == {""}


def test_blocks_of_inputs_are_exchanged_as_a_whole_as_well():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    images = rng.normal(size=(60, 1, 8, 8))
    clinical = pd.DataFrame(
        {"age": rng.normal(size=60) + 2 * y, "sex": ["f", "m", "f"] * 20}
    )
    X = {"images": images, "clinical": clinical, "unused": rng.normal(size=(60, 2))}
    pixels = make_pipeline(SelectBlock("images"), FunctionTransformer(flatten))
    age = make_pipeline(
        SelectBlock("clinical"), make_column_transformer((StandardScaler(), ["age"]))
    )
    both = make_pipeline(FeatureUnion([("p", pixels), ("a", age)]), LogisticRegression())
    alone = make_pipeline(
        SelectBlock("clinical"),
        make_column_transformer((StandardScaler(), ["age"])),
        LogisticRegression(),
    )
    result = nested_cv({"raw": both, "alone": alone}, X, y, **OPTIONS, explain=True)
    drops = mean_drops(result, "raw")
    assert {"all of images", "all of clinical", "clinical: age", "clinical: sex"} <= set(
        drops.index
    )
    assert len(drops) == 2 + 16 + 2
    assert set(drops.index[:2]) == {"all of clinical", "clinical: age"}
    assert drops["clinical: sex"] == 0  # which no step takes
    # The parts of the only block have the same names as those of several.
    assert set(mean_drops(result, "alone").index) == {"clinical: age", "clinical: sex"}


class Paths(TransformerMixin, BaseEstimator):
    """Read what a list of names stands for."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        values = np.array([float(name) for name in X])
        return np.tile(values[:, None, None, None], (1, 1, 4, 4))

    def __sklearn_is_fitted__(self):
        return True


def test_names_of_files_are_read_before_regions_are_exchanged():
    y = np.arange(40) % 2
    names = [str(value) for value in np.random.default_rng(0).normal(size=40) + y]
    arm = make_pipeline(Paths(), FunctionTransformer(flatten), LogisticRegression())
    result = nested_cv({"raw": arm}, names, y, **OPTIONS, explain=True)
    assert len(mean_drops(result, "raw")) == 16
    # Where they are not read first, they are exchanged as they are.
    assert [part.name for part in parts_of(names, {}, {None})] == ["all inputs"]


def test_rows_in_files_and_odd_tables_are_exchanged_too(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 1, 8, 8))
    X[y == 1, :, :2, :2] += 2.0
    np.save(tmp_path / "X.npy", X)
    text = np.array([["a", "b"]] * 40, dtype=object)
    blocks = {"images": LazyRows(tmp_path / "X.npy"), "text": text}
    read = FunctionTransformer(lambda block: np.asarray(block).reshape(len(block), -1))
    pixels = make_pipeline(SelectBlock("images"), read)
    words = make_pipeline(SelectBlock("text"), FunctionTransformer(lambda t: t == "a"))
    united = FeatureUnion([("pixels", pixels), ("words", words)])
    arms = {"raw": make_pipeline(pixels, LogisticRegression())}
    arms["both"] = make_pipeline(united, LogisticRegression())
    result = nested_cv(arms, blocks, y, **OPTIONS, explain=True)
    for arm in arms:
        assert mean_drops(result, arm).drop("all of images", errors="ignore").index[0] == (
            "images: y 0–1, x 0–1"
        )
    assert mean_drops(result, "both")["all of text"] == 0


@pytest.mark.parametrize("kind", ["classes", "number", "event"])
def test_outcomes_of_all_kinds_are_explained(kind, table):
    X, _ = table
    rng = np.random.default_rng(0)
    scale = X["d"] + 0.1 * rng.normal(size=60)
    arm = make_pipeline(StandardScaler(), VAEFeatureExtractor(3, **SMALL), Ridge())
    if kind == "classes":
        y = np.array(["low", "mid", "high"])[
            np.digitize(scale, scale.quantile([0.33, 0.66]))
        ]
        arm = make_pipeline(*arm[:2], LogisticRegression())
    elif kind == "number":
        y = scale.to_numpy()
    else:
        fields = [("event", bool), ("time", float)]
        y = np.array([(k % 3 > 0, 9 - v) for k, v in enumerate(scale)], dtype=fields)
        arm = make_pipeline(StandardScaler(), Risk())
    raw = arm if kind == "event" else make_pipeline(StandardScaler(), arm[-1])
    result = nested_cv({"raw": raw, "vae": arm}, X, y, **OPTIONS, explain=True)
    drops = mean_drops(result, "raw")
    assert drops.index[0] in ("d + 1", "e + 1")
    assert drops.iloc[0] > 0.1
    assert np.isfinite(result.importance["drop"]).all()
    assert (len(result.training) == 0) == (kind == "event")


class Risk(BaseEstimator):
    """Take one column for a risk."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.asarray(X)[:, 3]


def test_names_of_columns_may_be_anything(table):
    X, y = table
    names = ["$x_1$", "a\nb", "", "%s", "\\", "wavelet-HHL_glcm_" + 60 * "z"]
    X = X.set_axis(names, axis=1)
    result = nested_cv({"raw": LogisticRegression()}, X, y, **OPTIONS, explain=True)
    blocks = result.importance.query("fold == 1")["block"]
    assert blocks.is_unique
    assert blocks.str.len().max() < 50
    assert {"$x_1$", "a b", "(no name)"} <= set(blocks)
    # Not all that has columns goes through scikit-learn.
    twice = X.set_axis(["$x_1$", "$x_1$", 7, None, 7, "a"], axis=1)
    named = [part.name for part in parts_of(twice, clusters_of(twice), {None})]
    assert {"$x_1$", "$x_1$ (column 2)"} <= set(named)
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("aggregate", ["mean", "max"])
def test_patients_are_scored_where_their_rows_are_aggregated(cohort, aggregate):
    X, y, groups = cohort
    arm = make_pipeline(StandardScaler(), LogisticRegression())
    options = OPTIONS | {"groups": groups, "aggregate": aggregate}
    result = nested_cv({"raw": arm}, X, y, **options, explain=True)
    drops = mean_drops(result, "raw")
    assert drops.index[0] == "column 1"
    assert drops.iloc[0] > 0.2


def test_networks_are_found_wherever_they_stand(table):
    X, y = table
    X = StandardScaler().fit_transform(X)
    network = Autoencoder(2, **SMALL)

    def found(arm):
        return [(n.name, n.X is not None) for n in trained_networks(arm.fit(X, y), X)]

    union = FeatureUnion(
        [("one", clone(network)), ("two", make_pipeline(StandardScaler(), clone(network)))]
    )
    assert found(Pipeline([("u", union), ("c", LogisticRegression())])) == [
        ("u/one", True),
        ("u/two/autoencoder", True),
    ]
    columns = make_column_transformer((network, [0, 1, 2]))
    assert found(make_pipeline(columns, LogisticRegression())) == [
        ("columntransformer/autoencoder", True)
    ]
    bound = FunctionTransformer(clone(network).fit(X).transform)
    assert found(make_pipeline(bound, LogisticRegression()))[0][1] is False
    pipe = make_pipeline(clone(network), LogisticRegression())
    assert len(found(VotingClassifier([("a", pipe), ("b", LogisticRegression())]))) == 1
    assert len(found(BaggingClassifier(pipe, 3, random_state=0))) == 3
    assert len(found(CalibratedClassifierCV(pipe, cv=2))) == 2
    assert found(GridSearchCV(pipe, {"autoencoder__layer": ["code"]}, cv=2)) == [
        ("autoencoder", True)
    ]
    quick = {"head_max_iter": 1, "finetune_max_iter": 1, "random_state": 0}
    classifier = AutoencoderClassifier(autoencoder=network, **quick)
    assert found(classifier) == [("AutoencoderClassifier", True)]


class Odd(LogisticRegression):
    """Predict what was asked for once, and no more."""

    def decision_function(self, X):
        if len(X) > 20:
            raise RuntimeError("too many rows")
        return super().decision_function(X)


def test_an_explanation_that_fails_is_missing_and_said(table):
    with pytest.warns(UserWarning, match="importance could not be explained: too many"):
        result = nested_cv({"raw": Odd()}, *table, **OPTIONS, explain=True)
    assert result.importance.empty
    assert len(result.scores) == 3


def test_an_external_cohort_is_not_explained(table):
    X, y = table
    arms = {"raw": make_pipeline(StandardScaler(), LogisticRegression())}
    other = X.set_axis([f"other {k}" for k in range(60)])
    result = nested_cv(arms, X, y, **OPTIONS, external=(other, y), explain=True)
    assert set(result.importance["repeat"]) == {1}
    assert len(result.external_scores) == 1
