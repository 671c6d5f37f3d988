import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call, stack_module_state, vmap

from skvae.networks.blocks import GaussianCode
from skvae.networks.builder import Builder
from skvae.networks.dense import DenseAutoencoder
from skvae.networks.staged import stage_shapes


@pytest.fixture
def x():
    return torch.randn(9, 6, generator=torch.Generator().manual_seed(0))


def test_stages_are_the_documented_column(dense):
    builder = dense("vae", hidden_layer_sizes=(5, 4))
    assert stage_shapes(builder, (6,)) == {
        "hidden_1": (5,),
        "hidden_2": (4,),
        "mean": (2,),
        "log_var": (2,),
        "z": (2,),
        "decoded_1": (4,),
        "decoded_2": (5,),
        "reconstruction": (6,),
    }


def test_without_hidden_layers_the_network_is_an_affine_map(dense, x):
    network = dense(hidden_layer_sizes=())()
    assert list(stage_shapes(dense(hidden_layer_sizes=()), (6,))) == [
        "code",
        "reconstruction",
    ]
    y = network(x + 1)["reconstruction"] + network(x - 1)["reconstruction"]
    torch.testing.assert_close(y / 2, network(x)["reconstruction"])


def test_the_trace_equals_numpy(dense, x):
    network = dense("plain", activation="relu")()
    weights = {name: w.double().numpy() for name, w in network.state_dict().items()}

    def linear(rows, name):
        return rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    hidden = np.maximum(linear(x.double().numpy(), "hidden.0.0"), 0)
    code = linear(hidden, "bottleneck.to_code")
    decoded = np.maximum(linear(code, "decoded.0.0"), 0)
    expected = {
        "hidden_1": hidden,
        "code": code,
        "decoded_1": decoded,
        "reconstruction": linear(decoded, "to_rows"),
    }
    for name, value in network(x).items():
        np.testing.assert_allclose(value.detach().numpy(), expected[name], atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(
    n_features=st.integers(1, 9),
    n_components=st.integers(1, 9),
    hidden=st.lists(st.integers(1, 9), max_size=3),
    normalization=st.sampled_from([None, "batch", "group"]),
    dropout=st.sampled_from([0.0, 0.5]),
)
def test_every_stage_and_its_noise_has_the_announced_shape(
    n_features, n_components, hidden, normalization, dropout
):
    builder = Builder(
        DenseAutoencoder,
        n_features=n_features,
        n_components=n_components,
        hidden_layer_sizes=tuple(hidden),
        bottleneck=Builder(GaussianCode),
        normalization=normalization,
        dropout=dropout,
    )
    network, shapes = builder(), stage_shapes(builder, (n_features,))
    noise = {stage: torch.rand(3, *shapes[stage]) for stage in network.noise_kinds()}
    trace = network(torch.zeros(3, n_features), noise)
    assert {name: tuple(value.shape[1:]) for name, value in trace.items()} == shapes
    assert len(noise) == 1 + 2 * len(hidden) * bool(dropout)


@pytest.mark.parametrize("code", ["plain", "vae"])
@pytest.mark.parametrize("normalization", [None, "group", "batch"])
def test_the_input_and_the_noise_stay_as_they_were(dense, code, normalization, x):
    network = dense(code, normalization=normalization, dropout=0.3)()
    shapes = stage_shapes(dense(code, normalization=normalization, dropout=0.3), (6,))
    noise = {stage: torch.rand(9, *shapes[stage]) for stage in network.noise_kinds()}
    before = x.clone(), {stage: value.clone() for stage, value in noise.items()}
    network(x, noise)
    assert torch.equal(x, before[0])
    assert all(torch.equal(value, before[1][stage]) for stage, value in noise.items())


def test_dropout_zeroes_whole_share_of_hidden_and_decoded_units(dense, x):
    network = dense(activation="tanh", dropout=0.5)()
    noise = {"hidden_1": torch.zeros(9, 5), "decoded_1": torch.ones(9, 5)}
    trace = network(x, noise)
    assert not trace["hidden_1"].any()
    assert torch.equal(
        trace["decoded_1"], 2 * torch.tanh(network.decoded[0][0](trace["code"]))
    )


def test_without_noise_two_walks_are_the_same_bits(dense, x):
    network = dense("vae", dropout=0.9)().train()
    first, second = network(x), network(x)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(first["z"], first["mean"])


@pytest.mark.parametrize("code", ["plain", "vae"])
def test_a_fullgraph_compilation_gives_the_same_trace(dense, code, x):
    torch.compiler.reset()
    network = dense(code, dropout=0.5, sigmoid_output=True)()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    noise = {stage: torch.rand(9, 5) for stage in ("hidden_1", "decoded_1")}
    noise |= {"z": torch.randn(9, 2)} if code == "vae" else {}
    expected, trace = network(x, noise), compiled(x, noise)
    assert list(trace) == list(expected)
    assert all(torch.equal(trace[name], expected[name]) for name in expected)


@pytest.mark.parametrize("normalization", [None, "group"])
def test_stacked_networks_equal_the_single_ones(dense, normalization, x):
    builder = dense("vae", hidden_layer_sizes=(8,), normalization=normalization)
    networks = [builder() for _ in range(3)]
    weights, buffers = stack_module_state(networks)
    noise = {"z": torch.randn(9, 2)}
    skeleton = networks[0]

    def walk(weights, buffers, rows):
        return functional_call(skeleton, (weights, buffers), (rows, noise))

    stacked = vmap(walk, in_dims=(0, 0, None))(weights, buffers, x)
    for i, network in enumerate(networks):
        for name, value in network(x, noise).items():
            torch.testing.assert_close(stacked[name][i], value, rtol=1e-5, atol=1e-5)


def test_rows_do_not_depend_on_their_neighbours(dense, x):
    network = dense("vae", normalization="batch")().eval()
    alone = network(x[3:4])["mean"]
    torch.testing.assert_close(network(x)["mean"][3:4], alone, rtol=1e-6, atol=1e-6)
