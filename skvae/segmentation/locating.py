"""Where the organ is in an image, and what a second stage sees of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from skvae.exceptions import EmptyOrganWarning, warn_caller
from skvae.segmentation.crops import Crop, bounding_box, grown, size_along_axes
from skvae.segmentation.dice import dice_scores


class Located(NamedTuple):
    """The probability of the organ, whether it is found, its crop, and the image there."""

    organ: np.ndarray
    found: bool
    crop: Crop
    inner: np.ndarray


def organs_of(maps: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the probability of anything but the background, image by image."""
    return (1 - each[0] for each in maps)


def largest_box(organs: Sequence[np.ndarray], margin: int) -> tuple[int, ...]:
    """Return the size of the largest box around an organ along each axis.

    Parameters
    ----------
    organs : sequence of ndarray of shape (*spatial,)
        The probability of the organ in each image.
    margin : int
        Pixels that a box is larger on every side.
    """
    sizes = [[0] * organ.ndim for organ in organs]
    for size, organ in zip(sizes, organs, strict=True):
        box = bounding_box(organ > 0.5, margin) if organ.ndim else None
        size[:] = size if box is None else [part.stop - part.start for part in box]
    return tuple(np.max(sizes, axis=0).astype(int).tolist())


def locate(
    images: Sequence[np.ndarray],
    organs: Iterable[np.ndarray],
    *,
    margin: int,
    least: tuple[int, ...],
    size: int | tuple[int, ...] | None,
    mask_input: bool,
) -> Iterator[Located]:
    """Yield the crop around the organ of each image.

    Parameters
    ----------
    images : sequence of ndarray of shape (channels, *spatial)
        The images.
    organs : iterable of ndarray of shape (*spatial,)
        The probability of the organ in each one.
    least : tuple of int
        Pixels along each axis that a crop has at least, as far as the image has them.
    margin, size, mask_input
        See `CascadeSegmenter`.
    """
    for image, organ in zip(images, organs, strict=True):
        mask = organ > 0.5
        box = bounding_box(mask, margin) if mask.ndim else ()
        found = box is not None
        whole = tuple(slice(0, n) for n in mask.shape)
        box = whole if box is None else grown(box, least, mask.shape)
        crop = Crop(box, size_along_axes(size, mask.ndim))
        seen = image * mask if mask_input and found else image
        yield Located(organ, found, crop, crop.image(seen))


def report_empty(found: Sequence[bool], on_empty: str) -> None:
    """Warn of images in which no organ is found.

    Parameters
    ----------
    found : sequence of bool
        Of each image, whether there is one.
    on_empty : {"full", "raise"}
        Whether to raise instead.

    Raises
    ------
    ValueError
        If there is no organ with ``on_empty="raise"``.
    """
    empty = np.flatnonzero(~np.asarray(found))
    if not len(empty):
        return
    if on_empty == "raise":
        raise ValueError(
            f"Got on_empty='raise', and no organ is found in the image {empty[0]}."
        )
    warn_caller(
        f"No organ is found in {len(empty)} of {len(found)} images; the second stage takes "
        "them whole.",
        EmptyOrganWarning,
    )


def roundtrip_dice(
    located: Sequence[Located],
    masks: Sequence[np.ndarray],
    labels: Sequence[int],
    ignore_label: int,
) -> float:
    """Mean Dice coefficient of masks with what cropping and resampling leave of them.

    Parameters
    ----------
    located : sequence of Located
        The crops.
    masks : sequence of ndarray of shape (*spatial,)
        The labels of each image.
    labels : sequence of int
        Those that count, without the background.
    ignore_label : int
        Pixels that do not count.
    """

    def kept(crop: Crop, mask: np.ndarray) -> np.ndarray:
        cropped = crop.labels(mask)
        each = np.stack([cropped == k for k in labels]).astype(np.float32)
        back = crop.back(each, mask.shape)
        found = np.asarray(labels)[back.argmax(axis=0)]
        return np.where(back.max(axis=0) > 0.5, found, 0)

    left = [kept(where.crop, mask) for where, mask in zip(located, masks, strict=True)]
    scores = dice_scores(masks, left, labels=labels, ignore_label=ignore_label)
    return float(np.nanmean(scores))
