"""ROC and precision-recall curves of repeated cross-validations, with bands."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvae.arguments import check_choice
from skvae.statistics.estimate import Estimate, percentile_bounds, with_bounds
from skvae.statistics.interval_scales import check_confidence
from skvae.statistics.scored_rows import Floats, ScoredRows, described

__all__ = ["AveragedCurve", "averaged_curve"]

GRID = np.linspace(0, 1, 101)
AXES = {
    "roc": ("false positive rate", "sensitivity"),
    "precision_recall": ("recall", "precision"),
}


@dataclass(frozen=True, eq=False, repr=False)
class AveragedCurve:
    """A curve averaged over repeats, with a pointwise band."""

    kind: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    area: Estimate
    prevalence: float
    positive: Any
    n_repeats: int
    n_patients: int
    confidence: float

    @property
    def axes(self) -> tuple[str, str]:
        """Names of x and y."""
        return AXES[self.kind]

    def __repr__(self) -> str:
        of = described(self.positive, self.prevalence, self.n_repeats, self.n_patients)
        return f"AveragedCurve({self.kind} of {of}: area {self.area})"


def averaged_curve(
    y: "ArrayLike",
    score: "ArrayLike",
    *,
    kind: str = "roc",
    repeat: "ArrayLike | None" = None,
    groups: "ArrayLike | None" = None,
    pos_label: Any = None,
    n_bootstraps: int = 1000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> AveragedCurve:
    """ROC or precision-recall curve within each repeat, averaged over the repeats.

    A repeat of a cross-validation predicts each row once. Its curve is that of these
    rows; the curves are averaged vertically, at the same false positive rate or recall
    [1]_. The band is from bootstrap samples of whole patients, each with all rows in all
    repeats. It says how the curve of these predictions varies with the patients they are
    tested on, not with the patients that the models were trained on: the interval of the
    mean over the folds, `corrected_interval`, is of the headline.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Classes.
    score : array-like of shape (n_rows,)
        Probabilities or decision values, higher for the positive class. Equal scores are
        ties: one step of the curve.
    kind : {"roc", "precision_recall"}, default="roc"
        Which curve.

        ``"roc"``
            Sensitivity over the false positive rate, linear between thresholds.
        ``"precision_recall"``
            Precision of the highest threshold that reaches a recall: a step function, whose
            area is the average precision. Linear interpolation would be too optimistic
            [2]_.
    repeat : array-like of shape (n_rows,), default=None
        Repeat of each row. By default, all rows are of one.
    groups : array-like of shape (n_rows,), default=None
        Patient of each row. Needed with `repeat`.
    pos_label : object, default=None
        The positive class. By default 1, where the classes are 0 and 1, or -1 and 1.
    n_bootstraps : int, default=1000
        Number of bootstrap samples; those without one of the classes are left out.
    confidence : float, default=0.95
        Coverage of the band, at each point, and of the interval of the area.
    random_state : int, RandomState instance or None, default=0
        Draws the bootstrap samples.

    Returns
    -------
    AveragedCurve
        `x`, a grid of 101 points; `y`, `low` and `high`, the curve and its band; `area`
        with `value`, `low` and `high`, the mean over the repeats of the area under the
        curve itself (average precision); `prevalence`, `positive`, `n_repeats`,
        `n_patients`.

    Raises
    ------
    ValueError
        If columns have unequal lengths, a repeat lacks a class, the positive class is not
        known, or `repeat` comes without `groups`.

    References
    ----------
    .. [1] T. Fawcett (2006). An introduction to ROC analysis. Pattern Recognition Letters
       27, 861-874, section 8.2.
    .. [2] J. Davis and M. Goadrich (2006). The relationship between precision-recall and
       ROC curves. ICML 23.

    Examples
    --------
    >>> from skvae.study import averaged_curve
    >>> y = [0, 1, 0, 1, 0, 1, 0, 1]
    >>> score = [0.1, 0.9, 0.6, 0.5, 0.2, 0.8, 0.4, 0.7]
    >>> roc = averaged_curve(y, score)
    >>> roc
    AveragedCurve(roc of 8 patients, 50% of class 1: area 0.938 [0.667, 1.000])
    >>> print(roc.x[[0, 10, 25]], roc.y[[0, 10, 25]])
    [0.   0.1  0.25] [0.75 0.75 1.  ]
    """
    check_choice("averaged_curve", "kind", kind, AXES)
    check_confidence(confidence)
    rows = ScoredRows.checked(
        "averaged_curve", y, score, repeat=repeat, groups=groups, pos_label=pos_label
    )
    curve_of = _roc if kind == "roc" else _precision_recall

    def statistic(of: NDArray[np.intp], weights: Floats) -> Floats:
        return curve_of(*_counts(rows.positive[of], rows.score[of], weights))

    values = rows.averaged(statistic, n_bootstraps, random_state)
    low, high = percentile_bounds(values[1:, 1:], confidence)
    return AveragedCurve(
        kind=kind,
        x=GRID,
        y=values[0, 1:],
        low=low,
        high=high,
        area=with_bounds(values[:, 0], confidence),
        prevalence=rows.prevalence,
        positive=rows.label,
        n_repeats=len(rows.repeats),
        n_patients=rows.n_patients,
        confidence=confidence,
    )


def _counts(
    positive: NDArray[np.bool_], score: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Return true and false positives of each draw at each threshold, from high to low.

    As `sklearn.metrics.roc_curve` with sample weights, of all draws at once.
    """
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    weights = weights[:, order]
    true = np.cumsum(weights * positive[order], axis=1)[:, last]
    false = np.cumsum(weights * ~positive[order], axis=1)[:, last]
    return np.insert(true, 0, 0, axis=1), np.insert(false, 0, 0, axis=1)


def _roc(true: Floats, false: Floats) -> Floats:
    """Return the area and the curve on the grid, a row a draw."""
    found = np.full((len(true), 1 + len(GRID)), np.nan)
    for draw in np.flatnonzero((true[:, -1] > 0) & (false[:, -1] > 0)):
        x, y = false[draw] / false[draw, -1], true[draw] / true[draw, -1]
        # Of several points with one x, the highest counts.
        found[draw] = [np.trapezoid(y, x), *np.interp(GRID, x, y)]
    return found


def _precision_recall(true: Floats, false: Floats) -> Floats:
    """Return the average precision and the curve on the grid, a row a draw."""
    found = np.full((len(true), 1 + len(GRID)), np.nan)
    for draw in np.flatnonzero((true[:, -1] > 0) & (false[:, -1] > 0)):
        recall = true[draw] / true[draw, -1]
        precision = true[draw] / np.maximum(true[draw] + false[draw], 1)
        reached = np.searchsorted(recall, np.maximum(GRID, 1e-9) - 1e-12)
        found[draw] = [np.diff(recall) @ precision[1:], *precision[reached]]
    return found
