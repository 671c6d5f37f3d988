"""Masks of an organ and of lesions in it, as one label per pixel."""

from typing import Any

import numpy as np

from skvae.maps import as_masks, field_names

FIELDS = ("organ", "lesion")


def coded(masks: Any, ignore_label: int | None) -> Any:
    """Return 0, 1 and 2 for background, organ and lesion; masks of labels as they are.

    Parameters
    ----------
    masks : array-like
        A structured array with the fields ``organ`` and ``lesion``, a list of such ones
        of unequal sizes, or labels. A lesion is a part of the organ, whatever the other
        field says.
    ignore_label : int or None
        Pixels that do not count have it, in any of the fields.

    Raises
    ------
    ValueError
        If there are other fields.
    """
    masks = as_masks(masks)
    if field_names(masks) is None:
        return masks
    if isinstance(masks, np.ndarray) and masks.dtype != object:
        return _codes(masks, ignore_label)
    return [_codes(mask, ignore_label) for mask in masks]


def _codes(mask: np.ndarray, ignore_label: int | None) -> np.ndarray:
    names = mask.dtype.names or ()
    if set(names) != set(FIELDS):
        raise ValueError(
            f"Got masks with the fields {', '.join(names)}, but expected organ and lesion."
        )
    organ, lesion = (mask[name] for name in FIELDS)
    codes = np.where(lesion != 0, 2, organ != 0).astype(np.int8)
    if ignore_label is None:
        return codes
    ignored = (organ == ignore_label) | (lesion == ignore_label)
    return np.where(ignored, ignore_label, codes) if ignored.any() else codes
