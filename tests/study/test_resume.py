import json
import os
import signal
import subprocess
import sys
import time
import warnings

import killed_study
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvae.study import nested_cv
from skvae.study.checkpoints import Checkpoints, UnfinishedStudyError

SCRIPT = killed_study.__file__
SAME = ("results.csv", "predictions.csv", "summary.csv")


def run(folder, resume, jobs):
    # A session of its own, so that all its workers can be killed with it.
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", SCRIPT, str(folder), resume, str(jobs)],
        start_new_session=True,
        stderr=subprocess.PIPE,
    )


def finished(folder, resume, jobs=1):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        killed_study.study(folder, resume == "resume", jobs)
    return [(folder / name).read_bytes() for name in SAME]


def killed(folder, resume, n_finished):
    """Kill a study once so many fits are on disk; return how many there are then."""
    process = run(folder, resume, 1)
    checkpoints = Checkpoints(folder)
    while process.poll() is None and len(checkpoints.finished()) < n_finished:
        time.sleep(0.01)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return len(checkpoints.finished())


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("whole"), "new")


def test_a_killed_study_goes_on_to_the_same_bytes(uninterrupted, tmp_path):
    done = killed(tmp_path, "new", 2)
    assert 2 <= done < 6
    assert finished(tmp_path, "resume") == uninterrupted
    assert not (tmp_path / "networks").exists()


@pytest.mark.nightly
def test_twenty_kills_at_random_times(uninterrupted, tmp_path):
    rng = np.random.default_rng(0)
    n_cut = 0
    for i in range(20):
        folder = tmp_path / str(i)
        process = run(folder, "new", 2)
        time.sleep(rng.uniform(2, 14))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            n_cut += 1
        process.communicate()
        going_on = "resume" if folder.exists() else "new"
        assert finished(folder, going_on, jobs=2) == uninterrupted
    assert n_cut > 10


@pytest.fixture
def study(cohort):
    X, y, groups = cohort
    raw = make_pipeline(StandardScaler(), LogisticRegression())

    def study(folder, changed=None, **options):
        given = {"arms": {"raw": (raw, {"logisticregression__C": [0.1, 1.0]})}}
        given |= {"X": X, "y": y, "groups": groups, "reference": "raw"} | (changed or {})
        return nested_cv(
            given.pop("arms"),
            given.pop("X"),
            given.pop("y"),
            folder=folder,
            **given,
            **options,
        )

    return study


def test_what_is_on_disk_is_not_fitted_again(study, tmp_path, monkeypatch):
    first = study(tmp_path)

    def fit(*args, **options):
        raise AssertionError("fitted again")

    monkeypatch.setattr(LogisticRegression, "fit", fit)
    again = study(tmp_path, resume=True)
    for name in ("scores", "predictions", "timings"):
        pd.testing.assert_frame_equal(
            getattr(first, name), getattr(again, name), check_exact=True
        )


def test_a_folder_makes_no_difference(study, tmp_path):
    kept, free = study(tmp_path), study(None)
    pd.testing.assert_frame_equal(kept.scores, free.scores, check_exact=True)
    pd.testing.assert_frame_equal(kept.predictions, free.predictions, check_exact=True)


def changed_x(cohort):
    X = cohort[0].copy()
    X[3, 2] += 1e-9
    return X


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("X", lambda cohort: changed_x(cohort)),
        ("y", lambda cohort: np.roll(cohort[1], 1)),
        ("groups", lambda cohort: np.char.add(cohort[2], "x")),
        ("arms['raw']", lambda cohort: {"raw": (LogisticRegression(), {"C": [0.1, 1.0]})}),
        ("outer", lambda cohort: (4, 1)),
        ("inner", lambda cohort: 4),
        ("scoring", lambda cohort: "accuracy"),
        ("random_state", lambda cohort: 7),
        ("threshold", lambda cohort: "youden"),
    ],
)
def test_a_change_is_named(study, cohort, tmp_path, name, change):
    study(tmp_path)
    given = {name.partition("[")[0]: change(cohort)}
    with pytest.raises(ValueError, match="there is a change of") as caught:
        study(tmp_path, given, resume=True)
    assert f" {name}" in str(caught.value)


def double(X):
    return 2 * X


def test_an_edited_step_is_a_change(study, tmp_path, monkeypatch):
    arms = {"raw": make_pipeline(FunctionTransformer(double), LogisticRegression())}
    study(tmp_path, {"arms": arms})
    study(tmp_path, {"arms": arms}, resume=True)
    monkeypatch.setattr(double, "__code__", (lambda X: 3 * X).__code__)
    with pytest.raises(ValueError, match=r"a change of arms\['raw'\]"):
        study(tmp_path, {"arms": arms}, resume=True)


def test_another_version_is_a_change(study, tmp_path):
    study(tmp_path)
    identity = tmp_path / "checkpoints" / "study.json"
    found = json.loads(identity.read_text())
    identity.write_text(json.dumps(found | {"the version of numpy": "0.1"}))
    with pytest.raises(ValueError, match="a change of the version of numpy"):
        study(tmp_path, resume=True)


def test_an_unfinished_study_is_not_lost_without_a_word(study, tmp_path):
    study(tmp_path)
    first, *others = Checkpoints(tmp_path).finished()
    first.unlink()
    with pytest.raises(UnfinishedStudyError, match="unfinished study with 4 fits"):
        study(tmp_path)
    assert Checkpoints(tmp_path).finished() == others
    Checkpoints(tmp_path).clear()
    study(tmp_path)


def test_a_finished_study_is_replaced(study, tmp_path):
    study(tmp_path)
    assert len(study(tmp_path, {"outer": (4, 1)}).scores) == 4


def test_a_damaged_checkpoint_is_named(study, tmp_path):
    study(tmp_path)
    path = Checkpoints(tmp_path).finished()[2]
    path.write_text(path.read_text()[:100])
    with pytest.raises(ValueError, match=f"{path.name}.*damaged"):
        study(tmp_path, resume=True)


@pytest.mark.parametrize("name", ["a/b", "..", "naïve %", "A" * 60])
def test_any_name_of_an_arm_is_a_file(study, tmp_path, name):
    arms = {name: LogisticRegression()}
    first = study(tmp_path, {"arms": arms, "reference": name})
    again = study(tmp_path, {"arms": arms, "reference": name}, resume=True)
    assert set(again.scores["arm"]) == {name}
    pd.testing.assert_frame_equal(first.scores, again.scores)
    assert not list(tmp_path.parent.glob("*.json"))
