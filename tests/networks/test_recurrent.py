import pytest
import torch

from skvae.networks.blocks import GaussianCode
from skvae.networks.builder import Builder
from skvae.networks.conv import ConvAutoencoder
from skvae.networks.head import Head
from skvae.networks.recurrent import (
    RECURRENT,
    TIME_POOLINGS,
    Recurrent,
    SequenceNetwork,
    frames_present,
)
from skvae.networks.staged import stage_shapes

N_FRAMES = 5
LENGTHS = torch.tensor([5, 3, 1, 4])
each_pooling = pytest.mark.parametrize("pool_time", TIME_POOLINGS)
each_rnn = pytest.mark.parametrize("rnn", RECURRENT)


def name_network(rnn="gru", pool_time="last", n_layers=1, **autoencoder):
    encoder = Builder(
        ConvAutoencoder,
        image_shape=(1, 7, 6),
        n_components=3,
        bottleneck=Builder(GaussianCode),
        channels=(4, 6),
        hidden_layer_sizes=(8,),
        **autoencoder,
    )
    recurrent = Builder(
        Recurrent,
        n_features=3,
        rnn=rnn,
        hidden_size=4,
        n_layers=n_layers,
        pool_time=pool_time,
    )
    return Builder(
        SequenceNetwork,
        encoder=encoder,
        layers=("mean",),
        pool="avg",
        recurrent=recurrent,
        head=Builder(Head, n_features=4, n_outputs=2, output="logits"),
    )


@pytest.fixture
def x():
    """Four sequences of 5, 3, 1 and 4 frames."""
    x = torch.rand((4, N_FRAMES, 1, 7, 6), generator=torch.Generator().manual_seed(0))
    x[torch.arange(N_FRAMES) >= LENGTHS[:, None]] = torch.nan
    return x


def test_frames_are_present_where_they_are_not_all_nan(x):
    assert frames_present(x).sum(dim=1).tolist() == LENGTHS.tolist()


@each_rnn
@each_pooling
@pytest.mark.parametrize("n_layers", [1, 2])
def test_padding_changes_nothing(x, rnn, pool_time, n_layers):
    network = name_network(rnn, pool_time, n_layers)().eval()
    padded = network(x)
    for i, length in enumerate(LENGTHS):
        alone = network(x[i : i + 1, :length])
        for stage in ("features", "logits"):
            torch.testing.assert_close(padded[stage][i], alone[stage][0])
        states = padded["states"][i, :, :length]
        torch.testing.assert_close(states, alone["states"][0])


@each_pooling
def test_what_fills_the_padding_gets_no_gradient(x, pool_time):
    network = name_network(pool_time=pool_time)()
    codes = network(x)["frames"].detach().nan_to_num(nan=3.0).requires_grad_()
    trace = dict(network.predict(codes, frames_present(x), None))
    trace["logits"].square().sum().backward()
    reached = codes.grad.abs().sum(dim=1) > 0
    there = frames_present(x)
    assert not reached[~there].any()
    assert reached[there].all()
    assert all(p.grad is None for p in network.encoder.parameters())


@pytest.mark.parametrize("normalization", [None, "batch", "group"])
def test_no_gradient_is_nan_and_padding_adds_nothing_to_the_encoders(x, normalization):
    network = name_network(normalization=normalization)()
    network.train()

    def gradients(sequences):
        network.zero_grad()
        for sequence in sequences:
            network(sequence)["logits"].square().sum().backward()
        return {
            n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None
        }

    padded = gradients([x])
    alone = gradients([x[i : i + 1, :n] for i, n in enumerate(LENGTHS)])
    assert any(name.startswith("encoder.") for name in padded)
    for name in padded:
        torch.testing.assert_close(padded[name], alone[name])
    if normalization == "batch":
        means = [v for n, v in network.state_dict().items() if n.endswith("running_mean")]
        assert not any(mean.any() for mean in means)


def test_attention_is_a_share_of_the_frames_that_are_there(x):
    trace = name_network(pool_time="attention")().eval()(x)
    weights, there = trace["attention"], frames_present(x)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))
    assert (weights[~there] == 0).all()
    assert (weights[there] > 0).all()
    by_hand = torch.einsum("nkt,nt->nk", trace["states"], weights)
    torch.testing.assert_close(trace["features"], by_hand)


def test_last_and_mean_by_hand(x):
    last = name_network(pool_time="last")()
    mean = name_network(pool_time="mean")()
    mean.load_state_dict(last.state_dict())
    states = last(x)["states"]
    for i, length in enumerate(LENGTHS):
        torch.testing.assert_close(last(x)["features"][i], states[i, :, length - 1])
        expected = states[i, :, :length].mean(dim=1)
        torch.testing.assert_close(mean(x)["features"][i], expected)


@each_rnn
@each_pooling
def test_going_on_from_the_frames_gives_the_same(x, rnn, pool_time):
    network = name_network(rnn, pool_time)().eval()
    trace = network(x)
    behind = dict(network.stages_behind(trace["frames"]))
    assert list(trace)[-len(behind) :] == list(behind)
    torch.testing.assert_close(behind["logits"], trace["logits"])


@pytest.mark.parametrize("pool", ["avg", "max", "avg+max", None])
def test_features_are_pooled_over_the_frames_that_are_there(x, pool):
    network = name_network()().eval()
    layers = ["conv_1", "frames", "states"]
    whole = network.features(x, layers, pool)
    for i, length in enumerate(LENGTHS):
        alone = network.features(x[i : i + 1, :length], layers, pool)[0]
        row = whole[i] if pool else whole[i][~whole[i].isnan()]
        torch.testing.assert_close(row, alone)


def test_shapes_are_channels_then_time_then_space():
    shapes = stage_shapes(name_network(pool_time="attention"), (N_FRAMES, 1, 7, 6))
    assert dict(shapes) == {
        "conv_1": (4, 5, 4, 3),
        "conv_2": (6, 5, 2, 2),
        "hidden_1": (8, 5),
        "mean": (3, 5),
        "frames": (3, 5),
        "states": (4, 5),
        "attention": (5,),
        "features": (4,),
        "logits": (2,),
    }


@each_rnn
def test_shapes_are_found_from_one_frame(monkeypatch, rnn):
    """On the meta device torch takes milliseconds a frame."""
    kind, n_frames = RECURRENT[rnn], []

    def forward(self, x, *rest, forward=kind.forward):
        n_frames.append(x.shape[1])
        return forward(self, x, *rest)

    monkeypatch.setattr(kind, "forward", forward)
    builder = name_network(rnn, n_layers=2)
    shapes = stage_shapes(builder, (100_000, 1, 7, 6))
    assert n_frames == [1]
    assert shapes["states"] == (4, 100_000)
    network = builder()
    assert network.read(torch.zeros(1, 3, 1, 7, 6), ["states"])["states"].shape == (1, 4, 3)
    assert n_frames == [1, 3]
