"""Signs that the outcome, or a patient, is on both sides of what should be apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from skvae.extras import import_extra
from skvae.study.cohort import Cohort
from skvae.study.input_blocks import Blocks

__all__ = ["leak_signs"]

# Alone, a column that ranks patients this well is the outcome, or was made of it.
_SUSPICIOUS = 0.99


def leak_signs(cohort: Cohort) -> list[str]:
    """Say which columns may be the outcome, and which patients may be the same.

    Parameters
    ----------
    cohort : Cohort
        The rows of a study.

    Returns
    -------
    list of str
        A sentence for each sign; none where nothing is suspicious.
    """
    tables = {"X": cohort.X} if not isinstance(cohort.X, Blocks) else {}
    if isinstance(cohort.X, Blocks):
        tables = {name: cohort.X[name] for name in cohort.X.names}
    signs = []
    for name, table in tables.items():
        if np.ndim(table) != 2:
            continue
        columns, values = _coded(table)
        signs += _outcome_signs(cohort, columns, values)
        signs += _copy_signs(cohort, name, values)
    return signs


def _coded(table: Any) -> tuple[list[str], NDArray[np.float64]]:
    """Return columns of text as numbers of their values, in no order that means more."""
    if not hasattr(table, "columns"):
        values = np.asarray(table, dtype=np.float64)
        return [f"column {i}" for i in range(values.shape[1])], values
    pd = import_extra("pandas")
    columns = {}
    for name in table.columns:
        column = table[name]
        if not pd.api.types.is_numeric_dtype(column):
            column = pd.Series(pd.factorize(column)[0], dtype=float).replace(-1, np.nan)
        columns[name] = np.asarray(column, dtype=np.float64)
    return [str(name) for name in table.columns], np.column_stack(list(columns.values()))


def _outcome_signs(
    cohort: Cohort, columns: list[str], values: NDArray[np.float64]
) -> list[str]:
    outcome = cohort.outcome
    filled = np.where(np.isnan(values), np.nanmedian(values, axis=0, keepdims=True), values)
    ranks = rankdata(np.nan_to_num(filled), axis=0)
    if outcome.kind == "classes":
        measure, best = "AUC", np.zeros(len(columns))
        for label in range(len(outcome.classes)):
            best = np.maximum(best, _auc(ranks, outcome.strata == label))
    else:
        measure = "rank correlation"
        target = outcome.values
        if outcome.kind == "event":
            (time,) = (n for n in target.dtype.names if target.dtype[n].kind != "b")
            target = target[time]
        best = _correlation(ranks, rankdata(target))
    return [
        f"the column {columns[i]!r} alone has an {measure} of {best[i]:.3f}: it may be the "
        "outcome, or made of it"
        if measure == "AUC"
        else f"the column {columns[i]!r} alone has a {measure} of {best[i]:.3f} with the "
        "outcome: it may be made of it"
        for i in np.flatnonzero(best > _SUSPICIOUS)
    ]


def _auc(ranks: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    n_positive, n_negative = positive.sum(), (~positive).sum()
    above = ranks[positive].sum(axis=0) - n_positive * (n_positive + 1) / 2
    auc = above / (n_positive * n_negative)
    return np.maximum(auc, 1 - auc)


def _correlation(
    ranks: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    centred, other = ranks - ranks.mean(axis=0), target - target.mean()
    norms = np.sqrt((centred**2).sum(axis=0) * (other**2).sum())
    return np.abs(other @ centred) / np.where(norms > 0, norms, np.inf)


def _copy_signs(cohort: Cohort, name: str, values: NDArray[np.float64]) -> list[str]:
    """Find equal rows of different patients: one patient under two names."""
    if values.shape[1] < 3:
        return []  # of few columns, equal rows are no surprise
    _, first, of_row = np.unique(values, axis=0, return_index=True, return_inverse=True)
    patients = cohort.patients.astype(str)
    differ = patients != patients[first[of_row.reshape(-1)]]
    if not differ.any():
        return []
    row = int(np.flatnonzero(differ)[0])
    same = patients[first[of_row.reshape(-1)[row]]]
    return [
        f"{int(differ.sum())} rows of {name} equal those of other patients, such as "
        f"{patients[row]!r} and {same!r}: they may be the same patient"
    ]
