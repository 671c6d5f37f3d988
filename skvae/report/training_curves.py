"""How the networks of each arm were trained."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.report.canvas import paper, plain
from skvae.report.explained_axes import DARK, GREY, ORANGE, explained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["loss_figure"]

# The largest loss over the smallest above which a linear axis hides how training ends.
_LOG_FROM = 10.0


def loss_figure(result: Any) -> "Figure":
    """Draw the loss of each network, epoch by epoch: a line for each fold.

    Parameters
    ----------
    result : NestedCVResult
        Of ``nested_cv(..., explain=True)``.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state; `savefig` writes it.

    Raises
    ------
    ValueError
        If no network was trained, or nothing explained.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skvae import AutoencoderClassifier
    >>> from skvae.study import loss_figure, nested_cv
    >>> X, y = load_iris(return_X_y=True)
    >>> arm = AutoencoderClassifier(pretrain=False, finetune_max_iter=2, random_state=0)
    >>> options = {"outer": (2, 1), "reference": "net", "explain": True}
    >>> result = nested_cv({"net": arm}, X, y, **options)
    >>> (axes,) = loss_figure(result).axes
    >>> len(axes.lines)  # a curve for each fold
    2
    """
    training = explained(result, "training", "and an arm that trains a network")
    panels = list(training.groupby(["arm", "network"], sort=False))
    units = _active(result.units)
    n_columns = min(3, len(panels))
    n_rows = ceil(len(panels) / n_columns)
    figure = paper(0.9 + 2.1 * n_rows)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes, ((arm, network), rows) in zip(grid.flat, panels, strict=False):
        _draw(axes, rows)
        several = training.loc[training["arm"] == arm, "network"].nunique() > 1
        title = plain(f"{arm}, {network}" if several else arm, 34)
        active = units.get((arm, network), "")
        axes.set_title(title + active, fontsize=8.5, loc="left")
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes in grid[:, 0]:
        axes.set_ylabel("loss of a row (mean)")
    figure.supxlabel("epoch", fontsize=10)
    has_valid = training["valid_loss"].notna().any()
    n_folds = training.groupby("arm")["fold"].nunique().max()
    figure.legend(
        handles=_handles(n_folds, has_valid),
        loc="outside upper left",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    return figure


def _active(units: Any) -> dict[tuple[str, str], str]:
    """Say of each network how many units of its code, or else of its layer, are active."""
    said = {}
    for network, rows in units.groupby(["arm", "network"]) if len(units) else ():
        code = rows[rows["layer"] == rows["layer"].iloc[0]]
        low, high = code["n_active"].min(), code["n_active"].max()
        counts = f"{low}" if low == high else f"{low}–{high}"
        said[network] = f"\n{counts} of {code['n_units'].iloc[0]} units active"
    return said


def _draw(axes: Any, rows: Any) -> None:
    for _, fold in rows.groupby("fold"):
        axes.plot(fold["epoch"], fold["train_loss"], color=DARK, linewidth=0.9, alpha=0.75)
        if fold["valid_loss"].notna().any():
            axes.plot(
                fold["epoch"],
                fold["valid_loss"],
                color=ORANGE,
                linewidth=0.9,
                linestyle=(0, (4, 2)),
            )
    losses = rows[["train_loss", "valid_loss"]].to_numpy(dtype=float)
    losses = losses[np.isfinite(losses)]
    if losses.size and losses.min() > 0 and losses.max() > _LOG_FROM * losses.min():
        _take_logarithms(axes)
    _name_phases(axes, rows)
    axes.set_xlim(0, rows["epoch"].max() + 0.5)
    axes.locator_params(axis="x", integer=True, nbins=5)
    axes.grid(color="0.92", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _take_logarithms(axes: Any) -> None:
    ticker = import_extra("matplotlib.ticker")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=12))
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def _name_phases(axes: Any, rows: Any) -> None:
    """Mark where a phase begins, where there are several; folds may differ in it."""
    phases: Sequence[str] = list(dict.fromkeys(rows["phase"]))
    if len(phases) < 2:
        return
    for phase in phases:
        begins = rows.loc[rows["phase"] == phase].groupby("fold")["epoch"].min().median()
        axes.axvline(begins - 0.5, color=GREY, linewidth=0.8, linestyle=":")
        axes.text(
            begins,
            0.98,
            plain(phase, 12),
            transform=axes.get_xaxis_transform(),
            fontsize=7,
            color="0.3",
            rotation=90,
            va="top",
        )


def _handles(n_folds: int, has_valid: bool) -> list[Any]:
    Line2D = import_extra("matplotlib.lines").Line2D
    label = f"training rows, a line for each of {n_folds} outer folds (repeat 1)"
    handles = [Line2D([], [], color=DARK, label=label)]
    if has_valid:
        held_out = Line2D([], [], color=ORANGE, linestyle=(0, (4, 2)))
        held_out.set_label("rows held out of training")
        handles.append(held_out)
    return handles
