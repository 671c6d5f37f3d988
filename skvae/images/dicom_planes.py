"""Planes of DICOM images, of a file each or frames of one, and how they make a volume."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skvae.images.grids import Grid, grid_of
from skvae.images.refusals import refusal

__all__ = ["Plane", "planes_of", "stacked"]

SAME = 1e-4
# A slice may lie so far from its place on an even grid, in steps: positions are often
# rounded to a tenth of a millimetre.
UNEQUAL = 0.05


class Plane(NamedTuple):
    """A slice: where its numbers are, where it lies and what they mean."""

    file: Path
    frame: int
    position: NDArray[np.float64]
    orientation: NDArray[np.float64]
    spacing: NDArray[np.float64]  # between rows, between columns
    between: float | None  # what the header says of the distance to the next slice
    size: tuple[int, int]
    slope: float
    intercept: float

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"{self.file.name}, frame {self.frame + 1}"


def planes_of(path: Path, header: Any) -> list[Plane]:
    """Return the planes of a DICOM image.

    Parameters
    ----------
    path : Path
        The file.
    header : pydicom.Dataset
        Its header.

    Returns
    -------
    list of Plane
        One of a classic image, one a frame of an enhanced one.
    """
    frames = header.get("PerFrameFunctionalGroupsSequence")
    if frames is None:
        n = int(header.get("NumberOfFrames") or 1)
        if n > 1:
            raise refusal(
                path, f"which has {n} frames, and does not say where each of them lies"
            )
        return [_plane(path, 0, header, [header])]
    shared = list(header.get("SharedFunctionalGroupsSequence") or [])
    return [
        _plane(path, k, header, [_Group(group) for group in (frame, *shared)])
        for k, frame in enumerate(frames)
    ]


def stacked(path: Path, planes: Sequence[Plane]) -> tuple[list[Plane], Grid, list[str]]:
    """Return planes in the order of their positions, and the grid that they make.

    Parameters
    ----------
    path : Path
        The file or folder.
    planes : sequence of Plane
        In any order.

    Returns
    -------
    planes : list of Plane
        In ascending order along their normal.
    grid : Grid
        Where their voxels lie.
    notes : list of str
        What a reader should know.
    """
    first = planes[0]
    _check_alike(path, planes)
    x, y = first.orientation[:3], first.orientation[3:]
    normal = np.cross(x, y)
    length = np.linalg.norm(normal)
    if not length > 0:
        raise refusal(path, "whose ImageOrientationPatient names no plane")
    normal = normal / length
    heights = np.array([plane.position @ normal for plane in planes])
    if not np.isfinite(heights).all():
        raise refusal(path, "whose ImagePositionPatient is not finite")
    ordered = [planes[k] for k in np.argsort(heights, kind="stable")]
    step, notes = _step(path, ordered, np.sort(heights))
    _check_upright(path, ordered, normal)
    steps = np.stack([x * first.spacing[1], y * first.spacing[0], normal * step], axis=1)
    return ordered, grid_of(path, steps, ordered[0].position), notes


class _Group:
    """Attributes of the sequences of a functional group, as if they were of a dataset."""

    def __init__(self, group: Any) -> None:
        self._items = [
            element.value[0] for element in group if element.VR == "SQ" and element.value
        ]

    def get(self, name: str) -> Any:
        return next((item.get(name) for item in self._items if name in item), None)


def _plane(path: Path, frame: int, header: Any, groups: Sequence[Any]) -> Plane:
    # A value of no number, of too few or of a text: whatever pydicom says of it.
    def told(name: str, n: int) -> NDArray[np.float64]:
        value = next((v for group in groups if (v := group.get(name)) is not None), None)
        if value is None:
            raise refusal(path, f"which has no {name}: it cannot be placed in the patient")
        try:
            numbers = np.asarray(value, float).reshape(n)
        except (TypeError, ValueError) as error:
            raise refusal(
                path, f"whose {name} is {value!r}, expected {n} numbers"
            ) from error
        return numbers

    def number(*names: str) -> float | None:
        for name in names:
            if any(group.get(name) not in (None, "") for group in groups):
                return float(told(name, 1)[0])
        return None

    slope, intercept = number("RescaleSlope"), number("RescaleIntercept")
    return Plane(
        path,
        frame,
        told("ImagePositionPatient", 3),
        told("ImageOrientationPatient", 6),
        told("PixelSpacing", 2),
        number("SpacingBetweenSlices", "SliceThickness"),
        (int(header.Rows), int(header.Columns)),
        1.0 if slope is None else slope,
        0.0 if intercept is None else intercept,
    )


def _check_alike(path: Path, planes: Sequence[Plane]) -> None:
    first = planes[0]
    for plane in planes:
        for what, alike in (
            ("size", plane.size == first.size),
            ("orientation", np.allclose(plane.orientation, first.orientation, atol=SAME)),
            ("PixelSpacing", np.allclose(plane.spacing, first.spacing, rtol=SAME, atol=0)),
        ):
            if not alike:
                names = f"{first.name} and {plane.name}"
                raise refusal(path, f"whose slices {names} are not of one {what}")


def _step(
    path: Path, planes: Sequence[Plane], heights: NDArray[np.float64]
) -> tuple[float, list[str]]:
    told = planes[0].between
    if len(planes) == 1:
        if told is not None and told > 0:
            return told, ["one slice: its thickness is taken for the spacing along z"]
        return 1.0, ["one slice of unknown thickness: a spacing along z of 1 mm is assumed"]
    steps = np.diff(heights)
    # The lower median: of two steps, the longer one has the gap.
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    pairs = [f"{a.name} and {b.name}" for a, b in pairwise(planes)]
    for pair, step in zip(pairs, steps, strict=True):
        if step <= SAME * max(usual, SAME):
            raise refusal(
                path,
                f"in which {pair} lie at one position: it holds several volumes, such as "
                "phases or echoes, or copies of a slice",
            )
    mean = float(heights[-1] - heights[0]) / len(steps)
    even = heights[0] + mean * np.arange(len(heights))
    if np.abs(heights - even).max() > UNEQUAL * mean:
        worst = int(np.abs(steps - usual).argmax())
        lost = round(steps[worst] / usual) - 1
        missing = f": {lost} of them seem to be missing" if lost > 0 else ""
        raise refusal(
            path,
            f"whose slices are not equally spaced: {pairs[worst]} are "
            f"{steps[worst]:.4g} mm apart, others {usual:.4g} mm{missing}",
        )
    return mean, _uneven(steps, mean)


def _uneven(steps: NDArray[np.float64], mean: float) -> list[str]:
    if np.abs(steps - mean).max() <= 1e-3 * mean:
        return []
    return [
        f"steps between slices are from {steps.min():.4g} to {steps.max():.4g} mm; "
        f"their mean, {mean:.4g} mm, is used"
    ]


def _check_upright(
    path: Path, planes: Sequence[Plane], normal: NDArray[np.float64]
) -> None:
    """Refuse slices that are displaced within their planes, as of a tilted gantry."""
    moved = np.stack([plane.position - planes[0].position for plane in planes])
    within = moved - np.outer(moved @ normal, normal)
    most = float(np.linalg.norm(within, axis=1).max())
    if most > UNEQUAL * planes[0].spacing.min():
        raise refusal(
            path,
            "whose grid is sheared: its slices are displaced within their planes by up to "
            f"{most:.4g} mm, as of a tilted gantry; resample it to a rectangular grid",
        )
