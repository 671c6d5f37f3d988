"""Sections with more than figures: calibration, networks, confounders, other cohorts."""

from collections.abc import Iterator
from math import isfinite

from skvae.extras import import_extra
from skvae.report.confounding import (
    confounding_table,
    correlations,
    largest,
    mean_scores,
)
from skvae.report.figure_calls import pictures
from skvae.report.headline import brier_score
from skvae.report.number_format import amount, bounds, count, p_value
from skvae.report.parts import NotRun, Paragraph, Part, Tabular
from skvae.report.record import Record
from skvae.report.score_names import score_name
from skvae.statistics.calibration import calibration

__all__ = ["calibration_section", "confounders", "external", "training"]


def calibration_section(record: Record) -> Iterator[Part]:
    """Show whether probabilities come true."""
    if record.has_probabilities:
        rows, reasons = _calibrations(record)
        note = (
            "Slope 1 and intercept 0 are perfect; the smaller the Brier score, the better. "
            "95 % intervals by a bootstrap of patients."
        )
        if any("∞" in row["slope"] for row in rows):
            note += (
                " ∞: in some samples of the bootstrap the probabilities separate the "
                "classes, and the slope has no bound."
            )
        note += "".join(f" {arm}: {reason}" for arm, reason in reasons.items())
        yield Tabular("calibration", import_extra("pandas").DataFrame(rows), note)
    yield from pictures("calibration", record)


def _calibrations(record: Record) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Return the rows of the table, and of arms without a slope the reason."""
    rows, reasons = [], {}
    for arm in filter(record.gives_probabilities, record.result.arms):
        frame = record.predicted_by(arm)
        row = {"arm": arm, "slope": "–", "intercept": "–", "Brier": ""}
        row["Brier"] = amount(brier_score(record, arm))
        rows.append(row)
        try:
            found = calibration(
                frame["y"].to_numpy(),
                frame["score"].to_numpy(dtype=float),
                repeat=frame["repeat"].to_numpy(),
                groups=frame["group"].to_numpy(),
                pos_label=record.result.positive,
            )
        except ValueError:  # of too few rows, such as a repeat without a class
            continue
        if found.reason:
            reasons[arm] = found.reason
        for key, name in (
            ("slope", "slope"),
            ("intercept", "intercept"),
            ("brier", "Brier"),
        ):
            value, low, high = getattr(found, key)
            if isfinite(value):
                row[name] = amount(value) + (f" {bounds(low, high)}" if low == low else "")
    return rows, reasons


def training(record: Record) -> Iterator[Part]:
    """Show how the losses fell, and how many units networks used."""
    yield from pictures("training", record)
    units = record.frame("units")
    if units is not None:
        table = units.groupby(["arm", "network", "layer"], sort=False)[
            ["n_units", "n_active"]
        ]
        sizes = table.agg(["min", "max"])
        rows = [
            (*names, _span(*row[:2]), _span(*row[2:]))
            for names, row in zip(sizes.index, sizes.to_numpy(), strict=True)
        ]
        columns = ["arm", "network", "layer", "units", "active units"]
        yield Tabular(
            "units",
            import_extra("pandas").DataFrame(rows, columns=columns),
            "Units of the code of each network, and of the layer that was chosen where "
            "that is another, over the outer folds of the first repeat. Active: of a "
            "variational code, those whose mean has a variance above 0.01; of others, "
            "those that vary by more than a hundredth of the mean variance.",
        )


def _span(low: float, high: float) -> str:
    return str(int(low)) if low == high else f"{int(low)} to {int(high)}"


def confounders(record: Record) -> Iterator[Part]:
    """Show how the scores go with volume, age, site and the like."""
    found = correlations(record)
    if found is None:
        yield _no_confounders(record)
        return
    yield Paragraph(largest(found), "largest-confounder")
    yield Tabular(
        "confounders",
        confounding_table(found),
        "Correlation of each arm's out-of-fold score with what may confound it: by rank; "
        "of three classes or more the correlation ratio of ranks. Holm's correction.",
    )


def _no_confounders(record: Record) -> NotRun:
    if record.covariates is None:
        return NotRun(
            "No columns of volume, age, sex or site were given.",
            "skvae study --clinical age,sex,site"
            if record.command
            else "result.report(folder, inputs=columns)",
        )
    if mean_scores(record).empty:
        return NotRun("The arms have no single score that could go with a column.")
    return NotRun(
        "None of the columns that were given can be correlated: numbers, or few classes "
        "that are the patient's, which vary over five rows at the least."
    )


def external(record: Record) -> Iterator[Part]:
    """Show the scores on another cohort."""
    result = record.result
    if result.external_scores.empty:
        how = "nested_cv(..., external=(X, y))"
        how = "skvae study --external FILE" if record.command else how
        yield NotRun("There was no external cohort.", how)
        return
    found = result.external()
    name = score_name(result.scoring)
    means = result.summary().set_index("arm")["mean"]
    rows = []
    for row in found.itertuples(name="Row"):
        cells = {
            "arm": row.arm,
            f"cross-validated {name}": f"{means[row.arm]:.3f}",
            f"external {name}": f"{row.score:.3f}",
        }
        if "ci_low" in found:
            cells[f"external {name}"] += f" {bounds(row.ci_low, row.ci_high)}"
            is_reference = row.arm == result.reference
            cells["difference"] = "reference" if is_reference else f"{row.difference:+.3f}"
            cells["Holm p"] = p_value(row.p_holm)
        rows.append(cells)
    n_patients = result.external_predictions["group"].nunique()
    yield Tabular(
        "external",
        import_extra("pandas").DataFrame(rows),
        f"{count(int(found['n'].iloc[0]), 'row')} of {count(n_patients, 'patient')}, "
        "predicted once by models of all patients of the study."
        f"{' Intervals and p: DeLong, p after Holm.' if 'ci_low' in found else ''}",
    )
    yield from pictures("external", record)
