import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from skvae.networks.blocks import (
    ACTIVATIONS,
    GaussianCode,
    LinearCode,
    SameConvolution,
    UpConvolution,
    dense_blocks,
    dropout,
    normalization_layers,
)

CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


@given(
    size=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    kernel_size=st.integers(1, 5),
    stride=st.sampled_from([1, 2]),
)
def test_same_convolution_is_a_convolution_of_the_explicitly_padded_image(
    size, kernel_size, stride
):
    block = SameConvolution(2, 3, kernel_size, stride=(stride,) * len(size))
    x = torch.randn(2, 2, *size, generator=torch.Generator().manual_seed(0))
    before, after = (kernel_size - 1) // 2, kernel_size // 2
    padded = functional.pad(x, (before, after) * len(size))
    expected = CONVOLVE[len(size)](
        padded, block.convolution.weight, block.convolution.bias, stride=stride
    )
    with torch.no_grad():
        y = block(x)
    torch.testing.assert_close(y, expected.detach(), rtol=1e-5, atol=1e-5)
    assert y.shape[2:] == tuple(int(np.ceil(n / stride)) for n in size)


def test_an_even_kernel_looks_behind():
    block = SameConvolution(1, 1, kernel_size=2, stride=(1,))
    with torch.no_grad():
        block.convolution.weight.copy_(torch.tensor([[[1.0, 10.0]]]))
        block.convolution.bias.zero_()
        y = block(torch.tensor([[[1.0, 2.0, 3.0]]]))
    assert y.tolist() == [[[21.0, 32.0, 3.0]]]


