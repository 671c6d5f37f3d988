"""Files of arrays with a description: safetensors in one canonical form, or refused.

A file is 8 bytes with the length of the header, the header, which is JSON, and the bytes
of the arrays. The header is what the description and the arrays make of it, byte for byte:
there is one file of one content, and no room for anything else.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from skvae.files import written_whole

__all__ = ["ArrayEntry", "TensorFile", "canonical_json", "write_tensor_file"]

# Kinds of numbers, by the names that safetensors has for them.
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
NAMES = {np.dtype(code): name for name, code in DTYPES.items()}

MOST_HEADER_BYTES = 4 << 20
# Of lists, mappings and commas: what JSON of this length can take of memory, mostly none.
MOST_VALUES = 1 << 18
MOST_ARRAYS = 10_000
MOST_AXES = 32
LONGEST_AXIS = 1 << 40

# Names in a file may be as long as its description.
LONGEST_REASON = 300

METADATA = "skvae"
_METADATA = re.compile(r"([0-9a-f]{64}) (.*)", re.DOTALL)


@dataclass(frozen=True)
class ArrayEntry:
    """What a file says of one of its arrays."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str
    start: int = 0

    @property
    def n_bytes(self) -> int:
        """Size of its values."""
        return np.dtype(DTYPES[self.dtype]).itemsize * prod(self.shape)


def canonical_json(value: Any) -> str:
    """Write plain values in the one way in which a file has them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_tensor_file(
    path: str | Path, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> str:
    """Write a file that is whole or not there at all; return its SHA-256.

    Parameters
    ----------
    path : str or Path
        The file.
    description : mapping of str to object
        Values that JSON knows.
    arrays : mapping of str to ndarray
        Numbers and truth values, in C order.

    Returns
    -------
    str
        The hash, in hexadecimal digits.

    Raises
    ------
    ValueError
        If the description or the number of arrays is larger than what can be read again.
    """
    entries = {name: _entry(array) for name, array in arrays.items()}
    listed = {name: [e.dtype, list(e.shape), e.sha256] for name, e in entries.items()}
    text = canonical_json({**description, "arrays": listed})
    header = _header(text, entries)
    if reason := _too_large(header, entries):
        raise ValueError(f"Got a model of which {reason}; expected a smaller one.")
    digest = hashlib.sha256()
    with written_whole(path) as unfinished, unfinished.open("wb") as file:
        for part in (header, *(_bytes(arrays[name]) for name in _order(entries))):
            digest.update(part)
            file.write(part)
        # Here rather than behind it: what a full disk does not take, it may say so late.
        file.flush()
    _settle_folder(Path(path).parent)
    return digest.hexdigest()


def _entry(array: np.ndarray) -> ArrayEntry:
    dtype = NAMES[array.dtype]
    return ArrayEntry(dtype, array.shape, _digest(dtype, array.shape, _bytes(array)))


def _bytes(array: np.ndarray) -> memoryview:
    # A memoryview of an empty array cannot be cast.
    return memoryview(array).cast("B") if array.size else memoryview(bytearray())


def _digest(dtype: str, shape: tuple[int, ...], payload: Any) -> str:
    found = hashlib.sha256(f"{dtype} {list(shape)}\n".encode())
    found.update(payload)
    return found.hexdigest()


def _order(entries: Mapping[str, ArrayEntry]) -> list[str]:
    """Return names in the order of a file: wide numbers first, so that all are aligned."""
    width = {name: np.dtype(DTYPES[e.dtype]).itemsize for name, e in entries.items()}
    return sorted(entries, key=lambda name: (-width[name], name))


def _header(text: str, entries: Mapping[str, ArrayEntry]) -> bytes:
    """Return the length and the header of a file with this description."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    header: dict[str, Any] = {"__metadata__": {METADATA: f"{digest} {text}"}}
    start = 0
    for name in _order(entries):
        entry = entries[name]
        end = start + entry.n_bytes
        header[name] = {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": [start, end],
        }
        start = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded


def _too_large(header: bytes, entries: Mapping[str, ArrayEntry]) -> str:
    """Say what of a header is more than is read; nothing where nothing is."""
    if len(header) - 8 > MOST_HEADER_BYTES:
        return f"the description has more than {MOST_HEADER_BYTES >> 20} MiB"
    if _n_values(header) > MOST_VALUES:
        return f"the description has more than {MOST_VALUES} values"
    if len(entries) > MOST_ARRAYS:
        return f"there are more than {MOST_ARRAYS} arrays"
    return ""


