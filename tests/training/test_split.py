import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvae.training.data import Data
from skvae.training.split import validation_split

few = settings(max_examples=30, deadline=None)


def test_without_a_fraction_all_rows_train():
    index, held_out = validation_split(Data(np.zeros((4, 2))), None, 0)
    assert index.tolist() == [0, 1, 2, 3]
    assert held_out is None


@few
@given(n=st.integers(2, 40), fraction=st.floats(0.05, 0.9), seed=st.integers(0, 2**31))
def test_every_row_is_on_one_side_and_no_side_is_empty(n, fraction, seed):
    n_held_out = int(np.ceil(fraction * n))
    if n_held_out == n:
        return
    index, held_out = validation_split(Data(np.zeros((n, 2))), fraction, seed)
    assert sorted([*index, *held_out]) == list(range(n))
    assert len(held_out) == n_held_out
    assert list(index) == sorted(index)
    assert list(held_out) == sorted(held_out)


@few
@given(groups=st.lists(st.sampled_from("ABCDE"), min_size=4, max_size=30))
def test_a_patient_is_never_on_both_sides(groups):
    if len(set(groups)) < 2:
        return
    groups = np.array(groups)
    data = Data(np.zeros((len(groups), 2)), groups=groups)
    index, held_out = validation_split(data, 0.3, 0)
    assert sorted([*index, *held_out]) == list(range(len(groups)))
    assert set(groups[index]).isdisjoint(groups[held_out])
    assert len(index) > 0 < len(held_out)


def test_the_seed_decides_the_split():
    data = Data(np.zeros((50, 2)))
    first, again, other = (validation_split(data, 0.2, seed)[1] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    "data",
    [
        Data(np.zeros((1, 2))),
        Data(np.zeros((6, 2)), groups=np.array(["P1"] * 6)),
    ],
)
def test_an_impossible_split_names_the_parameter(data):
    with pytest.raises(ValueError, match=r"validation_fraction=0\.1.*cannot be split"):
        validation_split(data, 0.1, 0)


def test_a_fraction_that_leaves_no_row_to_train_names_the_parameter():
    with pytest.raises(ValueError, match=r"validation_fraction=0\.99"):
        validation_split(Data(np.zeros((5, 2))), 0.99, 0)
