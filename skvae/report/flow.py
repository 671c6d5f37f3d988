"""How many patients came in, were left out, and were predicted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from skvae.extras import import_extra
from skvae.report.number_format import count
from skvae.report.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Flow", "flow_figure"]

_INK, _SIDE, _BOX = "#1a1a1a", "#fff4e5", "#eef4fb"
_LINE_HEIGHT = 0.19  # inches
_GAP = 0.42


@dataclass(frozen=True)
class Flow:
    """The boxes of a flow chart of patients, from top to bottom.

    Parameters
    ----------
    boxes : list of str
        What each is called and how many are in it; lines are parted by a line feed.
    left_out : dict of int to str, default={}
        What leaves below which box, and why.

    See Also
    --------
    skvae.study.flow_figure : Draws it.

    Examples
    --------
    >>> from skvae.study import Flow
    >>> flow = Flow(["120 cases read", "113 patients analysed"], {0: "7 left out"})
    >>> len(flow.boxes)
    2
    """

    boxes: list[str]
    left_out: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Record) -> "Flow":
        """Count the patients of a study.

        Parameters
        ----------
        record : Record
            What the report is made of.

        Returns
        -------
        Flow
            The boxes.
        """
        result = record.result
        boxes, left_out = [], {}
        excluded = record.excluded
        if excluded is not None and len(excluded):
            n_read = record.n_rows + len(excluded)
            boxes.append(f"Read\n{count(n_read, 'case')}")
            reasons = excluded["reason"].value_counts(sort=False)
            lines = [f"{n}: {reason}" for reason, n in reasons.items()]
            left_out[0] = "\n".join([f"Left out: {count(len(excluded), 'case')}", *lines])
        boxes.append(_counted("Analysed", result.n_groups, record.n_rows, record.cohort))
        folds = result.scores.groupby(["repeat", "fold"]).first()
        train, test = (_span(folds[f"n_{part}_groups"]) for part in ("train", "test"))
        n_folds, n_repeats = (
            folds.index.unique("fold").size,
            folds.index.unique("repeat").size,
        )
        nested = "Nested cross" if record.is_nested else "Cross"
        boxes.append(
            f"{nested}-validation: {count(n_folds, 'fold')}"
            f"{'' if n_repeats == 1 else f', {n_repeats} times'}\n"
            f"in each, trained {'and tuned ' if record.is_nested else ''}on {train}, "
            f"tested on {test} other patients"
        )
        outside = result.external_predictions
        if len(outside):
            first = f"External test, once, by models of all {result.n_groups:,} patients"
            n_rows = int(result.external_scores["n_test"].iloc[0])
            known = record.design.get("external") or {}
            boxes.append(_counted(first, outside["group"].nunique(), n_rows, known))
        return cls(boxes, left_out)


def _counted(first: str, n_patients: int, n_rows: int, known: Mapping[str, Any]) -> str:
    """Return the lines of a box: patients, rows, and how many have which outcome."""
    lines = [first, f"{count(n_patients, 'patient')}, {count(n_rows, 'row')}"]
    of = "rows of" if n_patients != n_rows else "of"
    if "classes" in known:
        counts = known["classes"].items()
        lines.append(", ".join(f"{n:,} {of} class {label}" for label, n in counts))
    if "n_events" in known:
        lines.append(count(known["n_events"], "event"))
    return "\n".join(lines)


def _span(numbers: Any) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def flow_figure(flow: Flow) -> "Figure":
    r"""Draw a flow chart of the patients of a study.

    Parameters
    ----------
    flow : Flow
        The boxes, from top to bottom, and what leaves beside them.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state.

    Raises
    ------
    ValueError
        Where there is no box.

    Examples
    --------
    >>> from skvae.report.flow import Flow
    >>> from skvae.study import flow_figure
    >>> flow = Flow(["Read\n40 cases", "Analysed\n38 patients"], {0: "Left out: 2 cases"})
    >>> len(flow_figure(flow).axes)
    1
    """
    if not flow.boxes:
        raise ValueError(f"Got flow={flow!r}, expected one box at least.")
    main = [_wrapped(box, 46 if flow.left_out else 70) for box in flow.boxes]
    side = {i: _wrapped(text, 40) for i, text in flow.left_out.items()}
    heights = [_LINE_HEIGHT * (text.count("\n") + 1) + 0.2 for text in main]
    gaps = [
        max(_GAP, _LINE_HEIGHT * (side[i].count("\n") + 1) + 0.5 if i in side else 0)
        for i in range(len(main))
    ]
    gaps[-1] = 0
    total = sum(heights) + sum(gaps) + 0.2
    figure = import_extra("matplotlib.figure").Figure(figsize=(7, total), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 7), ylim=(-total, 0))
    axes.axis("off")
    centre = 2.0 if side else 3.5
    top = -0.1
    for i, (text, height) in enumerate(zip(main, heights, strict=True)):
        _box(axes, centre, top - height / 2, text, _BOX)
        bottom = top - height
        if i + 1 < len(main):
            _arrow(axes, (centre, bottom), (centre, bottom - gaps[i]))
        if i in side:
            middle = bottom - gaps[i] / 2
            _arrow(axes, (centre, middle), (4.1, middle))
            _box(axes, 4.2, middle, side[i], _SIDE, side="left")
        top = bottom - gaps[i]
    return figure


def _wrapped(text: str, width: int) -> str:
    return "\n".join(part for line in text.split("\n") for part in wrap(line, width))


def _box(
    axes: Any, x: float, y: float, text: str, colour: str, side: str = "center"
) -> None:
    # `parse_math` off: a dollar in a reason is a dollar.
    axes.text(
        x,
        y,
        text,
        ha=side,
        va="center",
        fontsize=9,
        color=_INK,
        linespacing=1.35,
        parse_math=False,
        bbox={"boxstyle": "round,pad=0.5", "facecolor": colour, "edgecolor": _INK},
    )


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": _INK, "shrinkA": 3, "shrinkB": 3}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)
