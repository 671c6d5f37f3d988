"""NRRD: .nrrd, .nhdr with its file of voxels, and the .seg.nrrd of 3D Slicer.

The format is that of https://teem.sourceforge.net/nrrd/format.html.
"""

import re
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skvae.images.grids import Grid, completed, grid_of, spatial_sizes
from skvae.images.payload import Payload, check_room
from skvae.images.refusals import refusal
from skvae.images.stored import Scan, Segment

__all__ = ["read_nrrd"]

LONGEST_HEADER = 1 << 22
PACKINGS = {
    "raw": "raw",
    "gzip": "deflate",
    "gz": "deflate",
    "bzip2": "bzip2",
    "bz2": "bzip2",
}
NAMES = {
    "i1": "signed char, int8, int8_t",
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "i8": "longlong, long long, long long int, signed long long, signed long long int, "
    "int64, int64_t",
    "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "f4": "float",
    "f8": "double",
}
TYPES = {name: code for code, names in NAMES.items() for name in names.split(", ")}
# Signs that lead to left, posterior, superior.
SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
UNITS = {"mm": 1.0, "m": 1e3, "cm": 10.0, "um": 1e-3, "µm": 1e-3, "": 1.0}


class Header(NamedTuple):
    """Fields and keys as they are written, and where the header ends."""

    path: Path
    fields: dict[str, str]
    keys: dict[str, str]
    end: int

    def field(self, name: str) -> str:
        """Return what a field says, or refuse the file."""
        if name not in self.fields:
            raise refusal(self.path, f"whose header has no field {name!r}")
        return self.fields[name]

    def numbers(self, name: str, text: str, kind: type = float) -> list[Any]:
        """Return numbers, or refuse the file."""
        try:
            return [kind(word) for word in re.split(r"[\s,]+", text.strip("() ")) if word]
        except ValueError as error:
            raise refusal(self.path, f"whose field {name!r} is {text!r}") from error


def read_nrrd(path: Path) -> Scan:
    """Read a .nrrd, .nhdr or .seg.nrrd file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Scan
        Its numbers and grid; the segments of a .seg.nrrd file, in one layer or several.
    """
    with path.open("rb") as file:
        header = _header(path, file)
    sizes = header.numbers("sizes", header.field("sizes"), int)
    segments = _segments(header)
    vectors = _vectors(header, len(sizes))
    extra = _extra_axis(header, sizes, vectors, bool(segments))
    spatial = [axis for axis in range(len(sizes)) if axis != extra]
    shape = spatial_sizes(path, [sizes[axis] for axis in spatial])
    grid, notes = _grid(header, [vectors[axis] for axis in spatial])
    # The first axis of the file runs fastest: here it is the last.
    stored = _voxels(header, tuple(reversed(sizes)))
    if extra is not None:
        stored = np.moveaxis(stored, len(sizes) - 1 - extra, 0)
    layers = (len(stored),) if extra is not None and segments else ()
    stored = stored.reshape(*layers, *reversed(shape))
    return Scan(stored, grid, notes=tuple(notes), segments=segments)


def _header(path: Path, file: BinaryIO) -> Header:
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    while raw := file.readline(LONGEST_HEADER):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            break
        key, assigned, value = line.partition(":=")
        name, colon, told = line.partition(":")
        if line.startswith("#"):
            continue
        if assigned and key == name:
            keys[key] = value
        elif colon:
            fields[name.strip().lower().replace("datafile", "data file")] = told.strip()
        if file.tell() > LONGEST_HEADER:
            raise refusal(path, "whose header does not end")
    if not raw and "data file" not in fields:
        raise refusal(path, "which is truncated: it ends in the middle of its header")
    return Header(path, fields, keys, file.tell())


def _vectors(header: Header, n_axes: int) -> list[list[float] | None]:
    """Return the step of each axis; None for one that is not of space."""
    text = header.fields.get("space directions")
    if text is not None:
        words = re.findall(r"none|\([^)]*\)", text)
        vectors = [
            None if word == "none" else header.numbers("space directions", word)
            for word in words
        ]
        if len(vectors) != n_axes or any(v is not None and len(v) > 3 for v in vectors):
            raise refusal(header.path, f"whose field 'space directions' is {text!r}")
        return vectors
    kinds = header.fields.get("kinds", "domain " * n_axes).split()
    spatial = [kind in ("domain", "space", "???", "none") for kind in kinds]
    if len(spatial) != n_axes:
        raise refusal(header.path, f"whose field 'kinds' is not of {n_axes} axes")
    spacings = header.numbers("spacings", header.fields.get("spacings", "1 " * n_axes))
    units = iter(np.eye(max(3, n_axes)).tolist())
    return [
        [spacing * part for part in next(units)[:3]] if of_space else None
        for of_space, spacing in zip(spatial, spacings, strict=False)
    ]


