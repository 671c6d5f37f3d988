"""DeLong's interval and test of AUCs, for models that have not seen the rows."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from skvae.statistics.interval_scales import bounds_around, check_confidence
from skvae.statistics.scored_rows import Floats, ScoredRows

__all__ = ["DeLongInterval", "DeLongTest", "delong_interval", "delong_test"]


class DeLongInterval(NamedTuple):
    """An AUC with the bounds of its interval, NaN where there is none."""

    auc: float
    low: float
    high: float

    @property
    def reason(self) -> str:
        """Why there is no interval; empty where there is one."""
        if not np.isnan(self.low):
            return ""
        return (
            f"No interval: at an AUC of {self.auc:g} no row of a class ranks otherwise "
            "than the rest of it, and that says nothing of how much the AUC varies."
        )


class DeLongTest(NamedTuple):
    """What DeLong's test returns, and the difference with its interval."""

    statistic: float
    pvalue: float
    difference: float
    low: float
    high: float


def delong_interval(
    y: "ArrayLike",
    score: "ArrayLike",
    *,
    groups: "ArrayLike | None" = None,
    pos_label: Any = None,
    confidence: float = 0.95,
    scale: str = "logit",
) -> DeLongInterval:
    r"""AUC of a fixed model on an external set, with DeLong's interval.

    With :math:`V_i` the share of negatives that rank below the positive :math:`i`, and
    :math:`W_j` the share of positives that rank above the negative :math:`j` (ties count
    half), the AUC is their mean, and its variance

    .. math::
        \hat\sigma^2 = \frac{\widehat{\mathrm{var}}(V)}{n_1}
        + \frac{\widehat{\mathrm{var}}(W)}{n_0}.

    It is for rows that are independent and a model that has not been trained on any of
    them. Out-of-fold predictions are neither: for these, see `corrected_interval`.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Classes.
    score : array-like of shape (n_rows,)
        Probabilities or decision values, higher for the positive class.
    groups : array-like of shape (n_rows,), default=None
        Patient of each row. A patient with several rows is refused.
    pos_label : object, default=None
        The positive class. By default 1, where the classes are 0 and 1, or -1 and 1.
    confidence : float, default=0.95
        Coverage, between 0 and 1.
    scale : {"logit", "raw"}, default="logit"
        Scale on which the interval is symmetric. On that of the logit it stays between 0
        and 1, and holds better for large AUCs [3]_.

    Returns
    -------
    DeLongInterval
        Named tuple of `auc`, `low` and `high`. An AUC of 0 or 1 has no interval: the bounds
        are NaN, and `reason` says why.

    Raises
    ------
    ValueError
        If a patient has several rows, y has a single class, or the positive class is
        not known.

    See Also
    --------
    delong_test : Of two models on the same rows.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson (1988). Comparing the areas
       under two or more correlated receiver operating characteristic curves: a
       nonparametric approach. Biometrics 44, 837-845.
    .. [2] X. Sun and W. Xu (2014). Fast implementation of DeLong's algorithm. IEEE Signal
       Processing Letters 21, 1389-1393: by midranks.
    .. [3] M. S. Pepe (2003). The statistical evaluation of medical tests for
       classification and prediction. Oxford University Press, section 5.2.

    Examples
    --------
    >>> from skvae.study import delong_interval
    >>> y = [0, 0, 0, 1, 0, 1, 0, 1, 1, 0]
    >>> score = [0.1, 0.2, 0.2, 0.3, 0.4, 0.6, 0.5, 0.8, 0.9, 0.1]
    >>> auc, low, high = delong_interval(y, score)
    >>> print(f"{auc:.3f} [{low:.3f}, {high:.3f}]")
    0.917 [0.467, 0.993]
    """
    check_confidence(confidence)
    auc, covariance = _aucs("delong_interval", y, {"score": score}, groups, pos_label)
    # Of equal ranks, rounding errors are left.
    variance = covariance[0, 0] if covariance[0, 0] > 1e-15 else 0.0
    half = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(variance)
    return DeLongInterval(float(auc[0]), *bounds_around(float(auc[0]), half, scale, auc))


