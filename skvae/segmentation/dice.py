"""The Dice coefficient of masks, image by image and on average."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvae.estimators.row_columns import check_weight
from skvae.mask_layouts import as_masks, fields_as_axis
from skvae.segmentation.mask_pairs import paired_masks
from skvae.segmentation.masks import label_names, laid_out, refuse_negative

__all__ = ["dice_scores"]


def dice_scores(
    y_true: Any,
    y_pred: Any,
    *,
    labels: Sequence[Any] | None = None,
    multilabel: bool = False,
    ignore_label: int | None = -1,
) -> np.ndarray:
    """Dice coefficient of each image and label: 2 |A and B| / (|A| + |B|).

    Where a label is in neither mask, predicting none is right, and the coefficient is 1;
    where it is in one of them alone, it is 0. Of an image without a pixel that counts,
    nothing is known: NaN.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, *spatial) or list of arrays
        True labels of the pixels; images may differ in size.
    y_pred : array-like of shape (n_samples, *spatial) or list of arrays
        Predicted labels.
    labels : sequence, default=None
        Labels to compare; by default all that occur, except for the background 0. Labels
        that overlap go by number or, if they are fields of a structured array, by name.
    multilabel : bool, default=False
        Whether masks have an axis of overlapping labels in front of their pixels, as
        ``(n_samples, n_labels, *spatial)``.
    ignore_label : int or None, default=-1
        Pixels whose true label it is do not count.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_labels)
        In [0, 1], or NaN; ``numpy.nanmean`` of it is what `score` of a segmenter gives.

    References
    ----------
    Dice, L. R. (1945). Measures of the amount of ecologic association between species.
    Ecology 26, 297-302.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[[0, 1], [1, 1]], [[0, 0], [0, 0]]])
    >>> predicted = np.array([[[0, 0], [0, 1]], [[0, 0], [0, 0]]])
    >>> dice_scores(truth, predicted)
    array([[0.5],
           [1. ]])
    """
    pairs = paired_masks(y_true, y_pred, multilabel, ignore_label)
    labels = pairs.chosen(labels)
    scores = np.ones((len(pairs.truth), len(labels)))
    for k, label in enumerate(labels):
        scores[np.logical_not(pairs.counted(label)), k] = np.nan
        for i, (truth, predicted) in enumerate(pairs.regions(label)):
            total = np.count_nonzero(truth) + np.count_nonzero(predicted)
            if total:
                scores[i, k] = 2 * np.count_nonzero(truth & predicted) / total
    return scores


def mean_dice(
    y_true: Any,
    y_pred: np.ndarray,
    classes: np.ndarray,
    ignore_label: int | None,
    *,
    multilabel: bool = False,
    single_pixel: bool = False,
    sample_weight: Any = None,
) -> float:
    """Return the mean Dice coefficient over the foreground labels and the images.

    Images without a pixel that counts are left out.

    Parameters
    ----------
    y_true : array-like
        True labels of the pixels, in a layout that `fit` takes.
    y_pred : ndarray of shape (n_samples, *spatial) or (n_samples, n_labels, *spatial)
        Predicted labels; for images of unequal sizes, an array of arrays.
    classes : ndarray of shape (n_classes,)
        Labels that `fit` has seen; 0 is the background, where it is among them.
    ignore_label : int or None
        Pixels whose true label it is do not count.
    multilabel : bool, default=False
        Whether labels overlap.
    single_pixel : bool, default=False
        Whether samples are rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each image.

    Raises
    ------
    ValueError
        If masks or weights are not as expected, or no image is left.
    """
    y_true = as_masks(y_true)
    names = label_names(classes)
    truth: Any
    if y_pred.dtype == object:
        truth = [fields_as_axis(mask, 0, names) for mask in y_true]
    else:
        spatial = () if single_pixel else y_pred.shape[1 + multilabel :]
        truth, _, _ = laid_out(y_true, spatial, names)
    labels = None
    if not multilabel:
        # Also those that training has not seen.
        found = [np.unique(mask) for mask in truth]
        background = {0} if classes[0] == 0 else set()
        labels = np.unique(np.concatenate([classes, *found]))
        refuse_negative(labels, ignore_label)
        labels = [k for k in labels.tolist() if k not in background | {ignore_label}]
    scores = dice_scores(
        truth, y_pred, labels=labels, multilabel=multilabel, ignore_label=ignore_label
    )
    counted = ~np.isnan(scores).all(axis=1)
    if not counted.any():
        raise ValueError(
            f"Got y without a pixel that counts (ignore_label={ignore_label}), but a score "
            "needs a mask of at least one image."
        )
    if sample_weight is not None:
        weights = check_weight(sample_weight, scores, "a score")
        sample_weight = weights[counted]
        if not sample_weight.any():
            raise ValueError(
                "Got sample_weight with 0 for every image that has pixels that count."
            )
    return float(np.average(np.nanmean(scores[counted], axis=1), weights=sample_weight))
