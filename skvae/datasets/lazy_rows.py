"""Rows of an array that stays in its file until they are read."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from skvae.extras import import_extra

__all__ = ["LazyRows", "is_stored"]

# What opens a file by the end of its name.
_HDF5 = (".h5", ".hdf5", ".hdf")
_FOREIGN = ("h5py", "zarr")


class LazyRows:
    """Rows of an array that may be larger than the memory, read when they are needed.

    An index chooses rows and reads nothing: what comes of it are lazy rows as well, and
    ``np.asarray`` reads them. So the splitters and searches of scikit-learn, which would
    copy a fold of a memory map into memory, hand on views. The estimators of skvae read
    them block by block; a step of another library, such as a scaler, reads all rows that
    it gets. A pickle has the place of the file, not its content.

    Parameters
    ----------
    source : str, path or array
        A file, of which nothing is read yet: `.npy`, HDF5 (`.h5`, `.hdf5`) or a zarr
        array; or an array of numbers with a row for each sample, such as a memory map, an
        `h5py.Dataset` or a `zarr.Array`.
    name : str, default=None
        The data set in an HDF5 file, or the array in a zarr group.

    Attributes
    ----------
    shape : tuple of int
        ``(n_samples, *sample_shape)``.
    dtype : dtype
        Of the entries.
    ndim : int
        Number of axes.
    nbytes : int
        Size of the rows in memory, were they read.
    base : array
        What the rows are in.

    Raises
    ------
    ValueError
        If the file is of another kind, or what is in it are no rows of numbers.
    MissingDependencyError
        Where h5py or zarr is missing; the extra `arrays` installs them.

    Notes
    -----
    Rows are shuffled in training, so that a batch touches several chunks of an HDF5 or
    zarr array: chunks of one or a few rows are read fastest, and a `.npy` file faster than
    both.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from skvae import VAEFeatureExtractor
    >>> from skvae.datasets import LazyRows
    >>> path = Path(mkdtemp()) / "X.npy"
    >>> np.save(path, np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32))
    >>> X = LazyRows(path)
    >>> X[10:20]
    LazyRows of shape (10, 5) and dtype float32
    >>> np.asarray(X[[0, -1]]).shape
    (2, 5)
    >>> vae = VAEFeatureExtractor(2, max_iter=2, random_state=0)
    >>> scores = cross_val_score(vae, X, cv=3)
    >>> bool((scores == cross_val_score(vae, np.load(path), cv=3)).all())
    True
    """

    def __init__(self, source: Any, name: str | None = None) -> None:
        if isinstance(source, LazyRows):
            vars(self).update(vars(source))
            return
        if isinstance(source, str | os.PathLike):
            source = opened(Path(source), name)
        dtype = getattr(source, "dtype", None)
        if getattr(dtype, "kind", None) not in tuple("biuf") or len(source.shape) < 1:
            raise ValueError(
                f"Got source as {type(source).__name__} of dtype {dtype}, but LazyRows "
                "expects a file, or an array of numbers with a row for each sample."
            )
        self.base = source
        self.dtype = dtype
        self._rows: range | np.ndarray = range(source.shape[0])
        self._sample_shape = tuple(int(n) for n in source.shape[1:])

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, and the shape of one."""
        return (len(self._rows), *self._sample_shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of the rows in memory, were they read."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, chosen: Any) -> Any:
        """Return some of the rows; a single one is read."""
        if isinstance(chosen, tuple):
            chosen, *others = chosen
            if any(other is not Ellipsis and other != slice(None) for other in others):
                raise TypeError(
                    f"Got an index of {1 + len(others)} axes, but LazyRows chooses whole "
                    "rows; np.asarray reads them."
                )
        if isinstance(chosen, int | np.integer):
            return np.asarray(self._with(rows=self._rows[chosen : chosen + 1 or None]))[0]
        return self._with(rows=picked(self._rows, chosen))

    def samples(self, shape: tuple[int, ...], dtype: Any) -> "LazyRows":
        """Return the same rows as samples of another shape, and of another type.

        Parameters
        ----------
        shape : tuple of int
            Of a sample.
        dtype : dtype
            Of the entries.

        Returns
        -------
        rows : LazyRows
            Nothing is read.
        """
        found = self._with(rows=self._rows)
        found._sample_shape, found.dtype = shape, np.dtype(dtype)
        return found

    def _with(self, rows: range | np.ndarray) -> "LazyRows":
        found = object.__new__(LazyRows)
        vars(found).update(vars(self), _rows=rows)
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        rows = read(self.base, self._rows).reshape(self.shape)
        with np.errstate(over="ignore"):  # what is too large for it becomes infinite
            rows = rows.astype(self.dtype, copy=False)
        return rows.astype(dtype or self.dtype, copy=bool(copy))

    def __repr__(self) -> str:
        return f"LazyRows of shape {self.shape} and dtype {self.dtype}"

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"base": as_place(self.base)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, base=from_place(state["base"]))


