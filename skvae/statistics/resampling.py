"""Rows in another order, and random halves of them, with respect for groups."""

from collections.abc import Callable

import numpy as np
from scipy.special import gammaln

# Fewer arrangements than these can reject nothing at a level of 5 %.
LEAST_ARRANGEMENTS = 20


def shuffled(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows in random order."""
    return rng.permutation(n)


def shuffled_within(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rows in random order within each group."""
    order = np.empty(len(group), dtype=np.intp)
    order[np.argsort(group, kind="stable")] = np.lexsort((rng.random(len(group)), group))
    return order


def shuffled_blocks(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rows with whole groups in exchanged places, among groups of a size."""
    rows = np.argsort(group, kind="stable")
    blocks = np.split(rows, np.flatnonzero(np.diff(group[rows])) + 1)
    sizes = np.array([len(block) for block in blocks])
    order = np.empty(len(group), dtype=np.intp)
    for size in np.unique(sizes):
        same = np.array([block for block in blocks if len(block) == size])
        order[same] = same[rng.permutation(len(same))]
    return order


def check_exchangeable(group: np.ndarray) -> None:
    """Raise if too few groups have as many rows as another.

    Raises
    ------
    ValueError
        If whole groups can be exchanged in fewer than 20 ways.
    """
    _, n_rows = np.unique(group, return_counts=True)
    _, n_alike = np.unique(n_rows, return_counts=True)
    if gammaln(n_alike + 1).sum() < np.log(LEAST_ARRANGEMENTS):
        raise ValueError(
            "Got grouping='blocks', but hardly any groups have the same number of rows, so "
            "that they cannot be exchanged; expected grouping='mean' or 'within'."
        )


def random_half(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of a random half of the groups."""
    names = np.unique(group)
    return np.flatnonzero(np.isin(group, rng.permutation(names)[: len(names) // 2]))


def half_sample_interval(
    value: np.ndarray,
    compute: Callable[[np.ndarray], np.ndarray],
    group: np.ndarray,
    n_bootstraps: int,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds around a value from how it varies over random halves of the groups.

    Over halves drawn without replacement, a mean varies as much as over bootstrap samples
    of the whole, but no row is drawn twice: ties would look like information. Since many
    statistics change with the number of rows, the spread alone is taken from the halves.
    Politis, Romano & Wolf (1999), Subsampling.

    Parameters
    ----------
    value : ndarray
        The statistics of all rows.
    compute : callable
        Takes numbers of rows, returns the statistics of these.
    group : ndarray of int, shape (n_rows,)
        Group of each row.
    n_bootstraps : int
        Number of halves.
    confidence : float
        Coverage.
    rng : numpy.random.Generator
        Draws the halves.

    Returns
    -------
    low, high : ndarray
        Of the shape of value; NaN where no half had a value.
    """
    halves = np.array([compute(random_half(group, rng)) for _ in range(n_bootstraps)])
    known = ~np.isnan(halves)
    count = known.sum(axis=0)
    mean = np.where(known, halves, 0).sum(axis=0) / np.where(count > 0, count, np.nan)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    halves = np.where(count > 0, halves, 0)  # nanquantile warns of columns without values
    low, high = np.nanquantile(halves, tails, axis=0) - mean
    return value + low, value + high
