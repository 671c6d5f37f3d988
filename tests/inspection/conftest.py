from types import SimpleNamespace

import numpy as np
import pytest
from contract import small
from sklearn.datasets import load_digits

from skvae import AttriVAE, VAEFeatureExtractor
from skvae.datasets import make_lesions

SHAPES = {"signals": (2, 13), "images": (1, 7, 6), "volumes": (2, 5, 4, 6)}


@pytest.fixture(params=SHAPES)
def images(request):
    """Signals, images or volumes with odd sizes."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(9, *SHAPES[request.param])).astype(np.float32)


class Line:
    """A map between a unit and its attribute that can be checked by hand."""

    lowest, highest = -np.inf, np.inf

    def __init__(self, slope, offset):
        self.slope, self.offset = slope, offset

    def to_attribute(self, unit):
        return self.slope * np.asarray(unit) + self.offset

    def to_unit(self, attribute):
        return (np.asarray(attribute) - self.offset) / self.slope


@pytest.fixture(scope="session")
def digits():
    """A VAE of digits, fitted as if with the attributes ink and slant."""
    X = (load_digits().images[:400, None] / 16).astype(np.float32)
    vae = small(
        VAEFeatureExtractor,
        n_components=4,
        channels=(4,),
        max_iter=8,
        beta=0.1,
        activation="elu",
    ).fit(X)
    vae.attribute_names_ = ["ink", "slant"]
    vae.attribute_maps_ = [Line(2.0, 10.0), Line(0.5, -1.0)]
    return SimpleNamespace(X=X, vae=vae)


@pytest.fixture(scope="session")
def lesions():
    """An AttriVAE of pairs of lesions, with their attributes."""
    pairs = make_lesions(120, size=16, layout="pair", as_frame=True, random_state=0)
    vae = small(
        AttriVAE,
        n_components=6,
        hidden_layer_sizes=(32,),
        channels=(4, 8),
        max_iter=15,
        learning_rate_init=6e-3,
        alpha=1.0,
    )
    vae.fit(pairs.images, pairs.target, attributes=pairs.attributes)
    return SimpleNamespace(X=pairs.images, attributes=pairs.attributes, vae=vae)
