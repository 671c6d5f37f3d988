"""What was predicted against what was observed: of numbers, and of times to an event."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score

from skvae.report.canvas import (
    averaged,
    check_kind,
    counted,
    grid_of_panels,
    looks,
    named,
    paper,
    row_word,
    shown_arms,
    spare,
    words,
)
from skvae.report.survival_panels import survival_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["observed_figure"]

# More dots than these are drawn as pixels, in a vector file too.
_MOST_DOTS = 500


def observed_figure(
    result: Any,
    *,
    arms: Sequence[str] | None = None,
    unit: str = "",
    confidence: float = 0.95,
) -> "Figure":
    r"""Draw predicted against observed numbers, or the survival of patients by their risk.

    Of a number, each panel has a dot a row, of the first repeat, and :math:`R^2` and the
    mean absolute error within a repeat, averaged over repeats. Of times to an event, it
    has Kaplan and Meier's estimate [1]_ for the thirds of lowest, middle and highest risk,
    with the numbers at risk below. Risks of two models have no common scale: the thirds
    are those of each outer fold, in the first repeat.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    arms : sequence of str, default=None
        Which arms; by default all.
    unit : str, default=""
        Unit of the outcome or of the time, for the axes.
    confidence : float, default=0.95
        Coverage of the bands of survival.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state; `savefig` writes it.

    Raises
    ------
    ValueError
        If the outcome is of classes.

    References
    ----------
    .. [1] E. L. Kaplan and P. Meier (1958). Nonparametric estimation from incomplete
       observations. JASA 53, 457-481.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skvae.study import nested_cv, observed_figure
    >>> X, y = load_diabetes(return_X_y=True)
    >>> figure = observed_figure(nested_cv({"pca": Ridge()}, X, y), unit="points")
    >>> figure.axes[0].get_xlabel()
    'observed (points)'
    """
    check_kind(result, "observed_figure", "number", "event")
    asked = shown_arms(result, arms, "observed_figure")
    if result.kind == "event":
        return survival_figure(result, asked, unit, confidence)
    return _number_figure(result, asked, unit)


def _number_figure(result: Any, asked: list[str], unit: str) -> "Figure":
    frames = dict(iter(result.predictions.groupby("arm", sort=False)))
    drawn = result.predictions[result.predictions["arm"].isin(asked)]
    first = drawn[drawn["repeat"] == 1]
    # The same limits for all: what one arm never dares to predict is seen.
    values = first[["y", "prediction"]].to_numpy(dtype=float)
    margin = 0.03 * np.ptp(values)
    limits = (values.min() - margin, values.max() + margin)
    n_columns = min(len(asked), 3 if len(asked) != 4 else 2)
    width = 7.0 if n_columns > 1 else 4.2
    n_rows = -(-len(asked) // n_columns)
    figure = paper(0.85 + n_rows * ((width - 0.5) / n_columns + 0.35), width)
    for number, (ax, arm) in enumerate(
        zip(grid_of_panels(figure, len(asked), n_columns), asked, strict=True)
    ):
        rows = first[first["arm"] == arm]
        ax.plot(limits, limits, color="0.6", linewidth=0.9, gid="identity")
        ax.plot(
            rows["y"],
            rows["prediction"],
            ".",
            color=looks(result)[arm].color,
            markersize=4,
            alpha=0.6,
            markeredgewidth=0,
            rasterized=len(rows) > _MOST_DOTS,
            gid=arm,
        )
        ax.set_title(f"{named(result, arm)}\n{_fit(frames[arm])}", fontsize=8, loc="left")
        ax.set(xlim=limits, ylim=limits)
        ax.set_box_aspect(1)
        spare(ax)
        ax.locator_params(nbins=5)
        in_unit = f" ({unit})" if unit else ""
        ax.set_xlabel(f"observed{in_unit}")
        ax.set_ylabel(f"predicted{in_unit}" if number % n_columns == 0 else "")
    words(
        figure,
        f"Predicted and observed: {counted(result)}",
        f"Dots: {row_word(result)}, out of fold, in the first repeat; line: equality. R² "
        f"and MAE pool the folds of a repeat{averaged(result)}: they are not the means "
        "over the folds.",
    )
    return figure


def _fit(frame: "DataFrame") -> str:
    """Return R² and mean absolute error, averaged over the repeats."""
    parts = [part for _, part in frame.groupby("repeat")]
    r2 = np.mean([r2_score(part["y"], part["prediction"]) for part in parts])
    mae = np.mean([mean_absolute_error(part["y"], part["prediction"]) for part in parts])
    return f"R² {r2:.2f}, MAE {mae:.3g}"
