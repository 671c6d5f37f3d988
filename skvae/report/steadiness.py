"""How much what a study found depends on how its patients were split: no new fits."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.report.chosen_configurations import choice_in_words
from skvae.report.record import Record

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["steadiness"]

_PREFIX = "param_"


def steadiness(record: Record) -> Iterator[tuple[str, "DataFrame", str]]:
    """Yield what is known of it: name, table and caption.

    Parameters
    ----------
    record : Record
        What the report is made of.

    Yields
    ------
    (str, DataFrame, str)
        Of choices, of the scores of patients over repeats, of what drives the scores;
        each only where there is something to compare.
    """
    pd = import_extra("pandas")
    for name, rows, caption in (
        ("steady-choices", _choices(record), _CHOICES),
        ("steady-scores", _scores(record), _SCORES),
        ("steady-importance", _importance(record), _IMPORTANCE),
    ):
        found = list(rows)
        if found:
            yield name, pd.DataFrame(found), caption


_CHOICES = (
    "Of each arm that was searched, how often the outer folds chose the same: choices that "
    "wander are no property of the data."
)
_SCORES = (
    "Rank correlation (Spearman) of the out-of-fold scores of the same rows in two "
    "repeats, whose models were fitted on other training parts: mean and range over all "
    "pairs of repeats."
)
_IMPORTANCE = (
    "Rank correlation (Spearman) of how much each part of the inputs drives the score in "
    "two outer folds of the first repeat: mean and range over all pairs of folds."
)


def _choices(record: Record) -> Iterator[dict[str, str]]:
    """Count the configuration that most folds chose."""
    for arm in record.result.arms:
        scores = record.result.scores
        rows = scores[scores["arm"] == arm]
        keys = [c for c in rows if c.startswith(_PREFIX) and rows[c].notna().any()]
        if not keys or len(rows) < 2:
            continue
        counts = rows[keys].astype(object).groupby(keys, dropna=False).size()
        yield {
            "arm": arm,
            "most frequent choice": _most_frequent(keys, counts),
            "outer folds": f"{counts.max()} of {len(rows)}",
            "different choices": str(len(counts)),
        }


def _most_frequent(keys: list[str], counts: Any) -> str:
    if counts.max() == 1:
        return "none twice"
    best = counts.sort_values(ascending=False, kind="stable").index[0]
    return ", ".join(
        f"{key.removeprefix(_PREFIX)} {choice_in_words(value)}"
        for key, value in zip(
            keys, best if isinstance(best, tuple) else (best,), strict=True
        )
        if value == value
    )


def _scores(record: Record) -> Iterator[dict[str, str]]:
    for arm in record.result.arms:
        frame = record.predicted_by(arm)
        column = "prediction" if record.result.kind == "number" else "score"
        if column not in frame or frame[column].isna().any():
            continue
        wide = frame.pivot_table(column, "sample", "repeat")
        yield from _agreement(arm, wide, "pairs of repeats")


def _importance(record: Record) -> Iterator[dict[str, str]]:
    importance = record.frame("importance")
    if importance is None:
        return
    for arm, rows in importance.groupby("arm", sort=False):
        wide = rows.pivot_table("drop", "block", "fold")
        wide = wide[(wide != 0).any(axis=1)]  # what the arm does not read is always last
        if len(wide) > 2:  # two parts are in one of two orders
            yield from _agreement(arm, wide, "pairs of folds")


def _agreement(arm: Any, wide: "DataFrame", what: str) -> Iterator[dict[str, str]]:
    """Yield the mean and the range of the rank correlations of columns, two by two."""
    rho = wide.corr(method="spearman").to_numpy()
    pairs = rho[np.triu_indices(len(rho), 1)]
    pairs = pairs[np.isfinite(pairs)]
    if len(pairs):
        yield {
            "arm": arm,
            what: str(len(pairs)),
            "mean": f"{pairs.mean():.2f}",
            "range": f"{pairs.min():.2f} to {pairs.max():.2f}",
        }
