"""The Dice coefficient of masks, image by image."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvae.estimators.mask_pairs import paired_masks

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
