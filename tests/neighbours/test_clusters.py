"""Searches and studies on the workers of a cluster: the scores of one process."""

import sys
from pathlib import Path

import joblib
import joblib.pool
import numpy as np
import pandas as pd
import pytest
from dying_steps import DyingStep
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skvae import VAEFeatureExtractor
from skvae.cli import main
from skvae.datasets import LazyRows
from skvae.study import nested_cv

pytestmark = [
    pytest.mark.nightly,
    # Of the libraries themselves, which start and end processes and sockets.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 8)).astype(np.float32)
Y = (X[:, 0] + RNG.normal(size=60) > 0).astype(int)
VAE = VAEFeatureExtractor(3, max_iter=2, random_state=0, n_threads=1)
GRID = {"vaefeatureextractor__beta": [0.5, 1.0]}


def study(X, first=None, **options):
    """Return the scores of two arms, of which one may begin with a further step."""
    plain = make_pipeline(first, LogisticRegression())
    arms = {"plain": plain, "vae": (make_pipeline(VAE, LogisticRegression()), GRID)}
    options = {"outer": (3, 1), "inner": 2, "reference": "plain"} | options
    return nested_cv(arms, X, Y, **options).scores[["arm", "fold", "score"]]


def deaths(folder):
    """Return how many fits of the dying step there were, and in how many processes."""
    fits = (folder / "fits").read_text().splitlines()
    return len(fits), len(set(fits))


@pytest.fixture(scope="module")
def dask_client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def ray_backend():
    ray = pytest.importorskip("ray")
    register = pytest.importorskip("ray.util.joblib").register_ray
    ray.init(num_cpus=2, include_dashboard=False, configure_logging=False)
    register()
    bases = joblib.pool.PicklingPool.__bases__
    yield
    ray.shutdown()
    # Once it has run, ray's pool is that of joblib's own processes as well.
    joblib.pool.PicklingPool.__bases__ = bases


@pytest.fixture(params=["dask", "ray"])
def cluster(request):
    request.getfixturevalue({"dask": "dask_client", "ray": "ray_backend"}[request.param])
    with joblib.parallel_config(request.param):
        yield request.param


def grid_search(X):
    return GridSearchCV(make_pipeline(VAE, LogisticRegression()), GRID, cv=3).fit(X, Y)


def test_a_search_has_the_scores_of_one_process(cluster):
    with joblib.parallel_config("sequential"):
        expected = grid_search(X).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(grid_search(X).cv_results_["mean_test_score"], expected)


@pytest.mark.parametrize("lazily", [False, True])
def test_a_study_has_the_scores_of_one_process(cluster, tmp_path, lazily):
    with joblib.parallel_config("sequential"):
        expected = study(X, "passthrough")
    np.save(tmp_path / "X.npy", X)
    rows = LazyRows(tmp_path / "X.npy") if lazily else X
    found = study(rows, "passthrough", n_jobs=2)
    assert found.to_dict() == expected.to_dict()


def test_a_killed_worker_costs_its_task_alone(dask_client, tmp_path):
    expected = study(X, "passthrough")
    with joblib.parallel_config("dask"):
        found = study(X, DyingStep(tmp_path, 1), n_jobs=2)
    assert found.to_dict() == expected.to_dict()
    # Three folds and the one that was lost, of which no other was repeated.
    assert deaths(tmp_path)[0] == 4


def test_a_task_whose_workers_keep_dying_ends_the_study(dask_client, tmp_path):
    """On dask, joblib is not told of it, and would wait without end."""
    with joblib.parallel_config("dask"), pytest.raises(TimeoutError):
        study(X, DyingStep(tmp_path, 1000), n_jobs=2, task_timeout=20)


def test_the_command_computes_on_a_cluster(dask_client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(8)])
    frame.assign(grade=Y, patient=np.arange(60)).to_csv("cases.csv", index=False)
    options = ["--target", "grade", "--group", "patient", "--arms", "pca,vae", "--quick"]
    options += ["--outer", "3x1", "--layers", "mean"]
    address = dask_client.scheduler.address
    here, there = ["--output", "here", "--jobs", "1"], ["--output", "there"]
    there += ["--cluster", address, "--task-timeout", "300"]
    for arguments in (here, there):
        assert main(["study", "cases.csv", *options, *arguments]) == 0
    for name in ("results.csv", "predictions.csv"):
        assert Path("here", name).read_bytes() == Path("there", name).read_bytes()
    assert sum(dask_client.run(lambda: "skvae.training.fitting" in sys.modules).values())
