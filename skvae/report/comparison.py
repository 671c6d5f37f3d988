"""One figure: the score of each arm, and its paired difference to the reference."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison_figure"]

# Blue and orange of Okabe and Ito, and a grey: distinct to colour-blind readers too.
_DOT, _MEAN, _REFERENCE = "#56B4E9", "#0B3C5D", "#D55E00"


def comparison_figure(result: Any, *, confidence: float = 0.95) -> "Figure":
    """Draw the means with their corrected intervals, and the paired differences.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    confidence : float, default=0.95
        Coverage of the intervals.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state; `savefig` writes it.
    """
    summary = result.summary(confidence).iloc[::-1].reset_index(drop=True)
    height = 1.9 + 0.5 * len(summary)
    figure = import_extra("matplotlib.figure").Figure(
        figsize=(9, height), layout="constrained"
    )
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
    reference = result.fold_scores(result.reference)
    for place, row in enumerate(summary.itertuples(name="Row")):
        scores = result.fold_scores(row.arm)
        is_reference = row.arm == result.reference
        colour = _REFERENCE if is_reference else _MEAN
        _draw_arm(left, place, scores, (row.mean, row.ci_low, row.ci_high), colour)
        if is_reference:
            right.plot(0, place, "D", color=colour, zorder=3)
        else:
            interval = (row.difference, row.difference_ci_low, row.difference_ci_high)
            _draw_arm(right, place, scores - reference, interval, colour)
            _write_p(right, place, row.p_holm)
    _name_reference(right, list(summary["arm"]).index(result.reference))
    _finish(figure, left, right, result, confidence, list(summary["arm"]))
    return figure


def _draw_arm(
    axes: Any, place: int, values: Any, interval: tuple[float, float, float], colour: str
) -> None:
    # Dots of equal folds would hide one another: spread them evenly, not at random.
    spread = np.linspace(-0.1, 0.1, len(values)) if len(values) > 1 else [0.0]
    axes.scatter(values, place - 0.2 + spread, s=14, color=_DOT, alpha=0.8, linewidths=0)
    mean, low, high = interval
    axes.errorbar(
        mean,
        place + 0.05,
        xerr=[[mean - low], [high - mean]],
        fmt="D",
        color=colour,
        capsize=4,
        linewidth=1.8,
        zorder=3,
    )


def _write_p(axes: Any, place: int, p: float) -> None:
    text = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")
    axes.text(
        1.02, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9
    )


def _name_reference(axes: Any, place: int) -> None:
    left, right = axes.get_xlim()
    side = 1 if left + right > 0 else -1  # where there is more room
    axes.annotate(
        "reference",
        (0, place),
        xytext=(8 * side, 0),
        textcoords="offset points",
        ha="left" if side == 1 else "right",
        va="center",
        color=_REFERENCE,
    )


def _finish(
    figure: "Figure",
    left: Any,
    right: Any,
    result: Any,
    confidence: float,
    names: list[str],
) -> None:
    score = result.scoring.replace("roc_auc", "ROC AUC").replace("_", " ")
    per_cent = f"{100 * confidence:g} % interval"
    left.set_yticks(range(len(names)), names)
    left.set_ylim(-0.6, len(names) - 0.4)
    left.set_xlabel(f"{score} on the outer folds")
    left.set_title(f"Mean and {per_cent}", fontsize=10)
    right.axvline(0, color="0.35", linewidth=1.2, zorder=1)
    right.set_xlabel(f"difference in {score} to {result.reference}, same folds")
    right.set_title(f"Paired difference and {per_cent}", fontsize=10)
    right.text(
        1.02, 1.0, "Holm", transform=right.transAxes, va="bottom", fontsize=9, color="0.3"
    )
    for axes in (left, right):
        axes.grid(axis="x", color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.locator_params(axis="x", nbins=6)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
    n_splits = len(result.fold_scores(result.reference))
    figure.suptitle(
        f"{result.n_groups} patients, {result.n_samples} samples, {n_splits} outer folds "
        "(dots); intervals Nadeau-Bengio corrected",
        fontsize=11,
    )
