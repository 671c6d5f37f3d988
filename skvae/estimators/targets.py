"""What is predicted: classes or numbers, some of which may be missing in y."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import softmax
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from skvae._compat import check_regression_targets
from skvae.arguments import check_numbers, naming
from skvae.estimators.row_columns import check_weight, is_missing
from skvae.exceptions import warn_caller
from skvae.objectives.supervision import UNLABELLED, CrossEntropy, SquaredResidual
from skvae.training.host import on_host

# Where the class beside -1 has no more rows than this share, -1 may well be no class.
FEW = 0.1
LARGEST_TARGET = 1e150


@naming("y")
def encode_classes(
    y: Any, x: np.ndarray, name: str, known: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes, and the index of each row's class (-1 where it is missing).

    A label is missing where it is NaN or None. A -1 is missing only when two other
    classes remain, since {-1, 1} is a binary problem.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type that scikit-learn classifies.
    x : ndarray of shape (n_samples, ...)
        The rows that they belong to.
    name : str
        Of the estimator, for messages.
    known : ndarray, optional
        The classes, where they are known already; otherwise those in y.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    index : ndarray of int64, shape (n_samples,)
        Into ``classes``.

    Raises
    ------
    ValueError
        If y does not fit to x, is continuous, has fewer than two classes, or others than
        those that are known.
    """
    y = column_or_1d(y, warn=True)
    check_consistent_length(x, y)
    labelled = ~is_missing(y)
    if y.dtype.kind == "f":
        assert_all_finite(y[labelled], input_name="y")
    check_classes(y[labelled], name)
    classes = np.unique(as_whole_numbers(y[labelled]) if known is None else known)
    numbers = classes.dtype.kind in "if"
    if known is None and numbers and len(classes) > 2 and UNLABELLED in classes:
        classes = classes[classes != UNLABELLED]
    if numbers and UNLABELLED not in classes:
        labelled &= y != UNLABELLED
    if len(classes) < 2:
        found = f"the class {classes[0]} alone" if len(classes) else "no label at all"
        raise ValueError(
            f"Got y with {found}, but {name} needs at least two classes to tell apart."
        )
    if known is None and numbers and UNLABELLED in classes:
        warn_of_minus_one(classes[classes != UNLABELLED][0], y[labelled])
    index = np.full(len(y), UNLABELLED, dtype=np.int64)
    labels = as_whole_numbers(y[labelled])
    if strange := set(labels.tolist()) - set(classes.tolist()):
        raise ValueError(
            f"Got y with the class {strange.pop()!r}, but {name} knows the classes "
            f"{', '.join(map(str, classes))}."
        )
    index[labelled] = np.searchsorted(classes, labels)
    return classes, index


def check_classes(labels: np.ndarray, name: str) -> None:
    """Refuse what scikit-learn's classifiers refuse, with their words and the estimator's.

    Records, such as (event, time), are no classes either.
    """
    kinds = (np.void, np.ndarray, tuple, list)
    records = (
        [v for v in labels if isinstance(v, kinds)] if labels.dtype.kind in "OV" else []
    )
    try:
        if records:
            raise ValueError(f"Unknown label type: records such as {records[0]}.")
        check_classification_targets(as_whole_numbers(labels))
    except ValueError as error:
        raise ValueError(f"Got y that {name} cannot take as classes. {error}") from error


def warn_of_minus_one(other: Any, y: np.ndarray) -> None:
    """Warn where -1, a class beside one other, looks like a missing label.

    {-1, 1} is a binary problem; {-1, 0}, or a -1 nearly everywhere, are rather what is
    left of a fold whose labelled rows are all of one class.
    """
    n_others = int((y == other).sum())
    if other == 1 and n_others > FEW * len(y):
        return
    warn_caller(
        f"Got y with the classes -1 and {other}, the latter in {n_others} of {len(y)} "
        "rows; -1 is a class here, since it is a missing label only beside two others. "
        "If it is missing, have both classes among the labelled rows (such as by a "
        "stratified split), or mark missing labels as NaN; if not, call the classes 0 "
        "and 1."
    )


