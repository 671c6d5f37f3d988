"""The commands `skvae study` and `skvae check` as somebody types them."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from skvae import cli
from skvae.report.figure_calls import FigureCall
from skvae.study import arm_features

N = 36


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with tables, in which the commands run."""
    rng = np.random.default_rng(0)
    y = np.arange(N) % 2
    frame = pd.DataFrame(rng.normal(size=(N, 4)) + y[:, None], columns=list("abcd"))
    frame.insert(0, "case", [f"{i:03d}" for i in range(N)])
    frame["age"] = np.where(y == 1, np.nan, rng.normal(60, 9, N)).round()
    frame.loc[::4, "age"] = 55
    frame.loc[1::4, "age"] = 66
    frame["sex"] = rng.choice(["m", "f"], N)
    frame.loc[3, "sex"] = None
    frame["smoker"] = (rng.random(N) > 0.5).astype(object)
    frame.loc[2, "smoker"] = None
    frame["outcome"] = np.array(["benign", "malignant"])[y]
    frame["size"] = frame["a"] * 3 + rng.normal(size=N)
    frame["grade"] = np.arange(N) % 3
    frame["patient"] = np.arange(N) // 4 * 2 + y
    # One configuration of each arm, for speed.
    monkeypatch.setattr(sys.modules["skvae.study.default_arms"], "STRENGTHS", (1.0,))
    monkeypatch.setattr(arm_features, "TABLE_LAYERS", ())
    monkeypatch.setattr("os.fsync", lambda file: None)
    # Figures take seconds; tests/report draws them.
    monkeypatch.setattr(FigureCall, "draw", lambda self, *arguments: Figure((1, 1)))
    monkeypatch.chdir(tmp_path)
    frame.to_csv("table.csv", index=False)
    other = frame.assign(case="E" + frame["case"], patient=frame["patient"] + 100)
    other[other.columns[::-1]].to_csv("other.csv.gz", index=False)
    return tmp_path


QUICK = ("--outer", "2x1", "--inner", "2", "--n-components", "2", "--jobs", "1")


def study(*arguments):
    return cli.main(["study", *arguments, *QUICK, "--output", "out"])


def summary(column="mean"):
    return pd.read_csv("out/summary.csv").set_index("arm")[column]


def test_clinical_columns_of_any_type(folder, capsys):
    arguments = ("table.csv", "--target", "outcome", "--id", "case", "--clinical")
    arms = ("--arms", "pca,clinical+pca,zero_rule", "--positive", "benign")
    assert study(*arguments, "age,sex,smoker", *arms) == 0
    found = summary()
    assert found["zero_rule"] == 0.5
    assert found["pca"] > 0.7
    out, err = capsys.readouterr()
    assert "36 samples of 36 patients; positive: benign" in " ".join(out.split())
    assert "dropped columns: 1 identifier (patient)" in err
    assert pd.read_csv("out/dropped_columns.csv")["column"].tolist() == ["patient"]
    predictions = pd.read_csv("out/predictions.csv", dtype={"sample": str})
    assert predictions["sample"].str.len().eq(3).all()


def test_numbers(folder):
    assert (
        study("table.csv", "--target", "size", "--id", "case", "--arms", "radiomics") == 0
    )
    results = pd.read_csv("out/results.csv")
    assert summary()["radiomics"] > 0.3
    assert len(results) == 2


def test_a_count_of_few_values_as_a_number(folder, capsys):
    frame = pd.read_csv("table.csv", dtype={"case": str})
    frame["count"] = np.round(2 * (frame["a"] - frame["a"].min())).clip(0, 8).astype(int)
    frame.to_csv("table.csv", index=False)
    arguments = ("table.csv", "--target", "count", "--id", "case", "--arms", "radiomics")
    as_number = ("--outcome", "number")
    assert cli.main(["check", *arguments, *as_number, *QUICK]) == 0
    assert "numbers from 0 to" in capsys.readouterr().out
    assert study(*arguments, *as_number) == 0
    assert 'outcome = "number"' in (folder / "out" / "study.toml").read_text()
    assert summary()["radiomics"] > 0.5
    assert set(summary("score")) == {"r2"}
    predictions = pd.read_csv("out/predictions.csv")
    assert set(predictions["y"]) <= set(range(9))
    assert (predictions["prediction"] % 1 != 0).any()


def test_two_numbers_have_no_positive_class(folder, capsys):
    frame = pd.read_csv("table.csv", dtype={"case": str})
    frame.assign(grade=np.arange(N) % 2).to_csv("table.csv", index=False)
    arguments = ("table.csv", "--target", "grade", "--id", "case", "--arms", "radiomics")
    assert study(*arguments, "--outcome", "number") == 0
    assert study(*arguments, "--outcome", "number", "--positive", "1") == 2
    assert "Got positive=1, but y holds numbers" in capsys.readouterr().err


