"""Sections with more than figures: calibration, networks, confounders, other cohorts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from skvae.extras import import_extra
from skvae.report.confounding import confounding_table, largest
from skvae.report.figure_calls import pictures
from skvae.report.headline import brier_score, score_name
from skvae.report.number_format import amount, bounds, count, p_value
from skvae.report.parts import NotRun, Paragraph, Part, Tabular
from skvae.report.record import Record
from skvae.statistics.calibration import calibration

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["calibration_section", "confounders", "external", "training"]


def calibration_section(record: Record) -> Iterator[Part]:
    """Show whether probabilities come true."""
    if record.has_probabilities:
        yield Tabular(
            "calibration",
            _calibration_table(record),
            "Slope 1 and intercept 0 are perfect; the smaller the Brier score, the better. "
            "There is no slope where a probability is exactly 0 or 1. "
            "95 % intervals by a bootstrap of patients.",
        )
    yield from pictures("calibration", record)


def _calibration_table(record: Record) -> "DataFrame":
    rows = []
    for arm in filter(record.gives_probabilities, record.result.arms):
        frame = record.predicted_by(arm)
        row = {"arm": arm, "slope": "–", "intercept": "–", "Brier": ""}
        row["Brier"] = amount(brier_score(record, arm))
        try:
            found = calibration(
                frame["y"].to_numpy(),
                frame["score"].to_numpy(dtype=float),
                repeat=frame["repeat"].to_numpy(),
                groups=frame["group"].to_numpy(),
                pos_label=record.result.positive,
            )
        except ValueError:  # of too few rows, such as a repeat without a class
            rows.append(row)
            continue
        for key, name in (
            ("slope", "slope"),
            ("intercept", "intercept"),
            ("brier", "Brier"),
        ):
            value, low, high = getattr(found, key)
            shown = amount(value) if low != low else f"{value:.3f} [{low:.3f}, {high:.3f}]"
            row[name] = shown
        rows.append(row)
    return import_extra("pandas").DataFrame(rows)


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
            "Units of the layer that was chosen, and those that differ from row to row, "
            "over the outer folds.",
        )


def _span(low: float, high: float) -> str:
    return str(int(low)) if low == high else f"{int(low)} to {int(high)}"


def confounders(record: Record) -> Iterator[Part]:
    """Show how the scores go with volume, age, site and the like."""
    table = confounding_table(record)
    if table is None:
        yield NotRun(
            "No columns of volume, age, sex or site were given.",
            "skvae study --clinical age,sex,site or result.report(inputs=columns)",
        )
        return
    yield Paragraph(largest(table), "largest-confounder")
    yield Tabular(
        "confounders",
        table,
        "Correlation of each arm's out-of-fold score with what may confound it: by rank; "
        "of three classes or more the correlation ratio of ranks. Holm's correction.",
    )


def external(record: Record) -> Iterator[Part]:
    """Show the scores on another cohort."""
    result = record.result
    if result.external_scores.empty:
        yield NotRun("There was no external cohort.", "skvae study --external FILE")
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
        "predicted once by models of all patients of the study.",
    )
    yield from pictures("external", record)
