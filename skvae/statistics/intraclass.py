"""Whether ratings of the same subjects agree."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from skvae.arguments import check_choice, refuse_masked
from skvae.statistics.interval_scales import check_confidence

__all__ = ["IntraclassCorrelation", "intraclass_correlation"]

KINDS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)")


class IntraclassCorrelation(NamedTuple):
    """A correlation with the bounds of its interval; NaN where nothing varies."""

    icc: float
    low: float
    high: float


def intraclass_correlation(
    ratings: "ArrayLike", *, kind: str = "ICC(2,1)", confidence: float = 0.95
) -> IntraclassCorrelation:
    r"""Intraclass correlation of single ratings, with its F interval.

    With the mean squares between subjects :math:`B`, within subjects :math:`W`, between
    raters :math:`J` and of the residual :math:`E` of :math:`n` subjects and :math:`k`
    raters [1]_,

    .. math::
        \mathrm{ICC(1,1)} = \frac{B - W}{B + (k - 1) W}, \quad
        \mathrm{ICC(2,1)} = \frac{B - E}{B + (k - 1) E + k (J - E) / n}, \quad
        \mathrm{ICC(3,1)} = \frac{B - E}{B + (k - 1) E}.

    Parameters
    ----------
    ratings : array-like of shape (n_subjects, n_raters)
        One value of each subject by each rater: a feature of each lesion, by readers,
        masks, scans or perturbations.
    kind : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)"}, default="ICC(2,1)"
        Which, by where the raters come from.

        ``"ICC(1,1)"``
            Each subject has other raters, drawn at random: scan and rescan without
            order, random perturbations of a mask.
        ``"ICC(2,1)"``
            The same raters, a sample of those who might rate: absolute agreement of
            readers, for a feature that anyone's mask should give. A rater who is always
            higher counts as disagreement.
        ``"ICC(3,1)"``
            The same raters, and no others matter: consistency. A constant difference
            between two scanners or segmentation programs does not count.
    confidence : float, default=0.95
        Coverage, between 0 and 1.

    Returns
    -------
    IntraclassCorrelation
        Named tuple of `icc`, `low` and `high`. Values below 0 are left as they are. NaN
        where the ratings do not vary; an `icc` of exactly 1 has no interval.

    Raises
    ------
    ValueError
        If there are fewer than two subjects or raters, or ratings are missing.

    References
    ----------
    .. [1] P. E. Shrout and J. L. Fleiss (1979). Intraclass correlations: uses in assessing
       rater reliability. Psychological Bulletin 86, 420-428.
    .. [2] K. O. McGraw and S. P. Wong (1996). Forming inferences about some intraclass
       correlation coefficients. Psychological Methods 1, 30-46.

    Examples
    --------
    Six subjects and four judges, of [1]_:

    >>> from skvae.study import intraclass_correlation
    >>> judges = [
    ...     [9, 2, 5, 8],
    ...     [6, 1, 3, 2],
    ...     [8, 4, 6, 8],
    ...     [7, 1, 2, 6],
    ...     [10, 5, 6, 9],
    ...     [6, 2, 4, 7],
    ... ]
    >>> for kind in ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)"):
    ...     icc, low, high = intraclass_correlation(judges, kind=kind)
    ...     print(f"{kind} = {icc:.2f} [{low:.2f}, {high:.2f}]")
    ICC(1,1) = 0.17 [-0.13, 0.72]
    ICC(2,1) = 0.29 [0.02, 0.76]
    ICC(3,1) = 0.71 [0.34, 0.95]
    """
    check_choice("intraclass_correlation", "kind", kind, KINDS)
    check_confidence(confidence)
    x = _checked(ratings)
    n, k = x.shape
    squares = _MeanSquares.of(x)
    # Of ratings that are constant, rounding errors are left.
    if squares.total <= 1e-24 * max(1.0, float(np.square(x).max())):
        return IntraclassCorrelation(np.nan, np.nan, np.nan)
    tail = (1 - confidence) / 2
    if kind == "ICC(2,1)":
        return _absolute_agreement(squares, n, k, tail)
    error, df = squares.within, n * (k - 1)
    if kind == "ICC(3,1)":
        error, df = squares.residual, (n - 1) * (k - 1)
    if error <= 1e-12 * squares.between:
        return IntraclassCorrelation(1.0, np.nan, np.nan)
    f = squares.between / error
    ratios = f, f / stats.f.isf(tail, n - 1, df), f * stats.f.isf(tail, df, n - 1)
    return IntraclassCorrelation(*(float((r - 1) / (r + k - 1)) for r in ratios))


class _MeanSquares(NamedTuple):
    """Of the two-way table without replicates."""

    between: float
    within: float
    raters: float
    residual: float
    total: float

    @classmethod
    def of(cls, x: np.ndarray) -> "_MeanSquares":
        n, k = x.shape
        x = x - x.mean()
        subjects, raters = x.mean(axis=1, keepdims=True), x.mean(axis=0)
        return cls(
            between=float(k * np.square(subjects).sum() / (n - 1)),
            within=float(np.square(x - subjects).sum() / (n * (k - 1))),
            raters=float(n * np.square(raters).sum() / (k - 1)),
            residual=float(np.square(x - subjects - raters).sum() / ((n - 1) * (k - 1))),
            total=float(np.square(x).mean()),
        )


def _absolute_agreement(
    squares: _MeanSquares, n: int, k: int, tail: float
) -> IntraclassCorrelation:
    """Return ICC(2,1), whose bounds have approximate degrees of freedom (Satterthwaite)."""
    b, j, e = squares.between, squares.raters, squares.residual
    icc = (b - e) / (b + (k - 1) * e + k * (j - e) / n)
    if max(j, e) <= 1e-12 * b:
        return IntraclassCorrelation(1.0, np.nan, np.nan)
    weight = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    parts = weight[0] * j, weight[1] * e
    df = sum(parts) ** 2 / (parts[0] ** 2 / (k - 1) + parts[1] ** 2 / ((n - 1) * (k - 1)))
    below, above = stats.f.isf(tail, n - 1, df), stats.f.isf(tail, df, n - 1)
    rest = k * j + (k * n - k - n) * e
    low = n * (b - below * e) / (below * rest + n * b)
    high = n * (above * b - e) / (rest + n * above * b)
    return IntraclassCorrelation(float(icc), float(low), float(high))


def _checked(ratings: "ArrayLike") -> np.ndarray:
    refuse_masked("intraclass_correlation", {"ratings": ratings})
    x = np.asarray(ratings, dtype=np.float64)
    if x.ndim != 2 or min(x.shape) < 2 or not np.isfinite(x).all():
        missing = " with NaN" if np.isnan(x).any() else ""
        raise ValueError(
            f"Got ratings of shape {x.shape}{missing}, but intraclass_correlation takes "
            "(n_subjects, n_raters), two or more of each, without missing ones."
        )
    return x
