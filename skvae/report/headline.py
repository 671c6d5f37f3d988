"""The first table of a report: each arm, how good, how sure, at what price."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.report.number_format import amount, bounds, p_value, signed_bounds
from skvae.report.record import Record
from skvae.report.score_names import score_name
from skvae.statistics.thresholds import threshold_metrics

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["brier_score", "headline_table"]


def headline_table(record: Record) -> "DataFrame":
    """Lay the comparison out in texts, a row for each arm, without columns of nothing."""
    result = record.result
    rows = []
    for row in result.summary().itertuples(name="Row"):
        found = {
            "arm": row.arm,
            f"mean {score_name(result.scoring)} [95 % CI]": f"{row.mean:.3f} "
            + bounds(row.ci_low, row.ci_high),
        }
        if len(result.arms) > 1:
            found |= _difference(row, result.reference)
        found |= _further_scores(record, row.arm)
        found |= _at_the_threshold(record, row.arm)
        found |= _price(result, row)
        rows.append(found)
    frame = import_extra("pandas").DataFrame(rows)
    empty = [c for c in frame if (frame[c] == "–").all()]
    return frame.drop(columns=empty)


def _difference(row: Any, reference: str) -> dict[str, str]:
    column = f"difference to {reference} [95 % CI]"
    if row.arm == reference:
        names = ("p", "Holm p", "worse / equal / better")
        return {column: "reference"} | dict.fromkeys(names, "–")
    interval = signed_bounds(row.difference_ci_low, row.difference_ci_high)
    shares = "/".join(amount(v, 2) for v in (row.worse, row.equal, row.better))
    return {
        column: f"{row.difference:+.3f} {interval}",
        "p": p_value(row.p),
        "Holm p": p_value(row.p_holm),
        "worse / equal / better": "–" if np.isnan(row.worse) else shares,
    }


def _further_scores(record: Record, arm: str) -> dict[str, str]:
    """Return the means of the scores that do not decide."""
    rows = record.result.scores[record.result.scores["arm"] == arm]
    names = [column for column in rows if column.startswith("score_")]
    return {
        f"mean {score_name(name.removeprefix('score_'))}": amount(rows[name].mean())
        for name in names
    }


def _at_the_threshold(record: Record, arm: str) -> dict[str, str]:
    """Return Brier score, sensitivity and specificity, as far as they are defined."""
    found = {"Brier": amount(brier_score(record, arm))}
    rows = record.predicted_by(arm)
    metrics = None
    if record.has_thresholds and rows["threshold"].notna().all():
        metrics = _metrics(record.result, rows)
    for name in ("sensitivity", "specificity"):
        if metrics is None:
            found[f"{name} [95 % CI]"] = "–"
            continue
        share = getattr(metrics, name)
        found[f"{name} [95 % CI]"] = (
            f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]"
        )
    return found


def _metrics(result: Any, rows: Any) -> Any:
    try:
        return threshold_metrics(
            rows["y"].to_numpy(),
            rows["score"].to_numpy(dtype=float),
            rows["threshold"].to_numpy(dtype=float),
            repeat=rows["repeat"].to_numpy(),
            groups=rows["group"].to_numpy(),
            pos_label=result.positive,
        )
    except ValueError:  # of too few rows, such as a repeat without a class
        return None


def brier_score(record: Record, arm: str) -> float:
    """Return the mean squared distance of probabilities from what came.

    Parameters
    ----------
    record : Record
        What the report is made of.
    arm : str
        Name of the arm.

    Returns
    -------
    float
        The mean over the rows of all repeats; NaN without probabilities of two classes.
    """
    if not record.gives_probabilities(arm):
        return float("nan")
    rows = record.predicted_by(arm)
    came: Series = rows["y"] == record.result.positive
    return float(((rows["score"] - came) ** 2).mean())


def _price(result: Any, row: Any) -> dict[str, str]:
    timings = result.timings[result.timings["arm"] == row.arm]
    found = {"configurations tried": str(row.n_configurations)}
    if "n_trainings" in timings:
        found["networks trained"] = f"{int(timings['n_trainings'].sum()):,}"
    found["seconds"] = f"{timings['fit_seconds'].sum():,.0f}"
    return found
