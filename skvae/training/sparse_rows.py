"""Rows of a sparse matrix, which are made dense a few at a time."""

import math
from typing import Any

import numpy as np


class SparseRows:
    """What training and reading need of an array, of a sparse matrix with its rows.

    An index chooses rows, which ``np.asarray`` makes dense.

    Parameters
    ----------
    matrix : sparse matrix or array in CSR format, shape (n_samples, n_features)
        The rows.
    sample_shape : tuple of int
        Shape that each of them has as a sample.
    """

    def __init__(self, matrix: Any, sample_shape: tuple[int, ...]) -> None:
        self.matrix = matrix
        self.shape = (matrix.shape[0], *sample_shape)
        self.ndim = len(self.shape)
        self.dtype = matrix.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, chosen: slice | np.ndarray) -> "SparseRows":
        return SparseRows(self.matrix[chosen], self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return (
            self.matrix.toarray()
            .reshape(self.shape)
            .astype(dtype or self.dtype, copy=False)
        )

    @property
    def nbytes(self) -> int:
        """Size of the dense rows."""
        return math.prod(self.shape) * self.dtype.itemsize