def _n_values(header: bytes) -> int:
    return sum(header.count(mark) for mark in (b"[", b"{", b","))


def _settle_folder(folder: Path) -> None:
    """Have the new name of a file reach the disk, where folders can be asked for that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class TensorFile:
    """A file that was written by `write_tensor_file`, open for reading.

    Its description is checked when it is opened, each array when it is read.

    Parameters
    ----------
    path : str or Path
        The file.
    sha256 : str, optional
        The hash that the whole file must have; nothing else of it is read before.

    Raises
    ------
    ValueError
        If it is not such a file.
    """

    def __init__(self, path: str | Path, sha256: str | None = None) -> None:
        self.path = path
        self._file = _opened(path)
        try:
            if sha256 is not None:
                self._compare(sha256)
            self.description, self.entries = self._described()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def refused(self, reason: str) -> ValueError:
        """Return the error that says why the file is not read."""
        return ValueError(f"Got path={str(self.path)!r}, but {reason[:LONGEST_REASON]}.")

    def array(self, name: str) -> np.ndarray:
        """Read an array; a new one each time."""
        entry = self.entries[name]
        self._file.seek(self._start + entry.start)
        found = np.empty(entry.shape, DTYPES[entry.dtype])
        self._file.readinto(_bytes(found))  # type: ignore[attr-defined]
        if _digest(entry.dtype, entry.shape, _bytes(found)) != entry.sha256:
            raise self.refused(f"its array {name} is damaged: its hash is another")
        return found

    def _compare(self, expected: str) -> None:
        found = hashlib.file_digest(self._file, "sha256").hexdigest()
        self._file.seek(0)
        if found != expected.lower():
            raise ValueError(
                f"Got sha256={expected!r}, but {str(self.path)!r} has {found}: it is not "
                "the file that was meant, or was changed."
            )

    def _described(self) -> tuple[dict[str, Any], dict[str, ArrayEntry]]:
        size = os.fstat(self._file.fileno()).st_size
        length = int.from_bytes(self._file.read(8), "little")
        if size < 8 or not 0 < length <= min(size - 8, MOST_HEADER_BYTES):
            raise self.refused("it is no model file, or damaged: it has no header")
        header = self._file.read(length)
        if _n_values(header) > MOST_VALUES:
            raise self.refused("its description is too large to be one of skvae")
        try:
            text = json.loads(header)["__metadata__"][METADATA]
            expected, text = _METADATA.fullmatch(text).groups()  # type: ignore[union-attr]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise self.refused(
                "it is no model file of skvae, or damaged: its header cannot be read"
            ) from None
        if hashlib.sha256(text.encode(errors="replace")).hexdigest() != expected:
            raise self.refused("it is damaged: the hash of its description is another")
        try:
            description = json.loads(text)
            if canonical_json(description) != text:
                raise ValueError(text)
            entries = _entries(description.pop("arrays"))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise self.refused("its description cannot be read") from None
        self._start = 8 + length
        n_bytes = sum(entry.n_bytes for entry in entries.values())
        if size != self._start + n_bytes or (
            _header(text, entries) != length.to_bytes(8, "little") + header
        ):
            raise self.refused("it is damaged, or was not written by skvae")
        return description, entries


def _opened(path: str | Path) -> BinaryIO:
    """Open a regular file; a pipe or a device would block, or never end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"Got path={str(path)!r}, which is not a regular file.")
    return os.fdopen(handle, "rb")


def _entries(listed: Mapping[str, Any]) -> dict[str, ArrayEntry]:
    """Check what a description says of arrays, and find where each begins.

    Raises
    ------
    ValueError
        If it is nothing that `write_tensor_file` says.
    """
    if len(listed) > MOST_ARRAYS:
        raise ValueError(len(listed))
    found = {}
    for name, (dtype, shape, sha256) in listed.items():
        plain = [type(n) is int and 0 <= n <= LONGEST_AXIS for n in shape]
        if dtype not in DTYPES or len(shape) > MOST_AXES or not all(plain):
            raise ValueError(name)
        found[name] = ArrayEntry(dtype, tuple(shape), sha256)
    start = 0
    for name in _order(found):
        entry = found[name]
        found[name] = ArrayEntry(entry.dtype, entry.shape, entry.sha256, start)
        start += entry.n_bytes
    return found
