import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from skvae.networks.whitening import WhitenedWindows, mirrored


def windows_in_numpy(image, kernel_size):
    """Return all windows of an image (channels, *spatial), one row for each pixel."""
    n_axes = image.ndim - 1
    before = (kernel_size - 1) // 2
    widths = [(0, 0)] + [(before, kernel_size - 1 - before)] * n_axes
    padded = np.pad(image, widths, mode="reflect")
    axes = tuple(range(1, n_axes + 1))
    view = sliding_window_view(padded, (kernel_size,) * n_axes, axis=axes)
    return np.moveaxis(view, 0, n_axes).reshape(image[0].size, -1)


def smooth_images(n_images=6, n_channels=1, spatial=(12, 10)):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n_images, n_channels, *spatial, generator=generator)
    return 3 + x + x.roll(1, dims=-1)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
@pytest.mark.parametrize("spatial", [(9,), (7, 9), (5, 6, 7)])
def test_a_window_lies_around_its_pixel_and_is_mirrored_at_the_border(spatial, kernel_size):
    layer = WhitenedWindows(2, kernel_size, len(spatial), None)
    x = smooth_images(1, 2, spatial)
    found = layer(x)[0].flatten(1).T
    expected = windows_in_numpy(x[0].numpy(), kernel_size)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
@pytest.mark.parametrize("spatial", [(9,), (7, 9), (5, 6, 7)])
def test_whitened_windows_overlap_to_the_image_they_are_of(spatial, kernel_size):
    layer = WhitenedWindows(2, kernel_size, len(spatial), 0.1).train()
    x = smooth_images(3, 2, spatial)
    layer.remember([layer(x)])
    torch.testing.assert_close(layer.overlapped(layer(x)), x, rtol=1e-4, atol=1e-4)


def test_directions_above_the_floor_are_equally_strong():
    layer, x = WhitenedWindows(1, 3, 2, 0.1).train(), smooth_images()
    layer.remember([layer(x)])
    rows = np.concatenate([windows_in_numpy(image, 3) for image in x.numpy()])
    before, axes = np.linalg.eigh(np.cov(rows.T, bias=True))
    whitened = layer(x).movedim(1, -1).flatten(0, -2).numpy()
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-4)
    after = axes.T @ np.cov(whitened.T, bias=True) @ axes
    expected = np.diag(before / (before + 0.1 * before.mean()))
    np.testing.assert_allclose(after, expected, atol=1e-3)


def test_whitening_does_not_depend_on_what_whitened_the_batch():
    first, second = (WhitenedWindows(1, 3, 2, 0.1).train() for _ in range(2))
    x = smooth_images()
    first.remember([first(x)])
    for _ in range(5):
        second.remember([second(x)])
    torch.testing.assert_close(second.matrix, first.matrix, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(second.center, first.center, rtol=1e-4, atol=1e-5)


def test_brightness_and_contrast_of_the_images_do_not_matter():
    one, other = (WhitenedWindows(1, 3, 2, 0.1).train() for _ in range(2))
    x = smooth_images()
    one.remember([one(x)])
    other.remember([other(0.05 * x + 0.4)])
    torch.testing.assert_close(other(0.05 * x + 0.4), one(x), rtol=1e-3, atol=1e-2)


def test_nothing_is_remembered_while_frozen_or_without_a_floor():
    x = smooth_images()
    for layer in (WhitenedWindows(1, 3, 2, 0.1).eval(), WhitenedWindows(1, 3, 2, None)):
        layer.remember([layer(x)])
        assert layer.matrix.equal(torch.eye(9))
        assert layer.center.equal(torch.zeros(9))


def test_images_without_any_contrast_stay_finite():
    layer, x = WhitenedWindows(1, 3, 2, 0.1).train(), torch.ones(2, 1, 5, 5)
    layer.remember([layer(x)])
    assert layer(x).isfinite().all()
    torch.testing.assert_close(layer.overlapped(layer(x)), x)


def test_mirroring_keeps_an_image_that_no_kernel_leaves():
    x = torch.randn(1, 1, 3, 4)
    assert mirrored(x, 1).equal(x)
    assert mirrored(x, 2).shape == (1, 1, 4, 5)
