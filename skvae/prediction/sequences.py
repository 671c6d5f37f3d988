"""Sequences of frames as X: arrays, padded arrays, or lists of unequal lengths."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skvae.arguments import naming
from skvae.estimators.inputs import (
    as_array,
    check_rows,
    find_sample_shape,
    refuse_non_finite,
    refuse_non_numbers,
)
from skvae.training.data import release


class Frames(NamedTuple):
    """The frames of all sequences, one after another, and how many each one has.

    Without lengths, X has rows, each of which is a sequence of one frame.
    """

    rows: Any
    lengths: np.ndarray | None = None


@naming("X")
def check_sequences(estimator: Any, X: Any, *, reset: bool) -> np.ndarray:
    """Return X as float32 sequences of frames of an estimator's shape.

    Parameters
    ----------
    estimator : TrainedTransformer
        The estimator that takes X; its ``sample_shape_`` is that of a frame.
    X : array-like or list of array-like
        Of shape (n_samples, time, n_features) or (n_samples, time, channels, *spatial),
        where frames that are NaN throughout, behind the last one of a sequence, are not
        there; a list of arrays (time, n_features) or (time, channels, *spatial), with a
        time of their own; or rows, each of which is a sequence of one frame.
    reset : bool
        Whether X is for `fit`, and decides what later X must look like.

    Returns
    -------
    x : ndarray of shape (n_samples, time, *frame_shape)
        NaN behind the end of a sequence. As long as the longest sequence, and at least
        as the longest in `fit`. A view of X where that is possible.
    """
    name = type(estimator).__name__
    rows, lengths = split_into_frames(X, name)
    if lengths is not None and not len(lengths):
        raise ValueError(f"Got X with 0 sample(s), but {name} needs at least one.")
    if not reset:
        refuse_single_sequence(estimator, rows, lengths)
    if lengths is None:
        rows = np.asarray(check_rows(estimator, rows, reset=reset))
        lengths = np.ones(len(rows), dtype=int)
    elif reset and len(lengths) < 2:
        raise ValueError(f"Got X with a single sequence, but {name} needs at least 2.")
    else:
        try:
            rows = check_rows(estimator, rows, reset=reset)
        except ValueError as error:
            raise ValueError(f"In the frames of X, one after another: {error}") from error
    if not reset:
        # Later, NaN is a frame that is not there.
        refuse_non_finite(rows, name)
    n_frames = max(lengths.max(), 0 if reset else estimator.n_frames_)
    return padded(rows, lengths, n_frames)


def refuse_single_sequence(estimator: Any, rows: Any, lengths: np.ndarray | None) -> None:
    """Refuse the frames of one sequence where a list of sequences was expected.

    They would pass for sequences of one frame each, without its axis of channels. Where
    ``image_shape`` is given, that is what they may be.

    Raises
    ------
    ValueError
        If every sequence has the shape of a frame.
    """
    shape = estimator.sample_shape_
    if lengths is None or len(shape) == 1 or estimator.image_shape is not None:
        return
    if (lengths[0], *rows.shape[1:]) == shape:
        listed = ", ".join(map(str, shape))
        raise ValueError(
            f"Got X with sequences of shape {shape}, which is that of a single frame; "
            f"expected an array (n_samples, time, {listed}), or a list of sequences, for "
            "one of them X=[sequence]."
        )


def split_into_frames(X: Any, name: str) -> Frames:
    """Return the frames of all sequences, and the length of each one."""
    if hasattr(X, "to_numpy") and not hasattr(X, "columns"):
        X = X.to_numpy()  # a pandas series of arrays
    if is_list_of_sequences(X):
        return joined([as_array(sequence) for sequence in X], name)
    X = as_array(X)
    if len(X.shape) < 3:
        return Frames(X)
    refuse_non_numbers(X, name)
    return of_padded(X, name)


def is_list_of_sequences(X: Any) -> bool:
    """Whether X lists arrays of frames, rather than rows of numbers."""
    listed = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.ndim == 1)
    return listed and len(X) > 0 and np.ndim(X[0]) >= 2


def joined(sequences: Sequence[np.ndarray], name: str) -> Frames:
    """Join sequences that may differ in length, but not in the shape of their frames."""
    first = sequences[0].shape[1:]
    for i, sequence in enumerate(sequences):
        if sequence.ndim < 2 or sequence.shape[1:] != first:
            raise ValueError(
                f"Got X with frames of shape {first} in its first sequence, but sequence "
                f"{i} has the shape {sequence.shape}; {name} expects (time, *{first})."
            )
        if not len(sequence):
            raise ValueError(f"Got X with sequence {i} of no frame, but expected some.")
    lengths = np.array([len(sequence) for sequence in sequences])
    return Frames(np.concatenate(sequences), lengths)


def of_padded(X: np.ndarray, name: str) -> Frames:
    """Take the frames that are there from an array in which others may be NaN."""
    n_sequences, n_frames = X.shape[:2]
    missing = np.zeros((n_sequences, n_frames), dtype=bool)
    if X.dtype.kind == "f":
        # Of all other frames, no entry needs to be looked at.
        missing = np.isnan(X[(slice(None), slice(None), *[0] * (X.ndim - 2))])
        entries = tuple(range(1, X.ndim - 1))
        missing[missing] = np.isnan(X[missing]).all(axis=entries)
        release(X)
    lengths = n_frames - missing.sum(axis=1)
    behind = np.arange(n_frames) >= lengths[:, np.newaxis]
    if not lengths.all():
        i = np.flatnonzero(lengths == 0)[0]
        raise ValueError(f"Got X with sequence {i} of no frame, but expected some.")
    if (missing != behind).any():
        i = np.flatnonzero((missing != behind).any(axis=1))[0]
        raise ValueError(
            f"Got X with a frame of NaN before the end of sequence {i}, but {name} takes "
            "NaN for a frame that is not there only behind the last one."
        )
    if missing.any():
        return Frames(X[~missing], lengths)
    return Frames(X.reshape(-1, *X.shape[2:]), lengths)


def padded(rows: np.ndarray, lengths: np.ndarray, n_frames: int) -> np.ndarray:
    """Return sequences of frames as one array, NaN behind the end of each."""
    shape = (len(lengths), n_frames, *rows.shape[1:])
    if len(rows) == len(lengths) * n_frames:
        return rows.reshape(shape)
    x = np.full(shape, np.nan, dtype=rows.dtype)
    x[np.arange(n_frames) < lengths[:, np.newaxis]] = rows
    return x


def sequence_shape(X: Any, image_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the shape ``(time, *frame_shape)`` of the longest sequence of X."""
    rows, lengths = split_into_frames(X, "X")
    longest = 1 if lengths is None else int(lengths.max())
    return longest, *find_sample_shape(rows, image_shape)


def frames_of(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames of padded sequences that are there, and the length of each."""
    flat = x.reshape(*x.shape[:2], -1)
    present = ~np.isnan(flat[:, :, 0])
    rows = x.reshape(-1, *x.shape[2:]) if present.all() else x[present]
    return rows, present.sum(axis=1)
