"""Maps that a model gives for images that it was not trained on."""

from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.model_selection import cross_val_predict
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object

from skvae.exceptions import warn_caller
from skvae.mask_layouts import as_entries, gathered

__all__ = ["cross_val_predict_masks"]


def cross_val_predict_masks(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    cv: Any = None,
    method: str = "predict_proba",
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
) -> np.ndarray:
    """Predict each image by a model whose training has not seen it.

    As :func:`sklearn.model_selection.cross_val_predict`, which cannot give probabilities
    of masks: it takes the height of a mask for the number of classes.

    Parameters
    ----------
    estimator : estimator
        A segmenter, or a pipeline or search that ends in one; a clone is fitted per fold.
    X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
        Images, or a list of images of unequal sizes.
    y : array-like of shape (n_samples, *spatial), default=None
        Their masks, in a layout that the estimator takes.
    groups : array-like of shape (n_samples,), default=None
        Patient of each image, for splitters of groups. Under metadata routing, pass it in
        ``params``.
    cv : int, splitter or iterable of splits, default=None
        Folds in whose test parts each image is once; None makes 5.
    method : str, default="predict_proba"
        What to call on the test part, such as ``"predict"`` or ``"transform"``.
    n_jobs : int, default=None
        Number of folds at the same time.
    verbose : int, default=0
        How much joblib tells.
    params : dict, default=None
        Further parameters of the estimator's `fit`; under metadata routing, also of the
        splitter.

    Returns
    -------
    maps : ndarray of shape (n_samples, n_classes, *spatial)
        What ``method`` gives, in the order of X; of `predict`, without the axis of classes.
        Of images of unequal sizes, an array of arrays. A class that a fold has not been
        trained on has the probability 0 there, with a warning.

    Raises
    ------
    ValueError
        If an image is in no test part, or in several.

    See Also
    --------
    MaskStratifiedKFold : Folds with like amounts of foreground, of whole patients.

    Examples
    --------
    >>> from skvae import MaskStratifiedKFold, UNetSegmenter, cross_val_predict_masks
    >>> from skvae.datasets import make_xrays
    >>> X, y = make_xrays(8, size=32, random_state=0, return_X_y=True)
    >>> unet = UNetSegmenter(depth=2, width=4, max_iter=2, random_state=0)
    >>> cross_val_predict_masks(unet, X, y, cv=MaskStratifiedKFold(2)).shape
    (8, 2, 32, 32)
    """
    predicted = cross_val_predict(
        _MapByMap(estimator, method),
        X,
        y,
        groups=groups,
        cv=cv,
        n_jobs=n_jobs,
        verbose=verbose,
        params=params,
    )
    if method in ABSENT:
        return gathered(_with_all_classes(predicted, method))
    return gathered(each.values for each in predicted)


# What a class has in the maps of a model that has not been trained on it.
ABSENT = {
    "predict_proba": 0.0,
    "predict_log_proba": np.finfo(np.float32).min,
    "decision_function": np.finfo(np.float32).min,
}


class _Map(NamedTuple):
    """The map of one image, and the classes of the model that gave it."""

    classes: Any
    values: np.ndarray


class _MapByMap(MetaEstimatorMixin, BaseEstimator):
    """Predicts by some method of an estimator, and gives an object for each image.

    So that scikit-learn joins maps of folds that differ in their classes, or whose images
    differ in size, without a look at them.
    """

    def __init__(self, estimator: Any, method: str) -> None:
        self.estimator = estimator
        self.method = method

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        # Without y as an argument where it is None: a step may not take one.
        target = () if y is None else (y,)
        self.estimator_ = clone(self.estimator).fit(X, *target, **params)
        return self

    def predict(self, X: Any) -> np.ndarray:
        maps = getattr(self.estimator_, self.method)(X)
        classes = getattr(self.estimator_, "classes_", ())
        return as_entries(_Map(classes, each) for each in maps)

    def get_metadata_routing(self) -> Any:
        return get_routing_for_object(self.estimator)

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)


def _with_all_classes(predicted: np.ndarray, method: str) -> list[np.ndarray]:
    """Give each map an entry for every class that any of the models knows."""
    own = {tuple(each.classes): each.classes for each in predicted}
    if len(own) == 1:
        return [each.values for each in predicted]
    classes = np.unique(np.concatenate(list(own.values())))
    fewest = min(own, key=len)
    warn_caller(
        f"Of the {len(classes)} classes, a fold was trained on {len(fewest)} "
        f"({', '.join(map(str, fewest))}): the others have {method} {ABSENT[method]:.3g} "
        "in its maps. MaskStratifiedKFold spreads rare classes over the folds.",
        RuntimeWarning,
    )
    return [_spread(each, classes, ABSENT[method]) for each in predicted]


def _spread(predicted: _Map, classes: np.ndarray, absent: float) -> np.ndarray:
    known, values = predicted
    if len(values) != len(known):
        raise ValueError(
            f"Got maps with {len(values)} entries for {len(known)} classes from a fold "
            f"whose training lacks some of {len(classes)}; expected one for each."
        )
    spread = np.full((len(classes), *values.shape[1:]), absent, dtype=values.dtype)
    spread[np.searchsorted(classes, known)] = values
    return spread
