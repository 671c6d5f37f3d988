"""Scores inside a study and on another cohort."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.report.canvas import (
    counted,
    in_brackets,
    looks,
    named,
    p_words,
    paper,
    spare,
    words,
)
from skvae.report.score_names import score_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["external_figure"]


def external_figure(result: Any, *, confidence: float = 0.95) -> "Figure":
    """Draw the score of each arm inside the study and on the external cohort.

    Inside, it is the mean over the outer folds with its corrected interval; outside, that
    of models fitted on all rows of the study, with DeLong's interval where the score is
    the AUC and each patient has one row, as `NestedCVResult.external` has it.

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

    Raises
    ------
    ValueError
        If the study had no external cohort.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import external_figure, nested_cv
    >>> X, y = load_iris(return_X_y=True)
    >>> arms, later = {"pca": LogisticRegression()}, (X[51::2], y[51::2])
    >>> figure = external_figure(nested_cv(arms, X[50::2], y[50::2], external=later))
    >>> figure.axes[0].get_xlabel()
    'AUC'
    """
    outside = result.external(confidence).set_index("arm")
    inside = result.summary(confidence).set_index("arm")
    figure = paper(1.55 + 0.52 * len(inside))
    ax = figure.subplots()
    has_interval = "ci_low" in outside
    for place, arm in enumerate(inside.index):
        colour, row, found = looks(result)[arm].color, inside.loc[arm], outside.loc[arm]
        estimate = (row["mean"], row["ci_low"], row["ci_high"])
        _draw(ax, place - 0.16, estimate, colour, "o", in_brackets(*estimate))
        estimate = tuple(found.get(name, np.nan) for name in ("score", "ci_low", "ci_high"))
        text = in_brackets(*estimate) if has_interval else f"{found['score']:.2f}"
        p = found.get("p_holm", np.nan)
        text += "" if np.isnan(p) else f"   {p_words(p)}"
        _draw(ax, place + 0.16, estimate, colour, "s", text)
    _finish(ax, result, list(inside.index))
    rows = result.external_predictions
    rows = rows[rows["arm"] == result.reference]
    n_patients = rows["group"].nunique()
    external = f"{n_patients} patients"
    if len(rows) != n_patients:
        external += f", {len(rows)} rows"
    test = (
        f"square: external cohort, DeLong's {100 * confidence:g} % interval, and p of his "
        f"test against {result.reference}, after Holm"
        if has_interval
        else "square: external cohort, for whose score no interval is known"
    )
    words(
        figure,
        f"Inside: {counted(result)}. External: {external}",
        "Circle: mean over the outer folds, Nadeau-Bengio corrected "
        f"{100 * confidence:g} % interval; {test}. Models of the external scores are "
        "fitted on all rows inside.",
    )
    return figure


def _draw(ax: Any, y: float, estimate: Any, colour: str, marker: str, text: str) -> None:
    value, low, high = estimate
    if np.isfinite(low) and np.isfinite(high):
        ax.plot([low, high], [y, y], "-", color=colour, linewidth=1.6)
    face = colour if marker == "s" else "white"
    look = {"color": colour, "markerfacecolor": face, "markersize": 6.5}
    ax.plot(
        value, y, marker, zorder=3, gid="inside" if marker == "o" else "external", **look
    )
    right = ax.get_yaxis_transform()
    ax.text(1.02, y, text, transform=right, va="center", fontsize=8)


def _finish(ax: Any, result: Any, arms: list[str]) -> None:
    ax.set_yticks(range(len(arms)), [named(result, arm) for arm in arms])
    ax.set_ylim(len(arms) - 0.5, -0.5)
    ax.set_xlabel(score_name(result.scoring))
    ax.grid(axis="x", color="0.93", linewidth=0.7)
    ax.set_axisbelow(True)
    spare(ax)
    ax.tick_params(axis="y", length=0, labelsize=9)
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=6)
