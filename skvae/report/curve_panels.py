"""Lines of several arms in one panel a class, with bands, and a legend for each."""

from dataclasses import dataclass
from typing import Any

from skvae.report.canvas import looks, named, paper, spare
from skvae.report.class_rows import ClassPanel

# More bands than these hide one another.
MOST_BANDS = 3
_COLUMNS = 3


def banded(result: Any, arms: list[str]) -> list[str]:
    """Return the arms that get a band: all of a few, or else the reference and the best."""
    if len(arms) <= MOST_BANDS:
        return arms
    means = result.scores.groupby("arm")["score"].mean()
    others = [arm for arm in arms if arm != result.reference]
    best = max(others, key=lambda arm: means[arm])
    return [arm for arm in arms if arm in (result.reference, best)]


def whose_bands(result: Any, arms: list[str]) -> str:
    """Say whose bands are drawn, where not all are."""
    drawn = banded(result, arms)
    return "" if len(drawn) == len(arms) else f" of {' and '.join(drawn)}"


@dataclass(frozen=True)
class LinePanel:
    """Axes of one class, and those below that hold its legend: of several classes alone.

    Parameters
    ----------
    ax : Axes
        Where lines are drawn.
    below : Axes or None
        Room for the legend; None where it stands beside the panel.
    is_first : bool
        Whether the panel begins a row.
    """

    ax: Any
    below: Any
    is_first: bool

    def name_axes(self, x: str, y: str) -> None:
        """Name the axes, without what stands in brackets where room is scarce."""
        alone = self.below is None
        self.ax.set_xlabel(x if alone else x.partition(" (")[0])
        y = y if alone else y.partition(" (")[0]
        self.ax.set_ylabel(y if self.is_first else "")
        self.ax.locator_params(nbins=5 if alone else 3)

    def label(self, result: Any, arm: str, name: str, value: str) -> str:
        """Return what the legend says of an arm, in one line where room is scarce."""
        if self.below is None:
            return f"{named(result, arm)}\n{name} {value}".rstrip()
        return f"{arm}  {value}"

    def legend(self, handles: list[Any]) -> None:
        """Put the legend beside the panel, or below it."""
        options: dict[str, Any] = {"frameon": False, "borderpad": 0, "handlelength": 3.2}
        if self.below is None:
            options |= {"bbox_to_anchor": (1.03, 1.0), "fontsize": 8.5}
            self.ax.legend(handles=handles, loc="upper left", **options)
        else:
            options |= {"fontsize": 7.5, "labelspacing": 0.3, "handlelength": 2.6}
            place = {"loc": "upper left", "bbox_to_anchor": (-0.12, 1.0)}
            legend = self.below.legend(handles=handles, **place, **options)
            legend.set_in_layout(False)  # it has its room


def line_panels(panels: list[ClassPanel], n_lines: int) -> tuple[Any, list[LinePanel]]:
    """Return a figure with a panel for each class."""
    if len(panels) == 1:
        figure = paper(4.6)
        found = [LinePanel(figure.subplots(), None, True)]
        found[0].ax.set_anchor("W")
    else:
        room = 0.15 * n_lines + 0.05
        n_rows = -(-len(panels) // _COLUMNS)
        figure = paper(0.75 + n_rows * (2.45 + room))
        heights = [2.4, room] * n_rows
        grid = figure.add_gridspec(2 * n_rows, _COLUMNS, height_ratios=heights)
        found = []
        for number, panel in enumerate(panels):
            row, column = divmod(number, _COLUMNS)
            below = figure.add_subplot(grid[2 * row + 1, column], gid="legend")
            below.axis("off")
            ax = figure.add_subplot(grid[2 * row, column])
            ax.set_title(f"{panel.label} against the others", fontsize=9, loc="left")
            found.append(LinePanel(ax, below, column == 0))
    for each in found:
        spare(each.ax)
        each.ax.grid(color="0.93", linewidth=0.7)
        each.ax.set_axisbelow(True)
    return figure, found


def draw_lines(
    panel: LinePanel,
    result: Any,
    curves: dict[str, tuple[Any, Any, Any, Any]],
    labels: dict[str, str],
    **step: Any,
) -> list[Any]:
    """Draw x, y, low and high of each arm; `step` says where steps stand.

    The reference is drawn last, above the others. Returns what the legend shows.
    """
    style, bands = looks(result), banded(result, list(curves))
    drawn = {"drawstyle": f"steps-{step['step']}"} if step else {}
    lines = {}
    for arm in sorted(curves, key=lambda arm: arm == result.reference):
        x, y, low, high = curves[arm]
        look = style[arm]
        if arm in bands:
            colour = {"color": look.color, "alpha": 0.16, "linewidth": 0}
            panel.ax.fill_between(x, low, high, gid=f"{arm} band", **colour, **step)
        (lines[arm],) = panel.ax.plot(
            x,
            y,
            color=look.color,
            linestyle=look.linestyle,
            linewidth=1.9 if arm == result.reference else 1.5,
            gid=arm,
            label=labels[arm],
            **drawn,
        )
    return [lines[arm] for arm in curves]
