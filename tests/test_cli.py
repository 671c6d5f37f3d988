import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skvae import cli
from skvae.report.figure_calls import FigureCall
from skvae.study import run_study
from skvae.study.configuration import StudyConfig


@pytest.fixture
def quick_arms(monkeypatch):
    """Replace the default arms, which train networks, by two that take no time."""
    asked = {}

    def arms(X, names, **options):
        asked.update(options)
        raw = LogisticRegression()
        return {
            "pca": make_pipeline(PCA(1), LogisticRegression()),
            "raw": (raw, {"C": [0.1, 1]}),
        }

    monkeypatch.setattr(run_study, "default_arms", arms)
    # Figures take seconds; tests/report draws them.
    monkeypatch.setattr(FigureCall, "draw", lambda self, *arguments: Figure((1, 1)))
    return asked


@pytest.fixture
def npz(tmp_path):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 2)
    y = groups % 2
    X = rng.normal(size=(80, 5)) + y[:, None]
    path = tmp_path / "mine.npz"
    np.savez(path, X=X, y=y, groups=groups)
    return path


def run(npz, output, *more):
    return cli.main(["study", "--data", str(npz), "--output", str(output), *more])


@pytest.mark.parametrize(
    ("outer", "n_folds"),
    [(("--outer", "5x1"), 5), pytest.param((), 25, marks=pytest.mark.nightly)],
    ids=["brief", "default"],
)
def test_study_of_a_file(outer, n_folds, quick_arms, npz, tmp_path, capsys):
    output = tmp_path / "out"
    assert StudyConfig.of({"data": str(npz)}).outer == (5, 5)
    assert run(npz, output, "--jobs", "1", "--seed", "3", "--full", *outer) == 0
    assert {path.name for path in output.iterdir()} == {
        "results.csv",
        "predictions.csv",
        "summary.csv",
        "timings.csv",
        "study.toml",
        "checkpoints",
        "report.html",
        "figures",
        "methods.md",
        "provenance.json",
        "clear.md",
        "metrics.md",
        "tripod_ai.md",
        "importance.csv",
        "learning_curve.csv",
    }
    n_repeats = 1 if outer else 5
    assert len(pd.read_csv(output / "results.csv")) == 2 * n_folds
    assert len(pd.read_csv(output / "predictions.csv")) == 2 * 80 * n_repeats
    out, err = capsys.readouterr()
    for expected in ("80 samples of 40 patients", "reference", "arm", str(output)):
        assert expected in out
    assert re.search(r"(No arm differs|At Holm-corrected)", out)
    assert f"{2 * n_folds}/{2 * n_folds}" in err
    assert quick_arms["full"]
    assert quick_arms["random_state"] == 3


def test_seed_decides_and_jobs_do_not(quick_arms, npz, tmp_path, capsys):
    tables = []
    for name, seed, jobs in (("a", "1", "1"), ("b", "1", "2"), ("c", "2", "1")):
        assert run(npz, tmp_path / name, "--quick", "--seed", seed, "--jobs", jobs) == 0
        tables.append(pd.read_csv(tmp_path / name / "results.csv"))
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not tables[0].equals(tables[2])


def test_bad_data_is_told_and_nothing_is_written(tmp_path, capsys):
    path = tmp_path / "bad.npz"
    np.savez(path, X=np.zeros((3, 2)))
    assert run(path, tmp_path / "out") == 2
    assert "without y, groups" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_interrupt_is_no_traceback(npz, tmp_path, monkeypatch, capsys):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_study, "default_arms", interrupted)
    assert run(npz, tmp_path / "out") == 130
    assert "interrupted" in capsys.readouterr().err


def test_version_and_help(capsys):
    for argument, expected in (("--version", "skvae 0."), ("--help", "study")):
        with pytest.raises(SystemExit) as stop:
            cli.main([argument])
        assert stop.value.code == 0
        assert expected in capsys.readouterr().out
    assert cli.main([]) == 2


def test_the_package_is_a_command():
    command = [sys.executable, "-m", "skvae", "study", "--data", "no_such_file.npz"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("skvae: ")
    assert "no_such_file.npz" in done.stderr


def test_the_command_answers_without_heavy_imports():
    heavy = "torch pandas matplotlib sklearn numpy"
    code = (
        "import sys, skvae.cli\n"
        "try: skvae.cli.main(['--version'])\n"
        "except SystemExit: pass\n"
        f"assert not [m for m in '{heavy}'.split() if m in sys.modules], 'heavy'\n"
        "import skvae.study\n"
        "assert not [m for m in ('torch', 'matplotlib') if m in sys.modules], 'study'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
