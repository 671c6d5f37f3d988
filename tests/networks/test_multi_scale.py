import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import nn

from skvae.networks.multi_scale import (
    MultiScaleAutoencoder,
    reduced,
    smoothed,
    stacked,
)


def network(sample_shape=(1, 16, 12), **parameters):
    torch.manual_seed(0)
    chosen = {"n_components": 3, "kernel_size": 5, "scales": (1, 2)} | parameters
    return MultiScaleAutoencoder(sample_shape=sample_shape, **chosen).eval()


def test_reduced_images_are_means_of_blocks_of_what_there_is():
    x = torch.arange(15.0).reshape(1, 1, 3, 5)
    expected = [[3.0, 5.0, 6.5], [10.5, 12.5, 14.0]]
    torch.testing.assert_close(reduced(x, 2)[0, 0], torch.tensor(expected))
    assert reduced(x, 1) is x


def test_stacked_maps_lie_where_their_pixels_were():
    ramp = torch.arange(12.0).expand(1, 1, 12, 12)
    maps = stacked([ramp, reduced(ramp, 2), reduced(ramp, 4)], (1, 2, 4))
    # Away from the border, linear interpolation of block means gives the ramp back.
    torch.testing.assert_close(maps[0, 1:, :, 2:10], ramp[0, :, :, 2:10].repeat(2, 1, 1))


def test_smoothing_averages_what_lies_within_the_image():
    maps = torch.randn(1, 2, 20, 14)
    found = smoothed(maps, 5).numpy()
    expected = uniform_filter(maps.numpy(), (0, 0, 5, 5), mode="constant")
    inside = uniform_filter(np.ones_like(expected), (0, 0, 5, 5), mode="constant")
    np.testing.assert_allclose(found, expected / inside, rtol=1e-5, atol=1e-6)


def test_every_scale_is_read_by_the_same_weights():
    net, x = network(hidden_layer_sizes=(4,)), torch.randn(2, 1, 16, 12)
    trace = net.read(x, ["code", "code_scale_2", "hidden_1_scale_2", "features"])
    small = net.read(reduced(x, 2), ["code", "hidden_1"])
    torch.testing.assert_close(trace["code_scale_2"], small["code"])
    torch.testing.assert_close(trace["hidden_1_scale_2"], small["hidden_1"])
    torch.testing.assert_close(trace["features"][:, :3], trace["code"])


def test_training_leaves_features_and_images_out_and_nothing_else():
    net, x = network(), torch.randn(2, 1, 16, 12)
    images = {"reconstruction", "reconstruction_scale_2"}
    assert set(dict(net.stages(x))) - set(net(x)) == {"features"} | images
    assert set(net(x)) <= set(dict(net.stages(x)))


def test_the_code_of_a_pixel_alone_reconstructs_its_window():
    net, x = network(hidden_layer_sizes=(4,)), torch.randn(1, 1, 16, 12)
    code = net(x)["code"]
    changed = code.clone()
    changed[..., 5, 6] += 1
    windows = (dict(net.decode(c))["window_reconstruction"] for c in (code, changed))
    moved = (next(windows) != next(windows)).any(dim=1)[0]
    assert moved.nonzero().tolist() == [[5, 6]]


def test_images_are_means_of_overlapping_windows():
    net, x = network(), torch.randn(1, 1, 16, 12)
    stages = dict(net.stages(x))
    windows = stages["window_reconstruction"][0].detach().numpy()
    total, count = np.zeros((20, 16)), np.zeros((20, 16))
    for row, column in np.ndindex(16, 12):
        reached = slice(row, row + 5), slice(column, column + 5)
        total[reached] += windows[:, row, column].reshape(5, 5)
        count[reached] += 1
    expected = (total / count)[2:-2, 2:-2]
    found = stages["reconstruction"][0, 0].detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_windows_are_whitened_by_what_training_remembers():
    net, x = network(whitening=0.1).train(), torch.randn(4, 1, 16, 12)
    net.remember(net(x))
    windows = net.eval()(x)["window"]
    expected = torch.einsum("ij,njab->niab", net.windows.matrix, raw_windows(x))
    shift = (net.windows.matrix @ net.windows.center).view(-1, 1, 1)
    torch.testing.assert_close(windows, expected - shift, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(net.windows.matrix, torch.eye(25))


def raw_windows(x):
    """Return windows of 5 pixels, a channel for each of their values."""
    padded = nn.functional.pad(x, (2, 2, 2, 2), mode="reflect")
    return nn.functional.unfold(padded, 5).unflatten(2, x.shape[2:])


def test_mean_activation_is_over_positions_and_scales_alike():
    net, x = network().train(), torch.randn(4, 1, 16, 12)
    trace = net(x)
    codes = trace["code"], trace["code_scale_2"]
    expected = torch.stack([code.mean(dim=(0, 2, 3)) for code in codes]).mean(dim=0)
    torch.testing.assert_close(trace["mean_activation"], expected.expand(4, -1))
    net.remember(trace)
    torch.testing.assert_close(net.eval()(x)["mean_activation"][0], expected.detach())


def test_rows_are_images_of_one_position():
    net = network((5,), scales=(1,), hidden_layer_sizes=(4,))
    trace = net.read(torch.randn(3, 5), ["hidden_1", "code", "features"])
    assert trace["hidden_1"].shape == (3, 4)
    assert trace["features"].equal(trace["code"])
    assert net(torch.ones(3, 5))["window"].equal(torch.ones(3, 5))
    assert net.codes == ("code", "features")
