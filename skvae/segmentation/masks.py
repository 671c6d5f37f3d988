"""Masks as y: a label for each pixel of each image, of which some may not count."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, check_consistent_length

from skvae.arguments import naming
from skvae.estimators.settled import Learned
from skvae.estimators.unequal_sizes import ragged, refuse_other_axes
from skvae.mask_layouts import (
    as_masks,
    axis_as_fields,
    field_names,
    fields_as_axis,
    gathered,
    is_listed,
)
from skvae.objectives.overlap import IGNORED
from skvae.training.data import release, row_blocks


@dataclass(frozen=True, eq=False)
class LearnedMasks(Learned):
    """What masks teach: their labels, whether these overlap, and how masks are laid out.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels; of overlapping ones, their numbers or names.
    multilabel : bool
        Whether they overlap.
    flat : bool
        Whether masks came as rows.
    """

    classes: np.ndarray
    multilabel: bool = False
    flat: bool = False

    def attributes(self) -> dict[str, Any]:
        return {"classes_": self.classes}

    @property
    def first_foreground(self) -> int:
        """Index of the first class that is not the background, 0."""
        return int(not self.multilabel and self.classes[0] == 0)

    def in_layout(self, labels: np.ndarray) -> np.ndarray:
        """Return predicted masks in the layout of the y of `fit`."""
        return in_layout(labels, self.flat, label_names(self.classes))


@naming("y")
def of_one_size(
    X: Any, y: Any, ignore_label: int | None, image_shape: tuple[int, ...] | None
) -> tuple[Any, Any, tuple[int, ...] | None]:
    """Return images and masks, padded if sizes are unequal, and what an image's axes are.

    Returns
    -------
    X, y : array-like
        The images and their masks.
    image_shape : tuple of int or None
        Their shape where there is no doubt of it: if sizes are unequal, or if images in a
        list differ from the given ``image_shape`` in size alone, as in a fold of unequal
        ones. Otherwise None.
    """
    images = ragged(X)
    if images is not None and y is not None:
        x, y = padded(images, y, ignore_label)
        return x, y, x.shape[1:]
    shapes = {tuple(getattr(x, "shape", ())) for x in X} if is_listed(X) else set()
    if image_shape is None or len(shapes) != 1:
        return X, y, None
    shape = shapes.pop()
    same_axes = len(shape) == len(image_shape) and shape[0] == image_shape[0]
    return X, y, shape if same_axes else None


@naming("y")
def padded(
    images: list[np.ndarray], masks: Any, ignore_label: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Bring images and masks to a common size, with pixels behind that do not count.

    Returns
    -------
    images : ndarray of float32, shape (n_samples, channels, *spatial)
        Their last pixels go on.
    masks : ndarray, shape (n_samples, *spatial) or (n_samples, n_labels, *spatial)
        Pixels that were added have the label ``ignore_label``. Fields remain fields.
    """
    masks = as_masks(masks)
    check_consistent_length(images, masks)
    if ignore_label is None:
        raise ValueError(
            "Got ignore_label=None with images of unequal sizes, but the pixels that bring "
            "them to one size need a label that does not count."
        )
    names = field_names(masks)
    masks = [fields_as_axis(mask, axis=0) for mask in masks]
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        refuse_other_axes(image, images[0].shape, i)
        n_axes = image.ndim - 1
        if mask.shape[-n_axes:] != image.shape[1:] or mask.ndim - n_axes > 1:
            raise ValueError(
                f"Got y with a mask of shape {mask.shape} for the image {i} of shape "
                f"{image.shape}; expected {image.shape[1:]}, or labels in front of it."
            )
    largest = np.max([image.shape[1:] for image in images], axis=0)
    dtype = np.result_type(*masks, np.min_scalar_type(ignore_label))
    x = np.empty((len(images), len(images[0]), *largest), dtype=np.float32)
    y = np.empty(
        (len(masks), *masks[0].shape[: masks[0].ndim - len(largest)], *largest), dtype
    )
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        behind = [(0, n - m) for n, m in zip(largest, image.shape[1:], strict=True)]
        x[i] = np.pad(image, [(0, 0), *behind], mode="edge")
        whole = [(0, 0)] * (mask.ndim - len(largest))
        y[i] = np.pad(mask.astype(dtype), whole + behind, constant_values=ignore_label)
    return x, y if names is None else axis_as_fields(y, names, axis=1)


def refuse_negative(labels: np.ndarray, ignore_label: int | None) -> None:
    """Refuse labels below the background, but for the one of pixels that do not count."""
    negative = [k for k in labels[labels < 0].tolist() if k != ignore_label]
    if negative:
        raise ValueError(
            f"Got y with the label {negative[0]}, but expected numbers from 0, the "
            f"background, on; those of ignore_label={ignore_label} do not count."
        )


