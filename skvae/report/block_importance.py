"""Which inputs drive the score of each arm."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.report.canvas import paper, plain
from skvae.report.explained_axes import BLUE, DARK, explained
from skvae.report.score_names import score_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["importance_figure"]

_MOST_PANELS = 4  # side by side, beside the names of blocks


def importance_figure(result: Any, *, n_blocks: int = 10) -> "Figure":
    """Draw by how much the score of each arm falls when a block is exchanged.

    Parameters
    ----------
    result : NestedCVResult
        Of ``nested_cv(..., explain=True)``.
    n_blocks : int, default=10
        Blocks that are shown: those with the largest mean drop of any arm.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state; `savefig` writes it.

    Raises
    ------
    ValueError
        If nothing was explained.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skvae.study import default_arms, importance_figure, nested_cv
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> X, y = X.iloc[:90, :3], y[:90]
    >>> arms = default_arms(X, ["pca"], n_components=2)
    >>> result = nested_cv(arms, X, y, outer=(2, 1), inner=2, explain=True)
    >>> axes = importance_figure(result).axes[0]
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['mean texture', 'mean radius + 1']
    """
    importance = explained(result, "importance", "and an arm that reads its inputs")
    rows = list(_rows_of_panels(importance, n_blocks))
    heights = [len(names) for _, names in rows]
    n_columns = max(len(tables) for tables, _ in rows)
    figure = paper(1.0 + sum(0.5 + 0.2 * height for height in heights))
    grid = figure.subplots(
        len(rows), n_columns, squeeze=False, sharex="row", height_ratios=heights
    )
    for line, (tables, names) in zip(grid, rows, strict=True):
        for axes, (arm, table) in zip(line, tables.items(), strict=False):
            _draw(axes, table.reindex(names))
            axes.set_title(plain(arm, 22), fontsize=8.5, loc="left")
            axes.set_yticklabels([])
        line[0].set_yticklabels([plain(name, 52) for name in names], fontsize=7.5)
        for axes in line[len(tables) :]:
            axes.set_visible(False)
    _say_what(figure, result, importance)
    return figure


def _rows_of_panels(importance: Any, n_blocks: int) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield arms with the same blocks, a few in a row, and these, the first last."""
    alike: dict[frozenset[str], dict[str, Any]] = {}
    for arm, rows in importance.groupby("arm", sort=False):
        table = rows.pivot_table("drop", "block", "fold", sort=False)
        alike.setdefault(frozenset(table.index), {})[arm] = table
    for tables in alike.values():
        first = next(iter(tables.values()))
        means = np.stack([t.mean(axis=1).reindex(first.index) for t in tables.values()])
        order = np.argsort(-means.max(axis=0), kind="stable")[:n_blocks]
        arms = list(tables.items())
        for k in range(0, len(arms), _MOST_PANELS):
            yield dict(arms[k : k + _MOST_PANELS]), first.index[order[::-1]]


def _say_what(figure: "Figure", result: Any, importance: Any) -> None:
    score = score_name(result.scoring)
    counts = importance["n_repeats"]
    times = "–".join(str(n) for n in dict.fromkeys([counts.min(), counts.max()]))
    figure.supxlabel(
        f"drop in {plain(score)} when a block is exchanged between patients (held-out rows;"
        f"\nbars: mean of {importance['fold'].nunique()} outer folds, dots: each fold, "
        f"{'one exchange' if times == '1' else f'mean of {times} exchanges'})",
        fontsize=9,
    )


def _draw(axes: Any, table: Any) -> None:
    places = np.arange(len(table))
    axes.barh(places, table.mean(axis=1), height=0.62, color=BLUE, zorder=2)
    spread = np.linspace(-0.2, 0.2, table.shape[1]) if table.shape[1] > 1 else [0.0]
    for shift, fold in zip(spread, table.columns, strict=True):
        axes.plot(
            table[fold],
            places + shift,
            "o",
            color=DARK,
            markersize=2.6,
            markeredgewidth=0,
            zorder=3,
        )
    axes.axvline(0, color="0.35", linewidth=0.9, zorder=1)
    axes.set_yticks(places)
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=3)
    axes.spines[["top", "right", "left"]].set_visible(False)
