import pytest
import torch

from skvae.networks.builder import Builder
from skvae.networks.published_attri_vae import PublishedAttriVAE, PublishedHead
from skvae.networks.staged import stage_shapes
from skvae.networks.supervised import SupervisedAutoencoder


def published(image_shape, n_components=64):
    return Builder(
        SupervisedAutoencoder,
        autoencoder=Builder(
            PublishedAttriVAE,
            image_shape=image_shape,
            n_components=n_components,
            dropout=0.25,
        ),
        head=Builder(PublishedHead, n_features=n_components, n_outputs=1, output="logits"),
        detached=False,
    )


def test_the_published_network_has_its_weights_and_its_layers():
    builder = published((1, 80, 80, 80))
    with torch.device("meta"):
        network = builder()
    assert sum(weight.numel() for weight in network.parameters()) == 340_676
    assert dict(stage_shapes(builder, (1, 80, 80, 80))) == {
        "conv_1": (8, 40, 40, 40),
        "conv_2": (16, 20, 20, 20),
        "conv_3": (32, 10, 10, 10),
        "conv_4": (64, 5, 5, 5),
        "conv_5": (2, 5, 5, 5),
        "flat": (250,),
        "hidden_1": (128,),
        "hidden_2": (96,),
        "mean": (64,),
        "log_var": (64,),
        "z": (64,),
        "head_1": (32,),
        "head_2": (16,),
        "logits": (1,),
        "decoded_1": (2, 5, 5, 5),
        "decoded_2": (64, 5, 5, 5),
        "decoded_3": (64, 10, 10, 10),
        "decoded_4": (32, 20, 20, 20),
        "decoded_5": (16, 40, 40, 40),
        "decoded_6": (8, 80, 80, 80),
        "decoded_7": (4, 80, 80, 80),
        "reconstruction_logits": (1, 80, 80, 80),
        "reconstruction": (1, 80, 80, 80),
    }


@pytest.mark.parametrize("image_shape", [(1, 30, 33, 28), (2, 17, 40), (1, 9)])
def test_any_size_comes_back(image_shape):
    shapes = stage_shapes(published(image_shape, 8), image_shape)
    assert shapes["reconstruction"] == image_shape


def test_weights_begin_as_in_the_authors_code():
    torch.manual_seed(0)
    network = published((1, 16, 16), 8)()
    convolution = network.autoencoder.down[0][0]
    bound = (6 / (1 * 9 + 8 * 9)) ** 0.5
    assert 0.9 * bound < convolution.weight.abs().max() <= bound
    assert (convolution.bias == torch.tensor(0.01)).all()
    assert (network.head.to_output.bias == 0).all()


def test_dropout_takes_its_share_of_the_flat_map():
    network = published((1, 16, 16), 8)().train()
    x = torch.rand(4, 1, 16, 16)
    noise = {"z": torch.zeros(4, 8), "flat": torch.rand(4, 2)}
    noise["flat"][0] = 0.1
    assert (network.read(x, ["flat"])["flat"] > 0).any()
    trace = network(x, noise)
    assert (trace["flat"][0] == 0).all()
    assert set(network.noise_kinds()) == {"z", "flat"}
