import pytest
import torch

from skvae.networks.blocks import GaussianCode, LinearCode
from skvae.networks.builder import Builder
from skvae.networks.conv import ConvAutoencoder
from skvae.networks.dense import DenseAutoencoder
from skvae.networks.head import EncoderWithHead, Head
from skvae.networks.pooling import pooled
from skvae.networks.staged import modules_behind, modules_with_weights, stage_shapes

IMAGE = (1, 9, 7)


def autoencoder(code=LinearCode, **kwargs):
    return Builder(
        ConvAutoencoder,
        image_shape=IMAGE,
        n_components=3,
        bottleneck=Builder(code),
        channels=(4, 6),
        hidden_layer_sizes=(8,),
        **kwargs,
    )


def with_head(encoder, layers=("code",), pool="avg", n_features=3, **kwargs):
    kwargs = {"n_outputs": 2, "output": "logits"} | kwargs
    head = Builder(Head, n_features=n_features, **kwargs)
    return Builder(EncoderWithHead, encoder=encoder, layers=layers, pool=pool, head=head)


@pytest.fixture
def x():
    return torch.rand((5, *IMAGE), generator=torch.Generator().manual_seed(0))


def test_the_walk_ends_at_the_head_and_never_decodes(x):
    network = with_head(autoencoder(), hidden_layer_sizes=(4, 5))().eval()
    network.encoder.dense.decoded = None  # to run it would be an error
    trace = network(x)
    assert list(trace) == [
        *("conv_1", "conv_2", "hidden_1", "code"),
        *("features", "head_1", "head_2", "logits"),
    ]
    assert torch.equal(trace["features"], trace["code"])
    by_hand = trace["features"]
    for block in network.head.hidden:
        by_hand = block(by_hand)
    assert torch.equal(trace["logits"], network.head.to_output(by_hand))


@pytest.mark.parametrize("pool", ["avg", "max", None])
def test_features_are_the_pooled_layers_side_by_side_in_the_order_asked_for(x, pool):
    layers, n_maps = ("hidden_1", "conv_1"), 4 if pool else 4 * 5 * 4
    builder = with_head(autoencoder(), layers, pool, n_features=8 + n_maps)
    trace = builder().eval()(x)
    assert "code" not in trace
    expected = torch.cat([trace["hidden_1"], pooled(trace["conv_1"], pool)], dim=1)
    assert torch.equal(trace["features"], expected)


def test_the_encoder_gets_no_noise_and_the_head_its_own(x):
    encoder = autoencoder(GaussianCode, dropout=0.5)
    network = with_head(encoder, ("z",), dropout=0.5, hidden_layer_sizes=(6,))()
    assert network.noise_kinds() == {"features": "uniform", "head_1": "uniform"}
    assert with_head(encoder, ("z",))().noise_kinds() == {}
    still = network(x)
    noise = {"features": torch.ones(5, 3), "head_1": torch.zeros(5, 6)}
    noisy = network(x, noise)
    assert torch.equal(noisy["z"], still["mean"])
    assert torch.equal(noisy["head_1"], torch.zeros(5, 6))
    kept = {"features": torch.ones(5, 3), "head_1": torch.ones(5, 6)}
    doubled = network.head.hidden[0](2 * still["features"])
    assert torch.equal(network(x, kept)["head_1"], 2 * doubled)


def test_the_features_are_normalised_before_the_head(x):
    network = with_head(autoencoder(), normalization="batch")().train()
    trace = network(x)
    features = trace["features"]
    standard = (features - features.mean(0)) / (features.var(0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(trace["logits"], network.head.to_output(standard))


def moved_by(builder, stage):
    """Names of the modules whose weights get a gradient from a stage of a real network."""
    network = builder()
    network(torch.rand(4, *IMAGE))[stage].sum().backward()
    moved = [name for name, p in network.named_parameters() if p.grad is not None]
    return {name.rpartition(".")[0] for name in moved}


@pytest.mark.parametrize("stage", ["conv_1", "hidden_1", "mean", "log_var", "logits"])
def test_the_modules_behind_a_stage_are_those_that_it_moves(stage):
    builder = with_head(autoencoder(GaussianCode, normalization="batch"), ("log_var",))
    behind = modules_behind(builder, IMAGE, (stage,))
    assert behind == moved_by(builder, stage)
    assert behind < modules_with_weights(builder)


def test_stages_without_weights_have_no_modules_behind_them():
    builder = Builder(
        DenseAutoencoder, n_features=4, n_components=2, bottleneck=Builder(LinearCode)
    )
    assert modules_behind(builder, (4,), ()) == set()
    assert modules_behind(builder, (4,), ("code",)) == {"bottleneck.to_code"}
    assert modules_with_weights(builder) == {"bottleneck.to_code", "to_rows"}


def test_names_and_shapes_are_known_before_training():
    shapes = stage_shapes(with_head(autoencoder(), hidden_layer_sizes=(4,)), IMAGE)
    assert shapes["features"] == (3,)
    assert shapes["head_1"] == (4,)
    assert shapes["logits"] == (2,)
