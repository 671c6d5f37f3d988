from itertools import product

import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference
from torch import nn

from skvae.training.windows import apply_by_windows, n_windows

IMAGE = np.random.default_rng(0).normal(size=(2, 37, 50)).astype(np.float32)


def pointwise(x):
    return torch.cat([x.sin(), (x**2).sum(dim=1, keepdim=True)], dim=1)


@pytest.mark.parametrize("size", [8, 16, 64])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_of_a_pointwise_function_windows_are_the_whole_image(size, overlap):
    done = []
    maps = apply_by_windows(pointwise, IMAGE, size, overlap, "cpu", 1, done.append)
    whole = pointwise(torch.from_numpy(IMAGE)[None])[0]
    torch.testing.assert_close(maps, whole, rtol=1e-5, atol=1e-5)
    assert sum(done) == n_windows(IMAGE.shape[1:], size, overlap)


def blended(function, image, size, overlap):
    """Average over windows, each weighted by a Gaussian of an eighth of its width."""
    spatial = image.shape[1:]
    sizes = [min(size, n) for n in spatial]
    starts = [
        sorted({min(k * max(1, int(m * (1 - overlap))), n - m) for k in range(n)})
        for m, n in zip(sizes, spatial, strict=True)
    ]
    distance = [(np.arange(m) - (m - 1) / 2) / (m / 8) for m in sizes]
    weight = np.exp(-sum(d**2 for d in np.meshgrid(*distance, indexing="ij")) / 2)
    weight = np.maximum(weight, max(weight.min(), 1e-3))
    total, weights = 0.0, np.zeros(spatial)
    for first in product(*starts):
        window = tuple(slice(a, a + m) for a, m in zip(first, sizes, strict=True))
        maps = function(torch.from_numpy(image[(None, slice(None), *window)])).numpy()[0]
        placed = np.zeros((len(maps), *spatial))
        placed[(slice(None), *window)] = weight * maps
        total = total + placed
        weights[window] += weight
    return total / weights


@pytest.mark.parametrize("size", [10, 16, 40])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
def test_windows_are_averaged_with_gaussian_weights(size, overlap):
    torch.manual_seed(0)
    network = nn.Conv2d(2, 3, 5, padding=2).requires_grad_(False)  # sees a window's edge
    maps = apply_by_windows(network, IMAGE, size, overlap, "cpu", 1)
    expected = blended(network, IMAGE, size, overlap)
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(network(torch.from_numpy(IMAGE)).numpy() - expected).max() > 0.01


def test_windows_are_those_of_monai():
    network = nn.Conv2d(2, 3, 5, padding=2).requires_grad_(False)
    maps = apply_by_windows(network, IMAGE, 16, 0.5, "cpu", 1)
    expected = sliding_window_inference(
        torch.from_numpy(IMAGE)[None], (16, 16), 1, network, overlap=0.5, mode="gaussian"
    )
    torch.testing.assert_close(maps, expected[0], rtol=1e-5, atol=1e-5)


def test_volumes_have_windows_too():
    volume = np.random.default_rng(0).normal(size=(1, 9, 20, 11)).astype(np.float32)
    maps = apply_by_windows(torch.sin, volume, 8, 0.5, "cpu", 1)
    torch.testing.assert_close(maps, torch.from_numpy(volume).sin(), rtol=1e-5, atol=1e-5)
    network = nn.Conv3d(1, 2, 3, padding=1).requires_grad_(False)
    maps = apply_by_windows(network, volume, 8, 0.5, "cpu", 1)
    expected = blended(network, volume, 8, 0.5)
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-5)
