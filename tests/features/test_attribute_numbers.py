import numpy as np
import pandas as pd
import polars as pl
import pytest

from skvae.features.attribute_columns import check_attributes

X = np.zeros((4, 5), dtype=np.float32)


def test_booleans_and_ordered_categories_are_numbers():
    grades = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    stages = pd.CategoricalDtype([4, 2, 1], ordered=True)
    table = pd.DataFrame(
        {
            "smokes": [True, False, True, True],
            "asked": pd.array([True, None, False, True], dtype="boolean"),
            "grade": pd.Series(["high", "low", None, "mid"], dtype=grades),
            "stage": pd.Series([4, 1, None, 2], dtype=stages),
            "age": pd.array([50, None, 40, 30], dtype="Int64"),
        }
    )
    names, values = check_attributes(table, X, 5, "AttriVAE")
    assert names == list(table)
    expected = [
        [1.0, 0.0, 1.0, 1.0],
        [1.0, np.nan, 0.0, 1.0],
        [2.0, 0.0, np.nan, 1.0],
        [4.0, 1.0, np.nan, 2.0],
        [50.0, np.nan, 40.0, 30.0],
    ]
    np.testing.assert_array_equal(values, np.transpose(expected))
    for k, column in enumerate(table):
        names, alone = check_attributes(table[column], X, 5, "AttriVAE")
        assert names == [column]
        np.testing.assert_array_equal(alone, values[:, [k]])


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (pd.DataFrame({"a": range(4), "sex": list("MFMF")}), "column 'sex' with the ent"),
        (
            pd.DataFrame({"s": pd.Categorical(list("MFMF"))}),
            "column 's' with the entry 'M'",
        ),
        (pd.DataFrame({"d": pd.date_range("2020", periods=4)}), "column 'd' of dtype date"),
        (pd.DataFrame({"d": pd.to_timedelta(range(4))}), "column 'd' of dtype timedelta"),
        (pl.DataFrame({"a": range(4), "sex": list("MFMF")}), "column 'sex' of dtype"),
        ([[1, "M"], [2, "F"], [3, "M"], [4, "F"]], "column 1 with the entry 'M'"),
        (list("MFMF"), "Got attributes of dtype <U1"),
        (pd.Series(list("MFMF")), "Got attributes with the entry 'M'"),
        (np.arange(4).astype("M8[D]"), "Got attributes of dtype datetime"),
    ],
)
def test_text_and_dates_are_refused_by_the_name_of_their_column(attributes, message):
    cure = r".*AttriVAE expects numbers, booleans \(such as sex == 'M'\) or ordered cat"
    with pytest.raises(ValueError, match=message + cure):
        check_attributes(attributes, X, 2, "AttriVAE")


def test_tables_of_polars_and_objects():
    table = pl.DataFrame(
        {"age": [50.0, None, 40.0, 30.0], "old": [True, None, False, True]}
    )
    names, values = check_attributes(table, X, 2, "AttriVAE")
    assert names == ["age", "old"]
    expected = np.array([[50, 1], [np.nan, np.nan], [40, 0], [30, 1]])
    np.testing.assert_array_equal(values, expected)
    objects = np.array([[50, True], [None, None], [40, False], [30.0, True]], dtype=object)
    np.testing.assert_array_equal(check_attributes(objects, X, 2, "A")[1], expected)
