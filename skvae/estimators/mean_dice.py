"""What `score` of a segmenter gives."""

from typing import Any

import numpy as np

from skvae.estimators.dice import dice_scores
from skvae.estimators.masks import label_names, laid_out
from skvae.maps import fields_as_axis


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
    """
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
        labels = np.unique(np.concatenate([classes, *found])).tolist()
        labels = [k for k in labels if k not in background | {ignore_label}]
    scores = dice_scores(
        truth, y_pred, labels=labels, multilabel=multilabel, ignore_label=ignore_label
    )
    return float(np.average(scores.mean(axis=1), weights=sample_weight))
