"""Which configuration each outer fold chose, counted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.report.canvas import (
    counted,
    grid_of_panels,
    named,
    paper,
    plain,
    shown_arms,
    words,
)
from skvae.report.steps_in_words import in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["choice_in_words", "chosen_counts", "chosen_figure"]

_PREFIX = "param_"
# What stands along the two sides of a panel, if an arm has it, in order of preference.
_SIZES = ("n_components", "k")


def chosen_figure(result: Any, *, arms: Sequence[str] | None = None) -> "Figure":
    """Draw which layer and size each outer fold chose, in counts.

    A panel is an arm that was searched: its layers are rows and its sizes columns, or
    else the first two parameters of its grid. A choice that wanders from fold to fold is
    no property of the data.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    arms : sequence of str, default=None
        Which arms; by default all that were searched.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state; `savefig` writes it.

    Raises
    ------
    ValueError
        If no arm had a grid.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.study import chosen_figure, nested_cv
    >>> X, y = load_iris(return_X_y=True)
    >>> arms = {"pca": (LogisticRegression(), {"C": [0.01, 1.0]})}
    >>> figure = chosen_figure(nested_cv(arms, X[50:], y[50:]))
    >>> sum(int(cell.get_text()) for cell in figure.axes[0].texts)
    5
    """
    tables = {
        arm: chosen_counts(result.scores[result.scores["arm"] == arm])
        for arm in shown_arms(result, arms, "chosen_figure")
    }
    tables = {arm: table for arm, table in tables.items() if table is not None}
    if not tables:
        raise ValueError(
            "Got a result in chosen_figure of whose arms none was searched, expected one "
            "with a grid."
        )
    most_rows = max(len(table) for table in tables.values())
    n_columns = 3 if len(tables) > 2 else len(tables)
    n_rows = -(-len(tables) // n_columns)
    width = 4.2 if n_columns == 1 else 7.0
    figure = paper(0.8 + n_rows * (0.95 + 0.32 * most_rows), width)
    for ax, (arm, table) in zip(
        grid_of_panels(figure, len(tables), n_columns), tables.items(), strict=True
    ):
        tried = result.scores.loc[result.scores["arm"] == arm, "n_configurations"].iloc[0]
        _draw(ax, table, f"{named(result, arm)}: {tried} tried")
    words(
        figure,
        f"Configurations that the outer folds chose: {counted(result)}",
        "Numbers of outer folds, each of which searched its training part alone, by the "
        "mean over inner folds. Values that no fold chose are not shown; choices are "
        "summed over further parameters.",
    )
    return figure


def chosen_counts(scores: "DataFrame") -> "DataFrame | None":
    """Return how often each pair of values was chosen: rows and columns named.

    Parameters
    ----------
    scores : DataFrame
        Rows of the scores of one arm.

    Returns
    -------
    DataFrame or None
        Counts; None where there was nothing to choose.
    """
    found = [c for c in scores if c.startswith(_PREFIX) and scores[c].notna().all()]
    if not found:
        return None
    layers = [c for c in found if _last(c) == "layer"]
    sizes = [c for c in found if _last(c) in _SIZES]
    order = [*layers[:1], *sizes[:1], *(c for c in found if c not in layers + sizes)]
    down, across = order[0], order[1] if len(order) > 1 else None
    if across is None or (not layers and sizes):  # a size, or all there is, stands across
        down, across = across, down
    named_columns = {c: _readable(c, found) for c in (down, across) if c}
    frame = scores.rename(columns=named_columns)
    columns = frame[named_columns[across]]
    rows = frame[named_columns[down]] if down else columns.map(lambda _: "")
    table = frame.groupby([rows.rename(rows.name if down else ""), columns]).size()
    return table.unstack(fill_value=0)


def _last(column: str) -> str:
    return column.removeprefix(_PREFIX).rpartition("__")[2]


def _readable(column: str, among: list[str]) -> str:
    """Return the last part of a name, or more where several end alike."""
    name = column.removeprefix(_PREFIX)
    alike = [c for c in among if _last(c) == _last(column)]
    return name.replace("__", " ") if len(alike) > 1 else _last(column)


def _draw(ax: Any, table: "DataFrame", title: str) -> None:
    counts = table.to_numpy()
    ax.imshow(counts, cmap="Blues", vmin=0, vmax=1.2 * counts.sum(), aspect="auto")
    for row, column in np.ndindex(*counts.shape):
        share = counts[row, column] / counts.sum()
        ax.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=9,
            color="white" if share > 0.72 else "0.1",
        )
    across, down = (
        [plain(choice_in_words(value), 24) for value in values]
        for values in (table.columns, table.index)
    )
    ax.set_xticks(range(len(across)), across, fontsize=8)
    ax.set_yticks(range(len(down)), down, fontsize=8)
    ax.set_xlabel(table.columns.name, fontsize=8.5)
    ax.set_ylabel(table.index.name or "", fontsize=8.5)
    ax.set_title(title, fontsize=9, loc="left")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def choice_in_words(value: Any) -> str:
    """Return a value that was chosen as readers write it, such as a layer or a number."""
    return f"{value:g}" if isinstance(value, float) else in_words(value)
