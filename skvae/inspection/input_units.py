"""Decoded samples in the units of the pipeline's input, where what is before can be undone.

A traversal decodes to what the network is given, standardised columns for instance. A
reader wants millimetres: each step before the network is undone in turn. If one cannot be,
samples stay as the network knows them, and say so.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.preprocessing import FunctionTransformer

from skvae.inspection.network_step import NetworkStep, Step

# They fill gaps: what is there, they leave in its units.
IMPUTERS = ("IterativeImputer", KNNImputer.__name__, SimpleImputer.__name__)


class InputUnits(NamedTuple):
    """Samples, the units that they are in, and the names of their columns.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, *shape)
        Images or rows.
    scale : str
        The units in words; empty where the network stands alone.
    feature_names : tuple of str
        Names of the columns of rows, where they are known.
    """

    samples: np.ndarray
    scale: str
    feature_names: tuple[str, ...]


def in_input_units(found: NetworkStep, decoded: np.ndarray) -> InputUnits:
    """Return decoded samples in the units of the input, or of the network's, and say which.

    Parameters
    ----------
    found : NetworkStep
        The fitted network, and what stands before it.
    decoded : ndarray of shape (n_samples, *sample_shape)
        Samples as the network knows them.

    Returns
    -------
    shown : InputUnits
        Columns that no longer reach the network, as a selection drops them, are NaN.
    """
    if not found.before:
        return InputUnits(decoded, "", _names(found.estimator, decoded))
    rows = decoded.reshape(len(decoded), -1) if found.estimator._flat_input else decoded
    for step in reversed(found.before):
        if not _can_be_undone(step.estimator, rows):
            scale = (
                f"units of the input of {found.step.name!r}: {step.name!r} has no inverse"
            )
            return InputUnits(decoded, scale, _names_behind(found, decoded))
        rows = _undone(step, rows)
    shape = found.estimator.sample_shape_
    if rows.shape[1:] == (math.prod(shape),):
        rows = rows.reshape(len(rows), *shape)
    return InputUnits(rows, "units of the pipeline's input", _names(found.whole, rows))


def _can_be_undone(estimator: Any, rows: np.ndarray) -> bool:
    if isinstance(estimator, FunctionTransformer):
        # Without an inverse_func, its inverse_transform does nothing at all.
        return estimator.func is None or estimator.inverse_func is not None
    if type(estimator).__name__ in IMPUTERS:
        return estimator.n_features_in_ == rows.shape[1]
    return hasattr(estimator, "inverse_transform")


def _undone(step: Step, rows: np.ndarray) -> np.ndarray:
    estimator = step.estimator
    if type(estimator).__name__ in IMPUTERS:
        return rows
    whole = np.asarray(estimator.inverse_transform(rows))
    if isinstance(estimator, SelectorMixin):
        # There are zeros for what was not selected, of which nobody knows anything.
        whole = np.where(estimator.get_support(), whole, np.nan)
    return whole


def _names_behind(found: NetworkStep, decoded: np.ndarray) -> tuple[str, ...]:
    """Return the names that columns have behind the steps before the network."""
    names = getattr(found.whole, "feature_names_in_", None)
    try:
        for step in found.before:
            names = step.estimator.get_feature_names_out(names)
    except (AttributeError, ValueError):
        names = getattr(found.estimator, "feature_names_in_", ())
    return _fitting(names, decoded)


def _names(estimator: Any, samples: np.ndarray) -> tuple[str, ...]:
    return _fitting(getattr(estimator, "feature_names_in_", ()), samples)


def _fitting(names: Any, samples: np.ndarray) -> tuple[str, ...]:
    is_fit = samples.ndim == 2 and len(names) == samples.shape[1]
    return tuple(map(str, names)) if is_fit else ()
