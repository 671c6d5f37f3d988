"""Entries of X that are missing, and what is known of their columns."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from skvae.estimators.inputs import as_array
from skvae.training.data import Data, column_sums


def known_means(data: Data) -> np.ndarray:
    """Return the (weighted) mean of each column over the entries that are not missing.

    Parameters
    ----------
    data : Data
        Rows, NaN where an entry is missing.

    Returns
    -------
    means : ndarray of the shape of a sample, float32
        The means.

    Raises
    ------
    ValueError
        If a column has no value: nothing says what to fill in there.
    """
    sums = column_sums(data)
    empty = np.flatnonzero(~sums.known)
    if len(empty):
        more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
        raise ValueError(
            f"Got X whose column {empty[0]}{more} has no value in any row that counts, but "
            "missing='mask' needs one in each column; drop it, or fill it in."
        )
    means = sums.total / sums.weight
    return means.reshape(data.x.shape[1:]).astype(np.float32)


def as_floats(X: Any) -> np.ndarray:
    """Return X as a dense array of its own precision, NaN where an entry is missing."""
    X = as_array(X)
    if sparse.issparse(X):
        X = X.toarray()
    options = {"ensure_all_finite": "allow-nan", "allow_nd": True, "input_name": "X"}
    return check_array(X, dtype=[np.float64, np.float32], **options)
