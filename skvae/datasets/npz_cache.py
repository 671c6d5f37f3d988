"""Derived arrays that are kept in a file, so that they are derived once."""

import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

__all__ = ["cached_arrays"]


def cached_arrays(
    path: Path, derive: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Read arrays from an npz file; where there is none yet, derive and write them.

    The file appears all at once, so that a reader in another process never sees half
    of it. A file that cannot be read is derived anew.

    Parameters
    ----------
    path : Path
        The npz file; its name should hold everything on which the arrays depend.
    derive : callable
        Returns the arrays by name. Object arrays are not allowed.

    Returns
    -------
    arrays : dict of ndarray
        The arrays by name.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "squares.npz")
    ...     first = cached_arrays(path, lambda: {"squares": np.arange(4) ** 2})
    ...     again = cached_arrays(path, lambda: 1 / 0)
    >>> again["squares"]
    array([0, 1, 4, 9])
    """
    try:
        return _read(path)
    except (OSError, EOFError, BadZipFile, zlib.error, ValueError):
        arrays = derive()
        _write(path, arrays)
        return arrays


def _read(path: Path) -> dict[str, np.ndarray]:
    # np.load would leave a file open that it fails to read.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
