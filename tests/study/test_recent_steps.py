import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvae.study.recent_steps import RecentSteps

X, Y = load_breast_cancer(return_X_y=True)
GRID = {"logisticregression__C": [0.1, 1.0], "pca__n_components": [2, 3]}


def search(memory, *steps):
    model = LogisticRegression(max_iter=1000)
    pipeline = make_pipeline(StandardScaler(), *steps, PCA(), model, memory=memory)
    return GridSearchCV(pipeline, GRID, cv=3).fit(X, Y)


def test_a_search_has_the_scores_of_one_without_a_memory():
    memory = RecentSteps()
    found, expected = search(memory), search(None)
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    # On each of 3 parts and on the whole a scaling; PCA of two sizes, and of the best.
    assert memory.n_computed == 4 + 3 * 2 + 1
    search(memory)
    assert memory.n_computed == 11


def test_what_decides_a_result_is_told_apart():
    memory = RecentSteps()
    called = memory.cache(lambda *args, **kwargs: (args, kwargs), ignore=["caller"])
    assert called(1) == ((1,), {})  # a lambda does not pickle: no memory, no error
    assert memory.n_computed == 0
    summed = memory.cache(np.sum, ignore=["out"])
    rows = np.arange(12.0).reshape(3, 4)
    for given in (rows, rows.astype(np.float32), rows.T, rows + 1, rows.ravel()):
        assert summed(given) == given.sum()
    assert summed(rows, axis=1).tolist() == rows.sum(axis=1).tolist()
    assert summed(rows, axis=1, out=None).tolist() == rows.sum(axis=1).tolist()
    assert memory.n_computed == 6
    rows[0, 0] = 100
    assert summed(rows) == rows.sum()


def test_the_oldest_go_where_there_are_many():
    memory = RecentSteps(most_bytes=30_000)
    ones = memory.cache(np.ones)
    for n in (1000, 1001, 1002, 1000, 1003):  # 8 kB each
        ones(n)
    assert memory.n_computed == 4
    ones(1000)
    assert memory.n_computed == 4
    ones(1001)
    assert memory.n_computed == 5
    ones(10_000)  # more than all: returned, and not kept
    ones(10_000)
    assert memory.n_computed == 7


def test_copies_are_the_same_memory_and_other_processes_begin_anew():
    memory = RecentSteps(1000)
    pipeline = make_pipeline(StandardScaler(), PCA(2), memory=memory)
    assert clone(pipeline).memory is memory
    memory.cache(np.ones)(3)
    other = pickle.loads(pickle.dumps(memory))
    assert (other.n_computed, other.most_bytes) == (0, 1000)
    assert repr(pipeline.memory) == "RecentSteps()"


def test_threads_may_share_it():
    memory = RecentSteps(most_bytes=20_000)
    arange = memory.cache(np.arange)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(arange, list(range(50)) * 20))
    for n, each in zip(list(range(50)) * 20, found, strict=True):
        assert each.tolist() == list(range(n))


def test_an_error_is_raised_each_time():
    memory = RecentSteps()
    pipeline = make_pipeline(FunctionTransformer(np.linalg.inv), PCA(1), memory=memory)
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError):
            pipeline.fit(np.ones((3, 3)))
