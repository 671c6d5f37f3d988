import numpy as np
import pytest
import torch
from torch import nn

from skvae.networks.staged import StagedNetwork, stage_shapes


class Raising(nn.Module):
    """A part that must not be reached."""

    def forward(self, x):
        raise AssertionError("a part behind the read layer ran")


class Counting(StagedNetwork):
    """Three stages that count how far the walk went."""

    def __init__(self):
        super().__init__()
        self.n_computed = 0

    def stages(self, x, noise=None):
        for name in "abc":
            self.n_computed += 1
            x = x + 1
            yield name, x


@pytest.fixture
def x():
    return torch.randn(7, 6, generator=torch.Generator().manual_seed(0))


def test_forward_is_the_ordered_trace_of_all_stages():
    trace = Counting()(torch.zeros(2))
    assert list(trace) == ["a", "b", "c"]
    assert [value[0].item() for value in trace.values()] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("layers", "n_computed"), [(["a"], 1), (["b", "a"], 2)])
def test_reading_walks_no_further_than_the_last_layer(layers, n_computed):
    network = Counting()
    found = network.read(torch.zeros(2), layers)
    assert set(found) == set(layers)
    assert network.n_computed == n_computed


@pytest.mark.parametrize("layers", [["mean"], ["hidden_1"], ["log_var", "mean"], ["z"]])
def test_reading_the_code_never_runs_the_decoder(dense, conv, layers, x):
    network = dense("vae")()
    network.decoded = network.to_rows = Raising()
    expected = {"hidden_1": 5}.get(layers[0], 2)
    assert network.read(x, layers)[layers[0]].shape == (7, expected)
    image_network = conv((1, 5, 6), "vae", hidden_layer_sizes=(5,))()
    image_network.dense.to_rows = image_network.to_image = Raising()
    assert layers[0] in image_network.read(torch.zeros(2, 1, 5, 6), layers)


def test_reading_mean_does_not_compute_log_var(dense, x):
    network = dense("vae")()
    network.bottleneck.to_log_var = Raising()
    assert torch.equal(
        network.read(x, ["mean"])["mean"],
        network.bottleneck.to_mean(network.hidden[0](x)),
    )


def test_what_is_read_equals_the_stage_of_the_whole_trace(dense, conv, x):
    network = dense("vae", dropout=0.5, normalization="batch")().eval()
    trace = network(x)
    for layer, value in trace.items():
        assert torch.equal(network.read(x, [layer])[layer], value)
    images = torch.randn(2, 2, 5, 4)
    network = conv((2, 5, 4), "vae", hidden_layer_sizes=(3,))().eval()
    trace = network(images)
    found = network.read(images, list(trace))
    assert list(found) == list(trace)
    assert all(torch.equal(found[layer], value) for layer, value in trace.items())


@pytest.mark.parametrize("layers", [["cod"], ["code", "nothing"]])
def test_an_unknown_layer_is_a_key_error(dense, layers, x):
    with pytest.raises(KeyError, match=layers[-1]):
        dense()().read(x, layers)


def test_the_last_stage_of_the_encoder_is_what_the_decoder_takes(dense, x):
    network = dense("vae")().eval()
    noise = {"z": torch.randn(7, 2)}
    trace = network(x, noise)
    assert torch.equal(network.reconstruct(trace["z"]), trace["reconstruction"])
    assert not torch.equal(network.reconstruct(trace["mean"]), trace["reconstruction"])


def test_a_sigmoid_output_keeps_its_logits(dense, x):
    network = dense("plain", sigmoid_output=True)().eval()
    trace = network(x)
    assert list(trace)[-2:] == ["reconstruction_logits", "reconstruction"]
    logits = trace["reconstruction_logits"].detach().numpy().astype(float)
    np.testing.assert_allclose(
        trace["reconstruction"].detach().numpy(), 1 / (1 + np.exp(-logits)), atol=1e-6
    )
    assert torch.equal(network.reconstruct(trace["code"]), trace["reconstruction"])


def test_stage_shapes_take_no_memory_and_draw_no_numbers(dense):
    builder = dense("vae", n_features=10**6, hidden_layer_sizes=(10**6,))
    state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    shapes = stage_shapes(builder, (10**6,))
    assert shapes["hidden_1"] == (10**6,)
    assert shapes["reconstruction"] == (10**6,)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert np.array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002


def test_a_caller_cannot_spoil_the_remembered_shapes(dense):
    builder = dense(n_features=6)
    try:
        stage_shapes(builder, (6,))["spoilt"] = (1,)
    except TypeError:
        return  # a read-only view is as good
    assert "spoilt" not in stage_shapes(builder, (6,))
