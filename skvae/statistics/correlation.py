"""Which latent unit knows which attribute, and how surely."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import false_discovery_control
from sklearn.utils import check_random_state

from skvae.arguments import check_choice
from skvae.extras import import_extra
from skvae.statistics.association_tests import Plan, Trial
from skvae.statistics.columns import (
    Columns,
    attribute_columns,
    by_known_rows,
    count_known,
    group_numbers,
    one_row_a_group,
    refuse_classes,
    unit_columns,
    varies,
    warn_undefined,
)
from skvae.statistics.multiplicity import holm

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AttributeCorrelation", "attribute_correlation"]

METHODS = ("spearman", "pearson", "mutual_info", "auto")
CORRECTIONS = ("fdr_bh", "holm", "max_t")
GROUPINGS = ("mean", "blocks", "within")
# Fields of the result: what is found of each pair.
NUMBERS = ("statistic", "low", "high", "p", "p_corrected")


@dataclass(frozen=True, eq=False)
class AttributeCorrelation:
    """How each latent unit goes with each attribute.

    Parameters
    ----------
    units, attributes : tuple of str
        Their names.
    methods : tuple of str
        The statistic of each attribute: ``"spearman"``, ``"pearson"``, ``"mutual_info"``
        (nats beyond chance) or ``"kruskal"`` (correlation ratio of ranks).
    n : ndarray of int, shape (n_attributes,)
        Number of rows, or of groups, at which each attribute is known.
    statistic : ndarray of shape (n_units, n_attributes)
        The statistics.
    low, high : ndarray of shape (n_units, n_attributes)
        Bounds of their intervals; NaN for a constant unit.
    p, p_corrected : ndarray of shape (n_units, n_attributes)
        P-values, and those corrected for the number of pairs.
    correction : str
        How they were corrected.
    confidence : float
        Coverage of the intervals.
    """

    units: tuple[str, ...]
    attributes: tuple[str, ...]
    methods: tuple[str, ...]
    n: np.ndarray
    statistic: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    p_corrected: np.ndarray
    correction: str
    confidence: float

    def table(self) -> "pd.DataFrame":
        """Return a row per pair, the surest of each attribute first.

        Returns
        -------
        table : DataFrame
            With the columns unit, attribute, method, n, statistic, low, high, p and
            p_corrected.
        """
        d, k = self.statistic.shape
        columns = {
            "unit": np.repeat(np.array(self.units, dtype=object), k),
            "attribute": np.tile(np.array(self.attributes, dtype=object), d),
            "method": np.tile(np.array(self.methods, dtype=object), d),
            "n": np.tile(self.n, d),
        }
        columns |= {name: getattr(self, name).ravel() for name in NUMBERS}
        place = np.tile(np.arange(k), d)
        order = np.lexsort((-np.abs(self.statistic.ravel()), self.p.ravel(), place))
        frame = import_extra("pandas").DataFrame(columns)
        return frame.iloc[order].reset_index(drop=True)

    def matrix(self, value: str = "statistic") -> "pd.DataFrame":
        """Return one number of all pairs: units are rows, attributes are columns.

        Parameters
        ----------
        value : {"statistic", "low", "high", "p", "p_corrected"}, default="statistic"
            Which number.

        Returns
        -------
        matrix : DataFrame of shape (n_units, n_attributes)
            With the names of both.
        """
        check_choice("AttributeCorrelation.matrix", "value", value, NUMBERS)
        names = {"index": list(self.units), "columns": list(self.attributes)}
        return import_extra("pandas").DataFrame(getattr(self, value), **names)


def attribute_correlation(
    Z: Any,
    attributes: Any,
    *,
    groups: Any = None,
    grouping: str = "mean",
    method: str = "spearman",
    correction: str = "fdr_bh",
    control: Any = None,
    confidence: float = 0.95,
    n_permutations: int = 1000,
    n_bootstraps: int = 200,
    random_state: Any = 0,
) -> AttributeCorrelation:
    """Test which latent units know which attributes.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_units)
        Latent units, or any features; the names of a frame are kept.
    attributes : array-like of shape (n_samples, n_attributes)
        Attributes; NaN where missing, and left out there. Columns of a frame may hold
        strings, categories or truth values.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row. Rows of a patient are not independent, so needed wherever
        patients have several.
    grouping : {"mean", "blocks", "within"}, default="mean"
        What is asked when there are groups.

        ``"mean"``
            Whether patients with more of the attribute have more of the unit: one row for
            each, the mean of its known values.
        ``"blocks"``
            The same of all rows as they are, where p-values come from exchanging whole
            patients that have the same number of rows (of those that count).
        ``"within"``
            Whether the unit follows the attribute from row to row of the same patient:
            less the patient's means, with p-values from exchanging its rows. Whatever
            tells patients apart does not count.
    method : {"spearman", "pearson", "mutual_info", "auto"}, default="spearman"
        Statistic. ``"mutual_info"`` finds relations of any shape: nats between ten bins of
        equal counts, less what they share by chance. ``"auto"`` is Spearman's correlation,
        also with two classes (the test of Mann and Whitney), and for three or more
        unordered classes the correlation ratio of ranks (the test of Kruskal and Wallis).
    correction : {"fdr_bh", "holm", "max_t"}, default="fdr_bh"
        For the number of pairs: false discovery rate (Benjamini & Hochberg), chance of any
        false discovery (Holm), or the latter by permutation (Westfall & Young), which is
        sharper where units or attributes go together.
    control : array-like of shape (n_samples,) or (n_samples, n_controls), default=None
        What is held constant, such as volume: correlations are partial ones. Rows where it
        is missing are left out.
    confidence : float, default=0.95
        Coverage of the intervals.
    n_permutations : int, default=1000
        Where p-values come from permutations: for ``"max_t"``, ``"mutual_info"`` and the
        groupings ``"blocks"`` and ``"within"``.
    n_bootstraps : int, default=200
        Random halves from which intervals come where no formula is known.
    random_state : int, RandomState instance or None, default=0
        Draws permutations and halves.

    Returns
    -------
    correlation : AttributeCorrelation
        Statistic, interval, p-value, corrected p-value and n of each pair, with
        `table()` and `matrix()`. A constant unit has the statistic 0 and a p-value of 1.
        An attribute that is constant or known in fewer than five rows has NaN, with an
        `UndefinedMetricWarning`, and does not count as a test.

    Raises
    ------
    ValueError
        If an argument is not as expected, or a statistic cannot do what is asked, such
        as mutual information with control.

    See Also
    --------
    disentanglement_scores : One number for the whole code.

    Notes
    -----
    P-values of correlations are those of the t distribution, with a degree of freedom
    less for each control; intervals are Fisher's, for ranks with the variance of Bonett &
    Wright. P-values by permutation are (1 + hits) / (1 + n_permutations). Attributes that
    miss the same rows are permuted together; for others, ``"max_t"`` permutes apart,
    which is a little conservative. The correction counts all pairs of one call.

    References
    ----------
    Bonett, D. G. & Wright, T. A. (2000). Sample size requirements for estimating Pearson,
    Kendall and Spearman correlations. Psychometrika 65.

    Westfall, P. H. & Young, S. S. (1993). Resampling-based multiple testing. Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import attribute_correlation
    >>> rng = np.random.default_rng(3)
    >>> volume = rng.lognormal(size=(60, 1))
    >>> Z = np.hstack([np.log(volume), rng.normal(size=(60, 2))])
    >>> found = attribute_correlation(Z, volume)
    >>> found.table()[["unit", "attribute", "n", "statistic", "p_corrected"]].round(2)
         unit    attribute   n  statistic  p_corrected
    0  unit_0  attribute_0  60       1.00         0.00
    1  unit_2  attribute_0  60       0.11         0.64
    2  unit_1  attribute_0  60       0.01         0.96
    """
    for name, value, choices in (
        ("grouping", grouping, GROUPINGS),
        ("method", method, METHODS),
        ("correction", correction, CORRECTIONS),
    ):
        check_choice("attribute_correlation", name, value, choices)
    units, columns = unit_columns(Z), attribute_columns(attributes, len(Z))
    controls = _control_columns(control, len(Z))
    group = None if groups is None else group_numbers(groups, len(Z))
    if group is not None and grouping == "mean":
        tables = units, columns, controls
        units, columns, controls = (one_row_a_group(table, group) for table in tables)
        group = None
    methods = _methods(method, columns)

    plan = Plan(confidence, n_permutations, n_bootstraps, correction == "max_t")
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    shape = len(units.names), len(columns.names)
    found = {name: np.full(shape, np.nan) for name in (*NUMBERS, "extremity")}
    greatest = np.full(n_permutations, -np.inf)
    known = ~np.isnan(controls.values).any(axis=1)
    values = np.where(known[:, None], columns.values, np.nan)
    warn_undefined(columns.names, values)
    for rows, places in _together(values, methods):
        trial = Trial(
            units.values[rows],
            values[np.ix_(rows, places)],
            controls.values[rows],
            None if group is None else np.unique(group[rows], return_inverse=True)[1],
            grouping,
            methods[places[0]],
        )
        numbers = trial.run(plan, rng)
        for name in ("statistic", "low", "high", "p", "extremity"):
            found[name][:, places] = getattr(numbers, name)
        greatest = np.maximum(greatest, numbers.greatest)
    extremity = found.pop("extremity")
    found["p_corrected"] = _corrected(found["p"], correction, extremity, greatest)
    return AttributeCorrelation(
        units=tuple(units.names),
        attributes=tuple(columns.names),
        methods=tuple(methods),
        n=count_known(values),
        correction=correction,
        confidence=confidence,
        **found,
    )


def _control_columns(control: Any, n_samples: int) -> Columns:
    if control is None:
        return Columns([], np.empty((n_samples, 0)), np.zeros(0, dtype=bool))
    columns = attribute_columns(control, n_samples)
    refuse_classes(columns)
    return columns


def _methods(method: str, columns: Columns) -> list[str]:
    """Return the statistic of each attribute."""
    if method == "auto":
        return ["kruskal" if unordered else "spearman" for unordered in columns.is_class]
    if method != "mutual_info" and columns.is_class.any():
        name = columns.names[int(columns.is_class.argmax())]
        raise ValueError(
            f"Got method={method!r}, but the classes of {name!r} have no order; expected "
            "method='auto' or 'mutual_info'."
        )
    return [method] * len(columns.names)


def _together(
    values: np.ndarray, methods: list[str]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows and columns of attributes that can be tested at once."""
    defined = np.flatnonzero(varies(values))
    for rows, columns in by_known_rows(values[:, defined]):
        places = defined[columns]
        alone = [k for k in places if methods[k] in ("mutual_info", "kruskal")]
        if rest := [k for k in places if k not in alone]:
            yield rows, np.array(rest)
        for k in alone:
            yield rows, np.array([k])


def _corrected(
    p: np.ndarray, correction: str, extremity: np.ndarray, greatest: np.ndarray
) -> np.ndarray:
    """Return the p-values of all pairs, corrected for their number."""
    corrected = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if correction == "max_t":
        larger = greatest >= extremity[tested][:, None] - 1e-9
        corrected[tested] = (1 + larger.sum(axis=1)) / (1 + len(greatest))
    elif tested.any():
        correct = holm if correction == "holm" else false_discovery_control
        corrected[tested] = correct(p[tested])
    return corrected
