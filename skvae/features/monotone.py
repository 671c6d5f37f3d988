"""Between the values of a latent unit and those of the attribute that orders it."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.isotonic import isotonic_regression


@dataclass(frozen=True, eq=False)
class MonotoneMap:
    """An increasing, piecewise linear map from a latent unit to its attribute, and back.

    Isotonic regression of the attribute on the unit, with one knot in the middle of
    each of its steps, so that it can be inverted: the unit of an attribute that many
    samples share is the middle of theirs. Beyond the outer knots it is constant.

    Parameters
    ----------
    units : ndarray of shape (n_knots,)
        Values of the unit, increasing.
    values : ndarray of shape (n_knots,)
        Values of the attribute, increasing.
    lowest, highest : float
        The least and the greatest attribute that the map was fitted to.
    """

    units: np.ndarray
    values: np.ndarray
    lowest: float
    highest: float

    @classmethod
    def fit(
        cls, unit: np.ndarray, attribute: np.ndarray, weight: np.ndarray | None = None
    ) -> Self:
        """Fit the map to samples; those without the attribute (NaN) are left out.

        Parameters
        ----------
        unit : ndarray of shape (n_samples,)
            Values of the unit.
        attribute : ndarray of shape (n_samples,)
            Values of the attribute.
        weight : ndarray of shape (n_samples,), optional
            Weight of each sample; those of weight 0 are left out as well.

        Returns
        -------
        map : MonotoneMap
            The fitted map.
        """
        weight = np.ones(len(unit)) if weight is None else weight.astype(np.float64)
        counted = np.flatnonzero(~np.isnan(attribute) & (weight > 0))
        counted = counted[np.argsort(unit[counted], kind="stable")]
        unit, attribute, weight = unit[counted], attribute[counted], weight[counted]
        lowest, highest = float(attribute.min()), float(attribute.max())
        # A mean of equal numbers may be off by a digit: no value is beyond those given.
        level = isotonic_regression(
            attribute, sample_weight=weight, y_min=lowest, y_max=highest
        )
        values, step = np.unique(level, return_inverse=True)
        units = np.bincount(step, weights=unit * weight) / np.bincount(step, weights=weight)
        return cls(units, values, lowest, highest)

    def to_attribute(self, unit: Any) -> np.ndarray:
        """Return the attribute, in its own units, that a value of the unit stands for.

        Parameters
        ----------
        unit : array-like
            Values of the unit.

        Returns
        -------
        attribute : ndarray of the shape of ``unit``
            Values of the attribute.
        """
        return np.interp(unit, self.units, self.values)

    def to_unit(self, attribute: Any) -> np.ndarray:
        """Return the value of the unit that stands for an attribute.

        Parameters
        ----------
        attribute : array-like
            Values of the attribute, in its own units.

        Returns
        -------
        unit : ndarray of the shape of ``attribute``
            Values of the unit.
        """
        return np.interp(attribute, self.values, self.units)
