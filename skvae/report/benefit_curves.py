"""Whether acting on the arms would do more good than harm."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvae.report.canvas import averaged, counted, fewer, row_word, shown_arms, words
from skvae.report.class_rows import ClassPanel, class_panels, left_out
from skvae.report.curve_panels import LinePanel, draw_lines, line_panels, whose_bands
from skvae.statistics.decision_curves import DecisionCurve, decision_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["decision_curve_figure"]

# A threshold makes sense while one false positive costs no more than this share of the
# benefit of finding all.
_DEAREST = 0.1


def decision_curve_figure(
    result: Any,
    *,
    arms: Sequence[str] | None = None,
    thresholds: "ArrayLike | None" = None,
    confidence: float = 0.95,
    n_bootstraps: int = 500,
    random_state: Any = 0,
) -> "Figure":
    """Draw the net benefit of each arm over the threshold, beside treating all and none.

    Net benefits are those of `decision_curve`. They depend on the prevalence, which is
    written: that of a case-control study is not that of patients.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    arms : sequence of str, default=None
        Which arms; by default all that predict probabilities, or the reference and the
        seven best of more than eight.
    thresholds : array-like, default=None
        Risks from which on one would treat. By default .01, .02, ... as far as an arm
        treats anybody, and one false positive costs at most a tenth of the benefit of
        finding all of the class: beyond, single patients decide.
    confidence : float, default=0.95
        Coverage of the bands.
    n_bootstraps : int, default=500
        Bootstrap samples of whole patients. Of more than three arms, the reference and
        the best other one have a band.
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
    decision_curve : The numbers of a curve.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import decision_curve_figure, nested_cv
    >>> X, y = load_iris(return_X_y=True)
    >>> result = nested_cv({"pca": LogisticRegression()}, X[50:], y[50:])
    >>> figure = decision_curve_figure(result, n_bootstraps=100)
    >>> [line.get_gid() for line in figure.axes[0].lines]
    ['treat none', 'treat all', 'pca']
    """
    asked = shown_arms(result, arms, "decision_curve_figure")
    panels = class_panels(
        result, "decision_curve_figure", fewer(result, asked), probabilities=True
    )
    figure, places = line_panels(panels, len(panels[0].rows) + 2)
    options = {"confidence": confidence, "n_bootstraps": n_bootstraps}
    for place, panel in zip(places, panels, strict=True):
        at = sensible_thresholds(panel) if thresholds is None else thresholds
        curves = {}
        for arm, rows in panel.rows.items():
            columns = dict(rows)
            curves[arm] = decision_curve(
                probability=columns.pop("score"),
                **columns,
                thresholds=at,
                random_state=random_state,
                **options,
            )
        _draw(place, result, panel, curves)
    of = ""
    if result.positive is not None:
        share = f"{panels[0].prevalence:.0%} of {row_word(result)}"
        of = f" for class {result.positive} ({share})"
    note = (
        "Net benefit: true positives per row, minus false positives weighted by "
        "t / (1 - t) at the threshold t; out-of-fold probabilities"
        f"{averaged(result)}. "
        f"Bands{whose_bands(result, list(panels[0].rows))}: {100 * confidence:g} %, "
        f"bootstrap of whole patients ({n_bootstraps} samples; pointwise). It holds for "
        "this prevalence."
    )
    missing = left_out(panels, asked)
    if missing:
        note += f" Not shown: {', '.join(missing)}."
    words(figure, f"Decision curves{of}: {counted(result)}", note)
    return figure


def sensible_thresholds(panel: ClassPanel) -> NDArray[np.float64]:
    """Return the thresholds at which a net benefit is more than single patients."""
    rows = next(iter(panel.rows.values()))
    n = len(rows["y"]) / len(np.unique(rows["repeat"]))
    dearest = _DEAREST * panel.prevalence * n
    highest = max(rows["score"].max() for rows in panel.rows.values())
    last = min(dearest / (1 + dearest), highest)
    grid = np.arange(1, 100) / 100
    return grid[: max(2, np.searchsorted(grid, last, side="right"))]


def _draw(
    place: LinePanel, result: Any, panel: ClassPanel, curves: dict[str, DecisionCurve]
) -> None:
    first = next(iter(curves.values()))
    (none,) = place.ax.plot(
        first.threshold, first.treat_none, color="0.2", linewidth=1, gid="treat none"
    )
    (treat_all,) = place.ax.plot(
        first.threshold, first.treat_all, color="0.6", linewidth=1.4, gid="treat all"
    )
    none.set_label("treat none")
    treat_all.set_label("treat all")
    drawn = {arm: (c.threshold, c.model, c.low, c.high) for arm, c in curves.items()}
    labels = {arm: place.label(result, arm, "", "") for arm in curves}
    place.legend([*draw_lines(place, result, drawn, labels), treat_all, none])
    # Treating all falls without end: what lies below is worse than doing nothing.
    place.ax.set_ylim(-0.25 * panel.prevalence, 1.15 * panel.prevalence)
    place.ax.set_xlim(0, first.threshold[-1])
    place.ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    place.ax.set_box_aspect(None if place.below is None else 1)
    place.name_axes("threshold of the risk (from which on to treat)", "net benefit")
