import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from skvae.networks.blocks import GaussianCode, LinearCode
from skvae.networks.builder import Builder
from skvae.networks.conv import ConvAutoencoder
from skvae.networks.staged import stage_shapes

CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
POOL = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
FOUNDING = Builder(
    ConvAutoencoder,
    image_shape=(1, 32, 256, 256),
    n_components=32,
    bottleneck=Builder(GaussianCode),
    channels=(16, 32, 64, 32, 16),
    kernel_size=2,
    downsampling="max",
    hidden_layer_sizes=(256,),
    activation="relu",
)


def test_the_founding_ct_encoder_has_its_stages():
    shapes = stage_shapes(FOUNDING, (1, 32, 256, 256))
    encoder = dict(list(shapes.items())[: list(shapes).index("z") + 1])
    assert encoder == {
        "conv_1": (16, 16, 128, 128),
        "conv_2": (32, 8, 64, 64),
        "conv_3": (64, 4, 32, 32),
        "conv_4": (32, 2, 16, 16),
        "conv_5": (16, 1, 8, 8),
        "hidden_1": (256,),
        "mean": (32,),
        "log_var": (32,),
        "z": (32,),
    }
    assert math.prod(encoder["conv_5"]) == 1024
    assert shapes["reconstruction"] == (1, 32, 256, 256)


def test_the_founding_ct_encoder_has_the_layers_of_the_paper():
    with torch.device("meta"):
        network = FOUNDING()
    kernels = [block[0].convolution.weight.shape for block in network.down]
    assert kernels == [
        (16, 1, 2, 2, 2),
        (32, 16, 2, 2, 2),
        (64, 32, 2, 2, 2),
        (32, 64, 2, 2, 2),
        (16, 32, 2, 2, 2),
    ]
    for block in network.down:
        assert [type(part).__name__ for part in block] == [
            "SameConvolution",
            "ReLU",
            "MaxPool3d",
        ]
    assert network.dense.hidden[0][0].weight.shape == (256, 1024)
    assert type(network.dense.bottleneck.to_mean) is torch.nn.Linear
    assert network.dense.bottleneck.to_mean.weight.shape == (32, 256)
    assert network.dense.bottleneck.to_log_var.weight.shape == (32, 256)


