import numpy as np
import pytest
import torch

from skvae.training.row_blocks import apply_in_blocks, as_block


@pytest.mark.parametrize(("filled_to", "last"), [(1, 6), (4, 8), (32, 16)])
def test_a_last_block_is_filled_up_but_never_beyond_a_whole_one(filled_to, last):
    sizes = []

    def total(rows):
        sizes.append(len(rows))
        return rows.sum(dim=1)

    x = np.arange(44, dtype=np.float32).reshape(22, 2)
    found = apply_in_blocks(total, x, 16, "cpu", filled_to=filled_to)
    np.testing.assert_array_equal(found, x.sum(axis=1))
    assert sizes == [16, last]


def test_gradients_are_there_when_asked_for_and_only_then():
    x = np.ones((3, 2), np.float32)

    def gradient(rows):
        rows = rows.clone().requires_grad_()
        return torch.autograd.grad((rows**2).sum(), rows)[0]

    found = apply_in_blocks(gradient, x, 2, "cpu", with_gradients=True)
    np.testing.assert_array_equal(found, 2 * x)
    with pytest.raises(RuntimeError, match="grad"):
        apply_in_blocks(gradient, x, 2, "cpu")


def test_a_full_block_is_a_view_and_a_partial_one_a_copy():
    rows = np.ones((4, 2), np.float32)
    assert as_block(rows, 4).data_ptr() == rows.ctypes.data
    partial = as_block(rows[:3], 4)
    assert partial.data_ptr() != rows.ctypes.data
    assert partial.sum() == 6


def test_values_that_are_not_finite_are_refused():
    x = np.array([[1.0, 2.0], [3.0, 3e38]], np.float32)
    found = apply_in_blocks(lambda rows: rows * 0.5, np.repeat(x, 9, axis=0), 32, "cpu")
    assert found.max() == np.float32(1.5e38)  # the sum of these is infinite
    with pytest.raises(ValueError, match=r"X with entries from 1 to 3e\+38.*not finite"):
        apply_in_blocks(lambda rows: rows * 2, x, 32, "cpu")
    with pytest.raises(ValueError, match="not finite"):
        apply_in_blocks(lambda rows: rows - rows / 0, x, 32, "cpu")
    x[0, 1] = np.nan  # padding
    found = apply_in_blocks(lambda rows: rows * 0.5, x, 32, "cpu", nan_is="padding")
    np.testing.assert_array_equal(found, x * np.float32(0.5))
    with pytest.raises(ValueError, match="not finite"):
        apply_in_blocks(lambda rows: rows * 2, x, 32, "cpu", nan_is="padding")
