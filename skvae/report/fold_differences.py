"""How much each arm differs from the reference in every outer fold."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.report.canvas import counted, looks, p_words, paper, spare, words
from skvae.report.score_names import score_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["difference_figure"]

_WORSE, _EQUAL, _BETTER = "#D55E00", "0.80", "#0072B2"


def difference_figure(
    result: Any, *, confidence: float = 0.95, rope: float = 0.02
) -> "Figure":
    """Draw the paired difference to the reference in every outer fold.

    Dots are folds, diamonds the mean with its corrected interval; beside them stand in how
    many folds the arm was better, Holm's p and the probabilities that it is worse, equal
    within the rope, or better, as `NestedCVResult.summary` has them.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    confidence : float, default=0.95
        Coverage of the intervals.
    rope : float, default=0.02
        Differences up to this are of no practical importance.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state; `savefig` writes it.

    Raises
    ------
    ValueError
        If there is no arm but the reference.

    See Also
    --------
    corrected_interval : The interval of the mean.
    bayesian_correlated_ttest : The probabilities.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import difference_figure, nested_cv
    >>> X, y = load_iris(return_X_y=True)
    >>> arms = {"pca": LogisticRegression(), "strict": LogisticRegression(C=0.01)}
    >>> figure = difference_figure(nested_cv(arms, X[50:], y[50:]))
    >>> figure.axes[0].get_xlabel()
    'difference in AUC to pca'
    """
    summary = result.summary(confidence, rope)
    summary = summary[summary["arm"] != result.reference].reset_index(drop=True)
    if summary.empty:
        raise ValueError(
            f"Got a result with the only arm {result.reference!r} in difference_figure, "
            "expected another to compare with it."
        )
    n_arms = len(summary)
    figure = paper(1.75 + 0.62 * n_arms)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2.4, 1))
    left.axvspan(-rope, rope, color="0.92", linewidth=0, gid="rope")
    left.axvline(0, color="0.35", linewidth=1)
    reference = result.fold_scores(result.reference)
    repeat = result.scores.loc[result.scores["arm"] == result.reference, "repeat"]
    for place, row in enumerate(summary.itertuples(name="Row")):
        differences = result.fold_scores(row.arm) - reference
        _draw_folds(left, place, differences, repeat.to_numpy(), looks(result)[row.arm])
        interval = (row.difference, row.difference_ci_low, row.difference_ci_high)
        _draw_mean(left, place, *interval)
        _draw_shares(right, place, row)
        known = differences[np.isfinite(differences)]
        text = f"better in {(known > 0).sum()} of {len(known)} folds, {_p(row.p_holm)}"
        white = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        left.text(
            0.005,
            place - 0.3,
            text,
            transform=left.get_yaxis_transform(),
            fontsize=7.5,
            bbox=white,
        )
    _finish(left, right, result, list(summary["arm"]), rope)
    words(
        figure,
        f"Differences to {result.reference}, fold by fold: {counted(result)}",
        "Dots: outer folds, a row of dots a repeat. Diamonds: mean and "
        f"{100 * confidence:g} % interval of Nadeau and Bengio, corrected for shared "
        "training rows; p of the same test, after Holm. Grey band: differences up to "
        f"{rope:g}. Right: posterior probabilities of the Bayesian correlated t-test.",
    )
    return figure


def _draw_folds(ax: Any, place: int, values: Any, repeat: Any, look: Any) -> None:
    """Draw a fold a dot, the repeats below one another."""
    number = np.unique(repeat, return_inverse=True)[1]
    n = number.max() + 1
    y = place + (0.12 + 0.3 * (number + 0.5) / n)
    ax.scatter(values, y, s=13, color=look.color, alpha=0.75, linewidths=0, gid="folds")


def _draw_mean(ax: Any, place: int, mean: float, low: float, high: float) -> None:
    y = place + 0.02
    if np.isfinite(low) and np.isfinite(high):
        ax.plot([low, high], [y, y], "|-", color="0.1", linewidth=1.6, markersize=7)
    ax.plot(mean, y, "D", color="0.1", markersize=5.5, zorder=3, gid="mean")


def _draw_shares(ax: Any, place: int, row: Any) -> None:
    start = 0.0
    for share, colour in ((row.worse, _WORSE), (row.equal, _EQUAL), (row.better, _BETTER)):
        if not np.isfinite(share):
            return
        ax.barh(place, share, left=start, height=0.42, color=colour, linewidth=0)
        if share >= 0.12:
            ax.text(
                start + share / 2,
                place,
                f"{share:.2f}",
                ha="center",
                va="center",
                fontsize=7.5,
                color="0.1" if colour == _EQUAL else "white",
            )
        start += share


def _p(p: float) -> str:
    return f"Holm {p_words(p)}" if np.isfinite(p) else "no test"


def _finish(left: Any, right: Any, result: Any, arms: list[str], rope: float) -> None:
    left.set_yticks(range(len(arms)), arms)
    left.set_ylim(len(arms) - 0.45, -0.55)
    left.set_xlabel(f"difference in {score_name(result.scoring)} to {result.reference}")
    left.grid(axis="x", color="0.93", linewidth=0.7)
    right.set_xlim(0, 1)
    right.set_xlabel("probability")
    for ax in (left, right):
        ax.set_axisbelow(True)
        spare(ax)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
    left.tick_params(axis="y", labelsize=9)
    right.set_xticks([0, 0.5, 1])
    names = (
        (0.0, "worse", _WORSE),
        (0.5, f"within ±{rope:g}", "0.35"),
        (1.0, "better", _BETTER),
    )
    for (x, text, colour), side in zip(names, ("left", "center", "right"), strict=True):
        right.text(
            x, 1.01, text, transform=right.transAxes, ha=side, color=colour, fontsize=8
        )
