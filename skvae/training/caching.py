"""Fitted networks kept in a joblib memory, each trained once whoever asks first."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import torch
from filelock import FileLock
from sklearn.utils.validation import check_memory

from skvae.training.data import Data
from skvae.training.fitting import Fitted
from skvae.training.recipe import Recipe

# Raise it when a change to networks or training makes older entries wrong.
SCHEMA = 1
COUNTER = "skvae-trainings.log"

log = logging.getLogger(__name__)


def cache_key(recipe: Recipe, data: Data) -> str:
    """Return a hash of everything that a fitted network depends on."""
    parts = (
        SCHEMA,
        torch.__version__,
        joblib.hash(recipe, hash_name="sha1"),
        data.digest(),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


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
    counter = Path(getattr(memory, "location", memory)) / COUNTER
    return len(counter.read_text().splitlines()) if counter.exists() else 0


def remember(
    memory: Any, recipe: Recipe, data: Data, compute: Callable[[], Fitted]
) -> Fitted:
    """Return what ``compute`` returns, from the memory where it is already there.

    joblib does not lock: processes that want the same network at the same time would
    each train it. A file lock per key makes the others wait for the first.
    """
    memory = check_memory(memory)
    location = getattr(memory, "location", None)
    if location is None:
        return compute()
    key = cache_key(recipe, data)
    cached = memory.cache(_compute, ignore=["compute", "location"], verbose=0)
    folder = Path(location) / "skvae-locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{key}.lock"):
        return cached(key, compute, location)


def _compute(key: str, compute: Callable[[], Fitted], location: str) -> Fitted:
    fitted = compute()
    log.info("trained network %s", key)
    with (Path(location) / COUNTER).open("a") as counter:
        counter.write(f"{key}\n")
    return fitted
