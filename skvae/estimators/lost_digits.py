"""Columns of X whose values are not told apart in float32, in which networks compute."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from skvae.datasets.lazy_rows import LazyRows
from skvae.exceptions import warn_caller
from skvae.training.data import release, row_blocks

# A step of float32 that is more than this share of a column's deviation is warned of: it
# adds step^2 / 12 to the variance, here half a percent.
LARGEST_STEP = 0.25
# What varies by fewer steps of float64 is rounding, and no loss.
ROUNDING = 16
WIDE = ("f8", "i8", "u8", "i4", "u4")
N_NAMED = 5


def warn_of_lost_digits(X: Any, name: str) -> None:
    """Warn where casting a column to float32 merges values that differ in it.

    Near 1e9, numbers in single precision are 64 apart: of a column whose deviation is 10,
    nothing is left.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows of finite numbers, as they were given, or of NaN where one is missing.
    name : str
        Of the estimator, for messages.
    """
    found = []
    for label, column in wide_columns(X):
        mean, deviation = moments(column)
        step = np.spacing(np.abs(mean).astype(np.float32)).astype(np.float64)
        lost = (deviation > ROUNDING * np.spacing(np.abs(mean))) & (
            deviation * LARGEST_STEP < step
        )
        found += [
            (
                label if column.ndim == 1 else int(j),
                np.ravel(mean)[j],
                np.ravel(deviation)[j],
            )
            for j in np.flatnonzero(lost)
        ]
    if found:
        label, mean, deviation = found[0]
        named = ", ".join(repr(each[0]) for each in found[:N_NAMED])
        more = f" and {len(found) - N_NAMED} more" if len(found) > N_NAMED else ""
        warn_caller(
            f"Got X with values that are the same in float32, in which {name} computes, in "
            f"the columns {named}{more}: {label!r} has a mean of {mean:.6g} and a "
            f"deviation of {deviation:.3g}. Centre them before, as by StandardScaler."
        )


def wide_columns(X: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield what float32 cannot hold: columns of a table by name, or an array as it is."""
    if hasattr(X, "columns"):
        for k, label in enumerate(X.columns):
            column = X.iloc[:, k] if hasattr(X, "iloc") else X[:, k]
            yield from ((label, a) for _, a in wide_columns(np.asarray(column)))
    elif isinstance(X, np.ndarray | LazyRows) and X.dtype.str[1:] in WIDE:
        yield None, X


def moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of what is known of each column, block by block.

    Counted from the first value: behind a large offset, squares would lose all digits.
    """
    first = rows[0].astype(np.float64)
    total, squares, n_known = (np.zeros_like(first) for _ in range(3))
    for block in row_blocks(rows):
        some = np.asarray(rows[block]).astype(np.float64)
        if np.isnan(first).any():
            first = np.where(np.isnan(first), first_known(some), first)
        moved = some - first
        known = ~np.isnan(moved)
        moved = np.where(known, moved, 0.0)
        n_known += known.sum(axis=0)
        total += moved.sum(axis=0)
        squares += np.square(moved).sum(axis=0)
        release(rows)
    n_known = np.maximum(n_known, 1)
    mean = total / n_known
    variance = squares / n_known - np.square(mean)
    return np.nan_to_num(first) + mean, np.sqrt(np.maximum(variance, 0.0))


def first_known(rows: np.ndarray) -> np.ndarray:
    """Return the first value of each column that is not NaN; NaN where there is none."""
    at = np.expand_dims((~np.isnan(rows)).argmax(axis=0), 0)
    return np.take_along_axis(rows, at, axis=0)[0]
