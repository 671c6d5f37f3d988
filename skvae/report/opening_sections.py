"""What a report begins and ends with: the finding, patients, splits, and the methods."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from skvae.extras import import_extra
from skvae.report.figure_calls import pictures
from skvae.report.flow import Flow, flow_figure
from skvae.report.headline import headline_table
from skvae.report.methods_text import methods_sentences
from skvae.report.number_format import count
from skvae.report.parts import Listed, NotRun, Paragraph, Part, Picture, Tabular
from skvae.report.record import Record
from skvae.report.verdict import verdict

if TYPE_CHECKING:
    from pandas import DataFrame, Series

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
_MOST_ROWS = 100  # of a table in the page; all are in the csv file


def summary(record: Record) -> Iterator[Part]:
    """Say what was found, in a sentence, a table and a figure."""
    yield Paragraph(verdict(record.result), "verdict", is_main=True)
    table = headline_table(record)
    calls = [c for c in table if c.partition(" [")[0] in _CALLS]
    compared = [c for c in table if c not in calls]
    yield Tabular(
        "headline",
        table[compared],
        "Each arm, compared with the reference on the same folds. Intervals and p: "
        "Nadeau-Bengio corrected t. Worse, equal and better: probabilities, with "
        "differences up to .02 as equal.",
    )
    caption = "Price of each arm: in each fold, in all, and on all processes together."
    if record.has_thresholds:
        caption = f"Calls at the threshold that each fold chose. {caption}"
    yield Tabular("calls", table[["arm", *calls]], caption)
    yield from pictures("summary", record)


def flow(record: Record) -> Iterator[Part]:
    """Show how many patients came in, were left out and were predicted."""
    chart = Flow.of(record)
    text = " ".join(
        box.replace("\n", ": ", 1).replace("\n", ", ") + "." for box in chart.boxes
    )
    yield Picture("flow", flow_figure(chart), text, "Patients and rows of the study.")
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
        _sizes_of_folds(record),
        "Rows and patients of each outer fold, the same for all arms.",
    )


def _guards(record: Record) -> list[tuple[str, str]]:
    """Check by the predictions themselves what is claimed of the folds."""
    frame = record.result.predictions
    repeats = frame.groupby(["arm", "repeat"])
    n_folds = repeats.apply(lambda part: part.groupby("group")["fold"].nunique().max())
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
    if len(set(sets)) == 1:
        found.append(
            ("guard-paired", "All arms were tested on the same rows in each fold.")
        )
    n_tried = sorted(set(record.result.scores["n_configurations"]))
    found.append(
        ("guard-budget", f"Configurations tried by an arm: {', '.join(map(str, n_tried))}.")
    )
    return found


def _sizes_of_folds(record: Record) -> "DataFrame":
    scores = record.result.scores
    rows = scores[scores["arm"] == record.result.reference]
    names = {
        "repeat": "repeat",
        "fold": "fold",
        "n_train": "rows to train on",
        "n_train_groups": "patients to train on",
        "n_test": "rows tested",
        "n_test_groups": "patients tested",
    }
    table = rows[list(names)].rename(columns=names).reset_index(drop=True)
    counted = _events_by_fold(record)
    if counted is not None:
        places = ["repeat", "fold"]
        table = table.merge(counted.rename("tested with the event"), on=places, how="left")
        whole = counted.groupby("repeat").sum()
        table["with the event to train on"] = (
            table["repeat"].map(whole) - table["tested with the event"]
        )
    return table


def _events_by_fold(record: Record) -> "Series | None":
    """Count rows of the positive class, or with the event, in each test part."""
    predictions = record.result.predictions
    frame = predictions[predictions["arm"] == record.result.reference]
    if "event" in frame:
        events = frame["event"].astype(bool)
    elif record.result.positive is not None:
        events = frame["y"] == record.result.positive
    else:
        return None
    return events.groupby([frame["repeat"], frame["fold"]]).sum().astype(int)


def methods(record: Record) -> Iterator[Part]:
    """Say how the study was done, as in methods.md."""
    sentences = methods_sentences(record)
    if not sentences:
        yield NotRun("This result does not say how it was made.")
        return
    yield Paragraph("The same text, with its literature, is in methods.md.")
    for anchor, text in sentences:
        yield Paragraph(text, anchor)


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
            ("rows", "hash"),
            "Hashes of the rows; other rows have others.",
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
    n_trained = len(record.result.timings)
    yield Paragraph(
        f"{count(n_trained, 'search', 'searches')} were run. All is in provenance.json."
    )