def delong_test(
    y: "ArrayLike",
    score_a: "ArrayLike",
    score_b: "ArrayLike",
    *,
    groups: "ArrayLike | None" = None,
    pos_label: Any = None,
    confidence: float = 0.95,
) -> DeLongTest:
    r"""Two-sided test of two fixed models' AUCs on the same external rows.

    With :math:`V` and :math:`W` of both models as in `delong_interval`,

    .. math::
        z = \frac{\mathrm{AUC}_a - \mathrm{AUC}_b}
        {\sqrt{\widehat{\mathrm{var}}(V_a - V_b) / n_1
        + \widehat{\mathrm{var}}(W_a - W_b) / n_0}}.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Classes.
    score_a, score_b : array-like of shape (n_rows,)
        Scores of both models, higher for the positive class.
    groups : array-like of shape (n_rows,), default=None
        Patient of each row. A patient with several rows is refused.
    pos_label : object, default=None
        The positive class. By default 1, where the classes are 0 and 1, or -1 and 1.
    confidence : float, default=0.95
        Coverage of the interval of the difference.

    Returns
    -------
    DeLongTest
        Named tuple of `statistic`, `pvalue`, and the `difference` of the AUCs with `low`
        and `high`. Where both rank the rows alike, the statistic is 0, the p-value 1, and
        there is no interval (NaN); where a difference has an estimated variance of 0,
        there is no test either.

    Raises
    ------
    ValueError
        If a patient has several rows, y has a single class, or the positive class is
        not known.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson (1988). Comparing the areas
       under two or more correlated receiver operating characteristic curves: a
       nonparametric approach. Biometrics 44, 837-845.

    Examples
    --------
    >>> from skvae.study import delong_test
    >>> y = [0, 0, 0, 1, 0, 1, 0, 1, 1, 0]
    >>> a = [0.1, 0.2, 0.2, 0.3, 0.4, 0.6, 0.5, 0.8, 0.9, 0.1]
    >>> b = [0.3, 0.1, 0.6, 0.5, 0.2, 0.7, 0.8, 0.4, 0.9, 0.2]
    >>> found = delong_test(y, a, b)
    >>> print(f"{found.difference:.3f}, p = {found.pvalue:.3f}")
    0.125, p = 0.399
    """
    check_confidence(confidence)
    scores = {"score_a": score_a, "score_b": score_b}
    auc, covariance = _aucs("delong_test", y, scores, groups, pos_label)
    difference = float(auc[0] - auc[1])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    # Of equal rankings, rounding errors are left.
    if variance < 1e-15:
        nothing = (0.0, 1.0) if abs(difference) < 1e-12 else (np.nan, np.nan)
        return DeLongTest(*nothing, difference, np.nan, np.nan)
    error = float(np.sqrt(variance))
    z, half = difference / error, stats.norm.ppf((1 + confidence) / 2) * error
    return DeLongTest(
        z,
        float(2 * stats.norm.sf(abs(z))),
        difference,
        float(difference - half),
        float(difference + half),
    )


def _aucs(
    owner: str,
    y: "ArrayLike",
    scores: dict[str, ArrayLike],
    groups: "ArrayLike | None",
    pos_label: Any,
) -> tuple[Floats, Floats]:
    """Return the AUC of each column of scores, and their covariances."""
    found = [
        ScoredRows.checked(owner, y, score, groups=groups, pos_label=pos_label)
        for score in scores.values()
    ]
    rows = found[0]
    if rows.several_rows_a_patient:
        names, counts = np.unique(np.asarray(groups), return_counts=True)
        patient = names[counts.argmax()].item()
        raise ValueError(
            f"Got groups with {counts.max()} rows of the patient {patient!r}, but {owner} "
            "takes rows as independent; expected one row a patient, or averaged_curve, "
            "which draws whole patients."
        )
    n_1 = int(rows.positive.sum())
    n_0 = len(rows.positive) - n_1
    if min(n_0, n_1) < 2:
        raise ValueError(
            f"Got y with {n_1} rows of the positive class and {n_0} of the other, but "
            f"{owner} takes two or more of each."
        )
    above, below = [], []
    for each in found:
        score = each.score
        rank = stats.rankdata(score)
        among_1 = stats.rankdata(score[each.positive])
        among_0 = stats.rankdata(score[~each.positive])
        above.append((rank[each.positive] - among_1) / n_0)
        below.append(1 - (rank[~each.positive] - among_0) / n_1)
    covariance = np.atleast_2d(np.cov(above)) / n_1 + np.atleast_2d(np.cov(below)) / n_0
    return np.mean(above, axis=1), covariance
