"""What stands beside X, an entry for each row: weights and groups, and what is missing."""

from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length

from skvae._compat import check_sample_weight
from skvae.arguments import check_numbers, naming
from skvae.training.host import on_host


@naming("sample_weight")
def check_weight(
    sample_weight: Any, x: np.ndarray, name: str, dtype: type = np.float64
) -> np.ndarray:
    """Return the weight of each row.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or float
        The weights; none may be negative, nor all 0.
    x : ndarray of shape (n_samples, ...)
        The rows that they belong to.
    name : str
        Of the estimator, for messages.
    dtype : type, default=np.float64
        Of the result.

    Raises
    ------
    ValueError
        If they are no such numbers, or do not fit to x.
    """
    sample_weight = on_host(sample_weight)
    check_numbers(name, "sample_weight", sample_weight)
    rows = np.zeros((len(x), 1))  # their number alone counts
    return check_sample_weight(sample_weight, rows, dtype=dtype, ensure_non_negative=True)


@naming("groups")
def check_groups(groups: Any, x: np.ndarray, name: str) -> np.ndarray:
    """Return the group of each row: a column of anything that has a name.

    Raises
    ------
    ValueError
        If groups are no single column, do not fit to x, or one of them is missing.
    """
    groups = np.asarray(groups)
    if groups.ndim != 1:
        raise ValueError(
            f"Got groups of shape {groups.shape}, but {name} expects one patient for each "
            f"row, of shape ({len(x)},)."
        )
    check_consistent_length(x, groups)
    if groups.dtype.kind in "cV":
        raise ValueError(
            f"Got groups of dtype {groups.dtype}, but {name} expects numbers or text."
        )
    if groups.dtype.kind == "O":
        set(groups.tolist())  # what has no hash is no name
    missing = np.flatnonzero(is_missing(groups))
    if len(missing):
        raise ValueError(
            f"Got groups with {groups[missing[0]]} in row {missing[0]}, but {name} expects "
            "a patient for each row; a row of an unknown one may be a patient of its own."
        )
    return groups


def is_missing(column: np.ndarray) -> np.ndarray:
    """Return where entries are NaN, None, or what pandas has in their place."""
    if column.dtype.kind in "fc":
        return np.isnan(column)
    if column.dtype.kind in "mM":
        return np.isnat(column)
    if column.dtype.kind == "O":
        missing = np.array([_is_nothing(entry) for entry in column.ravel()], dtype=bool)
        return missing.reshape(column.shape)
    return np.zeros(column.shape, dtype=bool)


def _is_nothing(entry: Any) -> bool:
    # Whether pandas.NA equals itself, it does not say.
    return entry is None or type(entry).__name__ == "NAType" or entry != entry
