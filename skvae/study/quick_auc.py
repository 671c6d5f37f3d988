"""The area under the ROC curve without what scikit-learn checks each time.

It takes scikit-learn 7 to 20 ms, which is more than most arms take to predict, and an
importance needs a hundred.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["AUC", "has_all_classes", "quick_auc"]

# Scores by their name, which a study has for one that may also be a callable.
AUC = ("roc_auc", "roc_auc_ovr")


def has_all_classes(predictor: Any, y: NDArray[Any]) -> bool:
    """Tell whether some row is of each class, without which there is no area.

    Parameters
    ----------
    predictor : estimator
        With its classes.
    y : ndarray of shape (n_rows,)
        Classes of the rows.

    Returns
    -------
    bool
        Whether they are the same.
    """
    return np.array_equal(np.unique(y), getattr(predictor, "classes_", ()))


def quick_auc(predictor: Any, X: Any, y: NDArray[Any]) -> float:
    """Return the area, of more classes the mean of each against the others.

    Parameters
    ----------
    predictor : estimator
        What predicts.
    X : array, DataFrame or Blocks
        Its inputs.
    y : ndarray of shape (n_rows,)
        Their classes, each of them there.

    Returns
    -------
    float
        As the scorers `roc_auc` of two classes and `roc_auc_ovr` have it.
    """
    classes = predictor.classes_
    if len(classes) > 2:
        values = np.asarray(predictor.predict_proba(X))
        areas = [_area(y == c, values[:, k]) for k, c in enumerate(classes)]
        return float(np.mean(areas))
    if hasattr(predictor, "decision_function"):
        return _area(y == classes[1], np.asarray(predictor.decision_function(X)))
    return _area(y == classes[1], np.asarray(predictor.predict_proba(X))[:, 1])


def _area(is_positive: NDArray[np.bool_], values: NDArray[Any]) -> float:
    """Return the share of pairs in order, half for ties: Mann and Whitney's U."""
    ranks = rankdata(values)
    n_positive = int(is_positive.sum())
    least = n_positive * (n_positive + 1) / 2
    pairs = n_positive * (len(values) - n_positive)
    return float((ranks[is_positive].sum() - least) / pairs)
