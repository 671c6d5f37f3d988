import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvae import Autoencoder, SequenceRegressor
from skvae.estimators.lost_digits import moments, warn_of_lost_digits

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
OFFSET = X + np.array([0.0, 1e9, 0.0, 3e7])


def warned(X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_lost_digits(X, "Kind")
    return [str(each.message) for each in caught]


@given(
    offset=st.floats(0, 12).map(lambda power: 10**power),
    deviation=st.floats(-6, 6).map(lambda power: 10**power),
)
def test_a_warning_says_that_principal_components_are_lost(offset, deviation):
    """What float32 adds to the variance is what its rounding is off by."""
    column = offset + deviation * X[:, :1]
    error = column.astype(np.float32).astype(np.float64) - column
    share = error.var() / max(column.var(), 1e-300)
    if share > 0.05 and deviation > 50 * np.spacing(offset):
        assert warned(column)
    if share < 5e-4:
        assert not warned(column)


def test_columns_are_named():
    (message,) = warned(OFFSET)
    assert "columns 1, 3: 1 has a mean of 1e+09 and a deviation of" in message
    assert "StandardScaler" in message
    table = pd.DataFrame(OFFSET, columns=["a", "id", "b", "date"]).assign(n=range(50))
    assert "columns 'id', 'date': 'id' has" in warned(table)[0]
    assert "and 2 more" in warned(np.tile(OFFSET[:, [1]], 7))[0]
    assert warned((OFFSET * 10).astype(np.int64))


@pytest.mark.parametrize(
    "quiet",
    [
        X,
        X.astype(np.float32) + np.float32(1e9),  # it was lost before
        np.full((5, 2), 1e9 + 0.3),
        1 + 1e-16 * RNG.integers(0, 3, size=(9, 1)),
        np.zeros((4, 2), dtype=np.int64),
        1e-30 * X,
    ],
)
def test_what_loses_nothing_is_quiet(quiet):
    assert not warned(quiet)


def test_moments_keep_their_digits_block_by_block(monkeypatch):
    monkeypatch.setattr("skvae.training.data.BLOCK_BYTES", 100)
    mean, deviation = moments(X + 1e12)
    np.testing.assert_allclose(mean - 1e12, X.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(deviation, X.std(axis=0), rtol=1e-3)


@pytest.mark.filterwarnings("ignore::skvae.exceptions.ConstantCodeWarning")
def test_fit_warns_and_transform_does_not():
    quiet = {"random_state": 0, "n_threads": 1, "device": "cpu"}
    with pytest.warns(UserWarning, match="columns 1, 3"):
        model = Autoencoder(2, max_iter=1, **quiet).fit(OFFSET)
    model.transform(OFFSET)
    few = {"head_max_iter": 1, "finetune_max_iter": 0}
    with pytest.warns(UserWarning, match="columns 1, 3"):
        SequenceRegressor(autoencoder=Autoencoder(2, max_iter=1), **few, **quiet).fit(
            np.repeat(OFFSET[:, None], 2, axis=1), X[:, 0]
        )


def test_missing_entries_say_nothing_of_a_column():
    gone = np.random.default_rng(1).random(X.shape) < 0.4
    gone[0, 1], gone[:, 2] = True, True
    holes = np.where(gone, np.nan, OFFSET)
    (message,) = warned(holes)
    (expected,) = warned(np.where(gone[:, [1, 3]], np.nan, OFFSET[:, [1, 3]]))
    assert "columns 1, 3:" in message
    assert "columns 0, 1:" in expected
    known = holes[~gone[:, 1], 1]
    mean, deviation = moments(holes)
    np.testing.assert_allclose([mean[1], deviation[1]], [known.mean(), known.std()])
