"""Derived arrays that are kept in a file, so that they are derived once."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from skvae.datasets.npz_file import open_npz
from skvae.exceptions import CacheWarning, warn_caller
from skvae.files import written_whole

__all__ = ["cached_arrays"]


def cached_arrays(
    path: Path, derive: Callable[[], dict[str, np.ndarray]], names: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Read arrays from an npz file; where there is none yet, derive and write them.

    The file appears all at once, so that a reader in another process never sees half
    of it. A file that cannot be read, or that has other arrays, is derived anew, and
    where it cannot be written, a warning says so.

    Parameters
    ----------
    path : Path
        The npz file; its name should hold everything on which the arrays depend.
    derive : callable
        Returns the arrays by name. Object arrays are not allowed.
    names : collection of str, optional
        Names of the arrays that the file must have, all with as many rows; by default, it
        may have any.

    Returns
    -------
    arrays : dict of ndarray
        The arrays by name.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "squares.npz")
    ...     first = cached_arrays(path, lambda: {"squares": np.arange(4) ** 2})
    ...     again = cached_arrays(path, lambda: 1 / 0)
    >>> again["squares"]
    array([0, 1, 4, 9])
    """
    try:
        with open_npz(path, "path") as stored:
            read = {name: stored.read(name) for name in stored.names}
    except (OSError, ValueError):
        read = {}
    n_rows = {array.shape[:1] for array in read.values()}
    if read and (not names or (set(read) == set(names) and len(n_rows) == 1)):
        return read
    arrays = derive()
    try:
        _write(path, arrays)
    except OSError as error:
        warn_caller(
            f"What was derived could not be kept in {path}, and will be derived again: "
            f"{error}.",
            CacheWarning,
        )
    return arrays


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        # `savez` of numpy 2.0 would pickle them, whatever it is told.
        if array.dtype.hasobject:
            raise ValueError(
                f"Got the array {name!r} of objects, expected numbers or text."
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, **arrays)
