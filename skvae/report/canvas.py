"""What the figures of a report have in common: paper, words, and the look of an arm."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skvae.extras import import_extra
from skvae.report.number_format import bounds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 7.0
# Okabe and Ito's colours, distinct to colour-blind readers, without the yellow, which
# is none on white; the dashes tell the lines apart in grey too.
REFERENCE = "#D55E00"
COLOURS = ("#0072B2", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#7A5C00")
DASHES = (
    (0, (6, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1)),
    (0, (8, 1.2, 1.2, 1.2, 1.2, 1.2)),
    (0, (2.5, 2.5)),
    (0, (10, 3)),
)
MOST_LINES = 1 + len(COLOURS)
GREY = "0.45"


class Look(NamedTuple):
    """How an arm is drawn in all figures."""

    color: str
    linestyle: Any


def looks(result: Any) -> dict[str, Look]:
    """Return the look of each arm: the same in all figures of a result."""
    others = [arm for arm in result.arms if arm != result.reference]
    found = {
        arm: Look(COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)])
        for i, arm in enumerate(others)
    }
    return {result.reference: Look(REFERENCE, "-")} | found


def shown_arms(result: Any, arms: Sequence[str] | None, owner: str) -> list[str]:
    """Return the arms that a figure shows, in the order of the result.

    Raises
    ------
    ValueError
        If one is not among those of the result.
    """
    if arms is None:
        return list(result.arms)
    wanted = [arms] if isinstance(arms, str) else list(arms)
    if not wanted or not set(wanted) <= set(result.arms):
        raise ValueError(
            f"Got arms={arms!r} in {owner}, expected some of {', '.join(result.arms)}."
        )
    return [arm for arm in result.arms if arm in wanted]


def fewer(result: Any, arms: list[str]) -> list[str]:
    """Return at most as many arms as there are lines to tell apart: the best."""
    if len(arms) <= MOST_LINES:
        return arms
    means = result.scores.groupby("arm")["score"].mean()
    ranked = sorted(arms, key=lambda arm: (arm != result.reference, -means[arm]))
    return [arm for arm in arms if arm in ranked[:MOST_LINES]]


def check_kind(result: Any, owner: str, *kinds: str) -> None:
    """Raise unless the outcome is of one of the kinds.

    Raises
    ------
    ValueError
        If it is of another.
    """
    if result.kind not in kinds:
        names = {"classes": "classes", "number": "a number", "event": "times to an event"}
        raise ValueError(
            f"Got a result whose outcome is {names[result.kind]} in {owner}, expected "
            f"{' or '.join(names[kind] for kind in kinds)}."
        )


def paper(height: float, width: float = WIDTH) -> "Figure":
    """Return an empty figure, free of pyplot's state, of a size in inches."""
    return import_extra("matplotlib.figure").Figure(
        figsize=(width, height), layout="constrained", facecolor="white"
    )


def plain(text: Any, longest: int = 60) -> str:
    """Return a name as it is to be read: not as mathematics, in one line, not too long."""
    line = " ".join(str(text).split())
    if len(line) > longest:  # names of features differ at their end rather than before
        first = longest // 3
        line = f"{line[:first]}…{line[first + 1 - longest :]}"
    return line.replace("$", r"\$")


def grid_of_panels(
    figure: Any, n_panels: int, most_columns: int, **options: Any
) -> list[Any]:
    """Return one axes a panel, row by row, without empty ones."""
    n_columns = min(n_panels, most_columns)
    n_rows = -(-n_panels // n_columns)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, **options)
    for spare in axes.flat[n_panels:]:
        spare.remove()
    return list(axes.flat[:n_panels])


def spare(axes: Any) -> None:
    """Take away the frame's lines that carry nothing, and set small type."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.label.set_size(9)
    axes.yaxis.label.set_size(9)


def words(figure: Any, title: str, note: str) -> None:
    """Write what was counted above a figure, and how below it."""
    left: dict[str, Any] = {"x": 0.01, "ha": "left", "wrap": True}
    figure.suptitle(title, fontsize=10, fontweight="bold", **left)
    figure.supxlabel(note, fontsize=7.5, color="0.25", **left)


def counted(result: Any) -> str:
    """Say how many patients, rows and folds a result is of."""
    rows = ""
    if result.n_samples != result.n_groups:
        rows = f", {result.n_samples} rows"
    n_folds = len(result.fold_scores(result.reference))
    n_repeats = result.scores["repeat"].nunique()
    folds = f"{n_folds}" if n_repeats == 1 else f"{n_folds // n_repeats} x {n_repeats}"
    return f"{result.n_groups} patients{rows}, {folds} outer folds"


def averaged(result: Any, what: str = "averaged") -> str:
    """Say that curves are averaged over repeats, or nothing where there is but one."""
    n_repeats = result.scores["repeat"].nunique()
    return f", {what} over {n_repeats} repeats" if n_repeats > 1 else ""


def row_word(result: Any, capital: bool = False) -> str:
    """Say what a row is: a patient, where each has one."""
    word = "patients" if result.n_samples == result.n_groups else "rows"
    return word.capitalize() if capital else word


def named(result: Any, arm: str) -> str:
    """Return the name of an arm, and whether it is the reference."""
    return f"{arm} (reference)" if arm == result.reference else arm


def in_brackets(value: float, low: float, high: float, digits: int = 2) -> str:
    """Return a number with its interval, and what is missing as missing."""
    if not np.isfinite(value):
        return "undefined"
    return f"{round(value, digits) + 0.0:.{digits}f} {bounds(low, high, digits)}"


def p_words(p: float) -> str:
    """Return a p-value as journals print it."""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
