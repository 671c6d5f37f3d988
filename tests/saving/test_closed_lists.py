"""The closed lists have all that an estimator can hold; no more, and each once."""

import dataclasses
import inspect
import pkgutil
from importlib import import_module

import pytest
from contract import KINDS

import skvae
import skvae.networks
import skvae.objectives
from skvae.estimators.settled import Learned
from skvae.networks.blocks import Bottleneck
from skvae.networks.head import Head
from skvae.networks.staged import StagedNetwork
from skvae.saving.known_parts import ESTIMATORS, FUNCTIONS, NETWORKS, TYPES, VALUES

# What others are built on, and what none of them builds by itself.
BASES = {"StagedNetwork", "StagedAutoencoder", "WrappedAutoencoder", "Bottleneck"}


def classes(package):
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for _, cls in inspect.getmembers(import_module(found.name), inspect.isclass):
            if cls.__module__ == found.name:
                yield cls


def subclasses(cls):
    for each in cls.__subclasses__():
        if each.__module__.startswith("skvae."):
            yield each
            yield from subclasses(each)


def is_frozen(cls):
    return dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_is_listed(kind):
    assert ESTIMATORS[kind.__name__].cls is kind


def test_every_objective_and_all_that_fit_learns_is_listed():
    needed = {cls for cls in classes(skvae.objectives) if is_frozen(cls)}
    needed |= {Learned, *subclasses(Learned)}
    assert needed <= set(VALUES.values())


def test_every_network_is_listed():
    for _ in classes(skvae.networks):
        pass  # they are imported
    kinds = (StagedNetwork, Bottleneck, Head)
    needed = {cls for kind in kinds for cls in (kind, *subclasses(kind))}
    needed = {cls for cls in needed if cls.__name__ not in BASES}
    assert needed <= set(NETWORKS.values())


def test_a_name_means_one_thing():
    for listed in (VALUES, NETWORKS, FUNCTIONS, TYPES):
        assert all(name == each.__name__ for name, each in listed.items())
    assert not FUNCTIONS.keys() & TYPES.keys()
    assert all(name == part.cls.__name__ for name, part in ESTIMATORS.items())


def test_what_files_of_skops_may_make_is_of_skvae_alone():
    assert isinstance(skvae.SKOPS_TRUSTED, tuple)
    assert all(name.startswith("skvae.") for name in skvae.SKOPS_TRUSTED)
    for name in skvae.SKOPS_TRUSTED:
        home, _, last = name.rpartition(".")
        assert hasattr(import_module(home), last)
