"""Columns of a table that go together, as clusters."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

__all__ = ["MOST_COLUMNS", "correlated_columns"]

# All pairs of more columns than these would take seconds and gigabytes.
MOST_COLUMNS = 2000


def correlated_columns(
    values: Any, *, distance: float = 0.3, most: int = 30
) -> list[NDArray[np.intp]]:
    """Put columns that are correlated together: average linkage on 1 - |Spearman's rho|.

    Parameters
    ----------
    values : array-like of shape (n_samples, n_columns)
        Numbers; missing ones, NaN, stand where the median of their column is.
    distance : float, default=0.3
        Mean distance below which two clusters become one.
    most : int, default=30
        Number of clusters; of more, the closest become one, however far they are.

    Returns
    -------
    list of ndarray of int
        The columns of each cluster, its most typical one first: that with the largest mean
        correlation. Large clusters come first, constant columns are in none. Of more than
        2,000 varying columns, those beyond are one cluster, the last.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.statistics.column_clusters import correlated_columns
    >>> a, b = np.random.default_rng(0).normal(size=(2, 50))
    >>> table = np.column_stack([a, b, -a, np.ones(50), a**3])
    >>> [[int(column) for column in cluster] for cluster in correlated_columns(table)]
    [[0, 2, 4], [1]]
    """
    values = _filled(np.asarray(values, dtype=np.float64))
    varying = np.flatnonzero(np.ptp(values, axis=0) > 0) if len(values) else []
    near, beyond = varying[:MOST_COLUMNS], varying[MOST_COLUMNS:]
    if len(beyond):
        most -= 1
    clusters = _clusters(values, near, distance, most)
    clusters.sort(key=lambda cluster: -len(cluster))  # stable: ties as in the table
    return [*clusters, beyond] if len(beyond) else clusters


def _clusters(
    values: NDArray[Any], columns: NDArray[np.intp], distance: float, most: int
) -> list[NDArray[np.intp]]:
    if len(columns) < 2:
        return [columns] if len(columns) else []
    ranks = rankdata(values[:, columns], axis=0)
    rho = np.abs(np.corrcoef(ranks, rowvar=False))
    apart = np.clip(1 - rho, 0, 1)
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(apart, checks=False), "average")
    label = fcluster(tree, distance, "distance")
    if label.max() > most:
        label = fcluster(tree, most, "maxclust")
    clusters = []
    for name in dict.fromkeys(label.tolist()):
        inside = np.flatnonzero(label == name)
        typical = np.argsort(-rho[np.ix_(inside, inside)].mean(axis=1), kind="stable")
        first = inside[typical[0]]
        clusters.append(columns[[first, *(k for k in inside if k != first)]])
    return clusters


def _filled(values: NDArray[Any]) -> NDArray[Any]:
    values = np.where(np.isfinite(values), values, np.nan)
    known = np.isfinite(values).any(axis=0)
    middle = np.zeros(values.shape[1])
    middle[known] = np.nanmedian(values[:, known], axis=0)
    return np.where(np.isnan(values), middle, values)
