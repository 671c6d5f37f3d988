"""MetaImage: .mha, and .mhd with its file of voxels."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skvae.images.grids import Grid, completed, grid_of, spatial_sizes
from skvae.images.payload import Payload, check_room
from skvae.images.refusals import refusal
from skvae.images.stored import Scan

__all__ = ["read_metaimage"]

LONGEST_LINE = 1 << 16
TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # of four bytes in this format
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
Header = dict[str, str]


def read_metaimage(path: Path) -> Scan:
    """Read a .mha or .mhd file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Scan
        Its numbers and grid.
    """
    with path.open("rb") as file:
        header = _header(path, file)
        start = file.tell()
    sizes = _numbers(path, header, "DimSize", int)
    channels = header.get("ElementNumberOfChannels", "1")
    if channels != "1":
        raise refusal(path, f"which holds {channels} numbers a voxel, expected one")
    shape = spatial_sizes(path, sizes)
    grid, notes = _grid(path, header, len(sizes))
    stored = _voxels(path, header, start, (shape[2], shape[1], shape[0]))
    return Scan(stored, grid, notes=tuple(notes))


def _header(path: Path, file: BinaryIO) -> Header:
    header: Header = {}
    while line := file.readline(LONGEST_LINE).decode("latin-1"):
        key, equals, value = line.partition("=")
        if not equals and line.strip():
            raise refusal(path, "whose header has a line that is not 'name = value'")
        header[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":  # the last, by the format
            return header
    raise refusal(path, "which is truncated: its header ends before ElementDataFile")


def _numbers(path: Path, header: Header, name: str, kind: type = float) -> list[Any]:
    if name not in header:
        raise refusal(path, f"whose header has no {name}")
    try:
        return [kind(word) for word in header[name].split()]
    except ValueError as error:
        raise refusal(path, f"whose {name} is {header[name]!r}") from error


def _grid(path: Path, header: Header, n_axes: int) -> tuple[Grid, list[str]]:
    notes = []
    n = min(n_axes, 3)

    def told(names: tuple[str, ...], default: list[float]) -> list[float]:
        name = next((name for name in names if name in header), None)
        if name is None:
            notes.append(f"no {names[0]} is given; {default[0]:g} is assumed")
            return default
        numbers = _numbers(path, header, name)
        if len(numbers) != len(default):
            raise refusal(path, f"whose {name} is {header[name]!r}, not of {n_axes} axes")
        return numbers

    spacing = told(("ElementSpacing", "ElementSize"), [1.0] * n_axes)
    origin = told(("Offset", "Position", "Origin"), [0.0] * n_axes)
    names = ("TransformMatrix", "Rotation", "Orientation")
    # An axis a row: what SimpleITK has as a column.
    rows = np.reshape(told(names, np.eye(n_axes).ravel().tolist()), (n_axes, n_axes))
    vectors = (rows * np.reshape(spacing, (-1, 1)))[:n, :n]
    first = np.pad(origin[:n], (0, 3 - n))
    return grid_of(path, completed(vectors.tolist()), first), notes


def _voxels(
    path: Path, header: Header, start: int, shape: tuple[int, int, int]
) -> NDArray[Any]:
    dtype = _dtype(path, header)
    packing = "deflate" if _true(header, "CompressedData") else "raw"
    voxels, start = _file_of_voxels(path, header, start)
    z, y, x = shape
    needed = z * y * x * dtype.itemsize
    with voxels.open("rb") as file:
        check_room(voxels, needed, voxels.stat().st_size - start, packing)
        file.seek(start)
        if packing == "raw" and header.get("HeaderSize") == "-1":
            file.seek(-needed, 2)  # the voxels are what the file ends with
        payload = Payload(voxels, file, packing)
        stored = payload.array(shape, dtype)
        if packing != "raw":
            payload.finish()
    return stored


def _dtype(path: Path, header: Header) -> np.dtype[Any]:
    name = header.get("ElementType", "")
    if name not in TYPES:
        raise refusal(path, f"whose ElementType is {name!r}, which is unknown")
    if "BinaryData" in header and not _true(header, "BinaryData"):
        raise refusal(
            path, "whose voxels are written as text: save it as binary data first"
        )
    big = any(_true(header, f"{which}ByteOrderMSB") for which in ("BinaryData", "Element"))
    return np.dtype((">" if big else "<") + TYPES[name])


def _file_of_voxels(path: Path, header: Header, start: int) -> tuple[Path, int]:
    name = header["ElementDataFile"]
    if name.upper() == "LOCAL":
        return path, start
    if name.upper().startswith("LIST") or "%" in name:
        raise refusal(
            path, "whose voxels are in a list of files: save it as one file first"
        )
    voxels = path.parent / name
    if not voxels.is_file():
        raise refusal(path, f"whose voxels are missing: there is no file {name!r}")
    size = header.get("HeaderSize", "0")
    return voxels, int(size) if size.isdigit() else 0


def _true(header: Header, name: str) -> bool:
    return header.get(name, "False").lower() in ("true", "1")
