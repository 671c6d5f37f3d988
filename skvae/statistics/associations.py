"""How every unit goes with every attribute: matrices from which scores are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from skvae.arguments import check_choice
from skvae.statistics.columns import (
    attribute_columns,
    by_known_rows,
    count_known,
    refuse_classes,
    unit_columns,
    varies,
    warn_undefined,
)
from skvae.statistics.information import ESTIMATORS, entropy, mutual_information


@dataclass(frozen=True)
class Associations:
    """Units and attributes, and how they go together, computed once when asked for.

    Rows where an attribute is missing are left out for it alone. A constant unit goes
    with nothing: its entries are zero. An attribute that is constant or known in fewer
    than five rows has entries of NaN.
    """

    Z: np.ndarray
    A: np.ndarray
    estimator: str
    seed: int = 0

    @cached_property
    def n(self) -> np.ndarray:
        """Number of rows at which each attribute is known, shape (n_attributes,)."""
        return count_known(self.A)

    @cached_property
    def varies(self) -> np.ndarray:
        """Whether each attribute is known often enough and takes two values at least."""
        return varies(self.A)

    @cached_property
    def pearson(self) -> np.ndarray:
        """Pearson's correlations, shape (n_units, n_attributes)."""
        return self._correlations(ranked=False)

    @cached_property
    def spearman(self) -> np.ndarray:
        """Spearman's correlations, shape (n_units, n_attributes)."""
        return self._correlations(ranked=True)

    @cached_property
    def information(self) -> np.ndarray:
        """Mutual information, shape (n_units, n_attributes)."""
        M = np.full((self.Z.shape[1], self.A.shape[1]), np.nan)
        constant = np.ptp(self.Z, axis=0) == 0
        for k in np.flatnonzero(self.varies):
            rows = ~np.isnan(self.A[:, k])
            M[:, k] = mutual_information(
                self.Z[rows], self.A[rows, k], self.estimator, self.seed
            )
        M[np.ix_(constant, self.varies)] = 0
        return M

    @cached_property
    def entropies(self) -> np.ndarray:
        """What the information of a perfect unit would be, shape (n_attributes,)."""
        H = np.full(self.A.shape[1], np.nan)
        for k in np.flatnonzero(self.varies):
            known = self.A[~np.isnan(self.A[:, k]), k]
            H[k] = entropy(known, self.estimator, self.seed)
        return H

    def _correlations(self, *, ranked: bool) -> np.ndarray:
        R = np.empty((self.Z.shape[1], self.A.shape[1]))
        for rows, columns in by_known_rows(self.A):
            units = unit_length(self.Z[rows], ranked=ranked)
            attributes = unit_length(self.A[np.ix_(rows, columns)], ranked=ranked)
            R[:, columns] = np.clip(units.T @ attributes, -1, 1)
        R[:, ~self.varies] = np.nan
        return R


def unit_length(X: np.ndarray, *, ranked: bool) -> np.ndarray:
    """Return centred columns (or their ranks) of length one; constant ones are zero."""
    if not len(X):
        return X
    centred = rankdata(X, axis=0) if ranked else X
    constant = np.ptp(X, axis=0) == 0
    centred = centred - centred.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return np.where(constant, 0, centred / np.where(constant | (length == 0), 1, length))


def associations(
    Z: Any, attributes: Any, mutual_info: str = "adjusted", random_state: Any = 0
) -> Associations:
    """Return how checked units and attributes go together."""
    check_choice("a score", "mutual_info", mutual_info, ESTIMATORS)
    units = unit_columns(Z)
    columns = attribute_columns(attributes, len(units.values))
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    s = Associations(units.values, columns.values, mutual_info, seed)
    refuse_classes(columns)
    warn_undefined(columns.names, columns.values)
    return s


def check_units(units: Sequence[int] | None, s: Associations) -> np.ndarray | None:
    """Return the unit of each attribute as an array.

    Raises
    ------
    ValueError
        If there is not one for each attribute, or no such unit.
    """
    if units is None:
        return None
    n_units, n_attributes = s.Z.shape[1], s.A.shape[1]
    numbers = np.asarray(units)
    if numbers.shape != (n_attributes,) or not np.isin(numbers, np.arange(n_units)).all():
        raise ValueError(
            f"Got units={units!r}, but expected a unit from 0 to {n_units - 1} for each of "
            f"{n_attributes} attributes."
        )
    return numbers.astype(np.intp)
