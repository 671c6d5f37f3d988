"""From which layer to extract features: a simple model on each, cross-validated."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.utils.validation import column_or_1d

from skvae._compat import take_rows
from skvae.arguments import check_columns
from skvae.estimators.row_columns import check_groups
from skvae.exceptions import listed_briefly, said_once, warn_caller
from skvae.extras import import_extra
from skvae.inspection.linear_probe import Target, class_target, number_target
from skvae.inspection.network_step import find_network
from skvae.inspection.probed_layers import (
    Layer,
    check_layers,
    fitted_on,
    is_refitted,
    read_layers,
    reference_features,
)
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
    is_reference: bool = False


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

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skvae import VAEFeatureExtractor
    >>> from skvae.inspection import layer_probe
    >>> X, y = load_iris(return_X_y=True)
    >>> vae = VAEFeatureExtractor(2, max_iter=5, random_state=0)
    >>> probe = layer_probe(vae, X, y, layers=["hidden_1", "mean"], cv=3)
    >>> probe
    LayerProbe(2 layers, 1 targets, 3 folds, encoder_refitted=True)
    >>> sorted(set(probe.table()["layer"]))
    ['hidden_1', 'mean']
    """

    scores: tuple[FoldScore, ...]
    encoder_refitted: bool

    def __repr__(self) -> str:
        layers = len({score.layer for score in self.scores if not score.is_reference})
        targets = len({score.target for score in self.scores})
        folds = len({score.fold for score in self.scores})
        return (
            f"LayerProbe({layers} layers, {targets} targets, {folds} folds, "
            f"encoder_refitted={self.encoder_refitted})"
        )

    def folds(self) -> "pd.DataFrame":
        """Return a row per layer, target, metric and fold.

        Returns
        -------
        folds : DataFrame
            With the columns layer, n_features, target, metric, fold, n_train, n_test,
            score, is_reference and encoder_refitted.
        """
        frame = import_extra("pandas").DataFrame(self.scores, columns=FoldScore._fields)
        return frame.assign(encoder_refitted=self.encoder_refitted)

    def table(self) -> "pd.DataFrame":
        """Return a row per target, metric and layer.

        Returns
        -------
        table : DataFrame
            With the columns target, metric, layer, n_features, is_reference, mean, sd
            (over the folds), n_folds (that have a score), best (the layer of the largest
            mean, which no reference is) and encoder_refitted.
        """
        by = ["target", "metric", "layer", "n_features", "is_reference"]
        score = self.folds().groupby(by, sort=False)["score"]
        table = score.agg(mean="mean", sd="std", n_folds="count").reset_index()
        of_layers = table["mean"].where(~table["is_reference"])
        pair = [table["target"], table["metric"]]
        best = of_layers == of_layers.groupby(pair).transform("max")
        return table.assign(best=best, encoder_refitted=self.encoder_refitted)


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
    references: bool = False,
    refit: bool | None = None,
) -> LayerProbe:
    """Read y and each attribute from each layer with a linear model.

    The answer to the question from which layer to extract features. An unfitted estimator
    is fitted once in each fold, on its training rows, and read at all layers; these are
    honest numbers. A fitted one is read as it is: quicker, and right if it was fitted on
    other rows, but too good where it has seen y or the attributes of these rows. Of a
    pipeline or search, fitted or not, the encoder is fitted in each fold together with
    what stands before it.

    Parameters
    ----------
    estimator : estimator with `list_layers`
        Fitted or not, or a pipeline with one among its steps, or a fitted search for
        either; it is never changed. What stands behind the encoder is left out.
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
    references : bool, default=False
        Whether to read the targets, in the same folds, from all columns of the encoder's
        input as well, and from as many principal components as each layer has features,
        but no more than there are columns or training rows.
    refit : bool or None, default=None
        Whether the encoder is fitted in each fold; by default, if it is unfitted or comes
        in a pipeline or search.

    Returns
    -------
    probe : LayerProbe
        With `table()` and `folds()`. Numbers are scored by R2 and Spearman's correlation,
        classes and attributes of two values by the area under the ROC curve. A fold in
        which a target is constant has the score NaN; one `UndefinedMetricWarning` says
        which targets and folds these are.

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
    found = find_network(estimator)
    refits = is_refitted(found, refit)
    layers = check_layers(found, X, layers)
    targets = list(_targets(y, attributes, np.shape(X)[0]))
    if not targets:
        raise ValueError("Got neither y nor attributes, but expected something to probe.")
    if groups is not None:
        groups = check_groups(groups, X, "layer_probe")
    scores: list[FoldScore] = []
    folds = _folds(cv, targets[0], groups, np.shape(X)[0], random_state)
    with said_once():
        for fold, (train, test) in enumerate(folds):
            model = found
            if refits:
                columns = {"attributes": attributes, "groups": groups}
                model = fitted_on(found, X, y, columns, train, layers)
            rows = np.concatenate([train, test])
            given = model.given(take_rows(X, rows))
            features = read_layers(model, given, layers)
            if references:
                features |= reference_features(given, features.values(), len(train))
            part = None if groups is None else groups[rows]
            scores += _probe_fold(features, targets, rows, len(train), part, fold)
    _warn_undefined(scores)
    return LayerProbe(tuple(scores), encoder_refitted=refits and not found.step.is_frozen)


def _probe_fold(
    features: dict[Layer, np.ndarray],
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
            of_pair = layer.name, values.shape[1], target.name
            for metric, score in found.scores.items():
                numbers = (metric, fold, *found.sizes, score)
                yield FoldScore(*of_pair, *numbers, layer.is_reference)


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


def _warn_undefined(scores: Sequence[FoldScore]) -> None:
    undefined: dict[str, list[int]] = {}
    for score in scores:
        folds = undefined.setdefault(score.target, [])
        if np.isnan(score.score) and score.fold not in folds:
            folds.append(score.fold)
    texts = [
        f"{target!r} is constant or lacks a class in the folds {', '.join(map(str, folds))}"
        for target, folds in undefined.items()
        if folds
    ]
    if texts:
        warn_caller(
            f"The target {listed_briefly(texts)}: these scores are NaN.",
            UndefinedMetricWarning,
        )
