"""The predictions of a result as columns that the statistics of classes take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.report.canvas import check_kind, shown_arms


@dataclass(frozen=True)
class ClassPanel:
    """One class against the others, and the rows of each arm that has scores of it.

    Parameters
    ----------
    label : object
        The class.
    rows : dict of str to dict
        Arm -> `y` (1 for the class), `score`, `repeat` and `groups`.
    prevalence : float
        Share of the class.
    """

    label: Any
    rows: dict[str, dict[str, NDArray[Any]]]
    prevalence: float


def class_panels(
    result: Any,
    owner: str,
    arms: Sequence[str] | None = None,
    *,
    probabilities: bool = False,
) -> list[ClassPanel]:
    """Return one panel for two classes, and one a class for more.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    owner : str
        Who asks, for errors.
    arms : sequence of str, default=None
        Which arms; by default all.
    probabilities : bool, default=False
        Whether scores must lie between 0 and 1. Arms without are left out.

    Raises
    ------
    ValueError
        If the outcome is not of classes, or no arm has what is needed.
    """
    check_kind(result, owner, "classes")
    asked = shown_arms(result, arms, owner)
    frames = dict(iter(result.predictions.groupby("arm", sort=False)))
    y = frames[result.reference]["y"]
    if result.positive is not None:
        wanted = {result.positive: "score"}
    else:
        wanted = {label: f"score_{label}" for label in sorted(set(y), key=str)}
    panels = []
    for label, column in wanted.items():
        rows = {
            arm: _columns(frames[arm], label, column)
            for arm in asked
            if _has_scores(frames[arm], column, probabilities)
        }
        panels.append(ClassPanel(label, rows, float((y == label).mean())))
    if not any(panel.rows for panel in panels):
        what = "probabilities from 0 to 1" if probabilities else "scores of its classes"
        raise ValueError(
            f"Got a result of which no arm in {owner} has {what}, expected an arm with "
            f"predict_proba{'' if probabilities else ' or decision_function'}."
        )
    return panels


def left_out(panels: list[ClassPanel], arms: Sequence[str]) -> list[str]:
    """Return the arms that have no such scores."""
    return [arm for arm in arms if arm not in panels[0].rows]


def _has_scores(frame: Any, column: str, probabilities: bool) -> bool:
    if column not in frame:
        return False
    values = frame[column].to_numpy(dtype=float)
    if not np.isfinite(values).all():
        return False
    return not probabilities or (values.min() >= 0 and values.max() <= 1)


def _columns(frame: Any, label: Any, column: str) -> dict[str, NDArray[Any]]:
    return {
        "y": (frame["y"] == label).to_numpy().astype(np.int64),
        "score": frame[column].to_numpy(dtype=float),
        "repeat": frame["repeat"].to_numpy(),
        "groups": frame["group"].to_numpy(),
    }
