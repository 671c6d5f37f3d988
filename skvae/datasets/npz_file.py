"""Arrays of npz files, whose size is known before any of them is read."""

import io
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np

__all__ = ["NpzFile", "open_npz"]

READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
LENGTHS = {(1, 0): "<H", (2, 0): "<I"}
LONGEST_HEADER = 10_000
LONGEST_WORD = 200
# A larger array that takes less than a hundredth of that in the file is no data.
MOST_OF_LITTLE = 2**30
SMALLEST_SHARE = 0.01


class Header(NamedTuple):
    """What a file says of an array before its entries."""

    shape: tuple[int, ...]
    dtype: np.dtype
    length: int


class NpzFile:
    """The arrays of an npz file, each read when it is asked for.

    Parameters
    ----------
    archive : ZipFile
        The opened file.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> np.savez(file, x=np.zeros((2, 3), np.uint8))
    >>> with ZipFile(file) as archive:
    ...     npz = NpzFile(archive)
    ...     npz.names, npz.header("x").shape, npz.read("x").sum()
    (['x'], (2, 3), np.uint64(0))
    """

    def __init__(self, archive: ZipFile) -> None:
        self.archive = archive
        self.entries: dict[str, ZipInfo] = {}
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name in self.entries:
                raise ValueError(f"it has two arrays {name}.")
            self.entries[name] = entry

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self.entries)

    def header(self, name: str) -> Header:
        """Return shape and type of an array, of which nothing else is read.

        Raises
        ------
        ValueError
            If there is no array of that name, or none that numpy wrote.
        """
        if name not in self.entries:
            raise ValueError(f"it has the arrays {', '.join(self.names)}, but not {name}.")
        with self.archive.open(self.entries[name]) as file:
            try:
                return read_header(file)
            except Exception as error:  # whatever its parser meets, numpy passes on
                raise ValueError(
                    f"the array {name} has a damaged header: {str(error)[:LONGEST_WORD]}"
                ) from error

    def read(self, name: str) -> np.ndarray:
        """Return an array.

        Raises
        ------
        ValueError
            If it is damaged, holds Python objects, or takes more memory than there is.
        """
        header, entry = self.header(name), self.entries[name]
        if header.dtype.hasobject:
            raise ValueError(
                f"the array {name} holds Python objects, which are not unpickled "
                "(allow_pickle=False)."
            )
        n_bytes = math.prod(header.shape) * header.dtype.itemsize
        if entry.file_size != header.length + n_bytes or not header.dtype.itemsize:
            raise ValueError(
                f"the array {name} of shape {header.shape} and type {header.dtype} takes "
                f"{n_bytes} bytes, but the file has {entry.file_size - header.length}."
            )
        refuse_more_than_fits(name, n_bytes, entry.compress_size)
        with self.archive.open(entry) as file:
            return np.lib.format.read_array(file, allow_pickle=False)


@contextmanager
def open_npz(path: str | os.PathLike[str], parameter: str) -> Iterator[NpzFile]:
    """Open an npz file; whatever is wrong with it is a `ValueError` that names it.

    Parameters
    ----------
    path : str or path-like
        The file.
    parameter : str
        What the caller calls it, for messages.

    Yields
    ------
    NpzFile
        Its arrays.
    """
    try:
        with Path(path).open("rb") as file:
            if file.read(6) == np.lib.format.MAGIC_PREFIX:
                raise ValueError("it holds one array, as np.save writes it.")
            with ZipFile(file) as archive:
                yield NpzFile(archive)
    except FileNotFoundError:
        raise
    except (
        ValueError,
        OSError,
        EOFError,
        BadZipFile,
        zlib.error,
        struct.error,
        NotImplementedError,  # a compression that there is not
        RuntimeError,  # a password
        MemoryError,
    ) as error:
        own = str(error) if isinstance(error, ValueError) else "it is none, or cut off."
        raise ValueError(
            f"Got {parameter}={os.fspath(path)!r}, expected an npz file of plain arrays: "
            f"{own}"
        ) from error


def read_header(file: Any) -> Header:
    """Read the header of an npy file, which has at most ten thousand characters."""
    start = file.read(12)
    version = np.lib.format.read_magic(io.BytesIO(start))
    if version not in READ_HEADER:
        raise ValueError(f"it has the version {version}.")
    code = LENGTHS[version]
    (length,) = struct.unpack_from(code, start, np.lib.format.MAGIC_LEN)
    if length > LONGEST_HEADER:
        raise ValueError(f"it has {length} characters.")
    whole = np.lib.format.MAGIC_LEN + struct.calcsize(code) + length
    rest = io.BytesIO(start + file.read(whole - len(start)))
    rest.seek(np.lib.format.MAGIC_LEN)
    shape, _, dtype = READ_HEADER[version](rest, max_header_size=LONGEST_HEADER)
    if min(shape, default=0) < 0:
        raise ValueError(f"it has the shape {shape}.")
    return Header(shape, dtype, whole)


def refuse_more_than_fits(name: str, n_bytes: int, n_stored: int) -> None:
    """Refuse an array that memory cannot hold, or that nearly nothing was made of.

    Raises
    ------
    ValueError
        If it takes more than the memory that is free, or more than 1 GiB and more than a
        hundred times what it takes in the file.
    """
    free = free_memory()
    if n_bytes > free:
        raise ValueError(
            f"the array {name} takes {n_bytes / 1e9:.1f} GB, but {free / 1e9:.1f} GB of "
            "memory are free."
        )
    if n_bytes > MOST_OF_LITTLE and n_stored < SMALLEST_SHARE * n_bytes:
        raise ValueError(
            f"the array {name} takes {n_bytes / 1e9:.1f} GB unpacked, and in the file "
            f"{n_stored / 1e6:.1f} MB, as no images or measurements do; expected less than "
            "1 GiB, or a file of at least a hundredth of that."
        )


def free_memory() -> float:
    """Return the bytes of memory that are free, where the system says so."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return math.inf
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    kibibytes = found.get("MemAvailable", "inf").split()[0]
    return float(kibibytes) * 1024
