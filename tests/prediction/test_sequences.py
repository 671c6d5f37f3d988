from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from skvae.prediction.sequences import check_sequences, frames_of, sequence_shape

RNG = np.random.default_rng(0)
IMAGES = [RNG.random((n, 1, 5, 4), dtype=np.float32) for n in (3, 1, 4)]
TABLES = [RNG.normal(size=(n, 6)) for n in (3, 1, 4)]


class Taker(BaseEstimator):
    def __init__(self, image_shape=None):
        self.image_shape = image_shape


def fitted(image_shape=None, sample_shape=(1, 5, 4), n_frames=4):
    taker = Taker(image_shape)
    taker.sample_shape_, taker.n_frames_ = sample_shape, n_frames
    taker.n_features_in_ = int(np.prod(sample_shape))
    return taker


def nan_padded(sequences):
    n_frames = max(map(len, sequences))
    x = np.full((len(sequences), n_frames, *sequences[0].shape[1:]), np.nan, np.float32)
    for row, sequence in zip(x, sequences, strict=True):
        row[: len(sequence)] = sequence
    return x


def as_objects(sequences):
    listed = np.empty(len(sequences), dtype=object)
    listed[:] = sequences
    return listed


@pytest.mark.parametrize(
    "given",
    [list, tuple, as_objects, nan_padded, lambda s: pd.Series(list(s))],
    ids=["list", "tuple", "objects", "padded", "series"],
)
@pytest.mark.parametrize("sequences", [IMAGES, TABLES], ids=["images", "tables"])
def test_every_way_to_give_unequal_sequences_is_the_same(given, sequences):
    x = check_sequences(Taker(), given(sequences), reset=True)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, nan_padded(sequences))
    frames, lengths = frames_of(x)
    np.testing.assert_array_equal(lengths, [3, 1, 4])
    np.testing.assert_array_equal(frames, np.concatenate(sequences).astype(np.float32))
    assert sequence_shape(given(sequences), None) == x.shape[1:]


def test_a_whole_array_is_not_copied():
    X = RNG.random((4, 3, 1, 5, 4), dtype=np.float32)
    assert np.shares_memory(check_sequences(Taker(), X, reset=True), X)


def test_rows_are_sequences_of_one_frame():
    X = RNG.normal(size=(5, 6))
    x = check_sequences(Taker(), X, reset=True)
    np.testing.assert_array_equal(x, X[:, np.newaxis].astype(np.float32))
    images = check_sequences(Taker((1, 2, 3)), X, reset=True)
    assert images.shape == (5, 1, 1, 2, 3)
    assert check_sequences(Taker((1, 2, 3)), [X, X[:2]], reset=True).shape == (
        2,
        5,
        1,
        2,
        3,
    )


def test_later_sequences_are_padded_to_the_longest_in_fit():
    x = check_sequences(fitted(), [IMAGES[1]], reset=False)
    assert x.shape == (1, 4, 1, 5, 4)
    assert np.isnan(x[0, 1:]).all()
    longer = np.concatenate([IMAGES[0], IMAGES[2]])
    assert check_sequences(fitted(), [longer], reset=False).shape == (1, 7, 1, 5, 4)


def broken(value, where):
    x = nan_padded(IMAGES)
    x[where] = value
    return x


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (broken(np.nan, (0, 1)), "NaN before the end of sequence 0"),
        (broken(np.nan, 1), "sequence 1 of no frame"),
        (broken(np.nan, (2, 1, 0, 0, 0)), "In the frames of X.*contains NaN"),
        (broken(np.inf, (2, 1, 0, 2, 2)), "In the frames of X.*contains infinity"),
        ([IMAGES[0], IMAGES[1][:0]], "sequence 1 of no frame"),
        ([IMAGES[0], TABLES[1]], r"frames of shape \(1, 5, 4\).*sequence 1 has the shape"),
        ([IMAGES[0]], "a single sequence, but Taker needs at least 2"),
        (RNG.random((3, 4, 5, 6)), "In the frames of X.*for images without a channel"),
        (np.array([[["a"]], [["b"]]]), "expects numbers"),
    ],
)
def test_what_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        check_sequences(Taker(), X, reset=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_later_rows_must_be_finite_as_well(bad):
    X = RNG.normal(size=(3, 6))
    X[1, 2] = bad
    taker = fitted(sample_shape=(6,))
    with pytest.raises(ValueError, match="contains"):
        check_sequences(taker, X, reset=False)


def test_later_frames_have_the_shape_of_those_in_fit():
    with pytest.raises(ValueError, match=r"\(1, 4, 5\), but expected \(1, 5, 4\)"):
        check_sequences(fitted(), [i.swapaxes(2, 3) for i in IMAGES], reset=False)


@pytest.mark.parametrize("given", [np.asarray, list, tuple], ids=["array", "list", "tuple"])
@pytest.mark.parametrize("shape", [(1, 5, 4), (3, 5, 4), (1, 20)])
def test_one_sequence_in_place_of_several_is_refused(shape, given):
    sequence = RNG.random((6, *shape))
    taker = fitted(sample_shape=shape)
    with pytest.raises(ValueError, match=r"of a single frame.* X=\[sequence\]"):
        check_sequences(taker, given(sequence), reset=False)
    for X in ([sequence], sequence[np.newaxis]):
        assert check_sequences(taker, X, reset=False).shape == (1, 6, *shape)


def test_frames_without_a_channel_axis_are_sequences_where_image_shape_says_so():
    X = RNG.random((3, 1, 5, 4))
    x = check_sequences(fitted(image_shape=(1, 5, 4)), X, reset=False)
    np.testing.assert_array_equal(x[:, 0, 0], X[:, 0].astype(np.float32))


def test_callers_keep_their_arrays():
    X = nan_padded(IMAGES)
    before = SimpleNamespace(x=X.copy(), listed=[i.copy() for i in IMAGES])
    check_sequences(Taker(), X, reset=True)[...] = 0 if np.isnan(X).any() else X
    np.testing.assert_array_equal(X, before.x)