@given(target=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_up_convolution_returns_to_the_size_that_was_halved(target):
    target = tuple(target)
    size = tuple((n + 1) // 2 for n in target)
    block = UpConvolution(2, 3, size, target)
    assert block(torch.zeros(2, 2, *size)).shape == (2, 3, *target)


@given(
    target=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    n_maps=st.sampled_from([1, 3, 4]),
)
def test_up_convolution_is_that_of_torch_with_its_gradients(target, n_maps):
    target = tuple(target)
    block = UpConvolution(2, n_maps, tuple((n + 1) // 2 for n in target), target).double()
    x = torch.rand(3, 2, *((n + 1) // 2 for n in target), dtype=torch.float64)
    x.requires_grad_()
    parameters = [x, *block.parameters()]
    found, expected = block(x), block.convolution(x)[block.crop]
    torch.testing.assert_close(found, expected)
    weights = torch.rand_like(found)
    for ours, theirs in zip(
        torch.autograd.grad((found * weights).sum(), parameters),
        torch.autograd.grad((expected * weights).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_every_pixel_of_an_up_convolution_depends_on_the_image():
    block = UpConvolution(1, 1, (3, 1), (5, 1))
    x = torch.zeros(1, 1, 3, 1, requires_grad=True)
    y = block(x)
    for pixel in y.flatten():
        (gradient,) = torch.autograd.grad(pixel, x, retain_graph=True)
        assert gradient.abs().sum() > 0


def test_dropout_without_noise_or_rate_is_the_very_same_tensor():
    x = torch.randn(3, 4)
    assert dropout(x, 0.5, None, "hidden_1") is x
    assert dropout(x, 0.0, {"hidden_1": torch.rand(3, 4)}, "hidden_1") is x


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_expectation_and_drops_that_share(rate):
    x = torch.full((200_000,), 3.0)
    noise = {"a": torch.rand(len(x), generator=torch.Generator().manual_seed(0))}
    y = dropout(x, rate, noise, "a")
    kept = y != 0
    standard_error = 3.0 * np.sqrt(rate / (1 - rate) / len(x))
    assert abs(y.mean().item() - 3.0) < 5 * standard_error
    assert abs(kept.double().mean().item() - (1 - rate)) < 5 * np.sqrt(0.25 / len(x))
    torch.testing.assert_close(y[kept], torch.full_like(y[kept], 3.0 / (1 - rate)))


def test_dropout_takes_the_noise_of_its_own_stage():
    x = torch.ones(1, 2)
    noise = {"a": torch.tensor([[0.0, 0.9]]), "b": torch.tensor([[0.9, 0.0]])}
    assert dropout(x, 0.5, noise, "a").tolist() == [[0.0, 2.0]]
    assert dropout(x, 0.5, noise, "b").tolist() == [[2.0, 0.0]]


def test_the_code_without_noise_is_the_mean():
    code = GaussianCode(4, 3)
    stages = dict(code.stages(torch.randn(8, 4)))
    assert torch.equal(stages["z"], stages["mean"])


def test_the_code_with_noise_is_the_mean_plus_sigma_times_noise():
    code = GaussianCode(4, 3)
    noise = torch.randn(8, 3)
    stages = dict(code.stages(torch.randn(8, 4), {"z": noise}))
    sigma = stages["log_var"].double().exp().sqrt()
    expected = stages["mean"].double() + sigma * noise.double()
    torch.testing.assert_close(stages["z"].double(), expected, rtol=1e-6, atol=1e-6)


def test_sampled_codes_have_the_mean_and_variance_of_the_posterior():
    code = GaussianCode(2, 1)
    x = torch.randn(1, 2).expand(100_000, 2)
    noise = torch.randn(len(x), 1, generator=torch.Generator().manual_seed(0))
    stages = dict(code.stages(x, {"z": noise}))
    z = stages["z"].double()
    variance = stages["log_var"][0].double().exp()
    assert abs(z.mean() - stages["mean"][0]) < 5 * (variance / len(x)).sqrt()
    assert abs(z.var() / variance - 1) < 0.03


@pytest.mark.parametrize("cls", [LinearCode, GaussianCode])
def test_heads_are_linear_so_that_their_values_have_both_signs(cls):
    rows = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    stages = dict(cls(5, 4).stages(rows))
    for value in stages.values():
        assert value.min() < 0 < value.max()


def test_only_a_sampled_code_asks_for_noise():
    assert GaussianCode(2, 1).noise_kinds() == {"z": "normal"}
    assert LinearCode(2, 1).noise_kinds() == {}


@pytest.mark.parametrize("n_channels", [1, 6, 7, 8, 16, 30, 64, 97])
def test_group_normalization_divides_any_number_of_channels(n_channels):
    (layer,) = normalization_layers("group", n_channels, n_axes=2)
    x = torch.randn(2, n_channels, 5, 4)
    y = layer(x).reshape(2, layer.num_groups, -1)
    assert n_channels % layer.num_groups == 0
    torch.testing.assert_close(
        y.mean(2), torch.zeros(2, layer.num_groups), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("n_axes", [0, 1, 2, 3])
def test_batch_normalization_equals_the_mean_and_variance_of_the_batch(n_axes):
    (layer,) = normalization_layers("batch", 3, n_axes)
    x = 4 + 2 * torch.randn(16, 3, *(2, 3, 4)[:n_axes])
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axes, keepdim=True)
    variance = x.var(axes, keepdim=True, correction=0)
    torch.testing.assert_close(
        layer(x), (x - mean) / (variance + 1e-5).sqrt(), rtol=1e-4, atol=1e-5
    )


def test_no_normalization_adds_no_layer():
    assert normalization_layers(None, 4, 2) == []


@pytest.mark.parametrize("normalization", [None, "batch", "group"])
@pytest.mark.parametrize("n_units", [2, 4, 8, 16])
def test_a_narrow_normalized_layer_still_tells_rows_apart(normalization, n_units):
    torch.manual_seed(0)
    (block,) = dense_blocks([6, n_units], "identity", normalization)
    spread = block(torch.randn(64, 6)).std(dim=0)
    assert spread.max() > 0.1


@pytest.mark.parametrize("n_units", [4, 8, 16])
def test_a_group_normalized_dense_layer_keeps_more_than_signs(n_units):
    torch.manual_seed(0)
    (block,) = dense_blocks([6, n_units], "identity", "group")
    values = block(torch.randn(64, 6)).detach().numpy()
    assert len(np.unique(values.round(2))) > 64


def test_dense_blocks_are_a_linear_map_and_an_activation():
    blocks = dense_blocks([4, 3, 2], "tanh", None)
    x = torch.randn(5, 4)
    linear = blocks[0][0]
    expected = np.tanh(x.numpy() @ linear.weight.detach().numpy().T + linear.bias.tolist())
    np.testing.assert_allclose(blocks[0](x).detach().numpy(), expected, atol=1e-6)
    assert len(blocks) == 2
    assert len(dense_blocks([4], "tanh", None)) == 0


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_leave_their_input_alone(name):
    x = torch.linspace(-2, 2, 9)
    before = x.clone()
    activation = ACTIVATIONS[name]()
    assert isinstance(activation, nn.Module)
    activation(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("kind", ["group", "instance"])
@pytest.mark.parametrize("n_axes", [2, 3])
def test_normalisation_keeps_its_digits_in_every_layout(kind, n_axes):
    """torch's own is off by a standard deviation and more in channels_last on a CPU."""
    draws = torch.Generator().manual_seed(0)
    size, layouts = {
        2: ((2, 8, 128, 128), (torch.contiguous_format, torch.channels_last)),
        3: ((1, 8, 24, 24, 24), (torch.contiguous_format, torch.channels_last_3d)),
    }[n_axes]
    x = 300 + torch.randn(size, generator=draws)
    (layer,) = normalization_layers(kind, 8, n_axes)
    groups = x.double().reshape(len(x), layer.num_groups, -1)
    expected = (groups - groups.mean(dim=2, keepdim=True)) / groups.std(
        dim=2, keepdim=True, correction=0
    )
    for layout in layouts:
        found = layer(x.contiguous(memory_format=layout))
        torch.testing.assert_close(
            found.double(), expected.reshape(size), atol=2e-3, rtol=0, msg=str(layout)
        )
