"""The last whole epoch of a fit in a file, from which a killed one goes on."""

import hashlib
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skvae.code_pickler import code_pickle
from skvae.exceptions import CacheWarning, warn_caller
from skvae.files import writable_folder
from skvae.tensor_file import canonical_json
from skvae.training.caching import SCHEMA
from skvae.training.data import Data, update_with
from skvae.training.fitting import Fitted
from skvae.training.recipe import Recipe
from skvae.training.state_files import packed, read_state, write_state

# The name of a file is the key of its fit, so that a folder holds those of many.
SUFFIX = ".safetensors"
NAME = re.compile(r"fit-[0-9a-f]{64}\.safetensors")
UNFINISHED = re.compile(r"\.fit-[0-9a-f]{64}-.*\.safetensors|\.skvae-trial-.*")
# A file that nobody has written to for so long was left by a process that was killed.
SECONDS_OF_A_WRITE = 600

Identity = Mapping[str, str]

log = logging.getLogger(__name__)

# Files of fits that are over, but part of one that is not.
_finished: ContextVar[list["Checkpoint"] | None] = ContextVar("finished", default=None)


@dataclass(eq=False)
class Checkpoint:
    """Where the state of one fit is kept.

    Parameters
    ----------
    path : Path
        The file.
    identity : mapping of str to str
        Hashes of all that decides the fit, by their names.
    """

    path: Path
    identity: Identity
    _cannot_be_kept: bool = field(default=False, init=False)

    def read(self) -> dict[str, Any] | None:
        """Return the state that was kept; of a damaged file, warn, and return None.

        Raises
        ------
        ValueError
            If it is that of another fit, or of another version.
        """
        try:
            state, told = read_state(self.path)
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            warn_caller(
                f"The checkpoint {self.path} is damaged: {error}. Training begins anew.",
                CacheWarning,
            )
            return None
        self._refuse_another(told["versions"], told["identity"])
        log.info("going on from %s", self.path)
        return state

    def _refuse_another(self, found: Mapping[str, Any], identity: Identity) -> None:
        written = [f"{k} {v}" for k, v in found.items() if versions().get(k) != v]
        if written:
            here = ", ".join(f"{name} {version}" for name, version in versions().items())
            raise ValueError(
                f"Got checkpoint={str(self.path.parent)!r}, where {self.path.name} is of a "
                f"fit with {' and '.join(written)}, which this one ({here}) would not "
                "continue bit for bit; expected that version. Delete the file to begin "
                "anew."
            )
        differ = sorted(
            name
            for name in identity.keys() | self.identity.keys()
            if identity.get(name) != self.identity.get(name)
        )
        if differ:
            raise ValueError(
                f"Got checkpoint={str(self.path.parent)!r}, where {self.path.name} is of "
                f"another fit: {', '.join(differ)} differ. Delete or rename the file."
            )

    def keep(self, state: Mapping[str, Any]) -> None:
        """Keep a state in place of the one before; where that fails, warn once."""
        told = {"versions": versions(), "identity": dict(self.identity)}
        try:
            write_state(self.path, state, **told)
        except OSError as error:
            if not self._cannot_be_kept:
                warn_caller(
                    f"The checkpoint {self.path} could not be written: {error}. Training "
                    "goes on without.",
                    CacheWarning,
                )
            self._cannot_be_kept = True

    def remove(self) -> None:
        """Remove the file, and what killed processes left of it."""
        for path in (self.path, *self.path.parent.glob(f".{self.path.stem}-*{SUFFIX}")):
            with suppress(OSError):
                if path == self.path or abandoned(path):
                    path.unlink()

    def finish(self) -> None:
        """Remove the file when the whole that this fit is a part of is over."""
        finished = _finished.get()
        if finished is None:
            self.remove()
        else:
            finished.append(self)


@contextmanager
def removed_at_the_end() -> Iterator[None]:
    """Keep the checkpoints of all fits within until all of them are over.

    A fit that was killed behind its pretraining finds that it was over.
    """
    outer = _finished.get()
    finished: list[Checkpoint] = []
    token = _finished.set(finished)
    try:
        yield
    finally:
        _finished.reset(token)
    if outer is not None:
        outer += finished
        return
    for checkpoint in finished:
        checkpoint.remove()


def checkpoint_of(
    folder: Path, recipe: Recipe, data: Data, start: Fitted | None = None
) -> Checkpoint:
    """Return the checkpoint of a fit in a folder.

    Raises
    ------
    ValueError
        If what decides the fit does not pickle.
    """
    found = identity_of(recipe, data, start)
    key = hashlib.sha256(canonical_json(found).encode()).hexdigest()
    return Checkpoint(folder / f"fit-{key}{SUFFIX}", found)


def versions() -> dict[str, Any]:
    """Return the versions that the bits of a training depend on."""
    return {"torch": str(torch.__version__), "skvae's training": SCHEMA}


def identity_of(recipe: Recipe, data: Data, start: Fitted | None) -> dict[str, str]:
    """Hash all that decides a fit, each by its name."""
    found = {}
    for part in fields(recipe):
        value = getattr(recipe, part.name)
        try:
            found[part.name] = hashlib.sha256(code_pickle(value)).hexdigest()
        except TypeError as error:
            raise ValueError(
                f"Got checkpoint= with {part.name}={value!r}, but what decides the "
                f"training must pickle to be told from another one ({error}); expected a "
                "function of a module, or a RandomAugment."
            ) from error
    for part in fields(data):
        array = getattr(data, part.name)
        if array is not None:
            hashed = hashlib.sha256(f"{array.shape} {array.dtype}".encode())
            update_with(hashed, array)
            found["X" if part.name == "x" else part.name] = hashed.hexdigest()
    if start is not None:
        found["start"] = _digest({p.name: getattr(start, p.name) for p in fields(start)})
    return found


def _digest(value: Any) -> str:
    """Hash a nested value."""
    arrays: dict[str, np.ndarray] = {}
    found = hashlib.sha256(canonical_json(packed(value, arrays)).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def checkpoint_folder(path: str | os.PathLike[str]) -> Path:
    """Return a folder for checkpoints, which is made where there is none.

    Raises
    ------
    ValueError
        If it cannot be written to, or holds files of others.
    """
    folder = writable_folder(path, "checkpoint")
    for found in sorted(folder.iterdir()):
        if not NAME.fullmatch(found.name) and not UNFINISHED.fullmatch(found.name):
            raise ValueError(
                f"Got checkpoint={str(path)!r}, a folder that holds other files, such as "
                f"{found.name}; expected an empty one, a new one, or one of checkpoints."
            )
    return folder


def abandoned(path: Path) -> bool:
    """Whether a file has not been written to for long."""
    return time.time() - path.stat().st_mtime > SECONDS_OF_A_WRITE
