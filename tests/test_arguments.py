import numpy as np
import pandas as pd
import pytest

from skvae.arguments import check_choice, check_columns, check_number


@pytest.mark.parametrize("value", [1, 2.0, np.float32(1.5), np.int64(2)])
def test_numbers_within_bounds_pass(value):
    check_number("make", "x", value, low=1, high=2)


@pytest.mark.parametrize("value", [0.9, 2.1, float("nan"), float("inf")])
def test_numbers_out_of_bounds_are_refused(value):
    with pytest.raises(ValueError, match="make takes a number of at least 1 and at most 2"):
        check_number("make", "x", value, low=1, high=2)


@pytest.mark.parametrize("value", ["1", None, True, [1], 1.5])
def test_other_types_are_refused_as_integers(value):
    with pytest.raises(TypeError, match="but make takes an integer of at least 1"):
        check_number("make", "x", value, whole=True, low=1)


def test_an_open_lower_bound():
    check_number("make", "x", 0.1, low=0, above_low=True)
    with pytest.raises(ValueError, match=r"Got x=0, but make takes a number above 0\."):
        check_number("make", "x", 0, low=0, above_low=True)


@pytest.mark.parametrize("value", ["c", None, ["a"], np.array(["a", "b"])])
def test_what_is_no_choice_is_refused(value):
    with pytest.raises(ValueError, match=r"but make takes one of a, b\."):
        check_choice("make", "x", value, ["a", "b"])


@pytest.mark.parametrize(
    ("rows", "own", "refused"),
    [
        (["a", "b"], ["a", "b"], None),
        (["a", "b"], ["b", "a"], r"another order \('b' in row 0, where X has 'a'\)"),
        (["a", "b"], ["a", "c"], r"another index than X \('c' in row 1, where X has 'b'"),
        ([5, 7], [7, 5], "another order"),
        ([1, 0], [0, 1], None),
        ([0, 1], [5, 7], None),
        (["a", "a", "b"], ["a", "b", "a"], "another order"),
        ([("a", 1), ("a", 2)], [("a", 2), ("a", 1)], "another order"),
        (["a", "b"], ["a", "b", "c"], None),  # their number is refused elsewhere
    ],
)
def test_an_index_that_says_something_is_that_of_the_rows(rows, own, refused):
    X = pd.DataFrame({"x": range(len(rows))}, pd.Index(rows))
    y = pd.Series(range(len(own)), pd.Index(own))
    if refused is None:
        check_columns("fit", X, {"y": y, "groups": None})
    else:
        with pytest.raises(ValueError, match=refused):
            check_columns("fit", X, {"y": y})
    check_columns("fit", X.to_numpy(), {"y": y})
    check_columns("fit", X, {"y": list(y)})
