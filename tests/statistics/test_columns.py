import numpy as np
import pytest

from skvae.statistics.columns import (
    attribute_columns,
    by_known_rows,
    one_row_a_group,
    unit_columns,
)

pd = pytest.importorskip("pandas")


def test_frames_of_any_type():
    frame = pd.DataFrame(
        {
            "age": pd.array([40, None, 60, 70], dtype="Int64"),
            "site": ["b", "a", None, "c"],
            "sex": ["f", "m", "m", "f"],
            "stage": pd.Categorical(
                ["II", "I", "III", "I"], ["I", "II", "III"], ordered=True
            ),
            "smokes": [True, False, False, True],
        }
    )
    found = attribute_columns(frame, 4)
    assert found.names == ["age", "site", "sex", "stage", "smokes"]
    assert found.is_class.tolist() == [False, True, False, False, False]
    expected = [
        [40, 1, 0, 1, 1],
        [np.nan, 0, 1, 0, 0],
        [60, np.nan, 1, 2, 0],
        [70, 2, 0, 0, 1],
    ]
    np.testing.assert_array_equal(found.values, expected)


def test_names_of_series_arrays_and_polars():
    pl = pytest.importorskip("polars")
    assert attribute_columns(pd.Series([1.0, 2.0], name="volume"), 2).names == ["volume"]
    assert attribute_columns([1.0, 2.0], 2).names == ["attribute_0"]
    frame = pl.DataFrame({"area": [1.0, 2.0], "slant": [0.0, None]})
    found = attribute_columns(frame, 2)
    assert found.names == ["area", "slant"]
    assert np.isnan(found.values[1, 1])
    assert unit_columns(frame[["area"]]).names == ["area"]
    assert unit_columns(np.eye(2)).names == ["unit_0", "unit_1"]


def test_mean_of_known_values_of_each_group():
    columns = attribute_columns([[1, np.nan], [3, 5], [np.nan, np.nan]], 3)
    means = one_row_a_group(columns, np.array([1, 1, 0])).values
    np.testing.assert_array_equal(means, [[np.nan, np.nan], [2, 5]])


def test_columns_that_miss_the_same_rows_come_together():
    values = np.ones((4, 4))
    values[[1, 3], 0] = values[[1, 3], 2] = values[0, 3] = np.nan
    found = {tuple(rows): columns.tolist() for rows, columns in by_known_rows(values)}
    assert found == {(0, 2): [0, 2], (0, 1, 2, 3): [1], (1, 2, 3): [3]}


def test_infinite_values_are_refused():
    with pytest.raises(ValueError, match="attributes contains infinity"):
        attribute_columns([1.0, np.inf], 2)