def is_stored(X: Any) -> bool:
    """Whether X is an array of h5py or zarr, whose rows are read when they are needed."""
    return type(X).__module__.partition(".")[0] in _FOREIGN and hasattr(X, "shape")


def opened(path: Path, name: str | None) -> Any:
    """Return the array in a file, of which nothing is read yet."""
    if path.suffix == ".npy":
        return np.load(path, mmap_mode="r")
    if path.suffix in _HDF5:
        found = import_extra("h5py", "arrays").File(path, "r")
        found = found if name is None else found[name]
    elif path.is_dir():
        found = import_extra("zarr", "arrays").open(path, mode="r", path=name)
    else:
        raise ValueError(
            f"Got source={str(path)!r}, but LazyRows expects a file that ends in .npy, "
            f"{', '.join(_HDF5)}, or the folder of a zarr array."
        )
    if not hasattr(found, "dtype"):
        raise ValueError(
            f"Got name={name!r}, but expected one of the arrays in {path}: "
            f"{', '.join(sorted(found))}."
        )
    return found


def picked(rows: range | np.ndarray, chosen: Any) -> range | np.ndarray:
    """Return the rows that an index chooses of others."""
    if isinstance(chosen, slice):
        return rows[chosen]
    chosen = np.asarray(chosen)
    if chosen.dtype == bool:
        if chosen.shape != (len(rows),):
            raise IndexError(f"Got a mask of shape {chosen.shape} for {len(rows)} rows.")
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise IndexError(
            f"Got an index of shape {chosen.shape} and dtype {chosen.dtype}, but rows are "
            "chosen by a slice, or by one axis of integers or booleans."
        )
    chosen = chosen.astype(np.int64)
    if not isinstance(rows, range):
        return rows[chosen]
    n = len(rows)
    outside = chosen[(chosen < -n) | (chosen >= n)]
    if outside.size:
        raise IndexError(f"Got the row {outside[0]} of {n} rows.")
    return rows.start + rows.step * np.where(chosen < 0, chosen + n, chosen)


def read(source: Any, rows: range | np.ndarray) -> np.ndarray:
    """Read rows in their order; neighbours that lie in one piece of memory as a view."""
    if len(rows) == 0:
        return np.empty((0, *source.shape[1:]), dtype=source.dtype)
    rows = np.asarray(rows)
    steps = np.diff(rows)
    if (steps == 1).all():
        return np.asarray(source[int(rows[0]) : int(rows[-1]) + 1])
    if isinstance(source, np.ndarray):
        return np.asarray(source[rows])
    if (steps > 0).all():
        return read_ascending(source, rows)
    rows, places = np.unique(rows, return_inverse=True)
    return read_ascending(source, rows)[places]


def read_ascending(source: Any, rows: np.ndarray) -> np.ndarray:
    """Read rows of a stored array, each once and in the order of the file."""
    if hasattr(source, "oindex"):  # zarr, which decodes each chunk once
        return np.asarray(source.oindex[rows])
    found = np.empty((len(rows), *source.shape[1:]), dtype=source.dtype)
    # HDF5 takes much longer for a list of rows than for the pieces it consists of.
    starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        first = int(rows[start])
        found[start:stop] = source[first : first + int(stop - start)]
    return found


def as_place(source: Any) -> Any:
    """Return where an array is stored, or the array itself where it is in memory.

    With the size and time of its file, so that a hash of it changes with the file.
    """
    # Changes to a private map ("c") are not in its file.
    mapped = isinstance(source, np.memmap) and source.filename and source.mode != "c"
    if mapped and source.flags.forc:
        return mapping(source), stamp(source.filename)
    if type(source).__module__.startswith("h5py"):
        filename = os.path.abspath(source.file.filename)
        return (opened, (Path(filename), source.name)), stamp(filename)
    return source


def from_place(place: Any) -> Any:
    """Open what `as_place` says again."""
    if not isinstance(place, tuple):
        return place
    (function, arguments), _ = place
    return function(*arguments)


def mapping(source: np.memmap) -> tuple[Any, ...]:
    """Return what maps the same part of the file, which may begin within that of a base."""
    whole: Any = source
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    moved = source.ctypes.data - whole.ctypes.data
    order = "C" if source.flags.c_contiguous else "F"
    where = (source.filename, source.dtype, "r", whole.offset + moved)
    return np.memmap, (*where, source.shape, order)


def stamp(filename: Any) -> tuple[int, int]:
    """Return the size of a file, and when it was written."""
    status = os.stat(filename)
    return status.st_size, status.st_mtime_ns
