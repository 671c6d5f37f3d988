"""What a study says in a terminal: its tables."""

from typing import Any

from rich import box
from rich.table import Table

from skvae.report.number_format import bounds, p_value, signed_bounds
from skvae.report.score_names import score_name

__all__ = ["external_table", "summary_table"]


def summary_table(result: Any) -> Table:
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
        f"mean {_name_in_lines(result)}",
        f"difference to {result.reference}",
        "Holm p",
        "tried",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in result.summary().itertuples(name="Row"):
        mean = f"{row.mean:.3f} {bounds(row.ci_low, row.ci_high)}"
        table.add_row(row.arm, mean, *_comparison(row, result), str(row.n_configurations))
    return table


def external_table(result: Any) -> Table | None:
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
    name = _name_in_lines(result)
    headings = [f"mean {name}", f"external {name}"]
    headings += [f"difference to {result.reference}", "Holm p"] if tested else []
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    means = result.summary().set_index("arm")["mean"]
    for row in found.itertuples(name="Row"):
        table.add_row(row.arm, f"{means[row.arm]:.3f}", *_outside(row, result, tested))
    return table


def _outside(row: Any, result: Any, tested: bool) -> list[str]:
    """Return the cells of an arm's score on the external cohort."""
    if not tested:
        return [f"{row.score:.3f}"]
    score = f"{row.score:.3f} {bounds(row.ci_low, row.ci_high)}"
    if row.arm == result.reference:
        return [score, "reference", ""]
    return [score, f"{row.difference:+.3f}", p_value(row.p_holm)]


def _of(result: Any) -> str:
    """Say which class probabilities are of."""
    return "" if result.positive is None else f"; positive: {result.positive}"


def _name_in_lines(result: Any) -> str:
    """Return the name of the score; what stands in brackets has a line of its own."""
    return score_name(result.scoring).replace(" (", "\n(")


def _comparison(row: Any, result: Any) -> tuple[str, str]:
    if row.arm == result.reference:
        return "reference", ""
    interval = signed_bounds(row.difference_ci_low, row.difference_ci_high)
    return f"{row.difference:+.3f} {interval}", p_value(row.p_holm)
