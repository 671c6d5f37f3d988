"""Survival of patients whose predicted risk is low, middle or high."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import CensoredData, ecdf

from skvae.report.canvas import (
    counted,
    in_brackets,
    named,
    paper,
    row_word,
    spare,
    words,
)
from skvae.report.score_names import score_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

# From low to high risk; apart in grey as well.
_THIRDS = (
    ("low", "#0072B2", (0, (5, 1.5))),
    ("middle", "#7A5C00", (0, (1.2, 1.2))),
    ("high", "#D55E00", "-"),
)
# More marks than these are drawn as pixels, in a vector file too.
_MOST_MARKS = 50
# A smaller step is less than a pixel.
_FINEST = 0.006


def survival_figure(result: Any, arms: list[str], unit: str, confidence: float) -> "Figure":
    """Draw a panel for each arm: three curves, and the numbers at risk below."""
    summary = result.summary(confidence).set_index("arm")
    first = result.predictions[result.predictions["repeat"] == 1]
    end = first["time"].max()
    n_columns = min(len(arms), 2)
    n_rows = -(-len(arms) // n_columns)
    figure = paper(0.85 + 3.1 * n_rows, 7.0 if n_columns > 1 else 4.8)
    grid = figure.add_gridspec(2 * n_rows, n_columns, height_ratios=[4, 1] * n_rows)
    for number, arm in enumerate(arms):
        row, column = divmod(number, n_columns)
        above = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
        rows = first[first["arm"] == arm]
        third = thirds_of_risk(rows)
        for k, (name, colour, dashes) in enumerate(_THIRDS):
            _draw_curve(above, rows[third == k], name, colour, dashes, confidence)
        ticks = _ticks(end)
        _write_at_risk(below, rows, third, ticks)
        above.set(xlim=(0, end), ylim=(0, 1.02))
        above.set_xticks(ticks)
        above.tick_params(labelbottom=False)
        above.set_ylabel("share without event" if column == 0 else "")
        below.set_xlabel(f"time ({unit})" if unit else "time (in the unit of the data)")
        spare(above)
        if number == 0:
            above.legend(fontsize=7.5, frameon=False)
        mean = in_brackets(*summary.loc[arm, ["mean", "ci_low", "ci_high"]])
        title = f"{named(result, arm)}\n{score_name(result.scoring)} {mean}"
        above.set_title(title, fontsize=8, loc="left")
    words(
        figure,
        f"Survival by thirds of the predicted risk: {counted(result)}",
        f"Kaplan-Meier estimates of {row_word(result)} in the first repeat, by thirds of "
        "the out-of-fold risk within each outer fold; bands: "
        f"{100 * confidence:g} %, Greenwood on the log-log scale; ticks: censored. Below: "
        "events in each third, and numbers at risk. In brackets: Nadeau-Bengio interval of "
        "the mean over the folds.",
    )
    return figure


def thirds_of_risk(rows: "DataFrame") -> NDArray[np.intp]:
    """Return 0, 1 or 2 for each row: its third among the risks of its fold.

    Parameters
    ----------
    rows : DataFrame
        Predictions of one arm in one repeat, with `fold` and `score`.
    """
    rank = rows.groupby("fold")["score"].rank(method="average", pct=True).to_numpy()
    return np.minimum(np.ceil(3 * rank).astype(np.intp) - 1, 2)


def product_limit(
    time: NDArray[Any], event: NDArray[Any], confidence: float
) -> tuple[NDArray[np.float64], ...]:
    """Return times from 0 on with the share without event from there, and its band.

    Parameters
    ----------
    time, event : ndarray of shape (n,)
        Times, and whether they are of the event rather than of the end of watching.
    confidence : float
        Coverage of the band, which is NaN where no event was seen, or nobody is left.
    """
    found = ecdf(CensoredData.right_censored(time, ~event)).sf
    with warnings.catch_warnings():  # that the band is undefined there
        warnings.simplefilter("ignore", RuntimeWarning)
        band = found.confidence_interval(confidence, method="log-log")
    low, high = band.low.probabilities, band.high.probabilities
    return (
        np.insert(found.quantiles, 0, 0.0),
        np.insert(found.probabilities, 0, 1.0),
        np.insert(low, 0, np.nan),
        np.insert(high, 0, np.nan),
    )


def _draw_curve(
    ax: Any, rows: "DataFrame", name: str, colour: str, dashes: Any, confidence: float
) -> None:
    if rows.empty:
        return
    time, event = rows["time"].to_numpy(), rows["event"].to_numpy(dtype=bool)
    at, share, low, high = product_limit(time, event, confidence)
    censored = time[~event]
    heights = share[np.searchsorted(at, censored, side="right") - 1]
    # Where nothing happens that could be seen, no point is needed, but for the last.
    steps = np.append(np.diff(np.ceil(share / _FINEST), prepend=np.inf)[:-1] != 0, True)
    at, share, low, high = at[steps], share[steps], low[steps], high[steps]
    ax.fill_between(at, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
    ax.plot(
        at,
        share,
        color=colour,
        linestyle=dashes,
        linewidth=1.6,
        drawstyle="steps-post",
        label=f"{name} risk",
        gid=name,
    )
    mark = {"color": colour, "markersize": 4, "markeredgewidth": 0.8}
    ax.plot(censored, heights, "|", rasterized=len(censored) > _MOST_MARKS, **mark)


def _ticks(end: float) -> NDArray[np.float64]:
    """Return a few round times."""
    raw = end / 4
    power = 10.0 ** np.floor(np.log10(raw))
    step = max(m * power for m in (1, 2, 5) if m * power <= raw)
    if power <= raw < 10 and end >= 12 and step in (2, 5):  # months go by dozens
        step = 3.0 if step == 2 else 6.0
    return np.arange(0, end, step)


def _write_at_risk(
    ax: Any, rows: "DataFrame", third: NDArray[np.intp], ticks: NDArray[np.float64]
) -> None:
    time, event = rows["time"].to_numpy(), rows["event"].to_numpy(dtype=bool)
    names = []
    for k, (name, colour, _) in enumerate(_THIRDS):
        names.append(f"{name}: {event[third == k].sum()} of {(third == k).sum()}")
        for tick in ticks:
            n = int((time[third == k] >= tick).sum())
            ax.text(tick, 2 - k, str(n), ha="center", va="center", fontsize=7, color=colour)
    ax.set_ylim(-0.6, 2.6)
    ax.set_yticks(range(3), names[::-1])
    for label, (_, colour, _) in zip(ax.get_yticklabels(), reversed(_THIRDS), strict=True):
        label.set_color(colour)
    ax.tick_params(length=0, labelsize=7.5)
    ax.tick_params(axis="y", labelsize=7, pad=11)
    ax.xaxis.label.set_size(9)
    ax.spines[:].set_visible(False)
