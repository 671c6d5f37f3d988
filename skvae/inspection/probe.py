"""From which layer to extract features: a simple model on each, cross-validated."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.utils.validation import column_or_1d, has_fit_parameter

from skvae._compat import take_rows
from skvae.arguments import check_columns
from skvae.estimators.row_columns import check_groups
from skvae.exceptions import warn_caller
from skvae.extras import import_extra
from skvae.inspection.linear_probe import Target, class_target, number_target
from skvae.statistics.columns import attribute_columns, count_known

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LayerProbe", "layer_probe"]


class FoldScore(NamedTuple):
    """The score of one target, read from one layer, on one fold."""

    layer: str
    n_features: int
    target: str
    metric: str
    fold: int
    n_train: int
    n_test: int
    score: float


@dataclass(frozen=True)
class LayerProbe:
    """How well each target can be read from each layer.

    Parameters
    ----------
    scores : tuple of FoldScore
        A named tuple per layer, target, metric and fold.
    encoder_refitted : bool
        Whether the encoder was fitted anew in each fold. If not, the folds tell what the
        probes have not seen, not what the encoder has not.
    """

    scores: tuple[FoldScore, ...]
    encoder_refitted: bool

    def folds(self) -> "pd.DataFrame":
        """Return a row per layer, target, metric and fold.

        Returns
        -------
        folds : DataFrame
            With the columns layer, n_features, target, metric, fold, n_train, n_test,
            score and encoder_refitted.
        """
        frame = import_extra("pandas").DataFrame(self.scores, columns=FoldScore._fields)
        return frame.assign(encoder_refitted=self.encoder_refitted)

    def table(self) -> "pd.DataFrame":
        """Return a row per target, metric and layer.

        Returns
        -------
        table : DataFrame
            With the columns target, metric, layer, n_features, mean, sd (over the folds),
            n_folds (that have a score), best (the layer of the largest mean) and
            encoder_refitted.
        """
        by = ["target", "metric", "layer", "n_features"]
        score = self.folds().groupby(by, sort=False)["score"]
        table = score.agg(mean="mean", sd="std", n_folds="count").reset_index()
        largest = table.groupby(["target", "metric"])["mean"].transform("max")
        return table.assign(
            best=table["mean"] == largest, encoder_refitted=self.encoder_refitted
        )


def layer_probe(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    attributes: Any = None,
    groups: Any = None,
    layers: Sequence[str] | None = None,
    cv: Any = 5,
    random_state: Any = 0,
) -> LayerProbe:
    """Read y and each attribute from each layer with a linear model.

    The answer to the question from which layer to extract features. An unfitted estimator
    is fitted once in each fold, on its training rows, and read at all layers; these are
    honest numbers. A fitted one is read as it is: quicker, and right if it was fitted on
    other rows, but too good where it has seen y or the attributes of these rows.

    Parameters
    ----------
    estimator : estimator with `list_layers`
        Fitted or not; it is never changed.
    X : array-like of rows or images
        Samples.
    y : array-like of shape (n_samples,), default=None
        Target: classes, or numbers that are not whole.
    attributes : array-like of shape (n_samples, n_attributes), default=None
        Further targets; NaN where missing, and left out there.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row; no patient is on both sides of a fold.
    layers : sequence of str, default=None
        Layers to read, with the estimator's `pool`; by default all that it lists.
    cv : int, cross-validation splitter or iterable, default=5
        Folds. A number means shuffled ones, stratified where y has classes.
    random_state : int, RandomState instance or None, default=0
        Shuffles them.

    Returns
    -------
    probe : LayerProbe
        With `table()` and `folds()`. Numbers are scored by R2 and Spearman's correlation,
        classes and attributes of two values by the area under the ROC curve. A fold in
        which a target is constant has the score NaN, with an `UndefinedMetricWarning`.

    Raises
    ------
    ValueError
        If the estimator lists no such layers, or there is nothing to probe.

    See Also
    --------
    attribute_correlation : Single units of one layer.

    Notes
    -----
    Columns are standardised and the penalty is chosen within the training rows: ridge
    regression by leaving one row out, or with groups one of five parts of the groups;
    logistic regression by three folds, of whole groups if given. An estimator whose `fit`
    takes ``attributes`` or ``groups`` gets those of the training rows.

    References
    ----------
    Alain, G. & Bengio, Y. (2017). Understanding intermediate layers using linear
    classifier probes. ICLR 5, workshop track.

    Examples
    --------
    >>> from skvae import Autoencoder
    >>> from skvae.datasets import make_sprites
    >>> from skvae.inspection import layer_probe
    >>> sprites = make_sprites(60, size=16, random_state=0)
    >>> model = Autoencoder(4, channels=(4, 8), max_iter=2, random_state=0)
    >>> probe = layer_probe(
    ...     model, sprites.images, attributes=sprites.factors[:, 1], cv=3,
    ...     layers=["conv_2", "code"],
    ... )
    >>> probe.table()[["target", "metric", "layer", "n_features", "n_folds"]]
            target    metric   layer  n_features  n_folds
    0  attribute_0        r2  conv_2           8        3
    1  attribute_0  spearman  conv_2           8        3
    2  attribute_0        r2    code           4        3
    3  attribute_0  spearman    code           4        3
    """
    columns = {"y": y, "attributes": attributes, "groups": groups}
    check_columns("layer_probe", X, columns)
    is_fitted = hasattr(estimator, "network_")
    layers = _check_layers(estimator, X, layers)
    targets = list(_targets(y, attributes, np.shape(X)[0]))
    if not targets:
        raise ValueError("Got neither y nor attributes, but expected something to probe.")
    if groups is not None:
        groups = check_groups(groups, X, "layer_probe")
    scores: list[FoldScore] = []
    folds = _folds(cv, targets[0], groups, np.shape(X)[0], random_state)
    for fold, (train, test) in enumerate(folds):
        model = estimator
        if not is_fitted:
            columns = {"attributes": attributes, "groups": groups}
            model = _fitted(estimator, take_rows(X, train), y, columns, train)
        rows = np.concatenate([train, test])
        features = _read_layers(model, take_rows(X, rows), layers)
        part = None if groups is None else groups[rows]
        scores += _probe_fold(features, targets, rows, len(train), part, fold)
    _warn_undefined(scores)
    return LayerProbe(tuple(scores), encoder_refitted=not is_fitted)


def _check_layers(estimator: Any, X: Any, layers: Sequence[str] | None) -> list[str]:
    """Return the layers to read; known before anything is trained."""
    name = type(estimator).__name__
    if not hasattr(estimator, "list_layers"):
        raise ValueError(f"Got {name} as estimator, but expected one with layers.")
    rows = estimator.list_layers(None if hasattr(estimator, "network_") else X)
    known = [row.name for row in rows]
    layers = known if layers is None else list(layers)
    if not layers or not set(layers) <= set(known):
        raise ValueError(
            f"Got layers={layers!r}, but {name} has the layers {', '.join(known)}."
        )
    return layers


def _probe_fold(
    features: dict[str, np.ndarray],
    targets: Sequence[Target],
    rows: np.ndarray,
    n_train: int,
    groups: np.ndarray | None,
    fold: int,
) -> Iterator[FoldScore]:
    """Yield the scores of all layers and targets; the first rows are for training."""
    for layer, values in features.items():
        for target in targets:
            found = target.take(rows).probe(values, n_train, groups)
            of_pair = layer, values.shape[1], target.name
            for metric, score in found.scores.items():
                yield FoldScore(*of_pair, metric, fold, *found.sizes, score)


def _targets(y: Any, attributes: Any, n: int) -> Iterator[Target]:
    """Yield y, then the attributes."""
    if y is not None:
        y = column_or_1d(y)
        if len(y) != n:
            raise ValueError(f"Got y of {len(y)} rows, but X has {n}.")
        is_number = y.dtype.kind == "f" and np.isfinite(y).any() and (y % 1 != 0).any()
        yield number_target("y", y) if is_number else class_target("y", y)
    if attributes is None:
        return
    columns = attribute_columns(attributes, n)
    for k, (name, column) in enumerate(zip(columns.names, columns.values.T, strict=True)):
        known = column[~np.isnan(column)]
        if count_known(columns.values)[k] < 2 or np.ptp(known) == 0:
            raise ValueError(
                f"Got the attribute {name!r} without two values to tell apart."
            )
        is_class = columns.is_class[k] or len(np.unique(known)) == 2
        yield class_target(name, column) if is_class else number_target(name, column)


def _folds(
    cv: Any, target: Target, groups: np.ndarray | None, n: int, random_state: Any
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if isinstance(cv, int | np.integer):
        stratified = target.is_class and target.known.all()
        kinds = {
            (True, True): StratifiedGroupKFold,
            (True, False): StratifiedKFold,
            (False, True): GroupKFold,
            (False, False): KFold,
        }
        splitter = kinds[stratified, groups is not None]
        cv = splitter(int(cv), shuffle=True, random_state=random_state)
    if not hasattr(cv, "split"):
        return iter(cv)
    return cv.split(np.zeros(n), target.values, groups)


def _fitted(
    estimator: Any, X: Any, y: Any, columns: dict[str, Any], train: np.ndarray
) -> Any:
    """Return a clone that is fitted on training rows, with whatever it takes."""
    taken = {
        name: take_rows(values, train)
        for name, values in columns.items()
        if values is not None and has_fit_parameter(estimator, name)
    }
    y = None if y is None else take_rows(y, train)
    return clone(estimator).fit(X, y, **taken)


def _read_layers(estimator: Any, X: Any, layers: list[str]) -> dict[str, np.ndarray]:
    """Return the features of each layer, read in one pass."""
    sizes = {row.name: row.n_features for row in estimator.list_layers()}
    # Of a fitted estimator, `layer` says what is read; the caller's stays as it is.
    reader = copy.copy(estimator).set_params(layer=layers)
    features = reader.transform(X)
    ends = np.cumsum([sizes[layer] for layer in layers])
    return dict(zip(layers, np.split(features, ends[:-1], axis=1), strict=True))


def _warn_undefined(scores: Sequence[FoldScore]) -> None:
    undefined: dict[str, list[int]] = {}
    for score in scores:
        folds = undefined.setdefault(score.target, [])
        if np.isnan(score.score) and score.fold not in folds:
            folds.append(score.fold)
    for target, folds in undefined.items():
        if folds:
            warn_caller(
                f"The target {target!r} is constant in the folds "
                f"{', '.join(map(str, folds))}, whose scores are NaN.",
                UndefinedMetricWarning,
            )
