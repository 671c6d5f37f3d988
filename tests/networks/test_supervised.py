import pytest
import torch

from skvae.networks.blocks import GaussianCode
from skvae.networks.builder import Builder
from skvae.networks.dense import DenseAutoencoder
from skvae.networks.head import Head
from skvae.networks.supervised import SupervisedAutoencoder


def network(detached=False):
    return SupervisedAutoencoder(
        autoencoder=Builder(
            DenseAutoencoder,
            n_features=6,
            n_components=3,
            bottleneck=Builder(GaussianCode),
            hidden_layer_sizes=(5,),
        ),
        head=Builder(
            Head, n_features=3, n_outputs=1, output="logits", hidden_layer_sizes=(4, 2)
        ),
        detached=detached,
    )


def test_the_head_stands_between_the_code_and_what_is_decoded():
    trace = network()(torch.rand(4, 6))
    assert list(trace) == [
        *("hidden_1", "mean", "log_var", "z", "head_1", "head_2", "logits"),
        *("decoded_1", "reconstruction"),
    ]


def test_both_read_the_same_sampled_code():
    module = network()
    x, noise = torch.rand(4, 6), {"z": torch.randn(4, 3)}
    trace = module(x, noise)
    assert not torch.equal(trace["z"], trace["mean"])
    torch.testing.assert_close(module.reconstruct(trace["z"]), trace["reconstruction"])
    (_, _), (_, _), (_, logits) = module.head.stages(trace["z"])
    torch.testing.assert_close(logits, trace["logits"])


@pytest.mark.parametrize("detached", [False, True])
def test_a_detached_head_learns_without_moving_the_code(detached):
    module = network(detached)
    module(torch.rand(4, 6))["logits"].sum().backward()
    gradient = module.autoencoder.hidden[0][0].weight.grad
    assert (gradient is None) == detached
    assert module.head.to_output.bias.grad.item() == 4  # rows; weights may be dead
