"""What a study says to its reader: a table, one sentence, and files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.table import Table

from skvae.files import written_whole
from skvae.report.comparison import comparison_figure
from skvae.study.result import NestedCVResult, bounds

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["external_table", "summary_table", "verdict", "write_report"]

_CHANCE = 0.5


def summary_table(result: NestedCVResult) -> Table:
    """Lay the summary out for a terminal.

    Parameters
    ----------
    result : NestedCVResult
        What was found.

    Returns
    -------
    rich.table.Table
        One row for each arm.
    """
    table = Table(
        title=f"{result.n_samples} samples of {result.n_groups} patients{_of(result)}",
        caption="95 % intervals and p: Nadeau-Bengio corrected t, p after Holm. "
        "Tried: configurations searched in each fold.",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("arm")
    for heading in (
        f"mean {_short_name(result.scoring)}",
        f"difference to {result.reference}",
        "Holm p",
        "tried",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in result.summary().itertuples(name="Row"):
        mean = f"{row.mean:.3f} {bounds(row.ci_low, row.ci_high)}"
        table.add_row(row.arm, mean, *_comparison(row, result), str(row.n_configurations))
    return table


def external_table(result: NestedCVResult) -> Table | None:
    """Lay the scores on the external cohort out beside the cross-validated ones.

    Parameters
    ----------
    result : NestedCVResult
        What was found.

    Returns
    -------
    rich.table.Table or None
        One row for each arm; None where there is no external cohort.
    """
    if result.external_scores.empty:
        return None
    found = result.external()
    tested = "ci_low" in found
    n_patients = result.external_predictions["group"].nunique()
    caption = "Fitted on all samples of the study. "
    caption += (
        "95 % intervals and p: DeLong, p after Holm."
        if tested
        else "Intervals are given for an AUC with one row a patient."
    )
    table = Table(
        title=f"external: {found['n'].iloc[0]} samples of {n_patients} patients",
        caption=caption,
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("arm")
    name = _short_name(result.scoring)
    headings = [f"mean {name}", f"external {name}"]
    headings += [f"difference to {result.reference}", "Holm p"] if tested else []
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    means = result.summary().set_index("arm")["mean"]
    for row in found.itertuples(name="Row"):
        table.add_row(row.arm, f"{means[row.arm]:.3f}", *_outside(row, result, tested))
    return table


def _outside(row: Any, result: NestedCVResult, tested: bool) -> list[str]:
    """Return the cells of an arm's score on the external cohort."""
    if not tested:
        return [f"{row.score:.3f}"]
    score = f"{row.score:.3f} {bounds(row.ci_low, row.ci_high)}"
    if row.arm == result.reference:
        return [score, "reference", ""]
    return [score, f"{row.difference:+.3f}", _p(row.p_holm).removeprefix("= ")]


def _of(result: NestedCVResult) -> str:
    """Say which class probabilities are of."""
    return "" if result.positive is None else f"; positive: {result.positive}"


def _short_name(scoring: str) -> str:
    return {"roc_auc": "AUC"}.get(scoring, scoring)


def _comparison(row: Any, result: NestedCVResult) -> tuple[str, str]:
    if row.arm == result.reference:
        return "reference", ""
    low, high = row.difference_ci_low, row.difference_ci_high
    interval = "no interval" if np.isnan(low) else f"{low:+.3f}, {high:+.3f}"
    return f"{row.difference:+.3f} [{interval}]", _p(row.p_holm).removeprefix("= ")


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"= {p:.3f}"


def verdict(result: NestedCVResult, alpha: float = 0.05) -> str:
    """Say in one sentence what the comparison shows, and no more.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    alpha : float, default=0.05
        Level of the tests after Holm's correction.

    Returns
    -------
    str
        The sentence.
    """
    summary = result.summary().set_index("arm", drop=False)
    others = summary.query("arm != @result.reference")
    if others.empty:
        return f"There is no arm to compare with {result.reference}."
    significant = others[others["p_holm"] < alpha]
    # Where neither arm is above chance, the corrected test says "better" twice too often
    # (benchmarks/study_errors.py): the better of the two must be better than nothing.
    winners = significant["arm"].where(significant["difference"] > 0, result.reference)
    above = _above_chance(summary.loc[winners], result).to_numpy()
    found, unsure = significant[above], significant[~above]
    doubt = "".join(
        f" {row.arm} differs from {result.reference} (p {_p(row.p_holm)}), but neither is "
        "surely above chance: no finding."
        for row in unsure.itertuples(name="Row")
    )
    if found.empty:
        bounds = np.abs(others[["difference_ci_low", "difference_ci_high"]].to_numpy())
        remain = (
            f"differences of up to {np.nanmax(bounds):.3f} remain within the intervals"
            if np.isfinite(bounds).any()
            else "no interval can be given"
        )
        return (
            f"No arm differs from {result.reference} beyond chance (Holm-corrected p >= "
            f"{alpha:g}); that is no proof of equality: {remain}.{doubt}"
        )
    parts = [
        f"{row.arm} is {'better' if row.difference > 0 else 'worse'} than "
        f"{result.reference} by {abs(row.difference):.3f} (p {_p(row.p_holm)})"
        for row in found.itertuples(name="Row")
    ]
    rest = (
        "" if len(significant) == len(others) else "; the other arms do not differ from it"
    )
    return f"At Holm-corrected p < {alpha:g}, {', and '.join(parts)}{rest}.{doubt}"


def _above_chance(rows: "DataFrame", result: NestedCVResult) -> "Series":
    """Say whether the interval of each arm lies above what guessing scores."""
    if result.scoring.startswith("roc_auc") or result.scoring == "concordance":
        return rows["ci_low"] > _CHANCE
    return rows["mean"].notna()


def write_report(
    result: NestedCVResult,
    folder: str | Path,
    *,
    left_out: tuple["DataFrame | None", "DataFrame | None"] = (None, None),
) -> list[Path]:
    """Write the frames as csv files and the figure as PNG, each whole or not at all.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    folder : str or Path
        Where to; made if it does not exist.
    left_out : (DataFrame, DataFrame), default=(None, None)
        Columns and rows that did not enter the study, each with the reason.

    Returns
    -------
    list of Path
        The files written.
    """
    folder = Path(folder)
    paths = result.to_csv(folder)
    names = ("dropped_columns.csv", "excluded_rows.csv")
    for name, frame in zip(names, left_out, strict=True):
        if frame is not None and len(frame):
            with written_whole(folder / name) as unfinished:
                frame.to_csv(unfinished, index=False)
            paths.append(folder / name)
    picture = folder / "comparison.png"
    with written_whole(picture) as unfinished:
        comparison_figure(result).savefig(unfinished, dpi=150)
    return [*paths, picture]
