import numpy as np
import pytest

from skvae.statistics.grouping import numbered


@pytest.mark.parametrize(
    "groups",
    [
        [5, 3, 5, 9, 3],
        ["b", "a", "b", "c", "a"],
        np.array(["Zoë", 1, "Zoë", None, 1], dtype=object),
        np.array([2.5, -1.0, 2.5, 0.0, -1.0]),
        np.array(
            ["2020-02-01", "2019-01-01", "2020-02-01", "2021-01-01", "2019-01-01"], "M8"
        ),
    ],
)
def test_groups_are_numbered_as_they_appear(groups):
    np.testing.assert_array_equal(numbered(groups), [0, 1, 0, 2, 1])
