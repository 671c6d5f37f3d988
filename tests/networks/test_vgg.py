import pytest
import torch
from torch import nn

from skvae.networks import vgg16
from skvae.networks.vgg import block_names

CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        return vgg16()


def test_the_names_and_shapes_are_those_of_published_weights(network):
    found = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert [name for name in found if name.startswith("features")] == [
        f"features.{i}.{kind}" for i in CONVOLUTIONS for kind in ("weight", "bias")
    ]
    assert len(found) == 26 + 6
    # The published number of weights: Simonyan & Zisserman (2015) and torchvision.
    assert sum(p.numel() for p in network.parameters()) == 138_357_544
    assert found["features.0.weight"] == (64, 3, 3, 3)
    assert found["features.17.weight"] == (512, 256, 3, 3)
    assert found["classifier.0.weight"] == (4096, 25088)
    assert found["classifier.6.bias"] == (1000,)


def test_five_blocks_halve_the_image_five_times(network):
    x = torch.empty(2, 3, 96, 64, device="meta")
    assert network.features(x).shape == (2, 512, 3, 2)
    assert network(x).shape == (2, 1000)


def test_with_batch_norm_a_norm_follows_every_convolution():
    with torch.device("meta"):
        features = vgg16(1, 2, batch_norm=True).features
    for i, layer in enumerate(features):
        if isinstance(layer, nn.Conv2d):
            assert isinstance(features[i + 1], nn.BatchNorm2d)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in features) == 13
    assert isinstance(features[40], nn.Conv2d)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_blocks_name_the_convolutions(batch_norm):
    with torch.device("meta"):
        features = vgg16(batch_norm=batch_norm).features
    names = block_names(batch_norm=batch_norm)
    found = [i for i, layer in enumerate(features) if isinstance(layer, nn.Conv2d)]
    assert list(names) == found
    assert names[0] == "block1_conv1"
    assert names[found[-1]] == "block5_conv3"
    assert names[found[4]] == "block3_conv1"
