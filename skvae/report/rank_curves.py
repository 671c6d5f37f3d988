"""ROC and precision-recall curves of the arms, with bands over patients."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.report.canvas import (
    averaged,
    counted,
    fewer,
    in_brackets,
    looks,
    row_word,
    shown_arms,
    words,
)
from skvae.report.class_rows import ClassPanel, class_panels, left_out
from skvae.report.curve_panels import LinePanel, draw_lines, line_panels, whose_bands
from skvae.statistics.averaged_curves import AveragedCurve, averaged_curve
from skvae.statistics.thresholds import threshold_metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["precision_recall_figure", "roc_figure"]


def roc_figure(
    result: Any,
    *,
    arms: Sequence[str] | None = None,
    confidence: float = 0.95,
    n_bootstraps: int = 500,
    random_state: Any = 0,
) -> "Figure":
    """Draw the ROC curve of each arm, with bands over patients.

    Each curve is that of the out-of-fold predictions of a repeat, averaged over repeats,
    as `averaged_curve` has it. Where the study chose thresholds in its folds, a cross
    marks what they gave. Three classes or more have a panel each: one against the others.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    arms : sequence of str, default=None
        Which arms; by default all, or the reference and the seven best of more than
        eight.
    confidence : float, default=0.95
        Coverage of the bands, and of the intervals of the areas.
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
        If the outcome is not of classes, or no arm has scores.

    See Also
    --------
    averaged_curve : The numbers of a curve.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import nested_cv, roc_figure
    >>> X, y = load_iris(return_X_y=True)
    >>> result = nested_cv({"pca": LogisticRegression()}, X[50:], y[50:])
    >>> figure = roc_figure(result, n_bootstraps=100)
    >>> figure.axes[0].get_xlabel()
    'false positive rate (1 - specificity)'
    """
    how = (arms, confidence, n_bootstraps, random_state)
    return _figure(result, "roc", "roc_figure", *how)


def precision_recall_figure(
    result: Any,
    *,
    arms: Sequence[str] | None = None,
    confidence: float = 0.95,
    n_bootstraps: int = 500,
    random_state: Any = 0,
) -> "Figure":
    """Draw the precision over the recall of each arm, with bands over patients.

    Each curve is that of the out-of-fold predictions of a repeat, averaged over repeats,
    as `averaged_curve` has it; a line marks the prevalence, which guessing reaches.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    arms : sequence of str, default=None
        Which arms; by default all, or the reference and the seven best of more than
        eight.
    confidence : float, default=0.95
        Coverage of the bands, and of the intervals of the average precision.
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
        If the outcome is not of classes, or no arm has scores.

    See Also
    --------
    averaged_curve : The numbers of a curve.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import nested_cv, precision_recall_figure
    >>> X, y = load_iris(return_X_y=True)
    >>> result = nested_cv({"pca": LogisticRegression()}, X[50:], y[50:])
    >>> figure = precision_recall_figure(result, n_bootstraps=100)
    >>> figure.axes[0].get_ylabel()
    'precision (positive predictive value)'
    """
    how = (arms, confidence, n_bootstraps, random_state)
    return _figure(result, "precision_recall", "precision_recall_figure", *how)


def _figure(
    result: Any,
    kind: str,
    owner: str,
    arms: Sequence[str] | None,
    confidence: float,
    n_bootstraps: int,
    random_state: Any,
) -> "Figure":
    asked = shown_arms(result, arms, owner)
    panels = class_panels(result, owner, fewer(result, asked))
    figure, places = line_panels(panels, len(panels[0].rows) + 1)
    options = {"confidence": confidence, "n_bootstraps": n_bootstraps}
    for place, panel in zip(places, panels, strict=True):
        curves = {
            arm: averaged_curve(**rows, kind=kind, random_state=random_state, **options)
            for arm, rows in panel.rows.items()
        }
        (_draw_roc if kind == "roc" else _draw_recall)(place, result, panel, curves)
        place.ax.set_aspect("equal")
        place.ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    title = "ROC curves" if kind == "roc" else "Precision and recall"
    if result.positive is not None:
        share = f"{panels[0].prevalence:.0%} of {row_word(result)}"
        title += f" of class {result.positive} ({share})"
    words(
        figure, f"{title}: {counted(result)}", _note(result, kind, panels, asked, options)
    )
    return figure


def _draw_roc(
    place: LinePanel, result: Any, panel: ClassPanel, curves: dict[str, AveragedCurve]
) -> None:
    place.ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.9, gid="chance")
    # The curve begins at 0 and rises there.
    drawn = {arm: _from_zero(curve) for arm, curve in curves.items()}
    place.legend(draw_lines(place, result, drawn, _labels(place, result, curves, "AUC")))
    _mark_thresholds(place.ax, result, panel)
    x = "false positive rate (1 - specificity)"
    place.name_axes(x, "sensitivity")


def _from_zero(curve: AveragedCurve) -> tuple[Any, Any, Any, Any]:
    x, y, low, high = (
        np.insert(column, 0, 0.0) for column in (curve.x, curve.y, curve.low, curve.high)
    )
    return x, y, low, high


def _mark_thresholds(ax: Any, result: Any, panel: ClassPanel) -> None:
    """Mark what the thresholds that were chosen in the folds gave."""
    if "threshold" not in result.predictions or result.positive is None:
        return
    frames = result.predictions.groupby("arm")["threshold"]
    for arm, rows in panel.rows.items():
        threshold = frames.get_group(arm).to_numpy(dtype=float)
        if np.isnan(threshold).any():
            continue
        found = threshold_metrics(**rows, threshold=threshold, n_bootstraps=0)
        ax.plot(
            1 - found.specificity.value,
            found.sensitivity.value,
            "X",
            color=looks(result)[arm].color,
            markersize=8,
            markeredgecolor="white",
            gid=f"{arm} threshold",
            zorder=4,
        )


def _draw_recall(
    place: LinePanel, result: Any, panel: ClassPanel, curves: dict[str, AveragedCurve]
) -> None:
    chance = place.ax.axhline(
        panel.prevalence,
        color="0.6",
        linewidth=0.9,
        gid="prevalence",
        label=f"prevalence {panel.prevalence:.2f}",
    )
    drawn = {arm: (c.x, c.y, c.low, c.high) for arm, c in curves.items()}
    labels = _labels(place, result, curves, "AP")
    place.legend([*draw_lines(place, result, drawn, labels, step="pre"), chance])
    place.name_axes("recall (sensitivity)", "precision (positive predictive value)")


def _labels(
    place: LinePanel, result: Any, curves: dict[str, AveragedCurve], name: str
) -> dict[str, str]:
    return {
        arm: place.label(result, arm, name, in_brackets(*curve.area))
        for arm, curve in curves.items()
    }


def _note(
    result: Any, kind: str, panels: list[ClassPanel], asked: list[str], options: Any
) -> str:
    shown = list(panels[0].rows)
    area = "AUC" if kind == "roc" else "AP, the average precision"
    text = (
        f"Curves of the out-of-fold predictions of a repeat{averaged(result)}. Bands"
        f"{whose_bands(result, shown)} and brackets: {100 * options['confidence']:g} %, "
        f"bootstrap of whole patients ({options['n_bootstraps']} samples; pointwise). "
        f"Values: {area}, pooled over the folds of a repeat, not their mean."
    )
    if kind == "roc" and "threshold" in result.predictions and result.positive is not None:
        text += " Crosses: thresholds chosen in the training part of each fold."
    missing = left_out(panels, asked)
    return f"{text} Not shown: {', '.join(missing)}." if missing else text
