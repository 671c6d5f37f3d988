"""The Dice coefficient of masks, image by image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length

__all__ = ["dice_scores"]


def dice_scores(
    y_true: Any,
    y_pred: Any,
    *,
    labels: Sequence[int] | None = None,
    ignore_label: int | None = -1,
) -> np.ndarray:
    """Dice coefficient of each image and label: 2 |A and B| / (|A| + |B|).

    Where a label is in neither mask, predicting none is right, and the coefficient is 1;
    where it is in one of them alone, it is 0.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, *spatial) or list of arrays
        True labels of the pixels; images may differ in size.
    y_pred : array-like of shape (n_samples, *spatial) or list of arrays
        Predicted labels.
    labels : sequence of int, default=None
        Labels to compare; by default all that occur, except for the background 0.
    ignore_label : int or None, default=-1
        Pixels whose true label it is do not count.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_labels)
        In [0, 1]; the mean over all of it is what `score` of a segmenter gives.

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
    check_consistent_length(y_true, y_pred)
    if labels is None:
        found = {v for y in (*y_true, *y_pred) for v in np.unique(y).tolist()}
        labels = sorted(found - {0, ignore_label})
    scores = np.ones((len(y_true), len(labels)))
    for i, (truth, predicted) in enumerate(zip(y_true, y_pred, strict=True)):
        truth, predicted = np.asarray(truth), np.asarray(predicted)
        if truth.shape != predicted.shape:
            raise ValueError(
                f"Got masks of shapes {truth.shape} and {predicted.shape} for the image "
                f"{i}, but expected equal ones."
            )
        counted = np.True_ if ignore_label is None else truth != ignore_label
        for k, label in enumerate(labels):
            a, b = truth == label, (predicted == label) & counted
            total = np.count_nonzero(a) + np.count_nonzero(b)
            if total:
                scores[i, k] = 2 * np.count_nonzero(a & b) / total
    return scores
