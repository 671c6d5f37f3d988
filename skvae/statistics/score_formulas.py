"""The formulas of the scores, given how units and attributes go together.

``units`` is the unit of each attribute, or None for its best one.
"""

import numpy as np
from scipy.stats import t as student

from skvae.statistics.associations import Associations

SIGNIFICANCE = 0.05


def linear_fits(s: Associations, units: np.ndarray | None) -> np.ndarray:
    """Return the squared correlation of each attribute with its unit."""
    fit = s.pearson**2
    if units is None:
        # With few rows, units often share bins and so information: then the better fit.
        units = np.lexsort((fit, s.information.round(9)), axis=0)[-1]
    return fit[units, np.arange(len(units))]


def rank_orders(s: Associations, units: np.ndarray | None) -> np.ndarray:
    """Return the significant rank correlation of each attribute with its unit."""
    R = np.abs(s.spearman)
    # As scipy.stats.spearmanr has it.
    df = np.maximum(s.n - 2, 1)
    with np.errstate(divide="ignore"):
        p = 2 * student.sf(R * np.sqrt(df / (1 - R**2)), df)
    R = np.where(p > SIGNIFICANCE, 0, R)
    return R.max(axis=0) if units is None else R[units, np.arange(len(units))]


def modularity_of_units(s: Associations) -> np.ndarray:
    """Return the modularity of each unit; NaN with fewer than two attributes."""
    # Less than chance is nothing.
    squares = np.maximum(s.information[:, s.varies], 0) ** 2
    n_attributes = squares.shape[1]
    if n_attributes < 2:
        return np.full(len(squares), np.nan)
    most = squares.max(axis=1)
    rest = (squares.sum(axis=1) - most) / (n_attributes - 1)
    return np.where(most > 0, 1 - rest / np.where(most > 0, most, 1), 0)


def information_gaps(s: Associations, units: np.ndarray | None) -> np.ndarray:
    """Return the share of each attribute that its unit alone knows."""
    return gaps(s.information, units) / s.entropies


def predictability_gaps(s: Associations, units: np.ndarray | None) -> np.ndarray:
    """Return how much better its unit predicts each attribute than any other."""
    return gaps(s.pearson**2, units)


def gaps(scores: np.ndarray, units: np.ndarray | None) -> np.ndarray:
    """Return for each column the score of its unit, less the best of the other rows."""
    if len(scores) == 1:
        return scores[0]
    columns = np.arange(scores.shape[1])
    best = scores.argmax(axis=0) if units is None else units
    others = scores.copy()
    others[best, columns] = -np.inf
    return scores[best, columns] - others.max(axis=0)