def test_three_classes(folder):
    arguments = ("--target", "grade", "--id", "case", "--arms", "radiomics,zero_rule")
    assert study("table.csv", *arguments, "--scoring", "roc_auc_ovr,accuracy") == 0
    assert summary()["zero_rule"] == 0.5


def test_lesions_are_predicted_by_patient(folder):
    arguments = ("--target", "outcome", "--id", "case", "--group", "patient")
    more = ("--arms", "radiomics,autoencoder", "--aggregate", "max")
    assert study("table.csv", *arguments, *more, "--sections", "layer_map") == 0
    assert len(pd.read_csv("out/predictions.csv")) == 36
    assert list(pd.read_csv("out/layer_map.csv")["layer"]) == ["code"]


def test_forgotten_patients_are_asked_for(folder, capsys):
    assert study("table.csv", "--target", "outcome", "--id", "case", "--arms", "pca") == 0
    assert "'patient' has the same values in several rows" in capsys.readouterr().err


def test_another_cohort_and_a_manifest(folder, capsys):
    (folder / "cases.csv").write_text("case,Image\n000,x\n999,y\n")
    arguments = ("--target", "outcome", "--id", "case", "--arms", "pca,zero_rule")
    more = ("--external", "other.csv.gz", "--cases", "cases.csv")
    assert study("table.csv", *arguments, *more) == 0
    assert "external: 36 samples of 36 patients" in capsys.readouterr().out
    external = pd.read_csv("out/external_predictions.csv", dtype=str)
    assert set(external["sample"]) == {f"E{i:03d}" for i in range(N)}
    assert pd.read_csv("out/excluded_rows.csv", dtype=str).to_numpy().tolist() == [
        ["999", "not in the table"]
    ]


def test_a_whole_number_of_another_cohort_is_no_class(folder):
    frame = pd.read_csv("table.csv", dtype={"case": str})
    frame.assign(size=np.arange(N) + 0.5).to_csv("table.csv", index=False)
    few = frame.assign(case="E" + frame["case"], size=np.arange(N) % 3)
    few.to_csv("few.csv", index=False)
    arguments = ("--target", "size", "--id", "case", "--arms", "pca")
    assert study("table.csv", *arguments, "--external", "few.csv") == 0


def test_the_written_configuration_is_the_study(folder):
    arguments = ("--target", "outcome", "--id", "case", "--arms", "pca", "--seed", "3")
    assert study("table.csv", *arguments) == 0
    first = (folder / "out" / "results.csv").read_bytes()
    (folder / "out" / "study.toml").rename("again.toml")
    again = ("--config", "again.toml", "--output", "two", "--no-explain")
    assert cli.main(["study", *again]) == 0
    assert (folder / "out" / "importance.csv").exists()
    assert not (folder / "two" / "importance.csv").exists()
    assert (folder / "two" / "results.csv").read_bytes() == first
    assert (folder / "two" / "study.toml").read_bytes() == (
        folder / "again.toml"
    ).read_bytes()


@pytest.mark.filterwarnings("default")
def test_a_leak_is_said_in_plain_words(folder, capsys):
    frame = pd.read_csv("table.csv")
    frame["final"] = (frame["outcome"] == "malignant") * 2.0
    frame.to_csv("table.csv", index=False)
    assert study("table.csv", "--target", "outcome", "--id", "case", "--arms", "pca") == 0
    err = capsys.readouterr().err
    assert "skvae: A possible leak: the column 'final' alone has an AUC of 1.000" in err
    assert "Warning" not in err


def test_check(folder, capsys):
    arguments = ("table.csv", "--target", "outcome", "--id", "case", "--arms", "pca")
    assert cli.main(["check", *arguments, *QUICK]) == 0
    out = capsys.readouterr().out
    for expected in (
        "36 samples of 36 patients",
        "positive class is malignant",
        "(patient)",
    ):
        assert expected in out
    assert not (folder / "out").exists()


