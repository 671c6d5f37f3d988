"""Why a section has no figure, in words for readers: what was missing, and what adds it."""

from collections.abc import Callable, Mapping

from skvae.report.chosen_configurations import chosen_counts
from skvae.report.class_rows import class_panels
from skvae.report.parts import NotRun
from skvae.report.record import Record

__all__ = ["why_not_drawn"]


def why_not_drawn(section: str, record: Record) -> NotRun | None:
    """Say what is missing for the figures of a section.

    Parameters
    ----------
    section : str
        Its key.
    record : Record
        What the report is made of.

    Returns
    -------
    NotRun or None
        None where nothing is.
    """
    find = _WHY.get(section)
    return None if find is None else find(record)


def _without_scores(record: Record) -> NotRun | None:
    if _has_panels(record, probabilities=False):
        return None
    return NotRun(
        "The arms name a class, and give no scores of classes.",
        "arms that end in a model with predict_proba or decision_function",
    )


def _without_probabilities(record: Record) -> NotRun | None:
    if _has_panels(record, probabilities=True):
        return None
    return NotRun(
        "No arm gives probabilities.", "arms that end in a model with predict_proba"
    )


def _has_panels(record: Record, probabilities: bool) -> bool:
    try:
        class_panels(record.result, "report", probabilities=probabilities)
    except ValueError:
        return False
    return True


def _of_one_arm(record: Record) -> NotRun | None:
    if len(record.result.arms) > 1:
        return None
    return NotRun(
        f"{record.result.reference} is the only arm: there is nothing to compare it with.",
        "skvae study --arms pca,vae"
        if record.command
        else "nested_cv({'pca': ..., 'vae': ...}, X, y)",
    )


def _nothing_searched(record: Record) -> NotRun | None:
    scores = record.result.scores
    counts = (chosen_counts(rows) for _, rows in scores.groupby("arm"))
    if any(table is not None for table in counts):
        return None
    if scores["n_configurations"].max() > 1:
        return NotRun("The folds chose from grids without a parameter in common.")
    return NotRun(
        "No arm was searched: each has one configuration.",
        "nested_cv({name: (estimator, param_grid)}, X, y)",
    )


def _unexplained(name: str, nothing: str) -> Callable[[Record], NotRun | None]:
    """Return what is said where arms were not explained, or have nothing to show."""

    def find(record: Record) -> NotRun | None:
        found = getattr(record.result, name, None)
        if found is not None and len(found):
            return None
        if record.settings.get("explain"):
            return NotRun(nothing)
        again = record.command.replace(" --no-explain", "")
        return NotRun(
            "The arms were not explained, which is done on demand.",
            f"{again} --restart" if again else "nested_cv(..., explain=True)",
        )

    return find


def _untrained(record: Record) -> NotRun | None:
    timings = record.result.timings
    trained = "n_trainings" in timings and timings["n_trainings"].sum()
    nothing = "The losses are not known." if trained else "No arm trains a network."
    return _unexplained("training", nothing)(record)


_WHY: Mapping[str, Callable[[Record], NotRun | None]] = {
    "discrimination": _without_scores,
    "calibration": _without_probabilities,
    "decision": _without_probabilities,
    "differences": _of_one_arm,
    "chosen": _nothing_searched,
    "training": _untrained,
    "reconstructions": _unexplained("pictures", "No arm has a decoder that can be drawn."),
    "importance": _unexplained(
        "importance", "No arm has inputs that can be exchanged between patients."
    ),
    "attributes": _unexplained(
        "attributes",
        "No arm has a code of single units, or neither a volume nor an attribute of the "
        "rows is known.",
    ),
}