def _extra_axis(
    header: Header, sizes: list[int], vectors: list[Any], segments: bool
) -> int | None:
    extra = [axis for axis, vector in enumerate(vectors) if vector is None]
    if not extra and len(sizes) > 3:
        spatial_sizes(header.path, sizes)  # refuses more than a volume
        extra = list(range(3, len(sizes)))
    if len(extra) > 1 or len(sizes) - len(extra) not in (2, 3):
        raise refusal(header.path, f"which has {len(sizes)} axes, expected 3 of space")
    if not extra:
        return None
    n, kind = sizes[extra[0]], header.fields.get("kinds", "").split()
    if n > 1 and not segments:
        name = kind[extra[0]] if len(kind) == len(sizes) else "list"
        if "color" in name.lower() or "vector" in name.lower():
            raise refusal(header.path, f"which holds {n} numbers a voxel ({name}), not one")
        raise refusal(header.path, f"which is 4-D: it holds {n} volumes, expected one")
    return extra[0]


def _grid(header: Header, vectors: list[Any]) -> tuple[Grid, list[str]]:
    notes = []
    space = header.fields.get("space", "").lower()
    if space in ("3d-left-handed", "3dlh"):
        raise refusal(header.path, "whose space is 3D-left-handed, which no patient has")
    if space not in SPACES:
        named = f"the space is {space!r}" if space else "no space is named"
        notes.append(f"{named}; left-posterior-superior is assumed")
    if "space origin" not in header.fields:
        notes.append("no origin is given; 0 is assumed")
    factor, said = _unit(header)
    origin = header.numbers("space origin", header.fields.get("space origin", "0 0 0"))
    if len(origin) > 3:
        raise refusal(header.path, f"whose field 'space origin' has {len(origin)} numbers")
    to_mm = np.diag(SPACES.get(space, (1, 1, 1))) * factor
    first = np.pad(np.asarray(origin, float), (0, 3 - len(origin)))
    return grid_of(header.path, to_mm @ completed(vectors), to_mm @ first), notes + said


def _unit(header: Header) -> tuple[float, list[str]]:
    units = set(re.findall(r'"([^"]*)"', header.fields.get("space units", '"mm"')))
    if len(units) != 1 or (unit := units.pop().strip()) not in UNITS:
        return 1.0, ["the units of length are unknown; millimetres are assumed"]
    if UNITS[unit] != 1:
        return UNITS[unit], [f"lengths are in {unit}; they are converted to millimetres"]
    return 1.0, []


def _segments(header: Header) -> tuple[Segment, ...]:
    segments = []
    found = (re.fullmatch(r"Segment(\d+)_ID", key) for key in header.keys)
    for number in sorted(int(match[1]) for match in found if match):
        told = {
            name: header.keys.get(f"Segment{number}_{name}")
            for name in ("ID", "Name", "LabelValue", "Layer")
        }
        name = told["Name"] or told["ID"] or f"Segment {number}"
        label, layer = (
            header.numbers(f"Segment{number}_{key}", text, int)
            for key, text in (
                ("LabelValue", told["LabelValue"] or str(number + 1)),
                ("Layer", told["Layer"] or "0"),
            )
        )
        segments.append(Segment(name, label[0], layer[0]))
    return tuple(segments)


def _voxels(header: Header, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = _dtype(header)
    encoding = header.field("encoding").lower()
    if encoding not in PACKINGS:
        listed = ", ".join(PACKINGS)
        raise refusal(
            header.path, f"whose encoding is {encoding!r}, which is none of {listed}"
        )
    packing = PACKINGS[encoding]
    path, start = _file_of_voxels(header)
    with path.open("rb") as file:
        file.seek(start)
        for _ in range(
            *header.numbers("line skip", header.fields.get("line skip", "0"), int)
        ):
            file.readline()
        [skip] = header.numbers("byte skip", header.fields.get("byte skip", "0"), int)
        needed = dtype.itemsize
        for size in shape:
            needed *= size
        there = path.stat().st_size - file.tell()
        check_room(path, needed + max(skip, 0), there, packing)
        if skip < 0 and packing == "raw":  # the voxels are what the file ends with
            file.seek(-needed, 2)
        payload = Payload(path, file, packing)
        payload.skip(skip)
        stored = payload.array(shape, dtype)
        if packing != "raw":
            payload.finish()
    return stored


def _dtype(header: Header) -> np.dtype[Any]:
    name = " ".join(header.field("type").lower().split())
    if name not in TYPES:
        raise refusal(
            header.path, f"whose voxels are of the type {name!r}, which is unknown"
        )
    order = ">" if header.fields.get("endian", "little").lower() == "big" else "<"
    return np.dtype(order + TYPES[name])


def _file_of_voxels(header: Header) -> tuple[Path, int]:
    name = header.fields.get("data file")
    if name is None:
        return header.path, header.end
    if name.split()[0].upper() == "LIST" or "%" in name:
        raise refusal(
            header.path, "whose voxels are in a list of files: save it as one file first"
        )
    path = header.path.parent / name
    if not path.is_file():
        raise refusal(header.path, f"whose voxels are missing: there is no file {name!r}")
    return path, 0
