"""Maps of images, such as masks, in the layouts that travel through scikit-learn."""

from collections.abc import Iterable
from typing import Any

import numpy as np


def gathered(maps: Iterable[Any]) -> np.ndarray:
    """Join maps of images; those of unequal sizes become entries of an object array."""
    maps = list(maps)
    if len({np.shape(each) for each in maps}) == 1:
        return np.stack(maps)
    return as_entries(maps)


def as_entries(maps: Iterable[Any]) -> np.ndarray:
    """Make maps the entries of an object array, also those of equal sizes."""
    return np.fromiter(maps, dtype=object)


def is_listed(maps: Any) -> bool:
    """Whether maps come one by one: in a list, or as objects of an array or a Series."""
    dtype = getattr(maps, "dtype", None)
    of_objects = isinstance(dtype, np.dtype) and dtype.kind == "O" and maps.ndim > 0
    return isinstance(maps, list | tuple) or of_objects


def as_masks(masks: Any) -> Any:
    """Return masks as they are, but a table, of whose rows each is one, as an array.

    Raises
    ------
    ValueError
        If one is a masked array, whose own mask would be lost.
    """
    for mask in masks if is_listed(masks) else [masks]:
        if np.ma.isMaskedArray(mask):
            raise ValueError(
                "Got a masked array as y, but its mask would be ignored; expected "
                "y.filled(ignore_label), with the label of pixels that do not count."
            )
    return np.asarray(masks) if hasattr(masks, "columns") else masks


def by_field(mask: Any) -> dict[str, np.ndarray]:
    """Return the fields of a structured array by name; of another array, itself."""
    mask = np.asarray(mask)
    names = mask.dtype.names
    return {"": mask} if names is None else {name: mask[name] for name in names}


def field_names(masks: Any) -> tuple[str, ...] | None:
    """Return the fields of structured masks, or of a list of them; of others, None."""
    if is_listed(masks):
        masks = next(iter(masks), None)
    return getattr(getattr(masks, "dtype", None), "names", None)


def fields_as_axis(masks: Any, axis: int, names: Iterable[str] | None = None) -> np.ndarray:
    """Return structured masks with an axis for their fields; other masks as an array.

    Parameters
    ----------
    masks : array-like
        One mask, or several of equal size.
    axis : int
        Place of the new axis.
    names : iterable of str, optional
        The fields in their order; by default all, as they come.

    Raises
    ------
    ValueError
        If a field is missing, or fields differ in shape and are not all of them masks.
    """
    own = field_names(masks)
    if own is None:
        return np.asarray(masks)
    masks = (
        np.stack(list(masks)) if np.asarray(masks).dtype == object else np.asarray(masks)
    )
    names = own if names is None else tuple(names)
    if missing := set(names) - set(own):
        raise ValueError(
            f"Got masks with the fields {', '.join(own)}, but expected {missing.pop()!r}."
        )
    fields = [masks[name] for name in names]
    if len({field.shape for field in fields}) > 1:
        found = [f"{n!r} of shape {f.shape}" for n, f in zip(names, fields, strict=True)]
        raise ValueError(
            f"Got masks with the fields {', '.join(found)}, but expected equal shapes."
        )
    return np.stack(fields, axis=axis)


def axis_as_fields(masks: np.ndarray, names: Iterable[str], axis: int) -> np.ndarray:
    """Return masks with a field for each entry of an axis."""
    entries = np.moveaxis(masks, axis, 0)
    fields = np.empty(entries.shape[1:], [(name, masks.dtype) for name in names])
    for name, entry in zip(fields.dtype.names or (), entries, strict=True):
        fields[name] = entry
    return fields
