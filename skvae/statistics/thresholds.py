"""What is called positive from a threshold on, and how to choose one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvae.arguments import check_choice, check_number
from skvae.statistics.estimate import Estimate, with_bounds
from skvae.statistics.interval_scales import check_confidence
from skvae.statistics.proportions import wilson_interval
from skvae.statistics.scored_rows import Floats, ScoredRows, described

__all__ = ["ThresholdMetrics", "choose_threshold", "threshold_metrics"]

RULES = ("youden", "sensitivity", "specificity")


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdMetrics:
    """Counts of one repeat, the mean over repeats, and what follows from them."""

    confusion: NDArray[np.float64]
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    interval: str
    prevalence: float
    positive: Any
    n_repeats: int
    n_patients: int

    def __repr__(self) -> str:
        of = described(self.positive, self.prevalence, self.n_repeats, self.n_patients)
        (tn, fp), (fn, tp) = self.confusion
        return (
            f"ThresholdMetrics({of}: TP {tp:g}, FP {fp:g}, FN {fn:g}, TN {tn:g}, "
            f"sensitivity {self.sensitivity}, specificity {self.specificity}, PPV "
            f"{self.ppv}, NPV {self.npv}, intervals by {self.interval})"
        )


def threshold_metrics(
    y: "ArrayLike",
    score: "ArrayLike",
    threshold: "ArrayLike",
    *,
    repeat: "ArrayLike | None" = None,
    groups: "ArrayLike | None" = None,
    pos_label: Any = None,
    n_bootstraps: int = 1000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> ThresholdMetrics:
    """Confusion matrix, sensitivity, specificity and predictive values at a threshold.

    Rows with a score of at least the threshold are called positive. Counts are those
    within a repeat, averaged over the repeats. Where each patient has one row, intervals
    are Wilson's [1]_ with these counts: repeats predict the same patients again and do
    not add any. Where patients have several, intervals are percentiles of a bootstrap of
    whole patients.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Classes.
    score : array-like of shape (n_rows,)
        Probabilities or decision values, higher for the positive class.
    threshold : float or array-like of shape (n_rows,)
        One threshold, or that of each row: chosen in the training part of its fold.
    repeat : array-like of shape (n_rows,), default=None
        Repeat of each row. By default, all rows are of one.
    groups : array-like of shape (n_rows,), default=None
        Patient of each row. Needed with `repeat`.
    pos_label : object, default=None
        The positive class. By default 1, where the classes are 0 and 1, or -1 and 1.
    n_bootstraps : int, default=1000
        Bootstrap samples, where patients have several rows.
    confidence : float, default=0.95
        Coverage of the intervals.
    random_state : int, RandomState instance or None, default=0
        Draws the bootstrap samples.

    Returns
    -------
    ThresholdMetrics
        `confusion` as of scikit-learn, ((TN, FP), (FN, TP)); `sensitivity`, `specificity`,
        `ppv` and `npv`, each with `value`, `low` and `high`, NaN where nothing is called
        positive, or negative; `interval`, "Wilson" or "bootstrap of patients";
        `prevalence`, `positive`, `n_repeats`, `n_patients`.

    Raises
    ------
    ValueError
        If columns have unequal lengths, a repeat lacks a class, the positive class is not
        known, or `repeat` comes without `groups`.

    See Also
    --------
    choose_threshold : A threshold from the training rows of a fold.

    References
    ----------
    .. [1] E. B. Wilson (1927). Probable inference, the law of succession, and
       statistical inference. JASA 22, 209-212.

    Examples
    --------
    >>> from skvae.study import threshold_metrics
    >>> y = [0, 0, 0, 1, 0, 1, 0, 1, 1, 0]
    >>> p = [0.1, 0.2, 0.2, 0.3, 0.4, 0.6, 0.5, 0.8, 0.9, 0.1]
    >>> metrics = threshold_metrics(y, p, 0.5)
    >>> print(metrics.confusion)
    [[5. 1.]
     [1. 3.]]
    >>> print(metrics.sensitivity)
    0.750 [0.301, 0.954]
    """
    check_confidence(confidence)
    rows = ScoredRows.checked(
        "threshold_metrics", y, score, repeat=repeat, groups=groups, pos_label=pos_label
    )
    called = rows.score >= _checked(threshold, len(rows.score))
    calls, classes = (~called, called), (~rows.positive, rows.positive)
    cells = np.array([call & of for of in classes for call in calls], dtype=np.float64)

    def statistic(of: NDArray[np.intp], weights: Floats) -> Floats:
        return weights @ cells[:, of].T

    clustered = rows.several_rows_a_patient
    counts = rows.averaged(statistic, n_bootstraps if clustered else 0, random_state)
    tn, fp, fn, tp = counts.T
    share = _bootstrapped if clustered else _wilson
    return ThresholdMetrics(
        confusion=counts[0].reshape(2, 2),
        sensitivity=share(tp, tp + fn, confidence),
        specificity=share(tn, tn + fp, confidence),
        ppv=share(tp, tp + fp, confidence),
        npv=share(tn, tn + fn, confidence),
        interval="bootstrap of patients" if clustered else "Wilson",
        prevalence=rows.prevalence,
        positive=rows.label,
        n_repeats=len(rows.repeats),
        n_patients=rows.n_patients,
    )


def _checked(threshold: "ArrayLike", n_rows: int) -> Floats:
    t = np.asarray(threshold, dtype=np.float64)
    if t.shape not in ((), (n_rows,)) or np.isnan(t).any():
        raise ValueError(
            f"Got threshold={threshold!r}, expected a number, or one for each of "
            f"{n_rows} rows."
        )
    return t


def _wilson(successes: Floats, n: Floats, confidence: float) -> Estimate:
    low, high = wilson_interval(successes[0], n[0], confidence=confidence)
    value = successes[0] / n[0] if n[0] > 0 else np.nan
    return Estimate(float(value), float(low), float(high))


def _bootstrapped(successes: Floats, n: Floats, confidence: float) -> Estimate:
    return with_bounds(successes / np.where(n > 0, n, np.nan), confidence)


def choose_threshold(
    y: "ArrayLike",
    score: "ArrayLike",
    *,
    rule: str = "youden",
    least: float = 0.9,
    pos_label: Any = None,
) -> float:
    """Choose a threshold from the training rows of a fold.

    A threshold lies midway between two neighbouring scores. On the test rows it is
    applied, never chosen: a threshold that is best on them is too good.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Classes of training rows.
    score : array-like of shape (n_rows,)
        Scores of training rows, as their own inner cross-validation predicts them
        (`sklearn.model_selection.cross_val_predict`): those of a model that has seen them
        are too extreme.
    rule : {"youden", "sensitivity", "specificity"}, default="youden"
        What is sought.

        ``"youden"``
            The largest sensitivity + specificity - 1 [1]_; of several, the lowest
            threshold.
        ``"sensitivity"``, ``"specificity"``
            The most of the other, with at least `least` of the named one.
    least : float, default=0.9
        Share that the rules "sensitivity" and "specificity" demand.
    pos_label : object, default=None
        The positive class. By default 1, where the classes are 0 and 1, or -1 and 1.

    Returns
    -------
    float
        Scores of at least this are called positive. Infinite where none is to be.

    Raises
    ------
    ValueError
        If columns have unequal lengths, y has a single class, or the positive class is not
        known.

    References
    ----------
    .. [1] W. J. Youden (1950). Index for rating diagnostic tests. Cancer 3, 32-35.

    Examples
    --------
    >>> from skvae.study import choose_threshold
    >>> y = [0, 0, 0, 1, 0, 1, 1, 1]
    >>> score = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9]
    >>> print(f"{choose_threshold(y, score):.2f}")
    0.35
    >>> print(f"{choose_threshold(y, score, rule='specificity'):.2f}")
    0.55
    """
    check_choice("choose_threshold", "rule", rule, RULES)
    check_number("choose_threshold", "least", least, low=0, high=1)
    rows = ScoredRows.checked("choose_threshold", y, score, pos_label=pos_label)
    scores = np.unique(rows.score)
    between = scores[:-1] + np.diff(scores) / 2
    # Rounding may give the lower of two neighbours, which would be called positive.
    between = np.where(between > scores[:-1], between, scores[1:])
    thresholds = np.concatenate([scores[:1], between, [np.inf]])
    called = rows.score >= thresholds[:, None]
    true = (called & rows.positive).sum(axis=1)
    false = (called & ~rows.positive).sum(axis=1)
    n, n_positive = len(rows.positive), rows.positive.sum()
    sensitivity, specificity = (
        true / n_positive,
        (n - n_positive - false) / (n - n_positive),
    )
    if rule == "youden":
        # In whole numbers, since rounding would break ties.
        best = np.argmax(true * (n - n_positive) - false * n_positive)
    elif rule == "sensitivity":
        best = np.flatnonzero(sensitivity >= least)[-1]
    else:
        best = np.flatnonzero(specificity >= least)[0]
    return float(thresholds[best])
