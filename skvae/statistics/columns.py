"""Units and attributes: columns with names, of rows that belong together."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from skvae.exceptions import listed_briefly, warn_caller
from skvae.statistics.grouping import numbered

# Below, neither a test of a correlation nor nearest neighbours mean anything.
LEAST_ROWS = 5


class Columns(NamedTuple):
    """Columns of numbers with their names, and which of them hold unordered classes."""

    names: list[str]
    values: np.ndarray
    is_class: np.ndarray


def unit_columns(Z: Any) -> Columns:
    """Return the latent units: finite numbers, named as in a frame or ``unit_0``, ...

    Raises
    ------
    ValueError
        If Z is not a table of finite numbers with at least two rows.
    """
    if isinstance(Z, Columns):
        check_array(Z.values, input_name="Z", ensure_min_samples=2)
        return Z
    values = check_array(Z, dtype=np.float64, input_name="Z", ensure_min_samples=2)
    names = _names(Z, "unit", values.shape[1])
    return Columns(names, values, np.zeros(len(names), dtype=bool))


def attribute_columns(attributes: Any, n_samples: int) -> Columns:
    """Return the attributes, NaN where they are missing.

    Columns of a frame with strings or unordered categories become the numbers of their
    classes; ordered categories and truth values are numbers by themselves.

    Raises
    ------
    ValueError
        If they are not one row for each sample, or infinite.
    """
    if hasattr(attributes, "to_frame") and not hasattr(attributes, "columns"):
        attributes = attributes.to_frame()
    if hasattr(attributes, "iloc"):
        coded = [_coded(attributes[name]) for name in attributes.columns]
        values = np.column_stack([column for column, _ in coded])
        is_class = np.array([unordered for _, unordered in coded])
    else:
        values = np.asarray(attributes, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        is_class = np.zeros(values.shape[-1], dtype=bool)
    values = check_array(
        values, ensure_all_finite="allow-nan", input_name="attributes"
    ).astype(np.float64)
    if len(values) != n_samples:
        raise ValueError(
            f"Got attributes of {len(values)} rows, but Z has {n_samples}; expected a row "
            "for each."
        )
    names = _names(attributes, "attribute", values.shape[1])
    n_classes = np.array([len(np.unique(v[~np.isnan(v)])) for v in values.T])
    # Two classes are in order, whichever comes first.
    return Columns(names, values, is_class & (n_classes > 2))


def _coded(column: Any) -> tuple[np.ndarray, bool]:
    """Return a column of a frame as numbers, and whether they have no order."""
    if getattr(column.dtype, "kind", "O") in "biuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan), False
    classes = column.astype("category").cat
    return np.where(classes.codes < 0, np.nan, classes.codes), not classes.ordered


def _names(table: Any, default: str, n: int) -> list[str]:
    columns = getattr(table, "columns", None)
    if columns is None:
        return [f"{default}_{j}" for j in range(n)]
    return [str(name) for name in columns]


def group_numbers(groups: Any, n_samples: int) -> np.ndarray:
    """Return the number of each row's group, in the order in which groups appear."""
    groups = column_or_1d(groups)
    check_consistent_length(groups, np.empty(n_samples))
    return numbered(groups)


def one_row_a_group(columns: Columns, group: np.ndarray) -> Columns:
    """Return the mean of each group's known values; NaN where none is known.

    Raises
    ------
    ValueError
        If a group has rows of different classes, which have no mean.
    """
    n_groups = group.max() + 1
    means = np.full((n_groups, len(columns.names)), np.nan)
    for j, (name, column) in enumerate(zip(columns.names, columns.values.T, strict=True)):
        known = ~np.isnan(column)
        count = np.bincount(group[known], minlength=n_groups)
        total = np.bincount(group[known], column[known], minlength=n_groups)
        means[:, j] = np.divide(total, count, out=means[:, j], where=count > 0)
        if columns.is_class[j] and (means[group[known], j] != column[known]).any():
            raise ValueError(
                f"Got the attribute {name!r} with several classes in one group, which "
                "have no mean; expected one class for each group."
            )
    return columns._replace(values=means)


def refuse_classes(columns: Columns) -> None:
    """Refuse unordered classes where numbers are needed.

    Raises
    ------
    ValueError
        If a column holds unordered classes.
    """
    for name, is_class in zip(columns.names, columns.is_class, strict=True):
        if is_class:
            raise ValueError(
                f"Got {name!r} with unordered classes, but expected numbers; give a column "
                "of zeros and ones for each class."
            )


def varies(values: np.ndarray) -> np.ndarray:
    """Return whether each column is known in five rows and takes two values at least."""
    lowest, highest = np.fmin.reduce(values), np.fmax.reduce(values)
    return (highest > lowest) & (count_known(values) >= LEAST_ROWS)


def count_known(values: np.ndarray) -> np.ndarray:
    """Return the number of rows at which each column is known."""
    return np.count_nonzero(~np.isnan(values), axis=0)


def warn_undefined(names: Sequence[str], values: np.ndarray) -> None:
    """Warn, once, of attributes that no unit can know; the public function's caller."""
    texts = []
    for name, n, known in zip(names, count_known(values), varies(values), strict=True):
        if not known:
            why = "is constant" if n >= LEAST_ROWS else f"is known in {n} rows"
            texts.append(f"{name!r} {why}")
    if texts:
        warn_caller(
            f"The attribute {listed_briefly(texts)}: what is said of it is NaN.",
            UndefinedMetricWarning,
        )


def by_known_rows(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the known rows and the columns for columns that miss the same rows.

    So that what depends on the rows alone, such as ranks, is computed once for them.
    """
    known, pattern = np.unique(~np.isnan(values), axis=1, return_inverse=True)
    for p, rows in enumerate(known.T):
        yield np.flatnonzero(rows), np.flatnonzero(pattern == p)
