"""One figure: the score of each arm, and its paired difference to the reference."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.report.canvas import (
    REFERENCE,
    counted,
    p_words,
    paper,
    spare,
    words,
)
from skvae.report.score_names import score_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison_figure"]

_DOT, _MEAN = "#56B4E9", "#0B3C5D"


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

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import comparison_figure, nested_cv
    >>> X, y = load_iris(return_X_y=True)
    >>> arms = {"pca": LogisticRegression(), "strict": LogisticRegression(C=0.01)}
    >>> figure = comparison_figure(nested_cv(arms, X[50:], y[50:]))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['pca', 'strict']
    """
    summary = result.summary(confidence)
    figure = paper(1.5 + 0.45 * len(summary))
    if len(summary) == 1:  # which has nothing to differ from
        left, right = figure.subplots(), None
    else:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
    reference = result.fold_scores(result.reference)
    for place, row in enumerate(summary.itertuples(name="Row")):
        scores = result.fold_scores(row.arm)
        is_reference = row.arm == result.reference
        colour = REFERENCE if is_reference else _MEAN
        _draw_arm(left, place, scores, (row.mean, row.ci_low, row.ci_high), colour)
        if right is None:
            continue
        if is_reference:
            right.plot(0, place, "D", color=colour, zorder=3)
        else:
            interval = (row.difference, row.difference_ci_low, row.difference_ci_high)
            _draw_arm(right, place, scores - reference, interval, colour)
            _write_p(right, place, row.p_holm)
    _finish(figure, left, right, result, confidence, list(summary["arm"]))
    return figure


def _draw_arm(
    axes: Any, place: int, values: Any, interval: tuple[float, float, float], colour: str
) -> None:
    # Dots of equal folds would hide one another: spread them evenly, not at random.
    spread = np.linspace(-0.1, 0.1, len(values)) if len(values) > 1 else [0.0]
    axes.scatter(values, place + 0.2 + spread, s=12, color=_DOT, alpha=0.8, linewidths=0)
    mean, low, high = interval
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [place - 0.05] * 2, "|-", color=colour, linewidth=1.7)
    axes.plot(mean, place - 0.05, "D", color=colour, markersize=5.5, zorder=3, gid="mean")


def _write_p(axes: Any, place: int, p: float) -> None:
    text = p_words(p) if np.isfinite(p) else "no test"
    right = axes.get_yaxis_transform()
    axes.text(1.02, place, text, transform=right, va="center", fontsize=8.5)


def _finish(
    figure: "Figure",
    left: Any,
    right: Any,
    result: Any,
    confidence: float,
    names: list[str],
) -> None:
    score = score_name(result.scoring)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(len(names) - 0.4, -0.6)
    left.set_xlabel(f"{score} on the outer folds")
    _trim(left)
    how = "Nadeau-Bengio corrected for shared training rows"
    title = "Mean score"
    note = f"Dots: outer folds. Diamond: mean and {100 * confidence:g} % interval, {how}."
    if right is not None:
        _name_differences(right, result, score)
        title = "Mean scores and paired differences"
        note = (
            "Dots: outer folds, the same for all arms. Diamonds: means and "
            f"{100 * confidence:g} % intervals, {how}; p of the paired test, after Holm. "
            f"Orange: the reference, {result.reference}."
        )
    words(figure, f"{title}: {counted(result)}", note)


def _name_differences(right: Any, result: Any, score: str) -> None:
    right.axvline(0, color="0.35", linewidth=1.2, zorder=1)
    right.set_xlabel(f"difference in {score} to {result.reference}")
    right.text(
        1.02, 1.0, "Holm", transform=right.transAxes, va="bottom", fontsize=8, color="0.3"
    )
    _trim(right)


def _trim(axes: Any) -> None:
    axes.grid(axis="x", color="0.93", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5)
    spare(axes)
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.spines["left"].set_visible(False)
