"""Whether predicted risks come true: a panel for each arm, and how risks are spread."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.report.canvas import (
    averaged,
    counted,
    in_brackets,
    looks,
    named,
    paper,
    row_word,
    shown_arms,
    spare,
    words,
)
from skvae.report.class_rows import ClassPanel, class_panels, left_out
from skvae.statistics.calibration import Calibration, calibration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["calibration_figure"]

_MOST_COLUMNS = 3
# Bins of the histogram, and rows from which the curve has more than five points.
_BARS = np.linspace(0, 1, 26)
_MANY = 500


def calibration_figure(
    result: Any,
    *,
    arms: Sequence[str] | None = None,
    n_bins: int | None = None,
    confidence: float = 0.95,
    n_bootstraps: int = 300,
    random_state: Any = 0,
) -> "Figure":
    """Draw the observed share over the predicted risk of each arm, in bins.

    Slope, intercept and Brier score stand in each panel, as `calibration` has them; below
    it is how the predicted risks are spread: up those of the class, down the others. Three
    classes or more have a column each.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    arms : sequence of str, default=None
        Which arms; by default all that predict probabilities.
    n_bins : int, default=None
        Bins of equal counts. By default 5, or 10 of 500 rows or more.
    confidence : float, default=0.95
        Coverage of the intervals.
    n_bootstraps : int, default=300
        Bootstrap samples of whole patients.
    random_state : int, RandomState instance or None, default=0
        Draws them.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state; `savefig` writes it.

    Raises
    ------
    ValueError
        If the outcome is not of classes, or no arm predicts probabilities.

    See Also
    --------
    calibration : The numbers of a panel.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import calibration_figure, nested_cv
    >>> X, y = load_iris(return_X_y=True)
    >>> result = nested_cv({"pca": LogisticRegression()}, X[50:], y[50:])
    >>> figure = calibration_figure(result, n_bootstraps=100)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['observed share', 'patients']
    """
    asked = shown_arms(result, arms, "calibration_figure")
    panels = class_panels(result, "calibration_figure", asked, probabilities=True)
    bins = (10 if result.n_samples >= _MANY else 5) if n_bins is None else n_bins
    figure, places = _places(panels, row_word(result))
    for place, (panel, arm) in zip(places, _in_order(panels), strict=True):
        rows = dict(panel.rows[arm])
        found = calibration(
            probability=rows.pop("score"),
            **rows,
            n_bins=bins,
            n_bootstraps=n_bootstraps,
            confidence=confidence,
            random_state=random_state,
        )
        _draw_curve(place[0], found, looks(result)[arm].color)
        _draw_spread(place[1], panel.rows[arm], looks(result)[arm].color)
        title = named(result, arm) if len(panels) == 1 else f"{arm}: {panel.label}"
        place[0].set_title(f"{title}\n{_numbers(found)}", fontsize=8, loc="left")
    of = "" if result.positive is None else f" of class {result.positive}"
    note = (
        f"Out-of-fold probabilities in {bins} bins of equal counts{averaged(result)}; "
        f"bars and brackets: {100 * confidence:g} %, bootstrap of whole patients "
        f"({n_bootstraps} samples). Line: perfect calibration. A slope below 1: risks too "
        "extreme; an intercept above 0: risks too low. Below: risks of the class (up) and "
        "of the others (down)."
    )
    missing = left_out(panels, asked)
    if missing:
        note += f" Without probabilities, not shown: {', '.join(missing)}."
    words(figure, f"Calibration{of}: {counted(result)}", note)
    return figure


def _in_order(panels: list[ClassPanel]) -> list[tuple[ClassPanel, str]]:
    """Return the panels: arms row by row, with their classes side by side."""
    return [(panel, arm) for arm in panels[0].rows for panel in panels]


def _places(panels: list[ClassPanel], counts: str) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return a figure with pairs of axes, the curve above the spread."""
    n_panels = len(panels) * len(panels[0].rows)
    n_columns = len(panels) if len(panels) > 1 else min(n_panels, _MOST_COLUMNS)
    n_rows = -(-n_panels // n_columns)
    width = 4.6 if n_columns == 1 else 7.0
    each = {1: 5.0, 2: 4.8, 3: 3.5}.get(n_columns, 3.0)
    figure = paper(0.7 + each * n_rows, width)
    grid = figure.add_gridspec(2 * n_rows, n_columns, height_ratios=[4, 1] * n_rows)
    places = []
    for number in range(n_panels):
        row, column = divmod(number, n_columns)
        above = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
        above.tick_params(labelbottom=False)
        is_last = number + n_columns >= n_panels
        below.set_xlabel("predicted risk" if is_last else "")
        above.set_ylabel("observed share" if column == 0 else "")
        below.set_ylabel(counts if column == 0 else "")
        spare(above)
        spare(below)
        places.append((above, below))
    return figure, places


def _draw_curve(ax: Any, found: Calibration, colour: str) -> None:
    ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.9, gid="perfect")
    spread = [found.observed - found.low, found.high - found.observed]
    ax.errorbar(
        found.predicted,
        found.observed,
        # Percentiles of a bootstrap may leave out the share itself.
        yerr=np.maximum(spread, 0),
        color=colour,
        marker="o",
        markersize=4,
        linewidth=1.3,
        elinewidth=1,
        capsize=2,
        gid="curve",
    )
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.set_box_aspect(1)
    ax.grid(color="0.93", linewidth=0.7)
    ax.set_axisbelow(True)


def _numbers(found: Calibration) -> str:
    return (
        f"slope {in_brackets(*found.slope)}\n"
        f"intercept {in_brackets(*found.intercept)}\n"
        f"Brier {in_brackets(*found.brier, digits=3)}"
    )


def _draw_spread(ax: Any, rows: dict[str, Any], colour: str) -> None:
    n_repeats = len(np.unique(rows["repeat"]))
    for label, sign, alpha in ((1, 1, 0.9), (0, -1, 0.45)):
        counts, _ = np.histogram(rows["score"][rows["y"] == label], _BARS)
        ax.stairs(
            sign * counts / n_repeats,
            _BARS,
            fill=True,
            color=colour,
            alpha=alpha,
            gid=f"{label}",
        )
    ax.axhline(0, color="0.3", linewidth=0.6)
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    ax.locator_params(axis="y", nbins=3)
