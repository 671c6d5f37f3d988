"""Fitted networks kept in a joblib memory, each trained once whoever asks first."""

import hashlib
import io
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from filelock import FileLock
from sklearn.utils.validation import check_memory

from skvae.code_pickler import CodePickler
from skvae.training.data import Data
from skvae.training.fitting import Fitted
from skvae.training.phase_report import hashes
from skvae.training.recipe import Recipe

# Raise it when a change to networks or training makes older entries wrong.
SCHEMA = 2
FOLDER = "skvae"
COUNTER = "trainings.log"

Result = TypeVar("Result")

log = logging.getLogger(__name__)


def cache_key(recipe: Recipe, data: Data, start: Fitted | None = None) -> str:
    """Return a hash of everything that a fitted network depends on."""
    started = hashes(start.state, "start") if start is not None else None
    pickled = io.BytesIO()
    pickler = CodePickler(pickled, protocol=4)
    # Without the memo, which would tell equal values from the same value met twice.
    pickler.fast = True
    try:
        pickler.dump((SCHEMA, torch.__version__, recipe, data.digest(), started))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"Got memory= with augment={recipe.augment!r}, but what decides the training "
            f"must pickle to be remembered ({error}); expected a function of a module, or "
            "a RandomAugment."
        ) from error
    return hashlib.sha256(pickled.getvalue()).hexdigest()


def n_trainings(memory: Any) -> int:
    """Count the networks trained for a memory since its folder was made.

    Parameters
    ----------
    memory : str, path or joblib.Memory
        What an estimator got as ``memory``.

    Returns
    -------
    n_trainings : int
        Trainings, not reads: a cache hit does not count.
    """
    counter = Path(_location(memory)) / FOLDER / COUNTER
    return len(counter.read_text().splitlines()) if counter.exists() else 0


def _location(memory: Any) -> str:
    store = getattr(memory, "store_backend", None)
    if store is None and isinstance(memory, str | os.PathLike):
        store = check_memory(os.fspath(memory)).store_backend
    return "" if store is None else store.location


def remember(
    memory: Any,
    recipe: Recipe,
    data: Data,
    compute: Callable[[], Fitted],
    start: Fitted | None = None,
) -> Fitted:
    """Return the network that ``compute`` trains, from the memory where it is there."""

    def key() -> str:
        return cache_key(recipe, data, start)

    return remember_under(memory, key, compute, COUNTER)


def remember_under(
    memory: Any,
    find_key: Callable[[], str],
    compute: Callable[[], Result],
    counter: str | None = None,
) -> Result:
    """Return what ``compute`` returns, from the memory where it is already there.

    joblib does not lock: processes that want the same network at the same time would
    each train it, and the first calls of a cached function can even clear one another's
    results. A file lock per key makes the others wait for the first.
    """
    store = getattr(check_memory(memory), "store_backend", None)
    if store is None:
        return compute()
    key = find_key()
    item = [FOLDER, key]
    locks = Path(store.location) / FOLDER / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / key):
        if store.contains_item(item):
            found: Result = store.load_item(item, verbose=0)
            return found
        result = compute()
        store.dump_item(item, result, verbose=0)
        if counter is not None:
            log.info("trained network %s", key)
            with (Path(store.location) / FOLDER / counter).open("a") as lines:
                lines.write(f"{key}\n")
    return result
