"""Whether probabilities mean what they say."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from skvae.arguments import check_choice, check_number
from skvae.statistics.estimate import Estimate, percentile_bounds, with_bounds
from skvae.statistics.interval_scales import check_confidence
from skvae.statistics.logistic_recalibration import (
    calibration_in_the_large,
    recalibration_slope,
)
from skvae.statistics.scored_rows import (
    Floats,
    ScoredRows,
    check_probabilities,
    described,
    unsaturated,
)

__all__ = ["Calibration", "calibration"]


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """Calibration averaged over repeats, with intervals."""

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n_rows: NDArray[np.float64]
    intercept: Estimate
    slope: Estimate
    brier: Estimate
    reason: str
    prevalence: float
    positive: Any
    n_repeats: int
    n_patients: int

    def __repr__(self) -> str:
        of = described(self.positive, self.prevalence, self.n_repeats, self.n_patients)
        return (
            f"Calibration({of}: slope {self.slope}, intercept {self.intercept}, Brier "
            f"{self.brier}, {len(self.predicted)} bins)"
        )


def calibration(
    y: "ArrayLike",
    probability: "ArrayLike",
    *,
    repeat: "ArrayLike | None" = None,
    groups: "ArrayLike | None" = None,
    pos_label: Any = None,
    n_bins: int = 5,
    strategy: str = "quantile",
    n_bootstraps: int = 1000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> Calibration:
    r"""Calibration curve, intercept, slope and Brier score, averaged over repeats.

    With the predicted probabilities :math:`p_i` of the rows of a repeat,

    .. math::
        \mathrm{logit}\,P(y_i = 1) = a + \mathrm{logit}\,p_i, \qquad
        \mathrm{logit}\,P(y_i = 1) = a' + b\,\mathrm{logit}\,p_i,

    the *intercept* :math:`a` is calibration in the large: above 0 where risks are
    underestimated on the whole. The *slope* :math:`b` is below 1 where probabilities are
    too extreme, as those of an overfitted model [1]_. The Brier score is the mean of
    :math:`(p_i - y_i)^2`. Each is computed within a repeat, where each row is predicted
    once, and averaged; the bins of the curve are the same in all repeats.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Classes.
    probability : array-like of shape (n_rows,)
        Probability of the positive class. Decision values are refused. Those of float32
        that are 0 or 1 are taken as the nearest number of float32 that is not.
    repeat : array-like of shape (n_rows,), default=None
        Repeat of each row. By default, all rows are of one.
    groups : array-like of shape (n_rows,), default=None
        Patient of each row. Needed with `repeat`.
    pos_label : object, default=None
        The positive class. By default 1, where the classes are 0 and 1, or -1 and 1.
    n_bins : int, default=5
        Bins of the curve; those without rows are left out.
    strategy : {"quantile", "uniform"}, default="quantile"
        Whether bins have equal counts or equal widths.
    n_bootstraps : int, default=1000
        Bootstrap samples of whole patients.
    confidence : float, default=0.95
        Coverage of the intervals, and of the band at each bin.
    random_state : int, RandomState instance or None, default=0
        Draws the bootstrap samples.

    Returns
    -------
    Calibration
        For each bin `predicted`, the mean probability, `observed`, the share of the
        positive class, its band `low` and `high`, and `n_rows`; `intercept`, `slope` and
        `brier`, each with `value`, `low` and `high`; `reason`, why slope or intercept are
        NaN, empty where they are not; `prevalence`, `positive`, `n_repeats`,
        `n_patients`.

    Raises
    ------
    ValueError
        If values lie outside of [0, 1], a repeat lacks a class, the positive class is
        not known, or `repeat` comes without `groups`.

    References
    ----------
    .. [1] B. Van Calster, D. J. McLernon, M. van Smeden, L. Wynants and E. W. Steyerberg
       (2019). Calibration: the Achilles heel of predictive analytics. BMC Medicine 17,
       230.
    .. [2] D. R. Cox (1958). Two further applications of a model for binary regression.
       Biometrika 45, 562-565.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.study import calibration
    >>> rng = np.random.default_rng(0)
    >>> log_odds = rng.normal(size=400)
    >>> y = rng.random(400) < 1 / (1 + np.exp(-log_odds))
    >>> too_extreme = 1 / (1 + np.exp(-2 * log_odds))
    >>> found = calibration(y, too_extreme)
    >>> found
    Calibration(400 patients, 47% of class 1: slope 0.489 [0.373, 0.627], intercept -0.092
    [-0.392, 0.203], Brier 0.226 [0.200, 0.253], 5 bins)
    >>> print(found.predicted.round(2), found.observed.round(2))
    [0.07 0.24 0.47 0.73 0.92] [0.18 0.41 0.42 0.56 0.79]
    """
    check_choice("calibration", "strategy", strategy, ["quantile", "uniform"])
    check_number("calibration", "n_bins", n_bins, whole=True, low=1)
    check_confidence(confidence)
    rows = ScoredRows.checked(
        "calibration", y, probability, repeat=repeat, groups=groups, pos_label=pos_label
    )
    check_probabilities(
        "calibration",
        rows.score,
        "calibration asks whether a risk of .3 comes true in 30 %.",
    )
    if getattr(probability, "dtype", None) == np.float32:
        score = unsaturated(rows.score.astype(np.float32)).astype(np.float64)
        rows = replace(rows, score=score)
    reason = _why_no_log_odds(rows.score)
    bin_of = _bins(rows.score, n_bins, strategy)

    def statistic(of: NDArray[np.intp], weights: Floats) -> Floats:
        return np.column_stack(
            [
                _recalibration(rows, of, weights, possible=not reason),
                _brier(rows, of, weights),
                _sums(rows, bin_of, of, weights),
            ]
        )

    values = rows.averaged(statistic, n_bootstraps, random_state)
    slope, intercept, brier = values[:, :3].T
    if not reason and not np.isfinite(slope[0]):
        reason = (
            "No slope: in a repeat, probabilities are all equal, or separate the classes "
            "without overlap."
        )
    n_rows, predicted, observed = np.split(values[:, 3:], 3, axis=1)
    filled = n_rows[0] > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = observed[:, filled] / n_rows[:, filled]
    low, high = percentile_bounds(shares[1:], confidence)
    return Calibration(
        predicted=predicted[0, filled] / n_rows[0, filled],
        observed=shares[0],
        low=low,
        high=high,
        n_rows=n_rows[0, filled],
        intercept=_estimate(intercept, confidence),
        slope=_estimate(slope, confidence),
        brier=_estimate(brier, confidence),
        reason=reason,
        prevalence=rows.prevalence,
        positive=rows.label,
        n_repeats=len(rows.repeats),
        n_patients=rows.n_patients,
    )


def _why_no_log_odds(probability: Floats) -> str:
    n_sure = int(np.isin(probability, [0, 1]).sum())
    if not n_sure:
        return ""
    return (
        f"No slope and no intercept: {n_sure} of {len(probability)} probabilities are "
        "exactly 0 or 1, whose log odds are infinite."
    )


def _recalibration(
    rows: ScoredRows, of: NDArray[np.intp], weights: Floats, *, possible: bool
) -> Floats:
    if not possible:
        return np.full((len(weights), 2), np.nan)
    positive, log_odds = rows.positive[of], logit(rows.score[of])
    return np.column_stack(
        [
            recalibration_slope(positive, log_odds, weights),
            calibration_in_the_large(positive, log_odds, weights),
        ]
    )


def _brier(rows: ScoredRows, of: NDArray[np.intp], weights: Floats) -> Floats:
    return weights @ (rows.score[of] - rows.positive[of]) ** 2 / weights.sum(axis=1)


def _bins(probability: Floats, n_bins: int, strategy: str) -> NDArray[np.intp]:
    """Return the bin of each row, as scikit-learn's calibration_curve."""
    edges = np.linspace(0, 1, n_bins + 1)
    if strategy == "quantile":
        edges = np.quantile(probability, edges)
    return np.searchsorted(edges[1:-1], probability)


def _sums(
    rows: ScoredRows, bin_of: NDArray[np.intp], of: NDArray[np.intp], weights: Floats
) -> Floats:
    """Return counts, sums of probabilities and of positives in each bin."""
    within = np.eye(bin_of.max() + 1)[bin_of[of]]
    columns = [np.ones(len(of)), rows.score[of], rows.positive[of]]
    return np.hstack([weights @ (within * column[:, None]) for column in columns])


def _estimate(values: Floats, confidence: float) -> Estimate:
    if not np.isfinite(values[0]):
        return Estimate(np.nan, np.nan, np.nan)
    return with_bounds(values, confidence)
