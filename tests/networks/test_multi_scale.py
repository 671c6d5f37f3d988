import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from scipy.signal import correlate

from skvae.networks.multi_scale import (
    MirroredConvolution,
    MultiScaleAutoencoder,
    reduced,
    smoothed,
    stacked,
)


def network(sample_shape=(1, 16, 12), **parameters):
    torch.manual_seed(0)
    chosen = {"n_components": 3, "kernel_size": 5, "scales": (1, 2)} | parameters
    return MultiScaleAutoencoder(sample_shape=sample_shape, **chosen).eval()


@pytest.mark.parametrize("kernel_size", [1, 2, 5])
@pytest.mark.parametrize("spatial", [(9,), (7, 9), (5, 6, 7)])
def test_borders_are_mirrored_as_scipy_does(spatial, kernel_size):
    convolution = MirroredConvolution(1, 1, kernel_size, len(spatial))
    x = torch.randn(1, 1, *spatial)
    found = convolution(x).detach().numpy()[0, 0]
    before = (kernel_size - 1) // 2
    widths = [(before, kernel_size - 1 - before)] * len(spatial)
    padded = np.pad(x.numpy()[0, 0], widths, mode="reflect")
    weight = convolution.convolution.weight.detach().numpy()[0, 0]
    expected = correlate(padded, weight, mode="valid")
    bias = convolution.convolution.bias.item()
    np.testing.assert_allclose(found, expected + bias, atol=1e-5)


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
    net, x = network(channels=(4,)), torch.randn(2, 1, 16, 12)
    trace = net.read(x, ["code", "code_scale_2", "conv_1_scale_2", "features"])
    small = net.read(reduced(x, 2), ["code", "conv_1"])
    torch.testing.assert_close(trace["code_scale_2"], small["code"])
    torch.testing.assert_close(trace["conv_1_scale_2"], small["conv_1"])
    torch.testing.assert_close(trace["features"][:, :3], trace["code"])


def test_training_leaves_the_features_out_and_nothing_else():
    net, x = network(), torch.randn(2, 1, 16, 12)
    assert set(dict(net.stages(x))) - set(net(x)) == {"features"}


def test_mean_activation_is_over_positions_and_scales_alike():
    net, x = network().train(), torch.randn(4, 1, 16, 12)
    trace = net(x)
    codes = trace["code"], trace["code_scale_2"]
    expected = torch.stack([code.mean(dim=(0, 2, 3)) for code in codes]).mean(dim=0)
    torch.testing.assert_close(trace["mean_activation"], expected.expand(4, -1))
    net.remember(trace)
    torch.testing.assert_close(net.eval()(x)["mean_activation"][0], expected.detach())


def test_rows_are_images_of_one_position():
    net = network((5,), scales=(1,), channels=(4,))
    trace = net.read(torch.randn(3, 5), ["conv_1", "code", "features"])
    assert trace["conv_1"].shape == (3, 4)
    assert trace["features"].equal(trace["code"])
    assert net.codes == ("code", "features")
