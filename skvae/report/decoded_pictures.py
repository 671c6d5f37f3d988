"""What the decoder of an arm makes of held-out rows, and of codes that move."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.report.canvas import paper, plain
from skvae.report.explained_axes import DARK, ORANGE, pictures_of, show_tiles, slice_note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["reconstruction_figure", "traversal_figure"]

N_COLUMNS = 10  # best and worst columns of a table
_LEAST = -0.5  # shares below are written, not drawn
_ROWS = "Held-out rows, from the best to the worst reconstructed"


def reconstruction_figure(result: Any, arm: str) -> "Figure":
    """Draw held-out rows, what an arm's decoder makes of them, and the difference.

    Parameters
    ----------
    result : NestedCVResult
        Of ``nested_cv(..., explain=True)``.
    arm : str
        An arm with a decoder.

    Returns
    -------
    matplotlib.figure.Figure
        Of images the central slices; of tables the columns that are reconstructed best and
        worst. Free of pyplot's state; `savefig` writes it.

    Raises
    ------
    ValueError
        If the arm decodes nothing, or nothing was explained.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skvae import Autoencoder
    >>> from skvae.study import nested_cv, reconstruction_figure
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(80) % 2
    >>> X = rng.normal(size=(80, 6)) + y[:, None]
    >>> network = Autoencoder(2, hidden_layer_sizes=(8,), max_iter=5)
    >>> arms = {"autoencoder": make_pipeline(network, LogisticRegression())}
    >>> options = {"outer": (2, 1), "inner": 2, "reference": "autoencoder", "explain": True}
    >>> result = nested_cv(arms, X, y, **options)
    >>> reconstruction_figure(result, "autoencoder")
    <Figure size ...>
    """
    pictures = pictures_of(result, arm)
    draw = {"image": _reconstructed_images, "signal": _reconstructed_signals}
    return draw.get(pictures.kind, _reconstructed_columns)(pictures, arm)


def traversal_figure(result: Any, arm: str) -> "Figure":
    """Draw what an arm's decoder makes of codes of which one unit moves.

    Parameters
    ----------
    result : NestedCVResult
        Of ``nested_cv(..., explain=True)``.
    arm : str
        An arm with a decoder.

    Returns
    -------
    matplotlib.figure.Figure
        A row of images for each of the most active units; of tables, the columns that it
        moves most. Free of pyplot's state; `savefig` writes it.

    Raises
    ------
    ValueError
        If the arm decodes nothing, or nothing was explained.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skvae import Autoencoder
    >>> from skvae.study import nested_cv, traversal_figure
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(80) % 2
    >>> X = rng.normal(size=(80, 6)) + y[:, None]
    >>> network = Autoencoder(2, hidden_layer_sizes=(8,), max_iter=5)
    >>> arms = {"autoencoder": make_pipeline(network, LogisticRegression())}
    >>> options = {"outer": (2, 1), "inner": 2, "reference": "autoencoder", "explain": True}
    >>> result = nested_cv(arms, X, y, **options)
    >>> traversal_figure(result, "autoencoder")
    <Figure size ...>
    """
    pictures = pictures_of(result, arm)
    draw = {"image": _moved_images, "signal": _moved_signals}
    return draw.get(pictures.kind, _moved_columns)(pictures, arm)


def _reconstructed_images(pictures: Any, arm: str) -> "Figure":
    n, height, width = pictures.inputs.shape
    tile = 5.9 / n * height / width
    figure = paper(0.75 + 3 * tile + 0.25)
    rows = figure.subplots(3, 1)
    both = np.concatenate([pictures.inputs, pictures.reconstructions])
    limits = {"vmin": float(both.min()), "vmax": float(both.max())}
    difference = pictures.reconstructions - pictures.inputs
    most = float(np.abs(difference).max()) or 1.0
    for axes, tiles, label in (
        (rows[0], pictures.inputs, "input"),
        (rows[1], pictures.reconstructions, "reconstruction"),
    ):
        drawn = show_tiles(axes, tiles, cmap="gray", **limits)
        axes.set_ylabel(label, fontsize=9)
        axes.set_xticklabels([])
    figure.colorbar(drawn, ax=list(rows[:2]), label="value of the input", aspect=25)
    differing = show_tiles(rows[2], difference, cmap="RdBu_r", vmin=-most, vmax=most)
    rows[2].set_ylabel("difference", fontsize=9)
    rows[2].set_xticklabels([plain(name, 14) for name in pictures.samples], fontsize=7.5)
    figure.colorbar(differing, ax=rows[2], aspect=12)
    _title(figure, pictures, arm, _ROWS)
    return figure


def _reconstructed_signals(pictures: Any, arm: str) -> "Figure":
    n = len(pictures.inputs)
    figure = paper(0.8 + 0.95 * n)
    rows = figure.subplots(n, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, given, made, name in zip(
        rows, pictures.inputs, pictures.reconstructions, pictures.samples, strict=True
    ):
        axes.plot(given, color=DARK, linewidth=1.0, label="input")
        axes.plot(
            made, color=ORANGE, linewidth=1.0, linestyle=(0, (4, 2)), label="reconstruction"
        )
        axes.set_ylabel(plain(name, 14), fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    rows[0].legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    rows[-1].set_xlabel("position")
    _title(figure, pictures, arm, _ROWS)
    return figure


def _reconstructed_columns(pictures: Any, arm: str) -> "Figure":
    """Draw the share of variance that is kept of the best and the worst columns."""
    known = np.flatnonzero(np.isfinite(pictures.r2))
    order = known[np.argsort(-pictures.r2[known], kind="stable")]
    if len(order) > 2 * N_COLUMNS:
        order = np.concatenate([order[:N_COLUMNS], order[-N_COLUMNS:]])
    shown = order[::-1]
    figure = paper(1.15 + 0.21 * len(shown))
    axes = figure.subplots()
    low = max(_LEAST, min(0.0, float(pictures.r2[shown].min())))
    places, shares = np.arange(len(shown)), pictures.r2[shown]
    axes.barh(places, np.maximum(shares, low), height=0.62, color=DARK)
    for place in places[shares < low]:
        axes.text(
            low, place, f" {shares[place]:.1f}", va="center", color="white", fontsize=7
        )
    axes.set_yticks(places, [plain(pictures.columns[k], 52) for k in shown], fontsize=7.5)
    axes.axvline(0, color="0.35", linewidth=0.9)
    axes.set_xlim(low - (0.02 if low < 0 else 0), 1)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    cut = f"; bars end at {_LEAST}" if (shares < low).any() else ""
    axes.set_xlabel(f"share of the column's variance in the reconstruction (R²{cut})")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    which = f"All {len(known)} columns"
    if len(known) > 2 * N_COLUMNS:
        which = f"{N_COLUMNS} best and {N_COLUMNS} worst of {len(known)} columns"
    middle = f"median {np.median(pictures.r2[known]):.2f}" if len(known) else "none varies"
    _title(figure, pictures, arm, f"{which} on held-out rows, {middle}")
    return figure


def _moved_images(pictures: Any, arm: str) -> "Figure":
    n_units, n_steps, height, width = pictures.traversals.shape
    tile = 5.9 / n_steps * height / width
    figure = paper(0.7 + n_units * (tile + 0.3))
    rows = figure.subplots(n_units, 1, squeeze=False)[:, 0]
    limits = {
        "vmin": float(pictures.traversals.min()),
        "vmax": float(pictures.traversals.max()),
    }
    for axes, tiles, name, values in zip(
        rows, pictures.traversals, pictures.units, pictures.values, strict=True
    ):
        drawn = show_tiles(axes, tiles, cmap="gray", **limits)
        axes.set_xticklabels([f"{value:.2g}" for value in values], fontsize=8)
        axes.set_ylabel(plain(name, 20), fontsize=9)
    figure.colorbar(drawn, ax=list(rows), label="decoded value", aspect=25)
    _title(figure, pictures, arm, f"Decoded codes: one unit moves ({_axis_note()})")
    return figure


def _moved_signals(pictures: Any, arm: str) -> "Figure":
    n_units = len(pictures.units)
    figure = paper(0.8 + 1.6 * n_units)
    rows = figure.subplots(n_units, 1, sharex=True, squeeze=False)[:, 0]
    for axes, lines, name, values in zip(
        rows, pictures.traversals, pictures.units, pictures.values, strict=True
    ):
        _lines(axes, lines, values)
        axes.set_title(plain(name, 40), fontsize=9, loc="left")
    rows[-1].set_xlabel("position")
    _title(figure, pictures, arm, f"Decoded codes: one unit moves ({_axis_note()})")
    return figure


def _lines(axes: Any, lines: Any, values: Any) -> None:
    colours = import_extra("matplotlib").colormaps["viridis"]
    shares = np.linspace(0.05, 0.85, len(lines))
    for line, value, share in zip(lines, values, shares, strict=True):
        axes.plot(line, color=colours(share), label=f"{value:.2g}", lw=1)
    axes.legend(title="unit", fontsize=6.5, title_fontsize=7, frameon=False, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)


def _moved_columns(pictures: Any, arm: str) -> "Figure":
    n_units, _, n_moving = pictures.traversals.shape
    figure = paper(0.8 + n_units * (0.5 + 0.19 * n_moving))
    rows = figure.subplots(n_units, 1, squeeze=False)[:, 0]
    middle = pictures.traversals.shape[1] // 2
    change = pictures.traversals - pictures.traversals[:, middle : middle + 1]
    most = float(np.abs(change).max()) or 1.0
    for axes, table, name, values, columns in zip(
        rows,
        change,
        pictures.units,
        pictures.values,
        pictures.moving,
        strict=True,
    ):
        drawn = axes.imshow(
            table.T,
            cmap="RdBu_r",
            vmin=-most,
            vmax=most,
            aspect="auto",
            interpolation="nearest",
        )
        axes.set_yticks(range(n_moving), [plain(c, 46) for c in columns], fontsize=7)
        axes.set_xticks(range(len(values)), [f"{v:.2g}" for v in values], fontsize=8)
        axes.set_xlabel(plain(name, 30), fontsize=9, labelpad=1)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    figure.colorbar(
        drawn,
        ax=list(rows),
        label="change from the middle, in units of what the network is given",
        aspect=30,
    )
    _title(figure, pictures, arm, f"Columns that move most with a unit ({_axis_note()})")
    return figure


def _axis_note() -> str:
    return "2nd to 98th percentile of held-out rows"


def _title(figure: "Figure", pictures: Any, arm: str, text: str) -> None:
    note = slice_note(pictures)
    second = f"{plain(arm, 40)}, fold 1 of repeat 1" + (f"; {note}" if note else "")
    figure.suptitle(f"{text}\n{second}", fontsize=10, x=0.01, ha="left")
