"""How much a score falls where a part of the inputs says nothing of its row."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if

from skvae._compat import take_rows
from skvae.datasets.lazy_rows import LazyRows
from skvae.statistics.grouping import numbered
from skvae.study.aggregation import PatientPredictor, by_patient
from skvae.study.exchanged_rows import Copy, donor_rows, stacked_copies
from skvae.study.fitted_networks import without_reading
from skvae.study.input_blocks import Blocks, SelectBlock
from skvae.study.input_parts import as_parts, parts_of
from skvae.study.quick_auc import AUC, has_all_classes, quick_auc

__all__ = ["Judged", "importance"]

N_REPEATS = 5
# What the exchanges of an arm and fold may read: entries of the inputs, which decide how
# long networks take, and rows, which do for all else. 100 crops of 32^3 in 27 regions are
# 90 million entries, and seconds; fitting the networks of the fold reads a hundred times
# as many. First there are fewer repeats, then fewer rows.
MOST_ENTRIES = 100_000_000
MOST_ROWS = 30_000
LEAST_ROWS = 30
# Entries that are predicted at once: 32 MB of single precision.
ENTRIES_AT_ONCE = 2**23
# What a row counts that is read from a file: a crop of 32^3.
_OF_A_FILE = 32**3


@dataclass(frozen=True, eq=False)
class Judged:
    """A fitted arm with the rows that it is judged on.

    Attributes
    ----------
    fitted : estimator
        The arm, fitted on other rows.
    X : array, DataFrame, list or Blocks
        Inputs.
    y : ndarray of shape (n_rows,)
        Their outcome.
    patients : ndarray of shape (n_rows,)
        Their patients.
    strata : ndarray of int, shape (n_rows,)
        Class, event or quarter of the outcome.
    scoring : str or callable
        A score, higher is better.
    aggregate : str or None
        How the predictions of a patient's rows become one.
    """

    fitted: Any
    X: Any
    y: NDArray[Any]
    patients: NDArray[Any]
    strata: NDArray[np.intp]
    scoring: Any
    aggregate: str | None

    def score(self, predictor: Any, X: Any) -> float:
        """Score predictions of the rows, or of their patients."""
        y = self.y
        if self.aggregate is not None:
            predictor = PatientPredictor(predictor, self.patients, self.aggregate)
            y = y[by_patient(self.patients)]
        if self.scoring in AUC and has_all_classes(predictor, y):
            return quick_auc(predictor, X, y)
        return float(check_scoring(self.fitted, self.scoring)(predictor, X, y))

    def some(self, n_rows: int) -> "Judged":
        """Return it with fewer rows, of whole patients, with about the same outcomes."""
        first = by_patient(self.patients)
        number = numbered(self.patients)
        order = np.argsort(self.strata[first], kind="stable")
        n = max(2, round(len(first) * n_rows / len(self.y)))
        drawn = order[np.linspace(0, len(first) - 1, min(n, len(first))).astype(np.intp)]
        rows = np.flatnonzero(np.isin(number, drawn))
        return Judged(
            self.fitted,
            take_rows(self.X, rows),
            self.y[rows],
            self.patients[rows],
            self.strata[rows],
            self.scoring,
            self.aggregate,
        )


def importance(
    judged: Judged, clusters: dict[str | None, list[NDArray[np.intp]]], seed: int
) -> list[dict[str, Any]]:
    """Exchange one part of the inputs at a time between patients, and score again.

    Parameters
    ----------
    judged : Judged
        A fitted arm and held-out rows.
    clusters : dict of str or None to list of ndarray
        Columns of tables that go together.
    seed : int
        Draws who gets whose values.

    Returns
    -------
    list of dict
        For each part `block`, `columns`, `n_columns`, `drop` (the score less its mean after
        the exchanges), `n_repeats` and `n_rows`.
    """
    judged, name = without_files(judged)
    if name is not None:  # the only block is no block any more
        clusters = {None: clusters[name]} if name in clusters else {}
    taken = _taken(judged)
    parts = parts_of(judged.X, clusters, taken, only=name)
    if not parts:
        return []
    entries = sum(_entries(block) for b, block in as_parts(judged.X).items() if b in taken)
    most = int(min(MOST_ENTRIES / entries, MOST_ROWS)) // len(parts)
    n_repeats = int(np.clip(most // len(judged.y), 1, N_REPEATS))
    if most < len(judged.y):
        judged = judged.some(max(most, LEAST_ROWS))
    rng, number = np.random.default_rng(seed), numbered(judged.patients)
    copies: list[Copy] = [(None, np.arange(len(number)))]
    copies += [(part, donor_rows(number, rng)) for part in parts for _ in range(n_repeats)]
    at_once = max(1, ENTRIES_AT_ONCE // (entries * len(number)))
    scores = [
        score
        for start in range(0, len(copies), at_once)
        for score in _scores(judged, copies[start : start + at_once])
    ]
    drops = scores[0] - np.reshape(scores[1:], (len(parts), n_repeats))
    return [
        {
            "block": part.name,
            "columns": part.columns,
            "n_columns": part.n_columns,
            "drop": float(mean),
            "n_repeats": n_repeats,
            "n_rows": len(number),
        }
        for part, mean in zip(parts, drops.mean(axis=1), strict=True)
    ]


def without_files(judged: Judged) -> tuple[Judged, str | None]:
    """Do once what only selects a block or reads files, so that values can be exchanged.

    Parameters
    ----------
    judged : Judged
        A fitted arm.

    Returns
    -------
    judged : Judged
        Without those first steps.
    name : str or None
        The block that they selected, if any.
    """
    rest, X, name = without_reading(judged.fitted, judged.X)
    if isinstance(X, Blocks):
        X = Blocks({block: _read(X[block]) for block in X.names})
    X = _read(X)
    columns = (judged.y, judged.patients, judged.strata, judged.scoring, judged.aggregate)
    return Judged(rest, X, *columns), name


def _read(block: Any) -> Any:
    """Return rows that lie in a file as an array."""
    return np.asarray(block) if isinstance(block, LazyRows) else block


def _taken(judged: Judged) -> set[str | None]:
    """Names of the blocks that an arm reads."""
    steps = judged.fitted.get_params().values()
    blocks = {step.block for step in steps if isinstance(step, SelectBlock)}
    names = set(as_parts(judged.X))
    return blocks & names or names


def _entries(block: Any) -> int:
    if hasattr(block, "columns") and "Image" in block.columns:
        return _OF_A_FILE
    shape = getattr(block, "shape", None)
    return int(np.prod(shape[1:])) if shape is not None else _OF_A_FILE


def _scores(judged: Judged, copies: Sequence[Copy]) -> list[float]:
    """Score copies that are predicted at once."""
    batch = _Batch(judged.fitted, stacked_copies(judged.X, copies))
    n, X = len(judged.y), batch.X
    found = []
    for k in range(len(copies)):
        if callable(judged.scoring):  # others do not look at the inputs themselves
            X = take_rows(batch.X, np.arange(k * n, (k + 1) * n))
        found.append(judged.score(_Slice(batch, slice(k * n, (k + 1) * n)), X))
    return found


class _Batch:
    """Predictions of many rows, each made once."""

    def __init__(self, fitted: Any, X: Any) -> None:
        self.fitted = fitted
        self.X = X

    @cached_property
    def predict(self) -> NDArray[Any]:
        return np.asarray(self.fitted.predict(self.X))

    @cached_property
    def predict_proba(self) -> NDArray[Any]:
        return np.asarray(self.fitted.predict_proba(self.X))

    @cached_property
    def decision_function(self) -> NDArray[Any]:
        return np.asarray(self.fitted.decision_function(self.X))


def _can(method: str) -> Any:
    return available_if(lambda self: hasattr(self.batch.fitted, method))


class _Slice(BaseEstimator):
    """An estimator that has predicted its rows already."""

    def __init__(self, batch: _Batch, rows: slice) -> None:
        self.batch = batch
        self.rows = rows

    @property
    def classes_(self) -> NDArray[Any]:
        classes: NDArray[Any] = self.batch.fitted.classes_
        return classes

    def predict(self, X: Any) -> NDArray[Any]:
        return self.batch.predict[self.rows]

    @_can("predict_proba")
    def predict_proba(self, X: Any) -> NDArray[Any]:
        return self.batch.predict_proba[self.rows]

    @_can("decision_function")
    def decision_function(self, X: Any) -> NDArray[Any]:
        return self.batch.decision_function[self.rows]

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.batch.fitted)

    def __sklearn_is_fitted__(self) -> bool:
        return True
