"""Sections that take more fits than the study: made of what the caller hands over."""

from collections.abc import Callable, Iterator
from typing import Any

from skvae.report.number_format import amount, bounds, p_value
from skvae.report.parts import NotRun, Part, Picture, Tabular
from skvae.report.record import Record
from skvae.report.score_names import score_name
from skvae.report.steadiness import steadiness
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

# What `scoring=None` stands for, of each kind of outcome.
_DEFAULT_SCORES = ("roc_auc", "roc_auc_ovr", "r2", "concordance")
_CALLS = ("layer_map", "learning_curve", "permutation_null")
_OF_FEATURES = (
    "result.report(folder, further={'stability': a table of "
    "skvae.study.intraclass_correlation, a row for each feature})"
)
TAKE_MORE_FITS = (*_CALLS, "stability")


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
    if key not in _CALLS:
        return f"result.report(folder, sections=[..., {key!r}])"
    if record.command:
        return f"{record.command} --resume --sections {key}"
    call = f"skvae.study.{key}(arms, X, y{_as_the_study(record)})"
    return f"result.report(folder, further={{{key!r}: {call}}})"


def _as_the_study(record: Record) -> str:
    """Return the options without which a call would split patients or score otherwise."""
    given = ", groups=groups" if record.cohort.get("has_groups") else ""
    settings = record.settings
    options = {"aggregate": settings.get("aggregate")}
    if len(settings.get("scoring", ())) and record.result.scoring not in _DEFAULT_SCORES:
        options["scoring"] = record.result.scoring
    return given + "".join(f", {k}={v!r}" for k, v in options.items() if v)


def _section(
    key: str, draw: Callable[[Any, str], Iterator[Part]]
) -> Callable[[Record], Iterator[Part]]:
    def section(record: Record) -> Iterator[Part]:
        frame = record.further.get(key)
        if frame is not None and len(frame):
            yield from draw(frame, score_name(record.result.scoring))
        elif key == "layer_map" and record.arms and not _searches_layers(record):
            yield NotRun("No arm searches the layers of a network.")
        else:
            yield NotRun("It takes more fits than the study.", how_to_run(record, key))

    return section


def _searches_layers(record: Record) -> bool:
    grids = (part for arm in record.arms.values() for part in arm["grid"])
    return any(key.rpartition("__")[2] == "layer" for part in grids for key in part)


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


def _table(name: str, frame: Any, caption: str) -> Tabular:
    texts = frame.copy()
    for column in texts:
        if texts[column].dtype.kind == "f":
            texts[column] = [amount(value) for value in texts[column]]
    return Tabular(name, texts, caption)


layer_map = _section("layer_map", _layer_map)
learning_curve = _section("learning_curve", _learning_curve)
permutation_null = _section("permutation_null", _permutation_null)


def stability(record: Record) -> Iterator[Part]:
    """Show how much choices and scores depend on the split, and the features given."""
    said = False
    for name, frame, caption in steadiness(record):
        said = True
        yield Tabular(name, frame, caption)
    frame = record.further.get("stability")
    if frame is not None and len(frame):
        yield _table(
            "stability",
            frame,
            "How stable features of repeated masks or scans are, as it was given.",
        )
        return
    what = "table of the stability of features, of repeated scans or masks, was given."
    yield NotRun(f"{'Beyond that, no' if said else 'No'} {what}", _OF_FEATURES)
