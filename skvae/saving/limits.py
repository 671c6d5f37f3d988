"""What is refused alike when a model is saved and when it is loaded."""

import math
from typing import Any

import numpy as np

from skvae.networks.builder import Builder
from skvae.networks.recurrent import SequenceNetwork

__all__ = ["check_finite", "check_sample_shape", "check_texts"]

# Fitted attributes of linear models and of PCA of which every entry counts.
FINITE = frozenset({"coef_", "intercept_", "components_"})
LARGEST_SAMPLE = 1 << 31
LARGEST_AXIS = 1 << 24
# Of a sequence: the shapes of each are found one by one.
MOST_FRAMES = 1 << 13
MOST_TEXT_BYTES = 1 << 25


def check_finite(name: str, value: Any) -> None:
    """Refuse what would give features that are not finite, without a word.

    Parameters
    ----------
    name : str
        A fitted attribute, or a path that ends in it.
    value : object
        Its value.

    Raises
    ------
    ValueError
        If it is one of weights, and has entries that are NaN or infinite.
    """
    if name.rpartition(".")[2] not in FINITE:
        return
    if not np.isfinite(np.asarray(value, dtype=float)).all():
        raise ValueError(f"{name} has entries that are NaN or infinite")


def check_sample_shape(shape: Any, builder: Builder, path: str) -> None:
    """Refuse samples that nobody has, of which it would take long to find the shapes.

    Parameters
    ----------
    shape : tuple of int
        Of a sample.
    builder : Builder
        The network.
    path : str
        Where it is.

    Raises
    ------
    ValueError
        If it is no shape, or a larger one.
    """
    plain = isinstance(shape, tuple) and all(type(n) is int and n > 0 for n in shape)
    n_frames = shape[0] if builder.cls is SequenceNetwork else 0
    if not plain or n_frames > MOST_FRAMES or max(shape) > LARGEST_AXIS:
        raise ValueError(f"{path} is of samples of shape {shape}, which are too large")
    if math.prod(shape) > LARGEST_SAMPLE:
        raise ValueError(f"{path} is of samples of shape {shape}, which are too large")


def check_texts(kind: np.dtype, n_texts: int, path: str) -> None:
    """Refuse an array of texts that would take more memory than there is text.

    Parameters
    ----------
    kind : dtype
        Its type.
    n_texts : int
        Its size.
    path : str
        Where it is.

    Raises
    ------
    ValueError
        If it is of something else, or too large.
    """
    if kind.kind not in "OU" or n_texts * kind.itemsize > MOST_TEXT_BYTES:
        raise ValueError(f"{path} of {n_texts} texts of dtype {kind}, which are too large")
