"""From a map of labels to the mask of one."""

from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.images.refusals import refusal
from skvae.images.stored import Scan, Segment
from skvae.images.volume import ImageFileError, Volume

__all__ = ["check_label", "is_number", "mask_of", "unknown_segment"]

# Of a float32 that was meant to be an integer.
ROUNDING = 1e-6
SHOWN = 20


def check_label(label: Any) -> int | str | None:
    """Return a label as an integer, a name or None; refuse what can be none of them.

    Parameters
    ----------
    label : object
        What the caller gave; a table may have made a float of an integer.

    Returns
    -------
    int, str or None
        The same.

    Examples
    --------
    >>> check_label(2.0)
    2
    >>> check_label(0)
    Traceback (most recent call last):
    ValueError: Got label=0, expected the name of a segment or an integer other than 0,
    which is the background.
    """
    if label is None or (isinstance(label, str) and label):
        return label
    number = isinstance(label, Real) and not isinstance(label, bool | np.bool_)
    if number and (isinstance(label, Integral) or float(label).is_integer()) and label != 0:
        return int(label)
    raise ValueError(
        f"Got label={label!r}, expected the name of a segment or an integer other than 0, "
        "which is the background."
    )


def is_number(label: Any, number: int) -> bool:
    """Return whether a label, which may be a text, is a number.

    Parameters
    ----------
    label : int, str or None
        What was asked for.
    number : int
        What it may be.

    Returns
    -------
    bool
        Whether it is.

    Examples
    --------
    >>> is_number("2.0", 2), is_number("liver", 2)
    (True, False)
    """
    try:
        return label is not None and float(label) == number
    except ValueError:
        return False


def mask_of(path: Path, scan: Scan, label: int | str | None) -> Volume:
    """Return the mask, of 0 and 1, of one label.

    Parameters
    ----------
    path : Path
        The file.
    scan : Scan
        What it holds.
    label : int, str or None
        The label or the name of its segment; None where there is one.

    Returns
    -------
    Volume
        Of uint8.
    """
    if scan.segments:
        return _mask_of_segment(path, scan, label)
    labels = _labels(path, scan)
    if isinstance(label, str):
        label = _as_number(path, label)
    return scan.volume(_equal(labels, _chosen(path, labels, label)))


def unknown_segment(
    path: Path, label: int | str | None, segments: Sequence[str]
) -> ImageFileError:
    """Return the error of a segment that is absent, or of the lack of a choice.

    Parameters
    ----------
    path : Path
        The file.
    label : int, str or None
        What was asked for.
    segments : sequence of str
        What there is.

    Returns
    -------
    ImageFileError
        To be raised.

    Examples
    --------
    >>> raise unknown_segment(Path("a.seg.nrrd"), "tumour", ["liver (label 1)"])
    Traceback (most recent call last):
    skvae.images.volume.ImageFileError: Got path='a.seg.nrrd', which has no segment
    'tumour'; there are liver (label 1).
    """
    there = ", ".join(segments)
    if label is None:
        return refusal(
            path, f"which holds several segments: choose one by label; there are {there}"
        )
    return refusal(path, f"which has no segment {label!r}; there are {there or 'none'}")


def _labels(path: Path, scan: Scan) -> NDArray[np.integer]:
    """Return whole numbers; those that scaling or a float has moved are rounded first."""
    if not scan.scaled and scan.stored.dtype.kind in "iu":
        return scan.stored
    labels = np.empty(scan.stored.shape, np.int32)
    for k in range(len(labels)):
        values = scan.slice_values(k)
        if not np.isfinite(values).all():
            raise refusal(
                path, "which is no map of labels: some of its values are not finite"
            )
        nearest = np.rint(values)
        off = np.abs(values - nearest)
        if (off > _slack(scan, k, values)).any() or np.abs(nearest).max() >= 2**31:
            worst = values.flat[off.argmax()]
            raise refusal(
                path,
                f"which is no map of labels: it holds {worst:.6g}, which no rounding of "
                "its format has made of a whole number",
            )
        labels[k] = nearest
    return labels


def _slack(scan: Scan, k: int, values: NDArray[np.float64]) -> float:
    # Floats under an integer header are stored as the nearest step of the slope. A step
    # of 1 or more has merged labels, unless all values are whole.
    slope, intercept = (abs(number) for number in scan.slice_scale(k))
    rounding = ROUNDING * max(1.0, float(np.abs(values).max()), intercept)
    integers = scan.stored.dtype.kind in "iu"
    return rounding + (slope / 2 if integers and scan.scaled and slope < 1 else 0.0)


def _chosen(path: Path, labels: NDArray[np.integer], label: int | None) -> int:
    there = _present(labels)
    if label is None and len(there) > 1:
        raise refusal(
            path,
            f"which holds several labels: choose one by label; there are {_list(there)}",
        )
    if label is None:
        return there[0] if there else 1
    if label not in there:
        raise refusal(
            path, f"which has no label {label}; there are {_list(there) or 'none'}"
        )
    return label


def _present(labels: NDArray[np.integer]) -> list[int]:
    """Return the labels but 0. Sorting them all, as `unique` does, takes seconds."""
    low, high = int(labels.min()), int(labels.max())
    if high - low > 2**20:
        return [int(label) for label in np.unique(labels) if label]
    seen = np.zeros(high - low + 1, bool)
    for plane in labels:
        seen[plane.astype(np.int64) - low] = True
    return [int(place) + low for place in np.flatnonzero(seen) if place + low]


def _equal(labels: NDArray[Any], label: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(labels == label).view(np.uint8)


def _list(labels: list[int]) -> str:
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return ", ".join(map(str, labels[:SHOWN])) + more


def _as_number(path: Path, label: str) -> int:
    try:
        return int(check_label(float(label)) or 0)
    except ValueError:
        raise refusal(
            path,
            f"whose labels have no names: expected label to be a number, got {label!r}",
        ) from None


def _mask_of_segment(path: Path, scan: Scan, label: int | str | None) -> Volume:
    layers = scan.stored if scan.stored.ndim == 4 else scan.stored[np.newaxis]
    segment = _segment(path, scan.segments, label)
    if not 0 <= segment.layer < len(layers):
        there = f"layer {segment.layer}, but there are {len(layers)}"
        raise refusal(path, f"which places its segment {segment.name!r} in {there}")
    return scan.volume(_equal(layers[segment.layer], segment.label))


def _segment(path: Path, segments: tuple[Segment, ...], label: int | str | None) -> Segment:
    found = [s for s in segments if label is None or s.name == label]
    found = found or [s for s in segments if is_number(label, s.label)]
    if len(found) == 1:
        return found[0]
    if found and label is not None:  # the same label in several layers
        names = ", ".join(repr(segment.name) for segment in found)
        raise refusal(
            path,
            f"in which several segments have label {label}: choose by name, of {names}",
        )
    listed = [f"{segment.name} (label {segment.label})" for segment in segments]
    raise unknown_segment(path, label, listed)