@naming("y")
def encode_masks(
    y: Any,
    x: np.ndarray,
    ignore_label: int | None,
    name: str,
    known: Sequence[int] = (),
) -> tuple[np.ndarray, LearnedMasks]:
    """Return the index of each pixel's class, 255 where it does not count, and the classes.

    Parameters
    ----------
    y : array-like
        Labels of the pixels, see `laid_out`.
    x : ndarray of shape (n_samples, channels, *spatial) or (n_samples, n_features)
        The images.
    ignore_label : int or None
        Pixels with this label do not count.
    name : str
        Of the estimator, for messages.
    known : sequence of int, default=()
        Labels that are classes also where y has none of them.

    Raises
    ------
    ValueError
        If y does not fit to x, is not of whole numbers from 0 on, or has fewer than two
        classes.
    """
    if y is None:
        raise ValueError(
            f"{name} requires y to be passed, but the target y is None; expected masks."
        )
    check_consistent_length(x, y)
    maps, multilabel, flat = laid_out(y, x.shape[2:])
    found = [np.unique(maps[rows]) for rows in row_blocks(maps)]
    labels = np.unique(np.concatenate(found))
    if labels.dtype.kind == "f" and (labels != labels.round()).any():
        raise ValueError(
            f"Got y with the label {labels[labels != labels.round()][0]}, but {name} "
            "expects whole numbers: the class of each pixel."
        )
    refuse_negative(labels, ignore_label)
    labels = labels[labels != ignore_label] if ignore_label is not None else labels
    labels = np.union1d(labels, np.array(known, labels.dtype))
    if multilabel and not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"Got y of shape {np.shape(y)} with the labels {listed(labels)}; with an axis "
            "for overlapping labels, expected 0 and 1, and for classes no such axis."
        )
    if not multilabel and not 2 <= len(labels) < IGNORED:
        raise ValueError(
            f"Got y with {len(labels)} classes ({listed(labels)}), but {name} needs from 2 "
            f"to {IGNORED - 1}; those with ignore_label={ignore_label} do not count."
        )
    values = np.array([0, 1]) if multilabel else labels
    index = np.empty(maps.shape, dtype=np.uint8)
    for rows in row_blocks(maps):
        index[rows] = np.searchsorted(values, maps[rows])
        if ignore_label is not None:
            index[rows][maps[rows] == ignore_label] = IGNORED
        release(maps)
    if multilabel:
        names = field_names(y)
        classes = np.arange(maps.shape[1]) if names is None else np.array(names)
    else:
        classes = labels.astype(np.int64) if labels.dtype.kind == "f" else labels
    return index, LearnedMasks(classes, multilabel, flat)


def laid_out(
    y: Any, spatial: tuple[int, ...], names: Iterable[str] | None = None
) -> tuple[np.ndarray, bool, bool]:
    """Return masks with an axis for each of the image, and how they came.

    Parameters
    ----------
    y : array-like
        Classes ``(n_samples, *spatial)``, labels that overlap ``(n_samples, n_labels,
        *spatial)`` or in the fields of a structured array, or the same flat, one row per
        image.
    spatial : tuple of int
        Size of the images; of rows, which are images of a single pixel, none.
    names : iterable of str, optional
        Order of the fields.

    Returns
    -------
    maps : ndarray
        Of one of the first two shapes.
    multilabel : bool
        Whether it is the second.
    flat : bool
        Whether they came as rows.

    Raises
    ------
    ValueError
        If they are no finite numbers, or not of that size.
    """
    y = fields_as_axis(as_masks(y), 1, names)
    if y.dtype == object:
        y = np.array(y.tolist())
    if y.dtype.kind not in "buif":
        raise ValueError(f"Got y of dtype {y.dtype}, but expected a number for each pixel.")
    if y.dtype.kind == "f":
        for rows in row_blocks(y):
            assert_all_finite(y[rows], input_name="y")
            release(y)
    flat = y.ndim <= 2 and len(spatial) != 1
    spatial = spatial or (1,)
    n_entries = int(np.prod(spatial))
    if flat and y[0].size % n_entries == 0 and y[0].size:
        n_labels = y[0].size // n_entries
        labels = () if n_labels == 1 else (n_labels,)
        y = y.reshape(len(y), *labels, *spatial)
    for shape, multilabel in ((y.shape[1:], False), (y.shape[2:], True)):
        if shape == spatial and y.ndim == len(spatial) + 1 + multilabel:
            return y, multilabel, flat
    raise ValueError(
        f"Got y of shape {y.shape} for images of {spatial} pixels, but expected "
        f"(n_samples, {', '.join(map(str, spatial))}), with an axis of labels before the "
        f"pixels if they overlap, or rows of {n_entries} pixels."
    )


def label_names(classes: np.ndarray) -> list[str] | None:
    """Return the names of labels that came in the fields of a structured array."""
    return classes.tolist() if classes.dtype.kind == "U" else None


def in_layout(
    labels: np.ndarray, flat: bool, names: Iterable[str] | None = None
) -> np.ndarray:
    """Return predicted masks in the layout of the y of `fit`: as rows, or with fields."""
    if names is not None:
        if labels.dtype == object:
            return gathered(axis_as_fields(mask, names, axis=0) for mask in labels)
        labels = axis_as_fields(labels, names, axis=1)
        return labels[:, 0] if flat else labels
    if not flat or labels.dtype == object:
        return labels
    labels = labels.reshape(len(labels), -1)
    return labels[:, 0] if labels.shape[1] == 1 else labels


def listed(labels: np.ndarray) -> str:
    """Write a few labels out."""
    few = ", ".join(map(str, labels[:5].tolist()))
    return f"{few}, ..." if len(labels) > 5 else few or "none"
