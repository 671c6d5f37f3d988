"""Who was called what: a confusion matrix for each arm."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skvae.report.canvas import (
    averaged,
    check_kind,
    counted,
    grid_of_panels,
    in_brackets,
    named,
    paper,
    row_word,
    shown_arms,
    words,
)
from skvae.statistics.estimate import Estimate
from skvae.statistics.thresholds import threshold_metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confusion_figure"]


def confusion_figure(
    result: Any,
    *,
    arms: Sequence[str] | None = None,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> "Figure":
    """Draw the confusion matrix of each arm: counts, and percentages of each row.

    A row is called positive from the threshold on that was chosen in the training part of
    its fold, where the study chose one; otherwise it is what the arm predicted. Counts are
    those of a repeat, averaged over repeats, as of `threshold_metrics`; so are sensitivity
    and specificity, or the sensitivity of each class of several.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    arms : sequence of str, default=None
        Which arms; by default all.
    confidence : float, default=0.95
        Coverage of the intervals: Wilson's, or of a bootstrap of whole patients where
        patients have several rows.
    random_state : int, RandomState instance or None, default=0
        Draws the bootstrap samples.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state; `savefig` writes it.

    Raises
    ------
    ValueError
        If the outcome is not of classes.

    See Also
    --------
    threshold_metrics : The numbers, and predictive values.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import confusion_figure, nested_cv
    >>> X, y = load_iris(return_X_y=True)
    >>> result = nested_cv({"pca": LogisticRegression(max_iter=500)}, X, y)
    >>> figure = confusion_figure(result)
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['0', '1', '2']
    """
    check_kind(result, "confusion_figure", "classes")
    asked = shown_arms(result, arms, "confusion_figure")
    frames = dict(iter(result.predictions.groupby("arm", sort=False)))
    labels = _labels(result, frames)
    most = 4 if len(labels) == 2 else 3 if len(labels) < 6 else 2
    n_columns = min(len(asked), most)
    n_rows = -(-len(asked) // n_columns)
    width = 7.0 if n_columns > 2 else 2.2 + 2.4 * n_columns
    # Square panels, a line of words for each of the shares below them.
    side = (width - 0.7) / n_columns - 0.25
    lines = 2 if result.positive is not None else len(labels)
    figure = paper(0.8 + n_rows * (side + 0.72 + 0.14 * lines), width)
    axes = grid_of_panels(figure, len(asked), n_columns)
    interval, by_threshold = "", []
    for number, (ax, arm) in enumerate(zip(axes, asked, strict=True)):
        called, has_threshold = _called(result, frames[arm])
        by_threshold.append(has_threshold)
        counts = _counts(frames[arm], called, labels)
        _draw_counts(ax, counts, labels)
        shares, interval = _shares(
            result, frames[arm], called, labels, confidence, random_state
        )
        text = [f"{name} {in_brackets(*share)}" for name, share in shares.items()]
        ax.set_xlabel("predicted\n" + "\n".join(text), fontsize=7.5, loc="left")
        ax.set_ylabel("observed" if number % n_columns == 0 else "", fontsize=9)
        ax.set_title(named(result, arm), fontsize=9, loc="left")
    words(
        figure,
        f"Confusion matrices: {counted(result)}",
        f"{row_word(result, capital=True)} of a repeat{averaged(result)}, with "
        f"percentages of the observed class, {_how(asked, by_threshold)}. Brackets: "
        f"{100 * confidence:g} % intervals, {interval}.",
    )
    return figure


def _labels(result: Any, frames: dict[str, Any]) -> list[Any]:
    """Return the classes, the positive one last."""
    found = sorted(set(frames[result.reference]["y"]), key=str)
    if result.positive is not None:
        found.sort(key=lambda label: label == result.positive)
    return found


def _called(result: Any, frame: Any) -> tuple[NDArray[Any], bool]:
    """Return what each row was called, and whether by a threshold of its fold."""
    y = frame["y"].to_numpy()
    if result.positive is None or "threshold" not in frame:
        return frame["prediction"].to_numpy(), False
    threshold = frame["threshold"].to_numpy(dtype=float)
    if np.isnan(threshold).any():
        return frame["prediction"].to_numpy(), False
    negative = next(label for label in y if label != result.positive)
    is_positive = frame["score"].to_numpy() >= threshold
    return np.where(is_positive, result.positive, negative), True


def _counts(frame: Any, called: NDArray[Any], labels: list[Any]) -> NDArray[np.float64]:
    y, n_repeats = frame["y"].to_numpy(), frame["repeat"].nunique()
    return (
        np.array(
            [
                [((y == row) & (called == column)).sum() for column in labels]
                for row in labels
            ]
        )
        / n_repeats
    )


def _shares(
    result: Any,
    frame: Any,
    called: NDArray[Any],
    labels: list[Any],
    confidence: float,
    random_state: Any,
) -> tuple[dict[str, Estimate], str]:
    """Return sensitivity and specificity, or the sensitivity of each of several classes."""
    found = {}
    shares: dict[str, Estimate] = {}
    for label in labels if result.positive is None else [result.positive]:
        found = threshold_metrics(
            (frame["y"] == label).to_numpy().astype(int),
            (called == label).astype(float),
            0.5,
            repeat=frame["repeat"].to_numpy(),
            groups=frame["group"].to_numpy(),
            confidence=confidence,
            n_bootstraps=300,
            random_state=random_state,
        )
        name = "sensitivity" if result.positive is not None else str(label)
        shares[name] = found.sensitivity
        if result.positive is not None:
            shares["specificity"] = found.specificity
    return shares, found.interval


def _draw_counts(ax: Any, counts: NDArray[np.float64], labels: list[Any]) -> None:
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(totals > 0, totals, 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="equal")
    for row, column in np.ndindex(*counts.shape):
        share = shares[row, column]
        ax.text(
            column,
            row,
            f"{counts[row, column]:.3g}\n{100 * share:.0f} %"
            if counts.max() < 1000
            else f"{counts[row, column]:.0f}\n{100 * share:.0f} %",
            ha="center",
            va="center",
            fontsize=9 if len(labels) < 4 else 7,
            color="white" if share > 0.72 else "0.1",
        )
    names = [str(label) for label in labels]
    ax.set_xticks(range(len(labels)), names, fontsize=8)
    ax.set_yticks(range(len(labels)), names, fontsize=8, rotation=90, va="center")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _how(arms: list[str], by_threshold: list[bool]) -> str:
    if all(by_threshold):
        return "at the threshold chosen in the training part of each fold"
    if not any(by_threshold):
        return "by the predicted class"
    those = [arm for arm, has in zip(arms, by_threshold, strict=True) if has]
    return f"of {', '.join(those)} at the threshold chosen in each fold, else by class"
