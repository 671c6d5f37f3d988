"""Workers of other libraries compute the same bits."""

from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone

from skvae import VAEFeatureExtractor

pytestmark = [
    pytest.mark.nightly,
    # Of the libraries themselves, which start and end processes and sockets.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

X = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
VAE = VAEFeatureExtractor(3, max_iter=2, random_state=0, n_threads=1)


def fitted_features(_):
    return clone(VAE).fit_transform(X)


def same(results):
    expected = fitted_features(None)
    for features in results:
        np.testing.assert_array_equal(features, expected)


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib(backend):
    same(Parallel(n_jobs=2, backend=backend)(delayed(fitted_features)(i) for i in range(4)))


def test_threads_read_one_estimator():
    vae = clone(VAE).fit(X)
    with ThreadPoolExecutor(4) as pool:
        same(pool.map(vae.transform, [X] * 20))


def test_dask_as_a_backend_of_joblib():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.Client(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ),
        joblib.parallel_config("dask"),
    ):
        same(Parallel()(delayed(fitted_features)(i) for i in range(2)))


def test_ray():
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=1, include_dashboard=False, configure_logging=False)
    try:
        vae = ray.put(clone(VAE).fit(X))
        read = ray.remote(lambda estimator: estimator.transform(X))
        same(ray.get([read.remote(vae) for _ in range(2)], timeout=120))
    finally:
        ray.shutdown()
