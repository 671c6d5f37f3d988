"""Ways in which a column of a code can go with an attribute, each with its test.

A pairing holds prepared units and attributes of the same complete rows. Its statistic can
be computed again for rows of the attributes in another order, which is all that a
permutation test needs; what depends on the rows alone, such as ranks, is done once.
"""

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import xlogy
from scipy.stats import chi2, norm, rankdata
from scipy.stats import t as student

from skvae.statistics.information import (
    expected_information_of,
    information_of_counts,
    one_hot,
    quantile_bins,
)


class Pairing(ABC):
    """Units and attributes, both prepared: rows are samples."""

    units: np.ndarray
    attributes: np.ndarray
    limits = (-1.0, 1.0)

    @abstractmethod
    def statistic(self, order: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the statistic, shape (n_units, n_attributes), for an order of rows."""

    def extremity(self, statistic: np.ndarray) -> np.ndarray:
        """Return how far a statistic is from chance, the same for all pairs."""
        return statistic

    def p_value(self, statistic: np.ndarray) -> np.ndarray | None:
        """Return the p-value for independent rows, where a distribution is known."""
        return None

    def interval(self, statistic: np.ndarray, confidence: float) -> np.ndarray | None:
        """Return both bounds for independent rows, where a formula is known."""
        return None


class Correlation(Pairing):
    """Pearson's or Spearman's correlation, of what controls and groups do not explain.

    Parameters
    ----------
    Z, A : ndarray of shape (n_rows, n_units) and (n_rows, n_attributes)
        Units and attributes.
    control : ndarray of shape (n_rows, n_controls)
        What is held constant; of its ranks, where those are correlated.
    within : ndarray of int, shape (n_rows,), or None
        Groups whose means are held constant too.
    ranked : bool
        Whether to correlate ranks.
    """

    def __init__(
        self,
        Z: np.ndarray,
        A: np.ndarray,
        control: np.ndarray,
        within: np.ndarray | None,
        *,
        ranked: bool,
    ) -> None:
        self.ranked = ranked
        group = np.zeros(len(Z), dtype=np.intp) if within is None else within
        control = _centred(control, group, ranked)
        basis, singular, _ = np.linalg.svd(control, full_matrices=False)
        basis = basis[:, singular > 1e-10 * max(1, singular.max(initial=0))]
        self.units = _residuals(_centred(Z, group, ranked), basis)
        self.attributes = _residuals(_centred(A, group, ranked), basis)
        self.df = len(Z) - 1 - len(np.unique(group)) - basis.shape[1]

    def statistic(self, order: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the correlations."""
        return np.clip(self.units.T @ self.attributes[order], -1, 1)

    def extremity(self, statistic: np.ndarray) -> np.ndarray:
        """Return the absolute t value: comparable across numbers of rows."""
        with np.errstate(divide="ignore"):
            return np.abs(statistic) * np.sqrt(self.df / (1 - statistic**2))

    def p_value(self, statistic: np.ndarray) -> np.ndarray:
        """Return the two-sided p-value of the t distribution."""
        return 2 * student.sf(self.extremity(statistic), self.df)

    def interval(self, statistic: np.ndarray, confidence: float) -> np.ndarray:
        """Return Fisher's interval; of ranks with the variance of Bonett & Wright."""
        variance = (1 + statistic**2 / 2 if self.ranked else 1) / max(self.df - 1, 1)
        half = norm.ppf((1 + confidence) / 2) * np.sqrt(variance)
        with np.errstate(divide="ignore"):
            centre = np.arctanh(statistic)
        return np.tanh([centre - half, centre + half])


def _centred(X: np.ndarray, group: np.ndarray, ranked: bool) -> np.ndarray:
    """Return columns (or their ranks) less the means of the groups, of unit variance."""
    X = rankdata(X, axis=0) if ranked else X
    sums = np.zeros((group.max() + 1, X.shape[1]))
    np.add.at(sums, group, X)
    scale = X.std(axis=0)
    centred = X - (sums / np.maximum(np.bincount(group), 1)[:, None])[group]
    return centred / np.where(scale > 0, scale, 1)


def _residuals(X: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return what an orthonormal basis leaves of columns, scaled to length one."""
    X = X - basis @ (basis.T @ X)
    length = np.linalg.norm(X, axis=0)
    # Of a column that is explained wholly, rounding errors are left.
    left = length > 1e-8 * np.sqrt(len(X))
    return np.where(left, X / np.where(left, length, 1), 0)


class RankRatio(Pairing):
    """Correlation ratio of a unit's ranks and unordered classes: the Kruskal-Wallis test.

    The statistic is sqrt(H / (n - 1)), from 0 to 1: for two classes, Spearman's
    correlation without its sign.
    """

    limits = (0.0, 1.0)

    def __init__(self, Z: np.ndarray, classes: np.ndarray) -> None:
        self.units = _residuals(
            _centred(Z, np.zeros(len(Z), dtype=np.intp), ranked=True), np.empty((len(Z), 0))
        )
        indicators = one_hot(np.unique(classes, return_inverse=True)[1][:, None])
        self.attributes = indicators / np.sqrt(indicators.sum(axis=0, dtype=np.float64))

    def statistic(self, order: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the correlation ratios."""
        return np.linalg.norm(self.units.T @ self.attributes[order], axis=1)[:, None]

    def extremity(self, statistic: np.ndarray) -> np.ndarray:
        """Return the normal value with the same p-value: comparable with t values."""
        return norm.isf(self.p_value(statistic) / 2)

    def p_value(self, statistic: np.ndarray) -> np.ndarray:
        """Return the p-value of the chi-squared distribution."""
        n, n_classes = self.attributes.shape
        return chi2.sf((n - 1) * statistic**2, n_classes - 1)


class Information(Pairing):
    """Mutual information in nats between ten bins of equal counts, less that by chance."""

    limits = (-np.inf, np.inf)

    def __init__(self, Z: np.ndarray, attribute: np.ndarray) -> None:
        bins = quantile_bins(Z)
        self.n_units = bins.shape[1]
        self.units = one_hot(bins)
        self.attributes = one_hot(quantile_bins(attribute[:, None]))
        n = len(Z)
        # Of counts that sum to n, only the sum of c log c changes with the order.
        self._c_log_c = xlogy(np.arange(n + 1), np.arange(n + 1)) / n
        counts = self._counts(slice(None))
        self._margins = information_of_counts(counts) - self._joint(counts)
        self._expected = expected_information_of(counts)

    def statistic(self, order: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the information beyond chance, which can be a little below zero."""
        joint = self._joint(self._counts(order))
        return (joint + self._margins - self._expected)[:, None]

    def _joint(self, counts: np.ndarray) -> np.ndarray:
        return self._c_log_c[counts.astype(np.intp)].sum(axis=(1, 2))

    def _counts(self, order: np.ndarray | slice) -> np.ndarray:
        counts = self.units.T @ self.attributes[order]
        return counts.reshape(self.n_units, -1, counts.shape[1])
