import numpy as np
import pytest

from skvae.training import data as data_module
from skvae.training.data import Data, memory_map, release, row_blocks


def test_columns_are_those_that_are_given_but_groups():
    x, weight = np.zeros((3, 2)), np.ones(3)
    data = Data(x, sample_weight=weight, groups=np.arange(3))
    assert list(data.columns()) == ["x", "sample_weight"]
    assert data.columns()["x"] is x
    assert len(data) == 3


@pytest.mark.parametrize(
    ("kwargs", "other"),
    [
        ({"x": np.zeros((4, 2))}, {"x": np.zeros((2, 4))}),
        ({"x": np.zeros((4, 2))}, {"x": np.zeros((4, 2), np.float32)}),
        ({"x": np.zeros((4, 2), np.int64)}, {"x": np.zeros((4, 2))}),
        ({"x": np.zeros((4, 1))}, {"x": np.array([[0.0], [0], [0], [-0.0]])}),
        ({"y": np.ones(4)}, {"mask": np.ones(4)}),
        ({"y": np.ones(4)}, {"sample_weight": np.ones(4)}),
        ({}, {"sample_weight": np.ones(4)}),
        ({"groups": np.array(["a", "b", "c", "d"])}, {"groups": np.array(list("abdc"))}),
        (
            {"groups": np.array(["ab", "c"], object)},
            {"groups": np.array(["a", "bc"], object)},
        ),
    ],
)
def test_the_digest_knows_bytes_shape_dtype_and_column(kwargs, other):
    x = {"x": np.zeros((4, 2))}
    assert Data(**x | kwargs).digest() == Data(**x | kwargs).digest()
    assert Data(**x | kwargs).digest() != Data(**x | other).digest()


@pytest.mark.parametrize("row", [0, 7, 12])
def test_one_changed_entry_changes_the_digest(row, monkeypatch):
    monkeypatch.setattr(data_module, "BLOCK_BYTES", 5 * 16)
    x = np.random.default_rng(0).normal(size=(13, 2))
    before = Data(x).digest()
    x[row, 1] = np.nextafter(x[row, 1], 9.0)
    assert Data(x).digest() != before


def test_the_digest_does_not_depend_on_where_the_rows_lie(map_file, monkeypatch):
    x = np.random.default_rng(0).normal(size=(13, 2, 3)).astype(np.float32)
    expected = Data(x).digest()
    wide = np.zeros((26, 2, 3), np.float32)
    wide[::2] = x
    for other in (map_file(x), np.asfortranarray(x), wide[::2], x.copy()):
        assert Data(other).digest() == expected
    monkeypatch.setattr(data_module, "BLOCK_BYTES", 1)
    assert Data(x).digest() == expected


@pytest.mark.parametrize(
    "groups", [np.array(["2020-01-01", "2021-01-01"], "M8[D]"), np.array([True, False])]
)
def test_groups_of_any_kind_have_a_digest(groups):
    data = Data(np.zeros((2, 2)), groups=groups)
    assert data.digest() != Data(np.zeros((2, 2)), groups=groups[::-1]).digest()


@pytest.mark.parametrize("n_rows", [0, 1, 5, 6, 7])
def test_blocks_cover_each_row_once(n_rows, monkeypatch):
    monkeypatch.setattr(data_module, "BLOCK_BYTES", 3 * 8)
    rows = [r for block in row_blocks(np.zeros((n_rows, 1))) for r in range(n_rows)[block]]
    assert rows == list(range(n_rows))


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_a_view_of_a_map_is_known_as_one(map_file, mode):
    mapped = map_file(np.arange(24.0).reshape(6, 4), mode)
    views = [mapped, mapped[2:5], np.asarray(mapped), mapped[1:].reshape(-1), mapped.T]
    for view in [*views, np.asarray(mapped)[::2].view(np.ndarray)]:
        assert memory_map(view) is mapped._mmap


def test_a_copy_of_a_map_is_none(map_file):
    mapped = map_file(np.arange(24.0).reshape(6, 4))
    for array in (mapped.copy(), mapped + 1, mapped[[0, 2]], np.array(mapped), np.ones(3)):
        assert memory_map(array) is None


def test_private_changes_to_a_map_survive_a_release(map_file):
    mapped = map_file(np.zeros((600, 4)), "c")
    mapped[:] = 7.0
    for array in (mapped, mapped[10:], np.asarray(mapped)):
        assert memory_map(array) is None
        release(array)
    assert (mapped == 7.0).all()


def test_shared_changes_to_a_map_survive_a_release(map_file):
    mapped = map_file(np.zeros((600, 4)), "r+")
    mapped[:] = 7.0
    release(mapped)
    assert (mapped == 7.0).all()


def test_releasing_keeps_the_values_of_maps_and_arrays(map_file):
    values = np.random.default_rng(0).normal(size=(600, 4))
    mapped = map_file(values)
    for array in (mapped, mapped[3:], mapped.copy(), values.copy()):
        before = np.array(array)
        release(array)
        assert np.array_equal(array, before)
