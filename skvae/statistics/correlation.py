"""Which latent unit knows which attribute, and how surely."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import false_discovery_control
from sklearn.utils import check_random_state

from skvae.arguments import check_choice
from skvae.exceptions import listed_briefly, warn_caller
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
    own_units : tuple of int or None, default=()
        The unit that was meant for each attribute, where there are such units.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import attribute_correlation
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.normal(size=(60, 2))
    >>> volume = Z[:, [1]] + 0.1 * rng.normal(size=(60, 1))
    >>> found = attribute_correlation(Z, volume)
    >>> found
    AttributeCorrelation(2 units, 1 attributes, spearman, n = 60)
    >>> found.units[int(np.abs(found.statistic[:, 0]).argmax())]
    'unit_1'
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
    own_units: tuple[int | None, ...] = ()

    def __repr__(self) -> str:
        methods = " / ".join(dict.fromkeys(self.methods))
        known = " to ".join(map(str, sorted({self.n.min(), self.n.max()})))
        return (
            f"AttributeCorrelation({len(self.units)} units, {len(self.attributes)} "
            f"attributes, {methods}, n = {known})"
        )

    def table(self) -> "pd.DataFrame":
        """Return a row per pair, the surest of each attribute first.

        Returns
        -------
        table : DataFrame
            With the columns unit, attribute, method, n, statistic, low, high, p and
            p_corrected; where units are meant for attributes, also is_own.
        """
        d, k = self.statistic.shape
        columns = {
            "unit": np.repeat(np.array(self.units, dtype=object), k),
            "attribute": np.tile(np.array(self.attributes, dtype=object), d),
            "method": np.tile(np.array(self.methods, dtype=object), d),
            "n": np.tile(self.n, d),
        }
        columns |= {name: getattr(self, name).ravel() for name in NUMBERS}
        if self.own_units:
            own = np.array([-1 if u is None else u for u in self.own_units])
            columns["is_own"] = (np.arange(d)[:, None] == own).ravel()
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
    own_units: Sequence[int | None] | None = None,
) -> AttributeCorrelation:
    """Test which latent units know which attributes.

    As `skvae.inspection.attribute_correlation`, which documents it, of arrays.

    Raises
    ------
    ValueError
        If an argument is not as expected.
    """
    for name, value, choices in (
        ("grouping", grouping, GROUPINGS),
        ("method", method, METHODS),
        ("correction", correction, CORRECTIONS),
    ):
        check_choice("attribute_correlation", name, value, choices)
    units = unit_columns(Z)
    columns = attribute_columns(attributes, len(units.values))
    controls = _control_columns(control, len(units.values))
    own = _check_own(own_units, len(units.names), len(columns.names))
    group = None if groups is None else group_numbers(groups, len(units.values))
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
    correlation = AttributeCorrelation(
        units=tuple(units.names),
        attributes=tuple(columns.names),
        methods=tuple(methods),
        n=count_known(values),
        correction=correction,
        confidence=confidence,
        own_units=own,
        **found,
    )
    _warn_of_better_fits(correlation)
    return correlation


def better_fits(found: AttributeCorrelation) -> dict[int, int]:
    """Return, of attributes with a unit of their own, which other fits that unit better.

    Parameters
    ----------
    found : AttributeCorrelation
        Attributes are compared where their statistic is the same.

    Returns
    -------
    better : dict of int to int
        The number of an attribute, and that of the other.
    """
    strength = np.nan_to_num(np.abs(found.statistic), nan=-1.0)
    methods = np.array(found.methods)
    better = {}
    for k, unit in enumerate(found.own_units):
        if unit is not None:
            of_unit = np.where(methods == methods[k], strength[unit], -1.0)
            best = int(of_unit.argmax())
            if of_unit[best] > of_unit[k] >= 0:
                better[k] = best
    return better


def _warn_of_better_fits(found: AttributeCorrelation) -> None:
    texts = []
    for k, other in better_fits(found).items():
        unit = found.own_units[k]
        own, theirs = found.statistic[unit, [k, other]]
        texts.append(
            f"{found.units[unit]} with {found.attributes[other]!r} ({theirs:.2f}) rather "
            f"than {found.attributes[k]!r} ({own:.2f})"
        )
    if texts:
        warn_caller(
            "A unit goes better with another attribute than with its own: "
            f"{listed_briefly(texts)}."
        )


def _check_own(
    own_units: Sequence[int | None] | None, n_units: int, n_attributes: int
) -> tuple[int | None, ...]:
    if own_units is None:
        return ()
    own = tuple(own_units)
    known = [u is None or (_is_whole(u) and 0 <= u < n_units) for u in own]
    if len(own) != n_attributes or not all(known):
        raise ValueError(
            f"Got own_units={own_units!r}, but expected a unit from 0 to {n_units - 1} or "
            f"None for each of {n_attributes} attributes."
        )
    return tuple(None if u is None else int(u) for u in own)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


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