@naming("y")
def check_targets(y: Any, x: np.ndarray, name: str) -> np.ndarray:
    """Return regression targets in double precision, NaN where they are missing.

    Several columns stay several; a single one is as in scikit-learn no second axis.

    Raises
    ------
    ValueError
        If y does not fit to x, is no numbers, or is missing everywhere.
    """
    check_numbers(name, "y", y)
    y = np.asarray(y)
    if y.ndim != 2 or y.shape[1] < 2:
        y = column_or_1d(y, warn=True)
    check_consistent_length(x, y)
    labelled = ~is_missing(y)
    if not labelled.any():
        raise ValueError(f"Got y without a single target, but {name} needs some to learn.")
    targets = np.full(y.shape, np.nan)
    targets[labelled] = check_regression_targets(y[labelled], y_numeric=True)
    assert_all_finite(targets[labelled], input_name="y")
    largest = np.nanmax(np.abs(targets))
    if largest > LARGEST_TARGET:
        raise ValueError(
            f"Got y with entries up to {largest:.3g}, but {name} needs targets whose "
            "squares are numbers; expected them in larger units."
        )
    return targets


def mean_and_deviation(
    targets: np.ndarray, name: str, weight: np.ndarray | None = None
) -> tuple[float, float]:
    """Return mean and standard deviation of the targets that are there and weigh.

    Raises
    ------
    ValueError
        If there is none.
    """
    counted = ~np.isnan(targets)
    if weight is not None:
        counted &= weight > 0
    if not counted.any():
        raise ValueError(f"Got y without a single target, but {name} needs some to learn.")
    there = targets[counted]
    if weight is None:
        mean, deviation = there.mean(), there.std()
    else:
        share = weight[counted].astype(np.float64)
        mean = np.average(there, weights=share)
        deviation = np.sqrt(np.average(np.square(there - mean), weights=share))
    # A constant target is predicted by its mean.
    return float(mean), float(deviation) or 1.0


def labelled_score(
    metric: Callable[..., float],
    y: Any,
    predicted: np.ndarray,
    sample_weight: Any = None,
    classes: np.ndarray | None = None,
) -> float:
    """Return a metric over the rows that have a label.

    Parameters
    ----------
    metric : callable
        Of scikit-learn: ``metric(y, predicted, sample_weight=sample_weight)``.
    y : array-like of shape (n_samples,)
        Labels; NaN, None and, where it is none of the classes, -1 are missing.
    predicted : ndarray of shape (n_samples,)
        What was predicted of all rows.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row.
    classes : ndarray, optional
        The classes, where labels are classes.

    Raises
    ------
    ValueError
        If no row has a label.
    """
    with naming("y"):
        y = column_or_1d(on_host(y))
        check_consistent_length(y, predicted)
        labelled = ~is_missing(y)
        numbers = classes is not None and classes.dtype.kind in "if"
        if numbers and UNLABELLED not in classes:
            labelled &= y != UNLABELLED
    if not labelled.any():
        raise ValueError("Got y without a single label, but a score needs some.")
    if sample_weight is not None:
        sample_weight = check_weight(sample_weight, predicted, "a score")[labelled]
        if not sample_weight.any():
            raise ValueError("Got sample_weight with 0 for every row that has a label.")
    with naming("y"):
        labels = as_whole_numbers(y[labelled])
        return float(metric(labels, predicted[labelled], sample_weight=sample_weight))


def as_whole_numbers(y: np.ndarray) -> np.ndarray:
    """Turn labels of type object, among which some were missing, into their own type."""
    return np.array(y.tolist()) if y.dtype.kind == "O" and len(y) else y


