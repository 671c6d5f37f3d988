"""Sections that take more fits than the study: made of what the caller hands over."""

from collections.abc import Callable, Iterator
from typing import Any

from skvae.report.number_format import amount, bounds, p_value
from skvae.report.parts import NotRun, Part, Picture, Tabular
from skvae.report.record import Record
from skvae.report.score_names import score_name
from skvae.report.study_figures import (
    layer_map_figure,
    learning_curve_figure,
    permutation_null_figure,
)

__all__ = [
    "TAKE_MORE_FITS",
    "how_to_run",
    "layer_map",
    "learning_curve",
    "permutation_null",
    "stability",
]

_HOW = {
    "layer_map": "skvae.study.layer_map(arms, X, y)",
    "learning_curve": "skvae.study.learning_curve(arms, X, y)",
    "permutation_null": "skvae.study.permutation_null(arms, X, y)",
    "stability": "a table of skvae.study.intraclass_correlation, a row for each feature",
}
TAKE_MORE_FITS = tuple(_HOW)


def how_to_run(record: Record, key: str) -> str:
    """Return the command that makes a section.

    Parameters
    ----------
    record : Record
        What the report is made of.
    key : str
        Key of the section.

    Returns
    -------
    str
        Of the command line, where the study was run there; else of Python.
    """
    if key not in _HOW:
        return f"result.report(folder, sections=[..., {key!r}])"
    if record.command and key != "stability":
        return f"{record.command} --resume --sections {key}"
    # Without them, a call of one's own would split patients.
    groups = ", groups=groups)" if record.cohort.get("has_groups") else ")"
    how = _HOW[key].removesuffix(")") + groups if key != "stability" else _HOW[key]
    return f"result.report(folder, further={{{key!r}: {how}}})"


def _section(
    key: str, draw: Callable[[Any, str], Iterator[Part]]
) -> Callable[[Record], Iterator[Part]]:
    def section(record: Record) -> Iterator[Part]:
        frame = record.further.get(key)
        if frame is None or not len(frame):
            yield NotRun("It takes more fits than the study.", how_to_run(record, key))
        else:
            yield from draw(frame, score_name(record.result.scoring))

    return section


def _layer_map(frame: Any, score: str) -> Iterator[Part]:
    yield Picture(
        "layer-map",
        layer_map_figure(frame, f"mean inner {score}"),
        "Mean inner score of each layer and size",
        "Mean score over inner folds of all rows, the best strength of the model for each "
        "layer and size: the choice that a study makes in each fold, not an estimate of "
        "how good it is.",
    )
    yield _table("layer-map", frame, "The same numbers.")


def _learning_curve(frame: Any, score: str) -> Iterator[Part]:
    yield Picture(
        "learning-curve",
        learning_curve_figure(frame, score),
        "Score of each arm against the number of training patients",
        "A curve that still rises at the end says that more patients would help.",
    )
    shown = frame.assign(
        interval=[
            bounds(*row) for row in frame[["ci_low", "ci_high"]].to_numpy(dtype=float)
        ]
    )
    yield _table("learning-curve", shown.drop(columns=["ci_low", "ci_high"]), "The same.")


def _permutation_null(frame: Any, score: str) -> Iterator[Part]:
    yield Picture(
        "permutation-null",
        permutation_null_figure(frame, score),
        "Score of each arm beside its scores on permuted outcomes",
        "The whole study again on outcomes shuffled between patients. Means above chance "
        "there would show a leak.",
    )
    shown = frame.assign(p=[p_value(p) for p in frame["p"]])
    yield _table("permutation-null", shown, "The same numbers.")


def _stability(frame: Any, score: str) -> Iterator[Part]:
    yield _table(
        "stability",
        frame,
        "Intraclass correlation of features of repeated masks or scans.",
    )


def _table(name: str, frame: Any, caption: str) -> Tabular:
    texts = frame.copy()
    for column in texts:
        if texts[column].dtype.kind == "f":
            texts[column] = [amount(value) for value in texts[column]]
    return Tabular(name, texts, caption)


layer_map = _section("layer_map", _layer_map)
learning_curve = _section("learning_curve", _learning_curve)
permutation_null = _section("permutation_null", _permutation_null)
stability = _section("stability", _stability)
