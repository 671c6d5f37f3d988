"""One case from its files to the crop that features are made of."""

import hashlib
import json
import os
import zipfile
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skvae.files import written_whole
from skvae.images.boxes import box_of_mask, middle
from skvae.images.geometry import (
    differences,
    lattice,
    on_grid_of,
    oriented,
    overlaps,
    resampled,
    same_grid,
)
from skvae.images.held_images import held_mask, held_volume
from skvae.images.read import read_mask, read_volume
from skvae.images.volume import ImageFileError, Volume

__all__ = ["Case", "Crop", "CropSettings", "read_case", "read_crop"]

# Raise it when a change makes older crops wrong.
_SCHEMA = 1


class Case(NamedTuple):
    """An image, its mask on the same grid, and what is to be known of them."""

    image: Volume
    mask: Volume | None
    notes: tuple[str, ...]

    @property
    def volume_mm3(self) -> float:
        """Volume of the region; NaN without a mask."""
        if self.mask is None:
            return float("nan")
        return float(np.count_nonzero(self.mask.values) * np.prod(self.mask.spacing_mm))


class Crop(NamedTuple):
    """What features are made of, before any statistic of the cohort."""

    values: NDArray[np.float32]
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True)
class CropSettings:
    """What decides a crop.

    Attributes
    ----------
    spacing_mm : (float, float, float) or None
        Spacing along z, y and x; None keeps that of each file.
    crop : {"mask", "center"} or None
        What is kept.
    margin_mm : float
        Around the mask.
    interpolation : {"bspline", "linear"}
        Of intensities; masks take the nearest voxel.
    label : int, str or None
        Region of the masks, where the manifest names none.
    size : tuple of int or None
        Of the middle that is kept, with `crop="center"`.
    """

    spacing_mm: tuple[float, float, float] | None
    crop: str | None
    margin_mm: float
    interpolation: str
    label: int | str | None
    size: tuple[int, ...] | None = None


def read_case(
    image: Any, mask: Any, label: int | str | None, series: str | None = None
) -> Case:
    """Read an image and its mask and bring both to one grid.

    Parameters
    ----------
    image, mask : path or image of SimpleITK or nibabel
        The files; `mask` may be None.
    label : int, str or None
        Region of the mask.
    series : str, default=None
        Which series of DICOM, of an `image` that is a folder with several.

    Returns
    -------
    Case
        The case, its axes turned to those of the patient.

    Raises
    ------
    ImageFileError
        Where the case cannot be used; the message is the reason.
    """
    read = read_volume(image, series=series) if _is_path(image) else held_volume(image)
    volume = oriented(read)
    notes = list(volume.notes)
    if mask is None:
        _check_finite(volume.values, "the image")
        return Case(volume, None, tuple(notes))
    if _is_path(mask):
        seen_on = image if _is_path(image) else volume
        read = read_mask(mask, label=label, image_path=seen_on, series=series)
    else:
        read = held_mask(mask, label)
    n_voxels = int(np.count_nonzero(read.values))
    if n_voxels < 2:
        raise ImageFileError("the mask is empty" if not n_voxels else "a mask of one voxel")
    region = oriented(read)
    notes += [note for note in region.notes if note not in notes]
    if not same_grid(volume, region):
        apart = differences(volume, region)
        if not overlaps(volume, region):
            raise ImageFileError(f"the mask lies outside of the image: {apart}")
        region = on_grid_of(volume, region)
        notes.append(f"the mask was brought to the grid of the image: {apart}")
        if np.count_nonzero(region.values) < 2:
            raise ImageFileError(f"on the grid of the image, the mask is empty: {apart}")
    _check_finite(volume.values[region.values > 0], "the region")
    return Case(volume, region, tuple(notes))


def _is_path(given: Any) -> bool:
    return isinstance(given, str | os.PathLike)


def _check_finite(values: NDArray[Any], what: str) -> None:
    n_bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if n_bad:
        raise ImageFileError(f"{n_bad} voxels of {what} are NaN or infinite")


def read_crop(
    image: Any,
    mask: Any,
    label: int | str | None,
    series: str | None,
    settings: CropSettings,
    cache: str | os.PathLike[str] | None,
) -> Crop:
    """Return the crop of a case, from the cache where it is there.

    Parameters
    ----------
    image, mask, label, series : object
        As of `read_case`.
    settings : CropSettings
        What decides the crop.
    cache : path or None
        Folder of crops.

    Returns
    -------
    Crop
        The crop.
    """
    label = settings.label if label is None else label
    chosen = label if series is None else (label, series)
    path = None if cache is None else _cached(Path(cache), image, mask, chosen, settings)
    if path is not None and path.is_file():
        try:
            return _load(path)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # cut off or damaged: read again, and replaced
    crop = _cropped(read_case(image, mask, label, series), settings)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as unfinished, unfinished.open("wb") as file:
            parts = {} if crop.mask is None else {"mask": crop.mask}
            np.savez(file, values=crop.values, **parts)
    return crop


def _cropped(case: Case, settings: CropSettings) -> Crop:
    image, mask = case.image, case.mask
    spacing = settings.spacing_mm or image.spacing_mm
    box = middle(lattice(image, spacing), settings.size)
    if settings.crop == "mask":
        if mask is None:
            raise ImageFileError("crop='mask' needs a mask, and there is none")
        box = box_of_mask(mask, spacing, settings.margin_mm)
    # Outside of the region, where they are allowed, such voxels would spread.
    if not np.isfinite(image.values).all():
        lowest = image.values[np.isfinite(image.values)].min()
        filled = np.nan_to_num(image.values, nan=lowest, posinf=lowest, neginf=lowest)
        image = replace(image, values=filled)
    values = resampled(image, spacing, box, settings.interpolation)
    region = None if mask is None else resampled(mask, spacing, box, "nearest") > 0
    return Crop(values.astype(np.float32, copy=False), region)


def _cached(
    folder: Path, image: Any, mask: Any, chosen: Any, settings: CropSettings
) -> Path | None:
    """Return where the crop of these very files is kept; None where they are no files."""
    files = [image] if mask is None else [image, mask]
    if not all(_is_path(file) for file in files):
        return None
    stamps = [_stamp(Path(file)) for file in files]
    decides = [_SCHEMA, stamps, chosen, asdict(settings), _versions()]
    key = hashlib.sha256(json.dumps(decides, default=str).encode()).hexdigest()
    return folder / f"{key}.npz"


@cache
def _versions() -> dict[str, str]:
    """Return the versions that decide a crop: looking them up takes longer than a crop."""
    return {name: version(name) for name in ("skvae", "SimpleITK", "nibabel")}


def _stamp(path: Path) -> list[Any]:
    """Size and time of a file, or of those of a folder."""
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    stats = [file.stat() for file in inside if file.exists()]
    return [str(path.absolute()), *((s.st_size, s.st_mtime_ns) for s in stats)]


def _load(path: Path) -> Crop:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return Crop(stored["values"], stored.get("mask"))
