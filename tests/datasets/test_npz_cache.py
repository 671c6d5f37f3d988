import numpy as np
import pytest

from skvae.datasets.npz_cache import cached_arrays


def never():
    raise AssertionError("derived again")


def test_arrays_are_derived_once(tmp_path):
    path = tmp_path / "new folder" / "arrays.npz"
    arrays = {"numbers": np.arange(5.0), "words": np.array(["a", "bc"])}
    first = cached_arrays(path, lambda: arrays)
    again = cached_arrays(path, never)
    for name, values in arrays.items():
        np.testing.assert_array_equal(first[name], values)
        np.testing.assert_array_equal(again[name], values)
        assert again[name].dtype == values.dtype


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_broken_file_is_replaced(tmp_path, content):
    path = tmp_path / "arrays.npz"
    path.write_bytes(content)
    cached_arrays(path, lambda: {"x": np.ones(3)})
    np.testing.assert_array_equal(cached_arrays(path, never)["x"], np.ones(3))


def test_a_file_with_a_flipped_byte_is_replaced(tmp_path):
    path = tmp_path / "arrays.npz"
    values = np.random.default_rng(0).integers(256, size=4000).astype(np.uint8)
    cached_arrays(path, lambda: {"x": values})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    np.testing.assert_array_equal(cached_arrays(path, lambda: {"x": values})["x"], values)
    np.testing.assert_array_equal(cached_arrays(path, never)["x"], values)


def test_a_failure_leaves_no_file_behind(tmp_path):
    path = tmp_path / "arrays.npz"
    with pytest.raises(ValueError, match="the array 'x' of objects"):
        cached_arrays(path, lambda: {"x": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []
