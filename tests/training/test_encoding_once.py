"""A frozen encoder runs once per row, and training does not know the difference."""

from dataclasses import replace

import numpy as np
import pytest

from skvae.networks.builder import Builder
from skvae.networks.head import EncoderWithHead, Head
from skvae.objectives.supervision import SquaredResidual
from skvae.training.data import Data
from skvae.training.fitting import train
from skvae.training.recipe import Phase


class Regression(SquaredResidual):
    def __call__(self, trace, batch):
        return {"regression": super().__call__(trace, batch)}


@pytest.fixture
def recipe(make_recipe, name_network):
    network = EncoderWithHead
    head = Builder(Head, n_features=5, n_outputs=1, output="prediction", dropout=0.2)
    encoder = name_network("vae", normalization="batch")
    builder = Builder(network, encoder=encoder, layers=("hidden_1",), pool=None, head=head)
    return make_recipe(builder=builder, objective=Regression())


def phases(once):
    frozen = Phase(3, 1e-2, frozen=("encoder",), encode_once=once, name="head")
    # The rows as they were come back. (What moves a bias before a batch norm is rounding.)
    return frozen, Phase(2, 1e-3, frozen=("encoder",), name="after")


@pytest.mark.parametrize("fraction", [None, 0.25])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_training_as_with_the_encoder_in_every_step(recipe, x, fraction, weighted):
    weight = np.linspace(0, 1, len(x), dtype=np.float32) if weighted else None
    data = Data(x, y=x[:, 0] * x[:, 1], sample_weight=weight)
    recipe = replace(recipe, validation_fraction=fraction)
    once = train(replace(recipe, phases=phases(True)), data)
    usual = train(replace(recipe, phases=phases(False)), data)
    for name, value in usual.state.items():
        np.testing.assert_allclose(once.state[name], value, rtol=1e-4, atol=1e-5)
    for one, other in zip(once.history, usual.history, strict=True):
        assert one.pop("phase") == other.pop("phase")
        assert one == pytest.approx(other, rel=1e-4)


def test_a_streamed_map_gives_what_the_array_gives(recipe, x, map_file, stream_maps):
    recipe = replace(recipe, phases=phases(True)[:1], batch_size=len(x))
    y = x[:, 0].copy()
    resident, streamed = (train(recipe, Data(rows, y=y)) for rows in (x, map_file(x)))
    for name, value in resident.state.items():
        np.testing.assert_allclose(streamed.state[name], value, rtol=1e-4, atol=1e-5)
