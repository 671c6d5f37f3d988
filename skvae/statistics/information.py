"""Mutual information of many units with one attribute, in the ways that scores know.

All three estimates are biased, each in its own way; see `mutual_information_gap`.
"""

from functools import lru_cache

import numpy as np
from scipy.special import entr, xlogy
from scipy.stats import hypergeom
from sklearn.feature_selection import mutual_info_regression

ESTIMATORS = ("adjusted", "ksg", "histogram")
QUANTILE_BINS = 10
HISTOGRAM_BINS = 20


def mutual_information(
    Z: np.ndarray, attribute: np.ndarray, estimator: str, seed: int = 0
) -> np.ndarray:
    """Return the mutual information of each column of Z with an attribute.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_units)
        The units.
    attribute : ndarray of shape (n_samples,)
        The attribute, without missing values.
    estimator : {"adjusted", "ksg", "histogram"}
        ``"adjusted"``: adjusted for chance, between 10 bins of equal counts; a share, a
        little below zero as often as above by chance (Vinh, Epps & Bailey, 2010).
        ``"ksg"``: from the three nearest neighbours, in nats (Kraskov, Stögbauer &
        Grassberger, 2004).
        ``"histogram"``: between 20 bins of equal width, in nats.
    seed : int, default=0
        Of the tiny noise with which ``"ksg"`` breaks ties.

    Returns
    -------
    information : ndarray of shape (n_units,)
        The estimates.
    """
    if estimator == "ksg":
        return mutual_info_regression(
            Z, attribute, discrete_features=False, random_state=seed
        )
    if estimator == "adjusted":
        classes = quantile_bins(attribute[:, None])[:, 0]
        return adjusted_information(quantile_bins(Z), classes)
    return binned_information(equal_bins(Z), _classes(attribute))


def entropy(attribute: np.ndarray, estimator: str, seed: int = 0) -> float:
    """Return what an estimate of the information would be for a perfect unit.

    The entropy of the bins for ``"histogram"``; for ``"ksg"`` the information of the
    attribute with itself, as in Pati & Lerch (2021); 1 for ``"adjusted"``.
    """
    if estimator == "adjusted":
        return 1.0
    if estimator == "histogram":
        return float(entr(np.bincount(_classes(attribute)) / len(attribute)).sum())
    return float(mutual_information(attribute[:, None], attribute, estimator, seed)[0])


def quantile_bins(X: np.ndarray, n_bins: int = QUANTILE_BINS) -> np.ndarray:
    """Return the number of each entry's bin; columns of few values keep their values."""
    edges = np.quantile(X, np.linspace(0, 1, n_bins + 1)[1:-1], axis=0)
    bins = (edges[:, None] <= X).sum(axis=0)
    n_values = 1 + np.count_nonzero(np.diff(np.sort(X, axis=0), axis=0), axis=0)
    for j in np.flatnonzero(n_values <= n_bins):
        bins[:, j] = np.unique(X[:, j], return_inverse=True)[1]
    return bins


def equal_bins(X: np.ndarray, n_bins: int = HISTOGRAM_BINS) -> np.ndarray:
    """Return the number of each entry's bin of equal width, over each column's range."""
    low, high = X.min(axis=0), X.max(axis=0)
    width = np.where(high > low, high - low, 1)
    return np.minimum(((X - low) / width * n_bins).astype(np.intp), n_bins - 1)


def _classes(attribute: np.ndarray) -> np.ndarray:
    values, classes = np.unique(attribute, return_inverse=True)
    if len(values) <= HISTOGRAM_BINS:
        return classes
    return equal_bins(attribute[:, None])[:, 0]


def one_hot(bins: np.ndarray) -> np.ndarray:
    """Return indicators of each column's bins, shape (n_samples, n_columns * n_bins)."""
    n, d = bins.shape
    n_bins = int(bins.max()) + 1
    # Counts below 2 ** 24 are exact in single precision, whose products are faster.
    indicators = np.zeros((n, d * n_bins), dtype=np.float32)
    indicators[np.arange(n)[:, None], np.arange(d) * n_bins + bins] = 1
    return indicators


def contingencies(bins: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return how often each bin of each column meets each class: (column, bin, class)."""
    counts = one_hot(bins).T @ one_hot(classes[:, None])
    return counts.reshape(bins.shape[1], -1, counts.shape[1]).astype(np.float64)


def binned_information(bins: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the mutual information in nats of each column of bins with some classes."""
    return information_of_counts(contingencies(bins, classes))


def information_of_counts(counts: np.ndarray) -> np.ndarray:
    r"""Return :math:`\sum_{ij} p_{ij} \log(p_{ij} / p_i p_j)` over the last two axes."""
    share = counts / counts.sum(axis=(-2, -1), keepdims=True, dtype=np.float64)
    rows, columns = share.sum(axis=-1), share.sum(axis=-2)
    joint = xlogy(share, share).sum(axis=(-2, -1))
    return joint + entr(rows).sum(axis=-1) + entr(columns).sum(axis=-1)


def adjusted_information(bins: np.ndarray, classes: np.ndarray) -> np.ndarray:
    r"""Return the adjusted mutual information of each column of bins with some classes.

    .. math::
        \frac{I - \mathrm{E}\,I}{(H_\mathrm{bins} + H_\mathrm{classes}) / 2
        - \mathrm{E}\,I}

    with the expectation over all pairings of the same bins and classes: 0 for a column
    that knows nothing, 1 for one that knows all. Vinh, Epps & Bailey (2010), Information
    theoretic measures for clusterings comparison.
    """
    counts = contingencies(bins, classes)
    information, expected = information_of_counts(counts), expected_information_of(counts)
    n = len(classes)
    row_counts, column_counts = counts.sum(axis=2), counts[0].sum(axis=0)
    most = (entr(row_counts / n).sum(axis=1) + entr(column_counts / n).sum()) / 2 - expected
    constant = (np.count_nonzero(row_counts, axis=1) < 2) | (most <= 0)
    return np.where(constant, 0, (information - expected) / np.where(constant, 1, most))


def expected_information_of(counts: np.ndarray) -> np.ndarray:
    """Return the mean information over all tables with the margins of each table."""
    columns = _counted(counts[0].sum(axis=0))
    # Most units have the same margins: bins of equal counts.
    margins, which = np.unique(
        np.sort(counts.sum(axis=2), axis=1), axis=0, return_inverse=True
    )
    return np.array([expected_information(_counted(rows), columns) for rows in margins])[
        which.ravel()
    ]


def _counted(margin: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Return the sizes in a margin and how often each occurs: bins of a size are equal."""
    sizes, times = np.unique(margin[margin > 0].astype(np.intp), return_counts=True)
    return tuple(zip(sizes.tolist(), times.tolist(), strict=True))


@lru_cache(maxsize=4096)
def expected_information(
    rows: tuple[tuple[int, int], ...], columns: tuple[tuple[int, int], ...]
) -> float:
    """Return the mean information, in nats, over all pairings with the same margins.

    Each margin is a tuple of (size, how often).
    """
    n = sum(size * times for size, times in rows)
    total = 0.0
    for a, times_a in rows:
        for b, times_b in columns:
            both = np.arange(max(1, a + b - n), min(a, b) + 1)
            terms = both / n * np.log(n * both / (a * b)) * hypergeom.pmf(both, n, a, b)
            total += times_a * times_b * terms.sum()
    return float(total)