TABLE = ("table.csv", "--target", "outcome", "--id", "case")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no.csv", "--target", "y"), "Got data='no.csv', which is not a file."),
        (("table.csv",), "Got data='table.csv' without target"),
        (("table.csv", "--target", "Outcome"), "there is 'outcome'"),
        ((*TABLE, "--clinical", "age,outcome"), "clinical with 'outcome', which is the"),
        ((*TABLE, "--positive", "yes"), "positive='yes', expected one of two classes"),
        ((*TABLE, "--cases", "no.csv"), "Got cases='no.csv', which is not a file."),
        ((*TABLE, "--external", "no.csv"), "Got external='no.csv', which is not a file."),
        ((*TABLE, "--external", "bad.csv"), "external='bad.csv', of which: Got target="),
        ((*TABLE, "--external", "x.npz"), "expected two tables or two npz files"),
        ((*TABLE, "--external", "table.csv", "--arms", "pca"), "external with 36 patients"),
        ((*TABLE, "--arms", "foo"), "Got the arm 'foo', expected one of volume"),
        ((*TABLE, "--arms", "pca,pca"), "Got arms with 'pca' twice"),
        ((*TABLE, "--arms", "clinical"), "arms with 'clinical' without clinical"),
        ((*TABLE, "--arms", "volume"), "neither masks nor a column of volumes"),
        ((*TABLE, "--arms", "pca:ct"), "Got the arm 'pca:ct', but X has no blocks"),
        ((*TABLE, "--arms", "attri_vae"), "Got arms=['attri_vae'] and attributes=[]"),
        ((*TABLE, "--arms", "pca", "--layers", "mean"), "none of the arms pca has layers"),
        ((*TABLE, "--arms", "pca", "--scoring", "f2"), "Got scoring='f2', expected"),
        ((*TABLE, "--arms", "pca", "--aggregate", "x"), "Got aggregate='x'"),
        ((*TABLE, "--arms", "pca", "--threshold", "x"), "Got threshold='x'"),
        ((*TABLE, "--arms", "pca", "--reference", "x"), "Got reference='x'"),
        ((*TABLE, "--n-components", ","), "Got n_components=[]"),
        ((*TABLE, "--seed", "-1"), "Got seed=-1"),
        ((*TABLE, "--outer", "1x5"), "Got outer=[1, 5]"),
        ((*TABLE, "--inner", "1"), "Got inner=1"),
        ((*TABLE, "--config", "no.toml"), "Got config='no.toml', which is not a file."),
        ((*TABLE, "--output", "table.csv"), "Got output='table.csv', expected a folder"),
        (("x.npz",), "Got data='x.npz', expected an npz file of plain arrays: it is none"),
        (("x.npz", "--target", "y"), "Got target='y', which names columns of a table"),
        (("--cases", "table.csv"), "Got cases='table.csv', which names columns of a table"),
        (("lidc", "--external", "table.csv"), "external='table.csv' with data='lidc'"),
        (("table.csv", "--data", "x.npz"), "Got data twice"),
    ],
)
@pytest.mark.parametrize("command", ["study", "check"])
def test_what_is_wrong_is_one_sentence(folder, capsys, command, arguments, said):
    if command == "check" and "--output" in arguments:
        pytest.skip("a check writes nothing")
    (folder / "x.npz").write_text("none")
    (folder / "bad.csv").write_text("case,a\n1,2\n")
    options = ("--output", "out") if command == "study" else ()
    if "--output" in arguments:
        options = ()
    assert cli.main([command, "--jobs", "1", *options, *arguments]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("skvae: Got ")
    assert said in last
    assert not list(folder.glob("out/*.csv"))


def test_a_cluster_that_cannot_be_had_is_told(folder, capsys, monkeypatch):
    def silent(address, timeout):
        raise OSError(f"no answer of {address} within {timeout} s")

    arguments = ("table.csv", "--target", "outcome", "--id", "case", "--arms", "pca")
    for module, said in (
        (SimpleNamespace(Client=silent), "Got cluster='tcp://127.0.0.1:1', expected the"),
        (None, 'This needs distributed: pip install "skvae[cluster]"'),
    ):
        monkeypatch.setitem(sys.modules, "distributed", module)
        assert study(*arguments, "--cluster", "tcp://127.0.0.1:1", "--restart") == 2
        assert said in capsys.readouterr().err
        assert not (folder / "out" / "results.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--outer", "5by5"),
            "--outer: got '5by5', expected folds and repeats such as 5x5",
        ),
        (("--jobs", "0"), "--jobs: got '0', expected a number of at least 1"),
        (("--jobs", "all"), "--jobs: got 'all', expected a number of at least 1"),
        (("--seed", "x"), "--seed: invalid int value"),
        (("--quick", "--full"), "not allowed with argument"),
    ],
)
def test_what_cannot_be_parsed(capsys, arguments, said):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["study", "table.csv", *arguments])
    assert said in capsys.readouterr().err


def test_real_images_of_medmnist(real_data, folder, capsys):
    path = str(real_data / "pneumoniamnist" / "pneumoniamnist.npz")
    assert cli.main(["check", path, "--positive", "2", "--arms", "zero_rule"]) == 2
    assert "Got positive='2', but y has 0, 1" in capsys.readouterr().err
