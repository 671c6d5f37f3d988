"""What a report begins and ends with: the finding, patients, splits, and the methods."""

from collections.abc import Iterator
from typing import Any

from skvae.extras import import_extra
from skvae.report.cohort_tables import cohort_table, feature_table, fold_table
from skvae.report.figure_calls import pictures
from skvae.report.flow import Flow, flow_figure
from skvae.report.headline import headline_table
from skvae.report.methods_text import methods_sentences
from skvae.report.number_format import count
from skvae.report.parts import Listed, NotRun, Paragraph, Part, Picture, Tabular
from skvae.report.record import Record
from skvae.report.verdict import verdict

__all__ = ["flow", "methods", "provenance", "splits", "summary"]

# What stands in the second table, since both are too wide for one.
_CALLS = (
    "Brier",
    "sensitivity",
    "specificity",
    "configurations tried",
    "networks trained",
    "seconds",
)
_CHOSEN_THERE = " Configurations are chosen within the training parts."
_MOST_ROWS = 100  # of a table in the page; all are in the csv file


def summary(record: Record) -> Iterator[Part]:
    """Say what was found, in a sentence, a table and a figure."""
    yield Paragraph(verdict(record.result), "verdict", is_main=True)
    table = headline_table(record)
    further = [c for c in table if c.startswith("mean ") and not c.endswith("CI]")]
    calls = [c for c in table if c in further or c.partition(" [")[0] in _CALLS]
    compared = [c for c in table if c not in calls]
    yield Tabular("headline", table[compared], _compared(record, compared))
    yield Tabular("calls", table[["arm", *calls]], _priced(record, calls))
    yield from pictures("summary", record)


def _compared(record: Record, columns: list[str]) -> str:
    """Say what stands in the first table, of which one arm has little."""
    if len(record.result.arms) == 1:
        return "The only arm. Interval: Nadeau-Bengio corrected t."
    text = (
        "Each arm, compared with the reference on the same folds. Intervals and p: "
        "Nadeau-Bengio corrected t."
    )
    if "worse / equal / better" in columns:
        text += (
            " Worse, equal and better: probabilities, with differences up to .02 as equal."
        )
    return text


def _priced(record: Record, columns: list[str]) -> str:
    """Say what stands in the second table."""
    parts = []
    if "Brier" in columns:
        parts.append("Brier score: of the out-of-fold probabilities.")
    if any(column.startswith("sensitivity") for column in columns):
        parts.append("Sensitivity and specificity: at the threshold that each fold chose.")
    if any(column.startswith("mean ") for column in columns):
        parts.append("Further scores: means over the outer folds.")
    parts.append("Price: configurations in each fold, networks and seconds of all fits.")
    return " ".join(parts)


def flow(record: Record) -> Iterator[Part]:
    """Show how many patients came in, were left out and were predicted."""
    chart = Flow.of(record)
    text = " ".join(
        box.replace("\n", ": ", 1).replace("\n", ", ") + "." for box in chart.boxes
    )
    yield Picture("flow", flow_figure(chart), text, "Patients and rows of the study.")
    table = cohort_table(record)
    several = "; of each class rows, and patients with such a row"
    groups = (table["patients"] != table["rows"]).any() and record.result.kind == "classes"
    yield Tabular(
        "outcomes",
        table,
        f"Patients, rows and outcomes of each cohort{several if groups else ''}.",
    )
    for name, frame, what in (
        ("excluded", record.excluded, "Rows that were left out, each with the reason."),
        ("dropped", record.dropped, "Columns that were left out, each with the reason."),
    ):
        if frame is not None and len(frame):
            more = f" The first {_MOST_ROWS}." if len(frame) > _MOST_ROWS else ""
            yield Tabular(name, frame.head(_MOST_ROWS), f"{what}{more}")


def splits(record: Record) -> Iterator[Part]:
    """Show the sizes of the folds, and what keeps patients apart."""
    yield Listed(_guards(record))
    yield Tabular(
        "splits",
        fold_table(record),
        "Rows, patients and outcomes of the two parts of each outer fold"
        f"{', the same for all arms' if len(record.result.arms) > 1 else ''}."
        f"{_CHOSEN_THERE if record.is_searched else ''}",
    )


def _guards(record: Record) -> list[tuple[str, str]]:
    """Check by the predictions themselves what is claimed of the folds."""
    frame = record.result.predictions
    repeats = frame.groupby(["arm", "repeat"])
    n_folds = frame.groupby(["arm", "repeat", "group"])["fold"].nunique()
    once = repeats["sample"].apply(lambda samples: samples.is_unique).all()
    found = []
    if (n_folds == 1).all():
        found.append(
            (
                "guard-patients",
                "In each repeat, all rows of a patient are in one test fold.",
            )
        )
    if once:
        found.append(("guard-once", "In each repeat, each row is predicted once."))
    keys = frame[["repeat", "fold", "sample"]]
    sets = [
        frozenset(map(tuple, keys[frame["arm"] == arm].to_numpy().tolist()))
        for arm in record.result.arms
    ]
    if len(set(sets)) == 1 < len(sets):
        found.append(
            ("guard-paired", "All arms were tested on the same rows in each fold.")
        )
    n_tried = sorted(set(record.result.scores["n_configurations"]))
    found.append(
        ("guard-budget", f"Configurations tried by an arm: {', '.join(map(str, n_tried))}.")
    )
    return found


def methods(record: Record) -> Iterator[Part]:
    """Say how the study was done, as in methods.md."""
    sentences = methods_sentences(record)
    if not sentences:
        yield NotRun("This result does not say how it was made.")
        return
    yield Paragraph("The same text, with its literature, is in methods.md.")
    for anchor, text in sentences:
        yield Paragraph(text, anchor)
    features = feature_table(record)
    if features is not None:
        yield Tabular(
            "features",
            features,
            "Columns of features by the type of image and the class that their names tell.",
        )


def provenance(record: Record) -> Iterator[Part]:
    """Name versions, seed and hashes."""
    for key, value in record.provenance.items():
        yield Paragraph(f"{key}: {value}", f"provenance-{key}")
    if record.command:
        yield Paragraph(f"Run again by: {record.command}", "provenance-command")
    tables = (
        ("versions", "versions", ("software", "version"), "Versions."),
        (
            "hashes",
            "hashes",
            ("of", "hash"),
            "Hashes of what the study was given; other rows have others.",
        ),
    )
    for name, key, columns, caption in tables:
        values: dict[str, Any] = record.design.get(key, {})
        if values:
            frame = import_extra("pandas").DataFrame(values.items(), columns=list(columns))
            yield Tabular(name, frame, caption)
    seed = record.settings.get("random_state")
    if seed is not None:
        yield Paragraph(f"Seed of the folds: {seed}.", "provenance-seed")
    n_fitted = count(len(record.result.timings), "pair")
    yield Paragraph(
        f"Fitted: {n_fitted} of an arm and a training part. All is in provenance.json."
    )