@dataclass(frozen=True, eq=False)
class Classes:
    """Classes to predict, each with its weight in the loss.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    weights : tuple of float, optional
        Weight of each.
    """

    classes: np.ndarray
    weights: tuple[float, ...] | None = None
    output: ClassVar[str] = "logits"

    @classmethod
    def learn(
        cls,
        y: Any,
        x: np.ndarray,
        name: str,
        class_weight: Any,
        weight: np.ndarray | None = None,
        known: Any = None,
    ) -> tuple["Classes", np.ndarray]:
        """Return the classes of y, see `encode_classes`, and the index of each row's."""
        classes, index = encode_classes(y, x, name, known)
        if class_weight is None:
            return cls(classes), index
        counted = index != UNLABELLED
        with np.errstate(divide="ignore"):  # of a class that does not weigh
            weights = compute_class_weight(
                class_weight,
                classes=classes,
                y=classes[index[counted]],
                sample_weight=None if weight is None else weight[counted],
            )
        weights = np.where(np.isfinite(weights), weights, 0.0)
        return cls(classes, tuple(float(each) for each in weights)), index

    @property
    def n_outputs(self) -> int:
        """Number of logits: of two classes, that of the second says all."""
        return len(self.classes) if len(self.classes) > 2 else 1

    @property
    def loss(self) -> CrossEntropy:
        """The term that training minimises."""
        return CrossEntropy(self.weights)

    def labelled(self, index: np.ndarray) -> np.ndarray:
        """Return which rows have a class."""
        return index != UNLABELLED

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of what predicts them."""
        return {"classes_": self.classes}

    def predict(self, logits: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return self.classes[class_probabilities(logits).argmax(axis=1)]

    def score(self, y: Any, predicted: np.ndarray, sample_weight: Any = None) -> float:
        """Return the accuracy over the rows that have a label."""
        return labelled_score(accuracy_score, y, predicted, sample_weight, self.classes)


@dataclass(frozen=True, eq=False)
class TargetScale:
    """Numbers to predict: the network has each with mean 0 and variance 1.

    Parameters
    ----------
    mean, deviation : float, or ndarray of shape (n_targets,)
        Of the targets of `fit`, in double precision; arrays of several targets.
    """

    mean: float | np.ndarray
    deviation: float | np.ndarray
    output: ClassVar[str] = "prediction"
    loss: ClassVar[SquaredResidual] = SquaredResidual()

    @classmethod
    def learn(
        cls,
        y: Any,
        x: np.ndarray,
        name: str,
        weight: np.ndarray | None = None,
        known: "TargetScale | None" = None,
    ) -> tuple["TargetScale", np.ndarray]:
        """Return the scale of y, see `check_targets`, and the scaled target of each row."""
        targets = check_targets(y, x, name)
        if known is None and targets.ndim == 1:
            known = cls(*mean_and_deviation(targets, name, weight))
        elif known is None:
            each = [mean_and_deviation(column, name, weight) for column in targets.T]
            known = cls(*np.transpose(each))
        if targets.shape[1:] != np.shape(known.mean):
            raise ValueError(
                f"Got y of shape {targets.shape}, but {name} has learned "
                f"{known.n_outputs} targets; expected as many."
            )
        return known, ((targets - known.mean) / known.deviation).astype(np.float32)

    @property
    def n_outputs(self) -> int:
        """Number of targets."""
        return np.size(self.mean)

    def labelled(self, scaled: np.ndarray) -> np.ndarray:
        """Return which rows have a target."""
        return ~np.isnan(scaled.reshape(len(scaled), -1)).all(axis=1)

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of what predicts them."""
        return {"target_mean_": self.mean, "target_scale_": self.deviation}

    def predict(self, scaled: np.ndarray) -> np.ndarray:
        """Return the targets of each row in their own units."""
        scaled = scaled.reshape(-1, *np.shape(self.mean))
        return scaled.astype(np.float64) * self.deviation + self.mean

    def score(self, y: Any, predicted: np.ndarray, sample_weight: Any = None) -> float:
        """Return R² over the rows that have a target; of several, the mean of theirs."""
        with naming("y"):
            check_numbers("a score", "y", y)
        if predicted.ndim == 1:
            return labelled_score(r2_score, y, predicted, sample_weight)
        y = np.asarray(y)
        if y.shape != predicted.shape:
            raise ValueError(
                f"Got y of shape {y.shape}, but what is predicted has the shape "
                f"{predicted.shape}; expected the same."
            )
        pairs = zip(y.T, predicted.T, strict=True)
        scores = [labelled_score(r2_score, *pair, sample_weight) for pair in pairs]
        return float(np.mean(scores))


Target = Classes | TargetScale


def decision_values(logits: np.ndarray) -> np.ndarray:
    """Return logits as scikit-learn has them: of two classes, that of the second alone.

    In double precision, which what works with scores of scikit-learn may assign to them.
    """
    logits = logits.astype(np.float64)
    return logits[:, 0] if logits.shape[1] == 1 else logits


def class_probabilities(logits: np.ndarray) -> np.ndarray:
    """Return a column per class; a single logit is that of the second of two classes.

    In double precision, in which a probability near 1 is not yet 1.
    """
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    return softmax(logits, axis=1)
