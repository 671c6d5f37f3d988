import numpy as np
import pytest
from scipy.stats import spearmanr

from skvae.statistics import column_clusters
from skvae.statistics.column_clusters import correlated_columns


def test_columns_go_together_whatever_their_sign_and_scale():
    rng = np.random.default_rng(0)
    parents = rng.normal(size=(3, 200))
    columns = [
        s * np.exp(p / 9) + 0.02 * rng.normal(size=200) for p in parents for s in (1, -5)
    ]
    table = np.column_stack([*columns, np.full(200, 3.0)])
    found = [sorted(cluster) for cluster in correlated_columns(table)]
    assert sorted(found) == [[0, 1], [2, 3], [4, 5]]


def test_no_more_clusters_than_asked_for_and_each_column_once():
    table = np.random.default_rng(0).normal(size=(80, 50))
    found = correlated_columns(table, most=12)
    assert len(found) <= 12
    assert sorted(np.concatenate(found)) == list(range(50))
    assert [len(c) for c in found] == sorted((len(c) for c in found), reverse=True)


def test_the_first_of_a_cluster_is_the_most_typical():
    rng = np.random.default_rng(1)
    middle = rng.normal(size=300)
    table = np.column_stack([middle + s * rng.normal(size=300) for s in (0.5, 0.05, 0.6)])
    (cluster,) = correlated_columns(table, distance=0.6)
    rho = np.abs(spearmanr(table).statistic).mean(axis=1)
    assert cluster[0] == rho.argmax()


@pytest.mark.filterwarnings("error")
def test_missing_and_infinite_values_are_no_obstacle():
    table = np.random.default_rng(0).normal(size=(40, 4))
    table[:3, 0], table[5, 1], table[:, 2] = np.nan, np.inf, np.nan
    assert sorted(np.concatenate(correlated_columns(table))) == [0, 1, 3]
    assert correlated_columns(np.empty((5, 0))) == []


def test_columns_beyond_the_limit_are_one_cluster(monkeypatch):
    monkeypatch.setattr(column_clusters, "MOST_COLUMNS", 5)
    found = correlated_columns(np.random.default_rng(0).normal(size=(30, 9)), most=4)
    assert list(found[-1]) == [5, 6, 7, 8]
    assert len(found) <= 4
