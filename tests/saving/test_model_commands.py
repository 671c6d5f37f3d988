"""`skvae fit`, `transform` and `predict`: a model for use, and cases it has not seen."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skvae
from skvae import cli
from skvae.saving.model_files import load_described
from skvae.study import default_arms, nested_cv
from skvae.study import run_study as study
from skvae.study.configuration import StudyConfig
from skvae.study.study_inputs import study_inputs

pytestmark = [
    pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning"),
    pytest.mark.filterwarnings("ignore::skvae.exceptions.ConstantCodeWarning"),
]

N_TRAINING = 45
FEATURES = ["f0", "f1", "f2", "f3", "f4", "age"]
FIT = ("--target", "grade", "--id", "case", "--positive", "high")


@pytest.fixture(autouse=True)
def brief_arms(monkeypatch):
    """Train for two epochs; what is compared here are files and columns."""

    def arms(*args, **options):
        found = default_arms(*args, **options)
        for estimator, _ in found.values():
            names = [n for n in estimator.get_params() if n.endswith("features__max_iter")]
            estimator.set_params(**dict.fromkeys(names, 2))
        return found

    monkeypatch.setattr(study, "default_arms", arms)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 5)), columns=[f"f{i}" for i in range(5)])
    table.insert(0, "case", [f"c{i:02}" for i in range(60)])
    table["age"] = rng.normal(60, 9, 60).round()
    table["sex"] = rng.choice(["f", "m"], 60)
    table["grade"] = np.where(table.f0 + 0.3 * rng.normal(size=60) > 0, "high", "low")
    return table


@pytest.fixture
def folder(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table[:N_TRAINING].to_csv("train.csv", index=False)
    table[N_TRAINING:].to_csv("new.csv", index=False)
    return tmp_path


def run(*arguments):
    return cli.main(list(map(str, arguments)))


def read(text):
    return pd.read_csv(io.StringIO(text))


@pytest.mark.parametrize("arm", ["clinical+autoencoder"])
def test_predictions_are_those_of_a_study_with_an_external_cohort(arm, folder, capsys):
    options = (*FIT, "--clinical", "age,sex", "--n-components", 2, "--arms", arm)
    options = (*options, "--inner", 2, "--out", "model.skvae")
    assert run("fit", "train.csv", *options) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"model.skvae: {arm}, fitted to 45 rows, classify__C=")
    digest = said.split()[-1]
    assert run("predict", "new.csv", "--model", "model.skvae", "--sha256", digest) == 0
    found = read(capsys.readouterr().out)

    config = {"target": "grade", "id": "case", "positive": "high", "external": "new.csv"}
    config = StudyConfig.of(config | {"data": "train.csv", "clinical": ("age", "sex")})
    inputs = study_inputs(config)
    arms = study.default_arms(inputs.X, [arm], n_components=2)
    result = nested_cv(
        arms,
        inputs.X,
        inputs.y,
        groups=inputs.groups,
        outer=(2, 1),
        inner=2,
        reference=arm,
        positive="high",
        external=inputs.external,
    )
    expected = result.external_predictions
    assert list(found.columns) == ["case", "prediction", "score"]
    assert found["case"].tolist() == expected["sample"].tolist()
    assert found["prediction"].tolist() == expected["prediction"].tolist()
    # A csv file has the digits that tell single precision apart.
    scores = [each["score"].astype(np.float32) for each in (found, expected)]
    np.testing.assert_array_equal(*scores)


@pytest.fixture
def model(folder, capsys):
    options = (*FIT, "--n-components", 2, "--arms", "vae", "--layers", "mean")
    assert run("fit", "train.csv", *options, "--out", "model.skvae") == 0
    capsys.readouterr()
    return "model.skvae"


def test_columns_are_found_by_their_names(model, table, capsys):
    run("predict", "new.csv", "--model", model)
    expected = capsys.readouterr().out
    new = table[N_TRAINING:].drop(columns="grade")
    shuffled = new[["f4", "sex", "f1", "case", "age", "f0", "f3", "f2"]].assign(
        more=1, text="a"
    )
    shuffled.to_csv("shuffled.csv", index=False)
    assert run("predict", "shuffled.csv", "--model", model) == 0
    found = capsys.readouterr()
    assert found.out == expected
    assert "3 columns are ignored: sex, more, text" in found.err
    new.drop(columns=["f1", "f3"]).to_csv("fewer.csv", index=False)
    assert run("predict", "fewer.csv", "--model", model) == 2
    assert "without f1, f3, which the model reads" in capsys.readouterr().err
    new.assign(f2="high").to_csv("text.csv", index=False)
    assert run("predict", "text.csv", "--model", model) == 2
    assert "column 'f2' with 'high' in row 0" in capsys.readouterr().err


def test_features_are_those_of_the_layer(model, table, capsys):
    estimator = skvae.load(model).best_estimator_
    new = table.loc[N_TRAINING:, FEATURES]
    scaled = estimator[:2].transform(new)
    vae = estimator.named_steps["features"]
    for layer in ("mean", "hidden_2"):
        asked = () if layer == "mean" else ("--layer", layer)
        path = f"{layer}.csv"
        assert run("transform", "new.csv", "--model", model, *asked, "--output", path) == 0
        found = pd.read_csv(path)
        assert found["case"].tolist() == table["case"][N_TRAINING:].tolist()
        expected = vae.set_params(layer=layer).transform(scaled)
        np.testing.assert_array_equal(found.iloc[:, 1:].astype(np.float32), expected)
        assert list(found)[1] == f"{layer}_0"
    assert capsys.readouterr().out == ""
    assert run("transform", "new.csv", "--model", model, "--layer", "code") == 2
    assert "has the layers hidden_1, hidden_2, mean" in capsys.readouterr().err


def test_what_lies_outside_of_the_training_is_told(model, table, capsys):
    new = table[N_TRAINING:].drop(columns="grade").reset_index(drop=True)
    low, high = table["f3"][:N_TRAINING].min(), table["f3"][:N_TRAINING].max()
    new["f3"] = np.linspace(low - 1, high + 1, len(new))
    new.loc[0, "f4"] = np.nan
    new.to_csv("far.csv", index=False)
    assert run("predict", "far.csv", "--model", model, "--drift", "drift.csv") == 0
    err = capsys.readouterr().err
    drift = pd.read_csv("drift.csv").set_index("column")
    outside = ((new["f3"] < low) | (new["f3"] > high)).mean()
    assert drift.loc["f3", "outside"] == pytest.approx(outside)
    assert drift.loc["f3", ["training_low", "training_high"]].tolist() == [low, high]
    assert drift.loc["f4", "missing"] == pytest.approx(1 / len(new))
    assert drift["outside"].is_monotonic_decreasing
    assert "outside the range of the 45 training rows: f3 (" in err

    search, description = load_described(model)
    estimator, limit = search.best_estimator_, description["table"]["unlikely_below"]
    scores = estimator.named_steps["features"].score_samples(
        estimator[:2].transform(table.loc[: N_TRAINING - 1, FEATURES])
    )
    assert limit == pytest.approx(np.quantile(scores.astype(float), 0.01))
    far = estimator.named_steps["features"].score_samples(
        estimator[:2].transform(new[FEATURES])
    )
    assert f"{np.mean(far < limit):.1%} of the rows have a score that 1 %" in err


def test_texts_that_training_had_not_are_outside(folder, table, capsys):
    options = (*FIT, "--clinical", "age,sex", "--arms", "clinical")
    assert run("fit", "train.csv", *options, "--out", "model.skvae") == 0
    table[N_TRAINING:].assign(sex="x").to_csv("new.csv", index=False)
    assert run("predict", "new.csv", "--model", "model.skvae", "--drift", "d.csv") == 0
    drift = pd.read_csv("d.csv").set_index("column")
    assert drift.loc["sex", "outside"] == 1
    assert "sex (100% of rows)" in capsys.readouterr().err


def test_arrays_are_taken_by_their_place(folder, capsys):
    rng = np.random.default_rng(0)
    X = rng.random((40, 1, 8, 8), dtype=np.float32)
    np.savez("images.npz", X=X, y=np.arange(40) % 2, groups=np.arange(40))
    options = ("--n-components", 2, "--layers", "mean", "--out", "m.skvae")
    assert run("fit", "images.npz", *options) == 0
    np.savez("new.npz", X=X[:3] + 1)
    capsys.readouterr()
    assert run("transform", "new.npz", "--model", "m.skvae") == 0
    found = capsys.readouterr()
    assert list(read(found.out)) == ["row", "mean_0", "mean_1"]
    assert "1 of 1 columns have values outside" in found.err
    np.savez("other.npz", X=X[:, :, :4])
    for path, match in (
        ("other.npz", "rows of shape (1, 8, 8)"),
        ("new.csv", "an npz file"),
    ):
        assert run("transform", path, "--model", "m.skvae") == 2
        assert match in capsys.readouterr().err


def test_scans_are_read_and_what_cannot_be_used_is_named(folder, capsys):
    sitk = pytest.importorskip("SimpleITK")
    rng, rows = np.random.default_rng(0), []
    for i in range(12):
        mask = np.zeros((10, 10, 10), np.uint8)
        mask[2 : 6 + i % 3, 3:7, 3:7] = 1
        image = rng.normal(size=mask.shape).astype(np.float32) + i % 2 * mask
        sitk.WriteImage(sitk.GetImageFromArray(image), f"{i}.nii")
        sitk.WriteImage(sitk.GetImageFromArray(mask), f"{i}_mask.nii")
        row = {"PatientID": f"p{i}", "Image": f"{i}.nii", "Mask": f"{i}_mask.nii"}
        rows.append(row | {"grade": "ab"[i % 2]})
    cases = pd.DataFrame(rows)
    cases[:8].to_csv("scans.csv", index=False)
    options = (
        "--target",
        "grade",
        "--arms",
        "pca",
        "--size",
        "16,16,16",
        "--n-components",
        2,
    )
    assert run("fit", "scans.csv", *options, "--inner", 2, "--out", "m.skvae") == 0
    (folder / "9.nii").write_bytes(b"damaged")
    cases[8:].drop(columns="grade").to_csv("new.csv", index=False)
    capsys.readouterr()
    assert run("predict", "new.csv", "--model", "m.skvae") == 0
    found = capsys.readouterr()
    images = [Path(name).name for name in read(found.out)["Image"]]
    assert images == ["8.nii", "10.nii", "11.nii"]
    assert "9.nii is left out: " in found.err
    assert str(folder).encode() not in (folder / "m.skvae").read_bytes()


def test_a_model_that_was_saved_from_python_is_read_by_its_columns(folder, table, capsys):
    X = table[FEATURES]
    vae = skvae.VAEFeatureExtractor(2, max_iter=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), vae).fit(X)
    skvae.save(pipeline, "python.skvae")
    assert run("transform", "new.csv", "--model", "python.skvae") == 0
    found = capsys.readouterr()
    expected = pipeline.transform(X[N_TRAINING:])
    np.testing.assert_array_equal(read(found.out).iloc[:, 1:].astype(np.float32), expected)
    assert "does not say what its training rows were like" in found.err
    assert run("predict", "new.csv", "--model", "python.skvae") == 2
    assert "predicts nothing" in capsys.readouterr().err

    skvae.save(pipeline, "python.skvae", X=X[:N_TRAINING])
    new = table[FEATURES].assign(f3=table["f3"] + 9)
    new.to_csv("mm.csv", index=False)
    assert run("transform", "mm.csv", "--model", "python.skvae") == 0
    assert f"the range of the {N_TRAINING} training rows: f3 (" in capsys.readouterr().err
    with pytest.raises(ValueError, match="f3"):
        skvae.save(pipeline, "python.skvae", X=X.drop(columns="f3"))
    skvae.save(make_pipeline(StandardScaler(), vae).fit(X.to_numpy()), "python.skvae")
    assert run("transform", "new.csv", "--model", "python.skvae") == 2
    assert "does not know the names of its columns" in capsys.readouterr().err


def test_what_cannot_be_written_is_found_before_a_fit(folder, model, monkeypatch, capsys):
    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr("skvae.study.run_study.study_arms", never)
    monkeypatch.setattr("skvae.saving.final_fit.study_arms", never)
    for out in ("model.pkl", "nowhere/model.skvae"):
        assert run("fit", "train.csv", *FIT, "--out", out) == 2
        assert "expected a file" in capsys.readouterr().err
    assert run("fit", "train.csv", *FIT, "--arms", "vae,pca", "--out", "m.skvae") == 2
    assert "expected one arm" in capsys.readouterr().err
    more = ("--external", "new.csv", "--out", "m.skvae")
    assert run("fit", "train.csv", *FIT, *more) == 2
    assert "nothing is compared" in capsys.readouterr().err
    for name in ("--output", "--drift"):
        assert run("predict", "new.csv", "--model", model, name, "nowhere/f.csv") == 2
        assert "a folder that exists" in capsys.readouterr().err


def test_a_model_that_is_none_is_told(folder, capsys):
    (folder / "bad.skvae").write_bytes(b"\x80\x04K\x01.")
    for command in ("transform", "predict"):
        assert run(command, "new.csv", "--model", "bad.skvae") == 2
        assert "it is no model file" in capsys.readouterr().err
        assert run(command, "new.csv", "--model", "nowhere.skvae") == 2
        assert "skvae: " in capsys.readouterr().err
