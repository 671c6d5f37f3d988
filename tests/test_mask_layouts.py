import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvae.mask_layouts import (
    as_entries,
    axis_as_fields,
    field_names,
    fields_as_axis,
    gathered,
)

RNG = np.random.default_rng(0)
NAMES = ("lung", "lesion")


def records(n=4, shape=(3, 5)):
    masks = RNG.integers(0, 2, size=(n, len(NAMES), *shape)).astype(np.uint8)
    fields = np.empty((n, *shape), [(name, "u1") for name in NAMES])
    for k, name in enumerate(NAMES):
        fields[name] = masks[:, k]
    return masks, fields


@given(sizes=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1))
def test_maps_are_joined_where_they_are_of_one_size(sizes):
    maps = [RNG.random(size) for size in sizes]
    joined = gathered(maps)
    assert joined.dtype == (float if len(set(sizes)) == 1 else object)
    for a, b in zip(joined, maps, strict=True):
        np.testing.assert_array_equal(a, b)


def test_entries_stay_apart_also_at_equal_sizes():
    entries = as_entries(iter(np.ones((3, 2, 2))))
    assert entries.shape == (3,)
    assert entries[0].shape == (2, 2)


def test_fields_become_an_axis_and_come_back():
    masks, fields = records()
    np.testing.assert_array_equal(fields_as_axis(fields, 1), masks)
    np.testing.assert_array_equal(fields_as_axis(list(fields), 1), masks)
    np.testing.assert_array_equal(fields_as_axis(as_entries(fields), 1), masks)
    np.testing.assert_array_equal(fields_as_axis(fields[0], 0), masks[0])
    np.testing.assert_array_equal(axis_as_fields(masks, NAMES, 1), fields)
    whole = np.empty(4, [(name, "u1", (3, 5)) for name in NAMES])
    for k, name in enumerate(NAMES):
        whole[name] = masks[:, k]
    np.testing.assert_array_equal(fields_as_axis(whole, 1), masks)
    np.testing.assert_array_equal(fields_as_axis(whole[0], 0), masks[0])


def test_fields_are_found_by_name_whatever_their_order():
    masks, fields = records()
    other = fields[["lesion", "lung"]]
    np.testing.assert_array_equal(fields_as_axis(other, 1), masks[:, ::-1])
    np.testing.assert_array_equal(fields_as_axis(other, 1, NAMES), masks)
    with pytest.raises(ValueError, match="fields lung, lesion, but expected 'liver'"):
        fields_as_axis(fields, 1, ["lung", "liver"])


def test_other_masks_stay_as_they_are():
    masks, fields = records()
    for plain in (masks, list(masks), masks.tolist(), as_entries(masks)):
        assert field_names(plain) is None
        assert len(fields_as_axis(plain, 1)) == 4
    assert field_names(fields) == field_names(list(fields)) == NAMES
    assert field_names([]) is None


def test_array_likes_and_series_are_read_as_arrays():
    masks, fields = records()
    for each, names in ((masks, None), (fields, NAMES)):
        series = pd.Series(list(each), index=[7, 3, 9, 5])
        assert field_names(series) == names
        np.testing.assert_array_equal(fields_as_axis(series, 1)[2], masks[2])

    class NotAnArray:
        def __array__(self, dtype=None, copy=None):
            return masks

    assert field_names(NotAnArray()) is None
    np.testing.assert_array_equal(fields_as_axis(NotAnArray(), 1), masks)


def test_fields_that_are_no_masks_are_named():
    fields = np.zeros(4, [("lung", "u1", (3, 5)), ("age", "f4")])
    with pytest.raises(ValueError, match=r"\(4, 3, 5\), 'age' of shape \(4,\)"):
        fields_as_axis(fields, 1)
