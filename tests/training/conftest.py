"""Recipes and rows that the tests of this floor share."""

from dataclasses import replace

import joblib
import numpy as np
import pytest
import torch

from skvae.networks.blocks import GaussianCode, LinearCode
from skvae.networks.builder import Builder
from skvae.networks.dense import DenseAutoencoder
from skvae.objectives.elbo import BetaELBO, Reconstruction
from skvae.training import batches
from skvae.training.data import Data
from skvae.training.fitting import train
from skvae.training.recipe import Phase, Recipe

CODES = {"plain": LinearCode, "vae": GaussianCode}
OBJECTIVES = {"plain": Reconstruction(), "vae": BetaELBO()}


@pytest.fixture
def name_network():
    """Return a function that names a small dense autoencoder of rows of six."""

    def name_network(code="vae", **kwargs):
        kwargs = {"n_features": 6, "n_components": 2, "hidden_layer_sizes": (5,)} | kwargs
        return Builder(DenseAutoencoder, bottleneck=Builder(CODES[code]), **kwargs)

    return name_network


@pytest.fixture
def make_recipe(name_network):
    """Return a function that makes a recipe for rows of six."""

    def make(code="vae", n_epochs=3, *, rate=1e-2, network=None, **kwargs):
        kwargs = {
            "builder": name_network(code, **network or {}),
            "objective": OBJECTIVES[code],
            "phases": (Phase(n_epochs, rate),),
            "seed": 0,
            "batch_size": 8,
        } | kwargs
        return Recipe(**kwargs)

    return make


@pytest.fixture
def x():
    """Forty correlated rows of six columns."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 6))
    return (rows + 0.3 * rng.normal(size=(40, 6))).astype(np.float32)


@pytest.fixture
def data(x):
    """The rows without other columns."""
    return Data(x)


@pytest.fixture
def same_bits():
    """Return a function that tells whether two states have the same bits."""

    def same(one, other):
        assert one.keys() == other.keys()
        return all(np.array_equal(one[name], other[name]) for name in one)

    return same


@pytest.fixture
def random_state():
    """Return a function that hashes torch's and numpy's global random states."""

    def read():
        return joblib.hash([torch.get_rng_state().numpy(), np.random.get_state()])  # noqa: NPY002

    return read


@pytest.fixture
def map_file(tmp_path):
    """Return a function that writes an array to a file and maps it."""

    def write_and_map(array, mode="r", name="x.npy"):
        np.save(tmp_path / name, array)
        return np.load(tmp_path / name, mmap_mode=mode)

    return write_and_map


@pytest.fixture
def stream_maps(monkeypatch):
    """Let every memory map be streamed, in windows of 16 and chunks of 2 rows of six."""
    monkeypatch.setattr(batches, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(batches, "CHUNK_BYTES", 2 * 24)
    monkeypatch.setattr(batches, "WINDOW_BYTES", 16 * 24)


class Spy:
    """An objective that keeps the batches it saw."""

    def __init__(self, objective):
        self.objective = objective
        self.batches = []

    def __call__(self, trace, batch):
        self.batches.append(batch)
        return self.objective(trace, batch)


@pytest.fixture
def spy():
    """Return a function that wraps an objective so that it keeps its batches."""
    return Spy


@pytest.fixture
def first_weights():
    """Return a function that makes the untrained weights of a recipe."""

    def make(recipe, data):
        still = replace(recipe, phases=(Phase(1, 0.0),), solver="adam", augment=None)
        return train(still, data).state

    return make
