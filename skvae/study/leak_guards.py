"""Signs that the outcome, or a patient, is on both sides of what should be apart."""

from collections.abc import Iterator
from math import comb
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
_ROWS_PER_TEXT = 5
# What is more often found by chance is no sign.
_LARGEST_CHANCE = 0.05


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
        columns, values, is_text = _coded(table)
        signs += _outcome_signs(cohort, columns, values, is_text)
        signs += _copy_signs(cohort, name, values)
    return signs


def _coded(table: Any) -> tuple[list[str], NDArray[np.float64], NDArray[np.bool_]]:
    """Return names and numbers of columns, of text the number of its value."""
    if not hasattr(table, "columns"):
        values = np.asarray(table, dtype=np.float64)
        names = [f"column {i}" for i in range(values.shape[1])]
        return names, values, np.zeros(len(names), dtype=bool)
    pd = import_extra("pandas")
    columns = [table[name] for name in table.columns]
    is_text = [not pd.api.types.is_numeric_dtype(column) for column in columns]
    values = [
        pd.factorize(column, use_na_sentinel=False)[0].astype(np.float64)
        if text
        else column.to_numpy(dtype=np.float64, na_value=np.nan)
        for column, text in zip(columns, is_text, strict=True)
    ]
    return [str(name) for name in table.columns], np.column_stack(values), np.array(is_text)


def _outcome_signs(
    cohort: Cohort,
    columns: list[str],
    values: NDArray[np.float64],
    is_text: NDArray[np.bool_],
) -> list[str]:
    outcome = cohort.outcome
    best = np.zeros(len(columns))
    if outcome.kind == "classes":
        what = "an AUC of {:.3f}: it may be the outcome, or made of it"
        for label in range(len(outcome.classes)):
            is_class = outcome.strata == label
            if not _may_be_chance(int(is_class.sum()), len(is_class), len(columns)):
                for ranks in _rankings(values, is_text, is_class.astype(np.float64)):
                    best = np.maximum(best, _auc(ranks, is_class))
    else:
        what = "a rank correlation of {:.3f} with the outcome: it may be made of it"
        target = outcome.values
        if outcome.kind == "event":
            (time,) = (n for n in target.dtype.names if target.dtype[n].kind != "b")
            target = target[time]
        target = rankdata(target)
        for ranks in _rankings(values, is_text, target):
            best = np.maximum(best, _correlation(ranks, target))
    return [
        f"the column {columns[i]!r} alone has {what.format(best[i])}"
        for i in np.flatnonzero(best > _SUSPICIOUS)
    ]


def _rankings(
    values: NDArray[np.float64], is_text: NDArray[np.bool_], target: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Rank the rows by each column, and by whether its value is missing.

    Values of text have no order but that of the outcome, as long as each has some rows.
    """
    filled = values.copy()
    for i, column in enumerate(values.T):
        there = ~np.isnan(column)
        filled[~there, i] = np.median(column[there]) if there.any() else 0.0
        if is_text[i] and len(column) >= _ROWS_PER_TEXT * (column.max() + 1):
            code = column.astype(np.intp)
            filled[:, i] = (np.bincount(code, target) / np.bincount(code))[code]
    yield rankdata(filled, axis=0)
    yield rankdata(np.isnan(values), axis=0)


def _may_be_chance(n_positive: int, n_rows: int, n_columns: int) -> bool:
    """Whether one of some columns may well rank a few rows first or last."""
    return 2 * n_columns / comb(n_rows, n_positive) > _LARGEST_CHANCE


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
    coded = np.where(np.isnan(values), np.inf, values)
    if _pairs_by_chance(coded) > _LARGEST_CHANCE:
        return []  # of few columns of few values, equal rows are no surprise
    _, first, of_row = np.unique(coded, axis=0, return_index=True, return_inverse=True)
    patients = cohort.patients.astype(str)
    original = patients[first[of_row.reshape(-1)]]
    differ = patients != original
    if not differ.any():
        return []
    row = int(np.flatnonzero(differ)[0])
    return [
        f"{int(differ.sum())} rows of {name} equal those of other patients, such as "
        f"{str(patients[row])!r} and {str(original[row])!r}: they may be the same patient"
    ]


def _pairs_by_chance(values: NDArray[np.float64]) -> float:
    """Return how many pairs of rows would be equal if columns were independent."""
    n = len(values)
    n_pairs = np.log(max(1, n * (n - 1) / 2))
    for column in values.T:
        counts = np.unique(column, return_counts=True)[1].astype(float)
        n_pairs += np.log(max((counts * (counts - 1)).sum(), 1) / max(1, n * (n - 1)))
    return float(np.exp(n_pairs))
