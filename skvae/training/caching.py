"""Fitted networks kept in a joblib memory, each trained once whoever asks first."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from filelock import FileLock
from sklearn.utils.validation import check_memory

from skvae.code_pickler import code_pickle
from skvae.exceptions import CacheWarning, warn_caller
from skvae.training.batches import any_streamed
from skvae.training.cache_entries import DamagedEntryError, read_entry, write_entry
from skvae.training.data import Data
from skvae.training.fitting import Fitted
from skvae.training.phase_report import hashes
from skvae.training.recipe import Recipe

# Raise it when a change to networks or training makes older entries wrong.
SCHEMA = 5
FOLDER = "skvae"
# By this name, joblib's `Memory.reduce_size` finds what it may throw away.
ENTRY = "output.pkl"
COUNTER = "trainings.log"

Result = TypeVar("Result")

log = logging.getLogger(__name__)


def cache_key(recipe: Recipe, data: Data, start: Fitted | None = None) -> str:
    """Return a hash of everything that a fitted network depends on."""
    started = hashes(start.state, "start") if start is not None else None
    parts = [SCHEMA, torch.__version__, recipe, data.digest(), started]
    if any_streamed(data, recipe.device):
        parts.append("rows in another order than those in memory")
    try:
        pickled = code_pickle(tuple(parts))
    except TypeError as error:
        raise ValueError(
            f"Got memory= with augment={recipe.augment!r}, but what decides the training "
            f"must pickle to be remembered ({error}); expected a function of a module, or "
            "a RandomAugment."
        ) from error
    return hashlib.sha256(pickled).hexdigest()


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

    return remember_under(memory, key, compute, Fitted, COUNTER)


def remember_under(
    memory: Any,
    find_key: Callable[[], str],
    compute: Callable[[], Result],
    kind: type[Result],
    counter: str | None = None,
) -> Result:
    """Return what ``compute`` returns, from the memory where it is already there.

    joblib does not lock: processes that want the same network at the same time would
    each train it, and the first calls of a cached function can even clear one another's
    results. A file lock per key makes the others wait for the first. What was computed
    is returned, whatever becomes of the memory.

    Parameters
    ----------
    memory : str, joblib.Memory or None
        Where results are kept.
    find_key : callable
        Returns what a result is kept under.
    compute : callable
        Returns the result.
    kind : type
        Of the result; an entry that holds anything else is damaged.
    counter : str, optional
        Name of the file in which computations are counted.
    """
    try:
        store = getattr(check_memory(memory), "store_backend", None)
    except OSError as error:
        warn_caller(
            f"Got memory={memory!r}, where nothing can be kept: {error}.", CacheWarning
        )
        store = None
    if store is None:
        return compute()
    key = find_key()
    folder = Path(store.location) / FOLDER
    path = folder / key / ENTRY
    # First without the lock, which a folder that can only be read does not give.
    with suppress(DamagedEntryError):
        found = read_entry(path, kind)
        if found is not None:
            return found
    with locked(folder / "locks" / key):
        try:
            found = read_entry(path, kind)
            if found is not None:
                return found
        except DamagedEntryError as error:
            warn_caller(
                f"The entry {path} of the memory is damaged: {error}. What it held is "
                "computed again and takes its place.",
                CacheWarning,
            )
        result = compute()
        try:
            write_entry(path, result, store.compress)
            if counter is not None:
                log.info("trained network %s", key)
                with (folder / counter).open("a") as lines:
                    lines.write(f"{key}\n")
        except Exception as error:
            warn_caller(
                f"What was computed could not be kept in {folder}, and will be computed "
                f"again: {error}.",
                CacheWarning,
            )
    return result


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is gone afterwards; where there can be none, warn."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        warn_caller(
            f"The folder {path.parent} of the memory cannot be locked, so that others may "
            f"compute the same: {error}.",
            CacheWarning,
        )
        yield
        return
    try:
        yield
    finally:
        # Before it is released: who waits for it finds that it is gone, and begins anew.
        with suppress(OSError):
            path.unlink()
        lock.release()
