import numpy as np
import pandas as pd
import pytest

from skvae.features.attribute_columns import (
    check_attributes,
    one_for_each,
    refuse_unseen,
    wanted_attributes,
)

X = np.zeros((4, 3), dtype=np.float32)


def test_names_are_those_of_the_columns():
    frame = pd.DataFrame({"volume": [1, 2, 3, 4], "age": [50.0, np.nan, 40.0, 30.0]})
    names, values = check_attributes(frame, X, 2, "AttriVAE")
    assert names == ["volume", "age"]
    np.testing.assert_array_equal(values, frame.to_numpy())
    names, _ = check_attributes(frame.to_numpy(), X, 2, "AttriVAE")
    assert names == ["attribute_0", "attribute_1"]


def test_one_attribute_may_be_one_column():
    names, values = check_attributes(pd.Series([1.0, 2.0, 3.0, 4.0], name="age"), X, 2, "V")
    assert (names, values.shape) == (["age"], (4, 1))
    names, values = check_attributes([1.0, 2.0, 3.0, 4.0], X, 2, "V")
    assert (names, values.shape) == (["attribute_0"], (4, 1))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"age": [1.0, 1, 1, np.nan]}, "the attribute 'age' that is 1 everywhere"),
        ({"age": [np.nan] * 4}, "the attribute 'age' without a single value"),
        ({"a": range(4), "b": range(4), "c": range(4)}, "Got 3 attributes with n_comp"),
        ({"age": range(3)}, "inconsistent numbers of samples"),
        ({"age": [1, 2, 3, np.inf]}, "infinity"),
        ({"sex": list("abab")}, "column 'sex' with the entry 'a'"),
    ],
)
def test_what_orders_nothing_is_refused_by_name(attributes, message):
    with pytest.raises(ValueError, match=message):
        check_attributes(pd.DataFrame(attributes), X, 2, "AttriVAE")


def test_each_attribute_has_a_name_of_its_own():
    table = pd.DataFrame(np.arange(8).reshape(4, 2), columns=["age", "age"])
    with pytest.raises(ValueError, match="two attributes called 'age', but AttriVAE"):
        check_attributes(table, X, 2, "AttriVAE")


def test_one_number_for_all_or_one_for_each():
    assert one_for_each(3, 2, "delta") == 3.0
    assert one_for_each([1, 2], 2, "delta") == (1.0, 2.0)
    with pytest.raises(ValueError, match=r"Got delta=\[1, 2\] for 3 attributes"):
        one_for_each([1, 2], 3, "delta")
    with pytest.raises(ValueError, match="at least 0"):
        one_for_each((1, -2), 2, "delta")


def test_wanted_attributes_by_name_and_by_column():
    names = ["volume", "age"]
    wanted = wanted_attributes({"age": [30, 40]}, 2, names)
    np.testing.assert_array_equal(wanted["age"], [30, 40])
    assert np.isnan(wanted["volume"]).all()
    wanted = wanted_attributes([5.0, np.nan], 3, names)
    np.testing.assert_array_equal(wanted["volume"], [5, 5, 5])
    wanted = wanted_attributes([[5, 1], [6, 2]], 2, names)
    np.testing.assert_array_equal(wanted["age"], [1, 2])
    with pytest.raises(ValueError, match="Got the attribute 'mass', but training saw vol"):
        wanted_attributes({"mass": 1}, 2, names)
    with pytest.raises(ValueError, match=r"Got attributes of shape \(3,\)"):
        wanted_attributes([1, 2, 3], 2, names)


def test_values_beyond_those_of_training_are_refused():
    refuse_unseen("age", np.array([30.0, 90.0]), 30.0, 90.0)
    with pytest.raises(ValueError, match="Got age=91, but training saw 30 to 90"):
        refuse_unseen("age", np.array([30.0, 91.0]), 30.0, 90.0)
