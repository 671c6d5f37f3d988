"""Columns of attributes as numbers: booleans and ordered categories are, text is not."""

from typing import Any

import numpy as np

from skvae.arguments import check_numbers
from skvae.estimators.row_columns import is_missing


def as_numbers(attributes: Any, name: str) -> Any:
    """Return attributes, or those of a table, in double precision; NaN where missing.

    False and True are 0 and 1. Ordered categories are the places 0, 1, ... in their
    order, unless they are numbers themselves.

    Parameters
    ----------
    attributes : array-like of shape (n_samples, n_attributes) or (n_samples,)
        The attributes.
    name : str
        Of the estimator, for messages.

    Raises
    ------
    ValueError
        If a column holds text, dates or categories without an order.
    """
    if hasattr(attributes, "columns"):
        numbered = enumerate(attributes.columns)
        columns = {label: _column(attributes, k) for k, label in numbered}
    else:
        array = attributes if hasattr(attributes, "dtype") else np.asarray(attributes)
        if np.asarray(array).dtype.kind in "iuf" or np.ndim(array) not in (1, 2):
            return attributes
        if np.ndim(array) == 1:
            return _numbers(array, "attributes", name)
        # Text beside numbers makes text of them, unless all stay objects.
        columns = dict(enumerate(np.asarray(attributes, dtype=object).T))
    found = [
        _numbers(column, f"attributes with a column {label!r}", name)
        for label, column in columns.items()
    ]
    return np.stack(found, axis=1)


def _column(table: Any, number: int) -> Any:
    return table.iloc[:, number] if hasattr(table, "iloc") else table[:, number]


def _numbers(column: Any, label: str, name: str) -> np.ndarray:
    categories = getattr(getattr(column, "dtype", None), "categories", None)
    if (
        categories is not None
        and getattr(column.dtype, "ordered", False)
        and categories.dtype.kind not in "biuf"
    ):
        codes = np.asarray(getattr(column, "cat", column).codes, dtype=np.float64)
        return np.where(codes < 0, np.nan, codes)
    array = np.asarray(column)
    try:
        check_numbers(name, label, array)
    except ValueError as error:
        cure = "booleans (such as sex == 'M') or ordered categories"
        raise ValueError(f"{str(error)[:-1]}, {cure}.") from error
    known, numbers = ~is_missing(array), np.full(len(array), np.nan)
    numbers[known] = array[known].astype(np.float64)
    return numbers
