"""Bytes of a file in their order, unpacked, and never fewer than were announced."""

import bz2
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skvae.images.refusals import refusal

__all__ = ["Payload", "check_room", "packing_of"]

# What a byte of a file can become at most: 258 bytes of two bits, and 255 of five bytes of
# a block that the other method then shortens again.
EXPANSION = {"raw": 1, "deflate": 1032, "bzip2": 2_000_000}
# Small, so that what a piece unpacks to stays small.
PIECE = {"raw": 1 << 20, "deflate": 1 << 16, "bzip2": 1 << 16}


def packing_of(head: bytes) -> str:
    """Return how a file is packed, from its first bytes.

    Parameters
    ----------
    head : bytes
        The first bytes.

    Returns
    -------
    str
        `"deflate"`, which has gzip's bytes, or `"raw"`.

    Examples
    --------
    >>> packing_of(zlib.compress(b"1", wbits=31))
    'deflate'
    """
    return "deflate" if head.startswith(b"\x1f\x8b") else "raw"


def check_room(path: Path, needed: int, packed: int, packing: str) -> None:
    """Refuse a file too small for what it announces, before anything is allocated.

    Parameters
    ----------
    path : Path
        The file.
    needed : int
        Bytes that are announced.
    packed : int
        Bytes that are there.
    packing : str
        How they are packed.

    Examples
    --------
    >>> check_room(Path("scan.nii"), 10**12, 500, "raw")
    Traceback (most recent call last):
    skvae.images.volume.ImageFileError: Got path='scan.nii', which is truncated: its header
    announces 1000000000000 bytes, 500 are there.
    """
    if needed > packed * EXPANSION[packing]:
        there = f"{packed} are there" + ("" if packing == "raw" else ", packed")
        raise refusal(
            path, f"which is truncated: its header announces {needed} bytes, {there}"
        )


class Payload:
    """The unpacked bytes of an open file, from where it stands.

    Parameters
    ----------
    path : Path
        Its name, for errors.
    file : file
        Open for reading bytes.
    packing : {"raw", "deflate", "bzip2"}
        How it is packed; "deflate" is both gzip and zlib.
    """

    def __init__(self, path: Path, file: BinaryIO, packing: str) -> None:
        self.path = path
        self._pieces = self._checked(_unpacked(file, packing))
        self._piece = memoryview(b"")

    def take(self, count: int, what: str = "header") -> bytes:
        """Return the next bytes, exactly so many."""
        return self.fill(np.empty(count, np.uint8), what).tobytes()

    def skip(self, count: int) -> None:
        """Pass over bytes."""
        while count > 0:
            count -= len(self._next(count, "header"))

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return the next bytes as an array; the last axis runs fastest."""
        dtype = np.dtype(dtype)
        size = dtype.itemsize
        for length in shape:  # in Python's integers, which do not overflow
            size *= int(length)
        return self.fill(np.empty(size, np.uint8), "voxels").view(dtype).reshape(shape)

    def fill(self, room: NDArray[np.uint8], what: str) -> NDArray[np.uint8]:
        """Fill an array with the next bytes."""
        view, filled = memoryview(room.data), 0
        while filled < len(view):
            piece = self._next(len(view) - filled, what)
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        return room

    def finish(self) -> None:
        """Unpack what is left, at whose end there is a checksum."""
        for _ in self._pieces:
            pass

    def _next(self, most: int, what: str) -> memoryview:
        while not self._piece:
            unpacked = next(self._pieces, None)
            if unpacked is None:
                raise refusal(
                    self.path, f"which is truncated: it ends in the middle of its {what}"
                )
            self._piece = memoryview(unpacked)
        piece, self._piece = self._piece[:most], self._piece[most:]
        return piece

    def _checked(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except EOFError as error:
            reason = "which is truncated: it ends in the middle of its packed data"
            raise refusal(self.path, reason) from error
        except (zlib.error, ValueError) as error:
            reason = "which is damaged: its packed data cannot be unpacked"
            raise refusal(self.path, reason) from error


def _unpacked(file: BinaryIO, packing: str) -> Iterator[bytes]:
    pieces = iter(lambda: file.read(PIECE[packing]), b"")
    if packing == "raw":
        yield from pieces
        return
    decoder: Any = _decoder(packing)
    for piece in pieces:
        while piece:
            # A file may have several members, and zeros after the last.
            if decoder.eof and not (piece := piece.lstrip(b"\0")):
                break
            if decoder.eof:
                decoder = _decoder(packing)
            yield _decompressed(decoder, piece)
            piece = decoder.unused_data
    if not decoder.eof:
        raise EOFError


def _decoder(packing: str) -> Any:
    # 32: the header says whether it is gzip or zlib.
    return bz2.BZ2Decompressor() if packing == "bzip2" else zlib.decompressobj(32 + 15)


def _decompressed(decoder: Any, piece: bytes) -> bytes:
    try:
        unpacked: bytes = decoder.decompress(piece)
    except OSError as error:  # bz2's word for damage, which is none of the system
        raise ValueError("damaged") from error
    return unpacked
