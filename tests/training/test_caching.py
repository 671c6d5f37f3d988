import hashlib
import io
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import joblib
import numpy as np
import pytest
import torch

from skvae.objectives.elbo import BetaELBO
from skvae.training.augmentation import PerSequence, RandomAugment
from skvae.training.caching import SCHEMA, cache_key, n_trainings, remember
from skvae.training.data import Data
from skvae.training.fitting import Fitted, train
from skvae.training.recipe import Phase


def slowly(recipe, data):
    """Train so slowly that others come while it lasts."""
    time.sleep(0.3)
    return train(recipe, data)


def ask(folder, recipe, data, compute=train):
    return remember(str(folder), recipe, data, partial(compute, recipe, data))


@pytest.fixture
def recipe(make_recipe):
    return make_recipe(n_epochs=1)


def test_the_same_network_is_trained_once(tmp_path, recipe, data, same_bits):
    first, second = ask(tmp_path, recipe, data), ask(tmp_path, replace(recipe), data)
    assert n_trainings(tmp_path) == 1
    assert same_bits(first.state, second.state)
    assert same_bits(first.state, train(recipe, data).state)
    assert first.history == second.history == train(recipe, data).history


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"objective": BetaELBO(beta=2.0)},
        {"phases": (Phase(2),)},
        {"n_threads": 2},
        {"batch_size": 9},
    ],
)
def test_another_recipe_is_trained_anew(tmp_path, recipe, data, change):
    ask(tmp_path, recipe, data)
    ask(tmp_path, replace(recipe, **change), data)
    assert n_trainings(tmp_path) == 2


def test_other_rows_or_columns_are_trained_anew(tmp_path, recipe, x):
    other = x.copy()
    other[-1, -1] += 1e-6
    weight = np.ones(40, np.float32)
    for data in (Data(x), Data(other), Data(x[:-1]), Data(x, sample_weight=weight)):
        ask(tmp_path, recipe, data)
    assert n_trainings(tmp_path) == 4
    ask(tmp_path, recipe, Data(x.copy()))
    assert n_trainings(tmp_path) == 4


def test_a_map_finds_the_network_of_its_array(tmp_path, recipe, x, map_file):
    ask(tmp_path, recipe, Data(x))
    ask(tmp_path, recipe, Data(map_file(x)))
    assert n_trainings(tmp_path) == 1


def test_the_key_is_that_of_equal_values(recipe, x, make_recipe):
    key = cache_key(recipe, Data(x))
    assert cache_key(make_recipe(n_epochs=1), Data(x.copy())) == key
    assert cache_key(replace(recipe, seed=5), Data(x)) != key
    assert cache_key(recipe, Data(x[1:])) != key


def test_the_key_knows_values_not_objects(make_recipe, data):
    objective = BetaELBO(beta=3.0)
    shared = make_recipe(objective=objective, phases=(Phase(1, objective=objective),))
    apart = make_recipe(
        objective=BetaELBO(beta=3.0), phases=(Phase(1, objective=BetaELBO(beta=3.0)),)
    )
    assert shared == apart
    assert cache_key(shared, data) == cache_key(apart, data)


def test_the_key_knows_schema_and_torch(recipe, data, monkeypatch):
    key = cache_key(recipe, data)
    with monkeypatch.context() as patched:
        patched.setattr("skvae.training.caching.SCHEMA", 10**6)
        assert cache_key(recipe, data) != key
    monkeypatch.setattr("torch.__version__", "0.1")
    assert cache_key(recipe, data) != key


@pytest.mark.parametrize("memory", [None, joblib.Memory(None)])
def test_without_a_folder_every_call_trains(recipe, data, memory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    calls = []

    def compute():
        calls.append(1)
        return Fitted({}, [])

    for _ in range(2):
        remember(memory, recipe, data, compute)
    assert len(calls) == 2
    assert not list(tmp_path.iterdir())


def test_a_training_that_failed_is_tried_again(tmp_path, recipe, data):
    def fail():
        raise KeyError("interrupted")

    with pytest.raises(KeyError, match="interrupted"):
        remember(str(tmp_path), recipe, data, fail)
    assert n_trainings(tmp_path) == 0
    assert len(ask(tmp_path, recipe, data).history) == 1
    assert n_trainings(tmp_path) == 1


@pytest.mark.parametrize("as_memory", [False, True])
def test_trainings_are_counted_by_folder(tmp_path, recipe, data, as_memory):
    memory = joblib.Memory(tmp_path / "a", verbose=0) if as_memory else tmp_path / "a"
    other = tmp_path / "b"
    assert n_trainings(memory) == 0
    remember(
        memory if as_memory else str(memory), recipe, data, partial(train, recipe, data)
    )
    assert n_trainings(memory) == 1
    assert n_trainings(other) == 0


def test_threads_that_come_together_train_once(tmp_path, recipe, data, same_bits):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ask(tmp_path, recipe, data, slowly), range(4)))
    assert n_trainings(tmp_path) == 1
    assert all(same_bits(fitted.state, found[0].state) for fitted in found)


def test_threads_with_other_networks_do_not_wait_for_one_another(tmp_path, recipe, data):
    recipes = [replace(recipe, seed=seed) for seed in range(4)]
    start = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda r: ask(tmp_path, r, data, slowly), recipes))
    assert time.perf_counter() - start < 4 * 0.3
    assert n_trainings(tmp_path) == 4


def test_processes_that_come_together_train_once(tmp_path, recipe, data, same_bits):
    found = joblib.Parallel(n_jobs=2)(
        joblib.delayed(ask)(tmp_path, recipe, data, slowly) for _ in range(2)
    )
    assert n_trainings(tmp_path) == 1
    assert same_bits(found[0].state, found[1].state)
    assert same_bits(found[0].state, train(recipe, data).state)


def test_a_remembered_network_is_safe_to_change(tmp_path, recipe, data, same_bits):
    first = ask(tmp_path, recipe, data)
    for value in first.state.values():
        value[...] = 0
    assert same_bits(ask(tmp_path, recipe, data).state, train(recipe, data).state)


def double(batch, generator):
    return batch._replace(x=2 * batch.x)


def triple(batch, generator):
    return batch._replace(x=3 * batch.x)


def test_the_key_is_that_of_the_code_of_an_augmentation(recipe, data, monkeypatch):
    usual = cache_key(replace(recipe, augment=double), data)
    wrapped = cache_key(replace(recipe, augment=PerSequence(double)), data)
    monkeypatch.setattr(double, "__code__", triple.__code__)
    assert cache_key(replace(recipe, augment=double), data) != usual
    assert cache_key(replace(recipe, augment=PerSequence(double)), data) != wrapped
    with pytest.raises(ValueError, match="expected a function of a module"):
        cache_key(replace(recipe, augment=lambda batch, generator: batch), data)


def test_the_key_of_what_the_package_brings_is_that_of_its_pickle(recipe, data):
    """An older memory is still found."""
    recipe = replace(recipe, augment=RandomAugment(flip=None))
    pickled = io.BytesIO()
    pickler = pickle.Pickler(pickled, protocol=4)
    pickler.fast = True
    pickler.dump((SCHEMA, torch.__version__, recipe, data.digest(), None))
    assert cache_key(recipe, data) == hashlib.sha256(pickled.getvalue()).hexdigest()
