"""NIfTI-1 and NIfTI-2: nibabel knows the header; voxels are counted before they are read.

SimpleITK up to 2.5 reads NaN and infinity of such a file as 0, and what a truncated one
lacks as 0 too, which is why it does not read them here.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skvae.extras import import_extra
from skvae.images.grids import Grid, grid_of, spatial_sizes
from skvae.images.payload import Payload, check_room, packing_of
from skvae.images.refusals import refusal
from skvae.images.stored import Scan

__all__ = ["header_bytes", "read_nifti"]

MAGIC = {b"n+1\0": True, b"ni1\0": False, b"n+2\0": True, b"ni2\0": False}
MM = {1: ("metres", 1e3), 3: ("micrometres", 1e-3)}
TO_LPS = np.diag([-1.0, -1.0, 1.0])
SAME = 1e-3  # of a voxel


class Place(NamedTuple):
    """An affine in RAS, and what is to be said of it."""

    affine: NDArray[np.float64]
    notes: list[str]


def header_bytes(head: bytes) -> int:
    """Return the length of a NIfTI header, 0 where there is none.

    Parameters
    ----------
    head : bytes
        The first bytes, unpacked.

    Returns
    -------
    int
        348, 540 or 0.

    Examples
    --------
    >>> header_bytes((540).to_bytes(4, "big"))
    540
    """
    for order in ("little", "big"):
        size = int.from_bytes(head[:4], order)
        if size in (348, 540):
            return size
    return 0


def read_nifti(path: Path) -> Scan:
    """Read a .nii, .nii.gz or .hdr file, the last with the .img file beside it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Scan
        Its numbers, unscaled, and its grid.
    """
    with path.open("rb") as file:
        packing = packing_of(file.read(2))
        file.seek(0)
        payload = Payload(path, file, packing)
        header, single = _header(path, payload)
        shape, dtype = _shape(path, header), _dtype(path, header)
        offset = _offset(path, header, single)
        if single:
            payload.skip(offset - header.sizeof_hdr)
            packed = path.stat().st_size - (offset if packing == "raw" else 0)
            stored = _voxels(payload, shape, dtype, packed, packing)
    if not single:
        stored = _voxels_beside(path, shape, dtype, offset)
    grid, notes = _grid(path, header, shape)
    slope, intercept = _scale(path, header)
    return Scan(stored, grid, slope, intercept, tuple(notes))


def _header(path: Path, payload: Payload) -> tuple[Any, bool]:
    block = payload.take(4)
    size = header_bytes(block)
    block += payload.take(size - 4)
    magic = block[344:348] if size == 348 else block[4:8]
    if magic not in MAGIC:
        raise refusal(
            path,
            f"which begins as a NIfTI file but has {magic!r} for its magic: it is damaged, "
            "or of the older ANALYZE 7.5, which does not say how a patient lies",
        )
    nibabel = import_extra("nibabel", "images")
    kind = nibabel.Nifti1Header if size == 348 else nibabel.Nifti2Header
    # Unchecked: nibabel's check writes to the log what is a note or an error here.
    return kind(block, check=False), MAGIC[magic]


def _shape(path: Path, header: Any) -> tuple[int, int, int]:
    dim = [int(size) for size in header["dim"]]
    if not 1 <= dim[0] <= 7:
        raise refusal(path, f"whose header announces {dim[0]} axes, expected 3")
    x, y, z = spatial_sizes(path, dim[1 : dim[0] + 1])
    return z, y, x


def _dtype(path: Path, header: Any) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = header.get_data_dtype()
    except KeyError as error:
        code = int(header["datatype"])
        raise refusal(
            path, f"whose voxels are of a type unknown here: code {code}"
        ) from error
    if dtype.names:
        raise refusal(
            path, f"whose voxels are colours of {len(dtype.names)} channels, not one"
        )
    if dtype.kind not in "iuf":
        raise refusal(path, f"whose voxels are {dtype.name}, expected real numbers")
    return dtype


def _offset(path: Path, header: Any, single: bool) -> int:
    offset = float(header["vox_offset"])
    least = header.sizeof_hdr + 4 if single else 0
    if not (np.isfinite(offset) and offset >= least):
        raise refusal(path, f"whose vox_offset is {offset:g}, expected at least {least}")
    return int(offset)


def _voxels(
    payload: Payload,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    packed: int,
    packing: str,
) -> NDArray[Any]:
    z, y, x = shape
    check_room(payload.path, x * y * z * dtype.itemsize, packed, packing)
    stored = payload.array(shape, dtype)
    if packing != "raw":
        payload.finish()
    return stored


def _voxels_beside(
    header: Path, shape: tuple[int, int, int], dtype: np.dtype[Any], offset: int
) -> NDArray[Any]:
    name = header.name.removesuffix(".gz").removesuffix(".hdr")
    beside = [header.with_name(name + end) for end in (".img", ".img.gz")]
    path = next((file for file in beside if file.is_file()), None)
    if path is None:
        raise refusal(
            header, f"whose voxels are missing: {beside[0].name} is not beside it"
        )
    with path.open("rb") as file:
        packing = packing_of(file.read(2) if path.suffix == ".gz" else b"")
        file.seek(0)
        payload = Payload(path, file, packing)
        packed = path.stat().st_size - (offset if packing == "raw" else 0)
        payload.skip(offset)
        return _voxels(payload, shape, dtype, packed, packing)


def _scale(path: Path, header: Any) -> tuple[float, float]:
    error = import_extra("nibabel.spatialimages", "images").HeaderDataError
    try:
        slope, intercept = header.get_slope_inter()
    except error as invalid:
        reason = f"whose scl_inter is {float(header['scl_inter'])}"
        raise refusal(path, reason) from invalid
    return (1.0, 0.0) if slope is None else (float(slope), float(intercept or 0.0))


def _grid(path: Path, header: Any, shape: tuple[int, int, int]) -> tuple[Grid, list[str]]:
    pixdim, notes = np.array(header["pixdim"][1:4], float), []
    if (pixdim < 0).any():
        notes.append(f"pixdim is {_triple(pixdim)}; the signs are left out")
        header["pixdim"][1:4] = np.abs(pixdim)
    if header["pixdim"][0] not in (-1, 1):  # by the standard, any other number is 1
        header["pixdim"][0] = 1
    place = _place(path, header, shape)
    steps = np.linalg.norm(place.affine[:3, :3], axis=0)
    if not np.allclose(steps, np.abs(pixdim), rtol=SAME, atol=0):
        notes.append(
            f"pixdim is {_triple(pixdim)}, but the affine's steps are {_triple(steps)}; "
            "the affine is used"
        )
    factor, said = _unit(header)
    to_mm = TO_LPS * factor
    affine = place.affine
    grid = grid_of(path, to_mm @ affine[:3, :3], to_mm @ affine[:3, 3])
    return grid, [*notes, *place.notes, *said]


def _place(path: Path, header: Any, shape: tuple[int, int, int]) -> Place:
    """Return the affine as nibabel chooses it: sform, else qform, else pixdim alone."""
    sform = header.get_sform(coded=True)[0]
    try:
        qform = header.get_qform(coded=True)[0]
    except ValueError as error:  # a quaternion longer than 1
        if sform is None:
            raise refusal(path, "whose qform is no rotation") from error
        return Place(sform, ["the qform is no rotation; the sform is used"])
    if sform is None and qform is None:
        note = "neither sform nor qform is set: where and how the patient lies is unknown"
        return Place(header.get_base_affine(), [note])
    if sform is None or qform is None:
        return Place(qform if sform is None else sform, [])
    return Place(sform, _difference(sform, qform, shape))


def _difference(
    sform: NDArray[np.float64], qform: NDArray[np.float64], shape: tuple[int, int, int]
) -> list[str]:
    ends = np.array(np.meshgrid(*([0, size - 1] for size in shape[::-1]))).reshape(3, -1)
    corners = np.vstack([ends, np.ones(ends.shape[1])])
    apart = np.linalg.norm(((sform - qform) @ corners)[:3], axis=0).max()
    steps = [np.linalg.norm(form[:3, :3], axis=0) for form in (sform, qform)]
    if apart <= SAME * steps[0].min():
        return []
    return [
        f"sform and qform differ by up to {apart:.4g} (steps {_triple(steps[0])} and "
        f"{_triple(steps[1])}); the sform is used"
    ]


def _unit(header: Any) -> tuple[float, list[str]]:
    code = int(header["xyzt_units"]) & 7
    if code in MM:
        name, factor = MM[code]
        return factor, [f"lengths are in {name}; they are converted to millimetres"]
    if code != 2:
        return 1.0, ["the unit of length is unknown; millimetres are assumed"]
    return 1.0, []


def _triple(numbers: Any) -> str:
    return "(" + ", ".join(f"{number:.6g}" for number in numbers) + ")"
