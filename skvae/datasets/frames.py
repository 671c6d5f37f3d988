"""Named columns, for those who ask for them: the only place that imports pandas."""

from typing import TYPE_CHECKING

import numpy as np

from skvae.exceptions import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_frame", "to_series"]


def to_frame(values: np.ndarray, names: list[str]) -> "pd.DataFrame":
    """Give the columns of an array their names.

    Parameters
    ----------
    values : ndarray, shape (n_samples, n_columns)
        The numbers.
    names : list of str
        A name for each column.

    Returns
    -------
    frame : DataFrame, shape (n_samples, n_columns)
        The same numbers with named columns.

    Examples
    --------
    >>> to_frame(np.array([[8.0, 1.5]]), ["volume", "elongation"])
       volume  elongation
    0     8.0         1.5
    """
    return _import_pandas().DataFrame(values, columns=names)


def to_series(values: np.ndarray, name: str) -> "pd.Series":
    """Give a column its name.

    Parameters
    ----------
    values : ndarray, shape (n_samples,)
        The numbers.
    name : str
        The column's name.

    Returns
    -------
    series : Series, shape (n_samples,)
        The same numbers, named.

    Examples
    --------
    >>> to_series(np.array([1, 0]), "malignant").name
    'malignant'
    """
    return _import_pandas().Series(values, name=name)


def _import_pandas():
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError(
            'as_frame=True needs pandas: pip install "skvae[study]".'
        ) from error
    return pd
