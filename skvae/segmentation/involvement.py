"""How much of an organ is affected, and how severe that is."""

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skvae.mask_layouts import as_masks, field_names

__all__ = ["involvement"]

FIELDS = ("organ", "lesion")
# Lowest shares of the lungs of the classes 2 to 5.
SEVERITY_LIMITS = (0.05, 0.25, 0.5, 0.75)


def involvement(masks: Any, *, ignore_label: int | None = -1) -> Bunch:
    """Share of an organ that lesions cover, and its CT severity class.

    Parameters
    ----------
    masks : array-like of shape (n_samples, *spatial) or list of arrays
        0 is background, 1 the organ, and larger labels are lesions in it; or a structured
        array with the fields ``organ`` and ``lesion``. Images may differ in size.
    ignore_label : int or None, default=-1
        Pixels with this label do not count.

    Returns
    -------
    involvement : :class:`~sklearn.utils.Bunch`
        With the entries below, all of shape (n_samples,); ``pandas.DataFrame(...)`` makes
        a table of it.

        fraction : ndarray of float
            Lesion pixels as a share of the organ's, those with lesions included; NaN
            where there is no organ.
        severity : ndarray of int
            1 below a share of 5 %, 2 below 25 %, 3 below 50 %, 4 below 75 %, else 5; 0
            where there is no organ.
        n_organ, n_lesion : ndarray of int
            Numbers of pixels.

    References
    ----------
    Lizzi, F. et al. (2022). Quantification of pulmonary involvement in COVID-19 pneumonia
    by means of a cascade of two U-nets: training and assessment on multiple datasets
    using different annotation criteria. International Journal of Computer Assisted
    Radiology and Surgery 17, 229-237.

    Examples
    --------
    >>> import numpy as np
    >>> found = involvement(np.array([[[1, 1], [1, 2]], [[0, 1], [1, 1]]]))
    >>> found.fraction, found.severity
    (array([0.25, 0.  ]), array([3, 1]))
    """
    counts = []
    for mask in coded(masks, ignore_label):
        mask = np.asarray(mask)
        counted = True if ignore_label is None else mask != ignore_label
        counts.append([np.count_nonzero((mask > low) & counted) for low in (0, 1)])
    n_organ, n_lesion = np.array(counts).T
    found = n_organ > 0
    fraction = np.full(len(found), np.nan)
    fraction[found] = n_lesion[found] / n_organ[found]
    severity = np.searchsorted(SEVERITY_LIMITS, fraction, side="right") + 1
    severity[~found] = 0
    return Bunch(fraction=fraction, severity=severity, n_organ=n_organ, n_lesion=n_lesion)


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
