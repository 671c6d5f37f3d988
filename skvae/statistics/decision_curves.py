"""Whether acting on a model would do more good than harm."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvae.statistics.estimate import percentile_bounds
from skvae.statistics.interval_scales import check_confidence
from skvae.statistics.scored_rows import (
    Floats,
    ScoredRows,
    check_probabilities,
    described,
)

__all__ = ["DecisionCurve", "decision_curve"]


@dataclass(frozen=True, eq=False, repr=False)
class DecisionCurve:
    """Net benefits at each threshold, averaged over repeats."""

    threshold: NDArray[np.float64]
    model: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    treat_all: NDArray[np.float64]
    treat_none: NDArray[np.float64]
    prevalence: float
    positive: Any
    n_repeats: int
    n_patients: int

    @property
    def useful(self) -> NDArray[np.bool_]:
        """Where the model beats treating all and treating none."""
        # Treating all by the model is the same sum in another order.
        return self.model > np.maximum(self.treat_all, self.treat_none) + 1e-12

    def __repr__(self) -> str:
        of = described(self.positive, self.prevalence, self.n_repeats, self.n_patients)
        return (
            f"DecisionCurve({of}: model best at {self.useful.sum()} of "
            f"{len(self.threshold)} thresholds)"
        )


def decision_curve(
    y: "ArrayLike",
    probability: "ArrayLike",
    *,
    thresholds: "ArrayLike | None" = None,
    repeat: "ArrayLike | None" = None,
    groups: "ArrayLike | None" = None,
    pos_label: Any = None,
    n_bootstraps: int = 1000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> DecisionCurve:
    r"""Net benefit of a model, of treating all and of treating none.

    Who treats from a risk of :math:`t` on holds a false positive to be
    :math:`t / (1 - t)` times as bad as a true positive is good. Of the :math:`n` rows of
    a repeat, in true positives a row,

    .. math::
        \mathrm{net\ benefit} = \frac{\mathrm{TP}(t)}{n}
        - \frac{\mathrm{FP}(t)}{n} \cdot \frac{t}{1 - t},

    where rows with :math:`p_i \ge t` are treated; averaged over the repeats. It
    depends on the prevalence, which is part of the result: that of a case-control study
    is not that of patients.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Classes.
    probability : array-like of shape (n_rows,)
        Probability of the positive class. Decision values are refused.
    thresholds : array-like, default=None
        From 0 up to, but without, 1. By default .01, .02, ..., .99.
    repeat : array-like of shape (n_rows,), default=None
        Repeat of each row. By default, all rows are of one.
    groups : array-like of shape (n_rows,), default=None
        Patient of each row. Needed with `repeat`.
    pos_label : object, default=None
        The positive class. By default 1, where the classes are 0 and 1, or -1 and 1.
    n_bootstraps : int, default=1000
        Bootstrap samples of whole patients.
    confidence : float, default=0.95
        Coverage of the band of the model, at each threshold.
    random_state : int, RandomState instance or None, default=0
        Draws the bootstrap samples.

    Returns
    -------
    DecisionCurve
        For each `threshold` the net benefit of the `model` with its band `low` and `high`,
        of `treat_all` and `treat_none` (0), and whether the model is `useful`: above both;
        `prevalence`, `positive`, `n_repeats`, `n_patients`.

    Raises
    ------
    ValueError
        If values lie outside of [0, 1], a repeat lacks a class, the positive class is
        not known, or `repeat` comes without `groups`.

    References
    ----------
    .. [1] A. J. Vickers and E. B. Elkin (2006). Decision curve analysis: a novel method
       for evaluating prediction models. Medical Decision Making 26, 565-574.

    Examples
    --------
    >>> from skvae.study import decision_curve
    >>> y = [0, 0, 0, 1, 0, 1, 0, 1, 1, 0]
    >>> p = [0.1, 0.2, 0.2, 0.3, 0.4, 0.6, 0.5, 0.8, 0.9, 0.1]
    >>> curve = decision_curve(y, p, thresholds=[0.1, 0.25, 0.5])
    >>> curve
    DecisionCurve(10 patients, 40% of class 1: model best at 2 of 3 thresholds)
    >>> print(curve.model.round(3), curve.treat_all.round(3))
    [0.333 0.333 0.2  ] [ 0.333  0.2   -0.2  ]
    """
    check_confidence(confidence)
    rows = ScoredRows.checked(
        "decision_curve", y, probability, repeat=repeat, groups=groups, pos_label=pos_label
    )
    check_probabilities(
        "decision_curve", rows.score, "the threshold is a risk and the weight of an error."
    )
    t = np.arange(1, 100) / 100 if thresholds is None else _checked(thresholds)
    odds = t / (1 - t)

    def statistic(of: NDArray[np.intp], weights: Floats) -> Floats:
        treated = rows.score[of, None] >= t
        positive = rows.positive[of, None]
        benefit = weights @ (treated & positive) - odds * (weights @ (treated & ~positive))
        return benefit / weights.sum(axis=1, keepdims=True)

    values = rows.averaged(statistic, n_bootstraps, random_state)
    low, high = percentile_bounds(values[1:], confidence)
    return DecisionCurve(
        threshold=t,
        model=values[0],
        low=low,
        high=high,
        treat_all=rows.prevalence - odds * (1 - rows.prevalence),
        treat_none=np.zeros_like(t),
        prevalence=rows.prevalence,
        positive=rows.label,
        n_repeats=len(rows.repeats),
        n_patients=rows.n_patients,
    )


def _checked(thresholds: "ArrayLike") -> Floats:
    t = np.asarray(thresholds, dtype=np.float64)
    if t.ndim != 1 or len(t) == 0 or not np.all((t >= 0) & (t < 1)):
        raise ValueError(
            f"Got thresholds={thresholds!r}, expected numbers from 0 up to, but without, 1."
        )
    return t
