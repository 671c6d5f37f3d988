"""What is known of the rows of a study besides their inputs, and which units know it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.extras import import_extra
from skvae.statistics.correlation import attribute_correlation
from skvae.study.arm_features import Input, log_volume
from skvae.study.cohort import Cohort
from skvae.study.fitted_networks import TrainedNetwork
from skvae.study.input_parts import as_parts
from skvae.study.training_record import code_of, codes

__all__ = ["Attributes", "attributes_of", "unit_correlations"]

VOLUME = "volume"
# Units beyond so many would fill tables that nobody reads: those that vary most are kept.
MOST_UNITS = 64
_NO_ATTRIBUTES = ("groups", "sample_weight")


@dataclass(frozen=True, eq=False)
class Attributes:
    """Numbers that are known of each row.

    Attributes
    ----------
    names : tuple of str
        Their names.
    values : ndarray of shape (n_rows, n_attributes)
        NaN where one is missing.
    volume : ndarray of shape (n_rows,) or None
        The volume: the column that is called so, or that of the masks.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    volume: NDArray[np.float64] | None

    def __bool__(self) -> bool:
        return bool(self.names) or self.volume is not None

    def rows(self, rows: NDArray[np.intp]) -> "Attributes":
        """Return those of some rows."""
        volume = None if self.volume is None else self.volume[rows]
        return Attributes(self.names, self.values[rows], volume)


def attributes_of(cohort: Cohort) -> Attributes:
    """Find the numbers among the `params` of a study, and the volume in its inputs.

    Parameters
    ----------
    cohort : Cohort
        All rows.

    Returns
    -------
    known : Attributes
        Without names where there are none.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for name, values in cohort.metadata.items():
        if name not in _NO_ATTRIBUTES:
            found |= _numbers(name, values)
    volume = next(
        (v for part in as_parts(cohort.X).values() if (v := _volume(part)) is not None),
        None,
    )
    values = np.column_stack([*found.values()]) if found else np.empty((len(cohort.X), 0))
    return Attributes(tuple(found), values, volume)


def unit_correlations(
    networks: Sequence[TrainedNetwork],
    attributes: Attributes,
    patients: NDArray[Any],
) -> list[dict[str, Any]]:
    """Correlate each unit of each code with each attribute, with and without the volume.

    Parameters
    ----------
    networks : sequence of TrainedNetwork
        Of an arm, with held-out rows.
    attributes : Attributes
        Of these rows.
    patients : ndarray of shape (n_rows,)
        Patients of these rows; of several rows the mean counts.

    Returns
    -------
    list of dict
        `unit`, `attribute`, `n`, `rho`, `ci_low`, `ci_high`, `p`, `p_corrected` (by false
        discovery rate, all pairs of a code), `controlled_for`, and `own`: whether the unit
        was trained to follow the attribute.
    """
    rows: list[dict[str, Any]] = []
    able = [n for n in networks if n.X is not None and code_of(n.estimator) is not None]
    for network in able:
        prefix = f"{network.name}: " if len(able) > 1 else ""
        rows += _correlations(network, attributes, patients, prefix)
    return rows


def _correlations(
    network: TrainedNetwork, attributes: Attributes, patients: NDArray[Any], prefix: str
) -> list[dict[str, Any]]:
    pd = import_extra("pandas")
    code = codes(network)
    most = np.sort(np.argsort(-code.var(axis=0), kind="stable")[:MOST_UNITS])
    layer = code_of(network.estimator)
    Z = pd.DataFrame({f"{prefix}{layer}_{k}": code[:, k] for k in most})
    groups = patients if len(set(patients.tolist())) < len(patients) else None
    own = _own_units(network.estimator, f"{prefix}{layer}")
    columns = dict(zip(attributes.names, attributes.values.T, strict=True))
    volume = attributes.volume
    if volume is not None:
        columns.setdefault(VOLUME, volume)
    A = pd.DataFrame(columns)
    found = _rows(attribute_correlation(Z, A, groups=groups), "", own)
    others = A.drop(columns=VOLUME, errors="ignore")
    if volume is not None and len(others.columns):
        controlled = attribute_correlation(Z, others, groups=groups, control=volume)
        found += _rows(controlled, VOLUME, own)
    return found


def _rows(found: Any, controlled_for: str, own: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "unit": unit,
            "attribute": attribute,
            "n": int(found.n[k]),
            "rho": float(found.statistic[j, k]),
            "ci_low": float(found.low[j, k]),
            "ci_high": float(found.high[j, k]),
            "p": float(found.p[j, k]),
            "p_corrected": float(found.p_corrected[j, k]),
            "controlled_for": controlled_for,
            "own": own.get(unit) == attribute,
        }
        for k, attribute in enumerate(found.attributes)
        for j, unit in enumerate(found.units)
    ]


def _own_units(estimator: Any, layer: str) -> dict[str, str]:
    """Return which unit was trained for which attribute: the k-th for the k-th."""
    names = getattr(estimator, "attribute_names_", ())
    return {f"{layer}_{k}": str(name) for k, name in enumerate(names)}


def _numbers(name: str, values: Any) -> dict[str, NDArray[np.float64]]:
    """Return the columns of numbers among what goes to the fit of the arms."""
    if hasattr(values, "columns"):
        is_number = import_extra("pandas").api.types.is_numeric_dtype
        return {
            str(key): column.to_numpy(dtype=np.float64, na_value=np.nan)
            for key, column in values.items()
            if is_number(column)
        }
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or array.ndim > 2:
        return {}
    if array.ndim == 1:
        return {name: array.astype(np.float64)}
    # As `attribute_correlation` and AttriVAE call columns without names.
    return {f"attribute_{k}": array[:, k].astype(np.float64) for k in range(array.shape[1])}


def _volume(part: Any) -> NDArray[np.float64] | None:
    given = Input(part)
    if given.volume is not None:
        place = [str(name) for name in part.columns].index(given.volume)
        column = part.iloc[:, place]
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if isinstance(part, np.ndarray) and part.ndim > 3 and given.is_mask:
        return log_volume(part)[:, 0]
    return None
