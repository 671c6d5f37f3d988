"""Networks that the tests of this floor share."""

import pytest

from skvae.networks.blocks import GaussianCode, LinearCode
from skvae.networks.builder import Builder
from skvae.networks.conv import ConvAutoencoder
from skvae.networks.dense import DenseAutoencoder

CODES = {"plain": LinearCode, "vae": GaussianCode}


@pytest.fixture
def dense():
    """Return a function that names a small dense autoencoder of rows of six."""

    def name_network(code="plain", **kwargs):
        kwargs = {"n_features": 6, "n_components": 2, "hidden_layer_sizes": (5,)} | kwargs
        return Builder(DenseAutoencoder, bottleneck=Builder(CODES[code]), **kwargs)

    return name_network


@pytest.fixture
def conv():
    """Return a function that names a small autoencoder of images."""

    def name_network(image_shape, code="plain", **kwargs):
        kwargs = {"n_components": 2, "channels": (3, 4)} | kwargs
        bottleneck = Builder(CODES[code])
        return Builder(
            ConvAutoencoder, image_shape=image_shape, bottleneck=bottleneck, **kwargs
        )

    return name_network
