import torch
from torch import nn

from skvae.networks.blocks import GaussianCode, LinearCode
from skvae.networks.builder import Builder
from skvae.networks.dense import DenseAutoencoder
from skvae.networks.holes import WithHoles, holes_of
from skvae.networks.sparse_codes import ReluCode, WatchedAutoencoder
from skvae.objectives.batch import Batch
from skvae.objectives.reconstruction import SquaredError


def body_of(code=LinearCode):
    sizes = {"n_features": 6, "n_components": 2, "hidden_layer_sizes": (5,)}
    return Builder(DenseAutoencoder, bottleneck=Builder(code), **sizes)


def network_of(body):
    network = WithHoles(body=body, sample_shape=(6,))
    network.load_state_dict({"centre": torch.arange(6.0)}, strict=False)
    return network


def rows_with_holes():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 6, generator=generator)
    known = torch.rand(8, 6, generator=generator) > 0.4
    return x, known, x.where(known, torch.nan)


def test_the_network_sees_the_centre_and_says_what_is_known():
    network = network_of(body_of())
    x, known, holes = rows_with_holes()
    trace = network(holes)
    assert list(trace) == ["observed", "hidden_1", "code", "decoded_1", "reconstruction"]
    assert torch.equal(trace["observed"], known.float())
    filled = network.body(torch.where(known, x, torch.arange(6.0)))
    for name, value in filled.items():
        assert torch.equal(trace[name], value)
    assert torch.equal(holes_of(network, holes)["observed"], known.float())
    assert holes_of(network.body, x) == {}


def test_every_stage_of_the_other_network_stays():
    body = Builder(WatchedAutoencoder, body=body_of(ReluCode), n_components=2)
    network = network_of(body)
    x = torch.full((3, 6), torch.nan)
    assert list(network(x)) == ["observed", *network.body(torch.zeros(3, 6))]
    assert dict(network.encode(x)).keys() == {"hidden_1", "pre_activation", "code"}
    network = network_of(body_of(GaussianCode))
    noise = {"z": torch.ones(3, 2)}
    assert network.noise_kinds() == {"z": "normal"}
    centre = torch.arange(6.0).expand(3, -1)
    assert torch.equal(network(x, noise)["z"], network.body(centre, noise)["z"])


def test_weights_have_the_gradient_of_the_known_entries():
    network = network_of(body_of())
    x, known, holes = rows_with_holes()
    SquaredError()(network(holes), Batch(holes)).sum().backward()
    found = {name: p.grad.clone() for name, p in network.body.named_parameters()}
    network.zero_grad()
    filled = torch.where(known, x, torch.arange(6.0))
    for i in range(len(x)):
        rebuilt = network.body(filled[i : i + 1])["reconstruction"][0]
        for j in torch.nonzero(known[i]).ravel():
            ((rebuilt[j] - x[i, j]).square() / 2).backward(retain_graph=True)
    for name, parameter in network.body.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-5)


def test_the_centre_is_no_weight():
    network = WithHoles(body=body_of(), sample_shape=(6,))
    assert isinstance(network, nn.Module)
    assert "centre" not in dict(network.named_parameters())
    assert torch.equal(network.state_dict()["centre"], torch.zeros(6))