def test_the_mean_of_a_relu_encoder_can_be_negative(conv):
    network = conv((1, 8, 8), "vae", n_components=16, downsampling="max")()
    x = torch.randn(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    trace = network.read(x, ["mean", "log_var"])
    assert trace["mean"].min() < 0 < trace["mean"].max()
    assert trace["log_var"].min() < 0


@given(
    size=st.lists(st.integers(1, 11), min_size=1, max_size=3),
    n_channels=st.integers(1, 3),
    n_blocks=st.integers(1, 3),
    kernel_size=st.integers(1, 5),
    downsampling=st.sampled_from(["stride", "max"]),
    normalization=st.sampled_from([None, "batch", "group"]),
    hidden=st.sampled_from([(), (4,)]),
    dropout=st.sampled_from([0.0, 0.4]),
)
def test_images_of_any_size_come_back_in_that_size(
    size, n_channels, n_blocks, kernel_size, downsampling, normalization, hidden, dropout
):
    image_shape = (n_channels, *size)
    builder = Builder(
        ConvAutoencoder,
        image_shape=image_shape,
        n_components=2,
        bottleneck=Builder(GaussianCode),
        channels=(3, 2, 4)[:n_blocks],
        kernel_size=kernel_size,
        downsampling=downsampling,
        hidden_layer_sizes=hidden,
        normalization=normalization,
        dropout=dropout,
    )
    shapes = stage_shapes(builder, image_shape)
    network = builder()
    noise = {stage: torch.rand(2, *shapes[stage]) for stage in network.noise_kinds()}
    trace = network(torch.zeros(2, *image_shape), noise)
    assert {name: tuple(value.shape[1:]) for name, value in trace.items()} == shapes
    assert shapes["reconstruction"] == image_shape
    halved = tuple(size)
    for i in range(1, n_blocks + 1):
        halved = tuple(math.ceil(n / 2) for n in halved)
        assert shapes[f"conv_{i}"][1:] == halved


@pytest.mark.parametrize("image_shape", [(1, 65, 71), (1, 17, 20, 23), (2, 15), (1, 1, 1)])
@pytest.mark.parametrize("downsampling", ["stride", "max"])
def test_odd_and_anisotropic_images_round_trip(conv, image_shape, downsampling):
    builder = conv(image_shape, downsampling=downsampling, channels=(2, 3, 2))
    shapes = stage_shapes(builder, image_shape)
    assert shapes["reconstruction"] == image_shape


@pytest.mark.parametrize("kernel_size", [2, 3])
@pytest.mark.parametrize("size", [(7,), (5, 6), (3, 4, 1)])
def test_the_first_max_block_equals_padding_convolution_relu_and_pooling(
    conv, kernel_size, size
):
    network = conv((2, *size), kernel_size=kernel_size, downsampling="max")()
    x = torch.randn(3, 2, *size, generator=torch.Generator().manual_seed(0))
    convolution = network.down[0][0].convolution
    padding = ((kernel_size - 1) // 2, kernel_size // 2) * len(size)
    y = CONVOLVE[len(size)](
        functional.pad(x, padding), convolution.weight, convolution.bias
    )
    # A ReLU is at least 0, so that zeros behind an odd image change no maximum.
    y = functional.pad(y.relu(), tuple(v for n in reversed(size) for v in (0, n % 2)))
    expected = POOL[len(size)](y, 2)
    stage = network.read(x, ["conv_1"])["conv_1"]
    torch.testing.assert_close(stage, expected, rtol=1e-5, atol=1e-5)


def test_all_pixels_reach_the_code_and_all_are_reconstructed(conv):
    torch.manual_seed(0)
    network = conv((1, 5, 7), activation="tanh", n_components=3)()
    x = torch.randn(1, 1, 5, 7, requires_grad=True)
    trace = network(x)
    (seen,) = torch.autograd.grad(trace["code"].square().sum(), x, retain_graph=True)
    assert (seen != 0).all()
    code = trace["code"].detach()
    moved = network.reconstruct(code + 1) - network.reconstruct(code)
    assert (moved != 0).all()


@pytest.mark.parametrize("normalization", [None, "group", "batch"])
def test_the_images_stay_as_they_were(conv, normalization):
    x = torch.randn(2, 1, 5, 6)
    before = x.clone()
    conv((1, 5, 6), normalization=normalization)()(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("normalization", ["batch", "group"])
def test_a_map_of_one_pixel_still_tells_images_apart(conv, normalization):
    torch.manual_seed(0)
    network = conv(
        (1, 4, 4), channels=(8, 8), activation="identity", normalization=normalization
    )()
    x = torch.randn(32, 1, 4, 4)
    last = network(x)["conv_2"]
    assert last.shape == (32, 8, 1, 1)
    assert last.std(dim=0).max() > 0.1


def test_decoding_starts_from_the_code_alone(conv):
    network = conv((1, 6, 5), "vae", hidden_layer_sizes=(4,))().eval()
    trace = network(torch.randn(2, 1, 6, 5))
    assert torch.equal(network.reconstruct(trace["mean"]), trace["reconstruction"])
    assert network.codes == ("mean", "z")


def test_dropout_noise_is_asked_for_each_map_and_none_without_dropout(conv):
    assert conv((1, 6, 5))().noise_kinds() == {}
    builder = conv((1, 6, 5), "vae", hidden_layer_sizes=(4,), dropout=0.5)
    kinds = builder().noise_kinds()
    assert kinds.pop("z") == "normal"
    assert set(kinds.values()) == {"uniform"}
    assert {"conv_1", "conv_2", "hidden_1", "decoded_1"} <= set(kinds)
    assert set(kinds) <= set(stage_shapes(builder, (1, 6, 5)))


def test_dropping_everything_leaves_a_map_of_zeros(conv):
    network = conv((1, 6, 5), dropout=0.5)()
    shapes = stage_shapes(conv((1, 6, 5), dropout=0.5), (1, 6, 5))
    noise = {stage: torch.zeros(2, *shapes[stage]) for stage in network.noise_kinds()}
    trace = network(torch.randn(2, 1, 6, 5), noise)
    for stage in noise:
        assert not trace[stage].any()


def test_a_fullgraph_compilation_gives_the_same_trace(conv):
    torch.compiler.reset()
    network = conv((1, 5, 6), "vae", kernel_size=2, downsampling="max")()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    x, noise = torch.randn(3, 1, 5, 6), {"z": torch.randn(3, 2)}
    expected, trace = network(x, noise), compiled(x, noise)
    assert all(torch.equal(trace[name], expected[name]) for name in expected)


def test_the_plain_code_is_a_linear_map_of_the_flattened_last_map():
    builder = Builder(
        ConvAutoencoder,
        image_shape=(1, 4),
        n_components=2,
        bottleneck=Builder(LinearCode),
        channels=(3,),
    )
    network = builder()
    trace = network(torch.randn(5, 1, 4))
    expected = network.dense.bottleneck.to_code(trace["conv_1"].flatten(1))
    assert torch.equal(trace["code"], expected)
