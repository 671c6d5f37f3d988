import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupShuffleSplit

from skvae.training.data import Data
from skvae.training.split import validation_split


def test_without_a_fraction_all_rows_train():
    index, held_out = validation_split(Data(np.zeros((4, 2))), None, 0)
    assert index.tolist() == [0, 1, 2, 3]
    assert held_out is None


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


# One-to-one maps of numbers below 12 that keep their order, reverse it, and mix it.
NAMES = {
    "numbers": lambda i: i,
    "reversed": lambda i: -i,
    "floats": lambda i: (5 * i % 13) / 4,
    "names": lambda i: f"P{7 * i % 13}",
    "objects": lambda i: ["A", 3, 2.5, "b", -1, True, "0", 7, None, 9, "z", 11][i],
}


@given(
    numbers=st.lists(st.integers(0, 11), min_size=4, max_size=30),
    name=st.sampled_from(list(NAMES)),
    seed=st.integers(0, 2**31),
)
def test_what_patients_are_called_does_not_change_the_split(numbers, name, seed):
    if len(set(numbers)) < 2:
        return
    called = list(map(NAMES[name], numbers))
    kind = object if name == "objects" else None
    x = np.zeros((len(numbers), 2))
    split, relabelled = (
        validation_split(Data(x, groups=np.array(groups, dtype=dtype)), 0.3, seed)
        for groups, dtype in ((numbers, None), (called, kind))
    )
    np.testing.assert_array_equal(relabelled[0], split[0])
    np.testing.assert_array_equal(relabelled[1], split[1])


def test_patients_in_the_order_of_their_numbers_are_split_as_scikit_learn_does():
    groups = np.repeat(np.arange(10), 3)
    splitter = GroupShuffleSplit(1, test_size=0.3, random_state=5)
    ((train, held_out),) = splitter.split(groups, groups=groups)
    split = validation_split(Data(np.zeros((30, 2)), groups=groups), 0.3, 5)
    np.testing.assert_array_equal(split[0], train)
    np.testing.assert_array_equal(split[1], held_out)


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
