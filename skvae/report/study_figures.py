"""What takes more fits than a study: learning curves, permuted outcomes, maps of layers."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.report.canvas import COLOURS, REFERENCE, paper, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["layer_map_figure", "learning_curve_figure", "permutation_null_figure"]

_MARKERS = "osD^vP*X"


def learning_curve_figure(curve: "DataFrame", score: str = "score") -> "Figure":
    """Draw the scores of each arm by the number of patients to learn from.

    Parameters
    ----------
    curve : DataFrame
        As `learning_curve` returns it.
    score : str, default="score"
        What the score is called.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae.study import learning_curve_figure
    >>> curve = pd.DataFrame({"arm": "pca", "n_train_groups": [40, 80], "mean": [0.7, 0.8],
    ...                       "ci_low": [0.6, 0.7], "ci_high": [0.8, 0.9]})
    >>> learning_curve_figure(curve).axes[0].get_ylabel()
    'score'
    """
    figure, axes = _canvas(3.8)
    for i, (arm, part) in enumerate(curve.groupby("arm", sort=False)):
        # Beside one another, where intervals would hide intervals.
        x = part["n_train_groups"] * (1 + 0.008 * i)
        errors = [part["mean"] - part["ci_low"], part["ci_high"] - part["mean"]]
        axes.errorbar(
            x,
            part["mean"],
            yerr=np.nan_to_num(np.array(errors, dtype=float)),
            label=plain(arm),
            color=COLOURS[i % len(COLOURS)],
            marker=_MARKERS[i % len(_MARKERS)],
            capsize=3,
        )
    axes.set_xlabel("patients to learn from, mean of the outer folds")
    axes.set_ylabel(score)
    axes.legend(frameon=False, fontsize=9)
    axes.set_title("Means with corrected 95 % intervals", fontsize=10, loc="left")
    return figure


def permutation_null_figure(null: "DataFrame", score: str = "score") -> "Figure":
    """Draw the score of each arm beside its scores on permuted outcomes.

    Parameters
    ----------
    null : DataFrame
        As `permutation_null` returns it.
    score : str, default="score"
        What the score is called.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae.study import permutation_null_figure
    >>> null = pd.DataFrame({"arm": ["pca"], "mean": [0.8], "p": [0.05], "null_mean": [0.5],
    ...                      "null_low": [0.4], "null_high": [0.6]})
    >>> permutation_null_figure(null).axes[0].get_xlabel()
    'score'
    """
    figure, axes = _canvas(1.2 + 0.45 * len(null))
    places = np.arange(len(null))[::-1]
    errors = [null["null_mean"] - null["null_low"], null["null_high"] - null["null_mean"]]
    axes.errorbar(
        null["null_mean"],
        places,
        xerr=np.maximum(np.array(errors, dtype=float), 0),
        fmt="|",
        color="0.45",
        capsize=4,
        label="permuted outcomes: mean, 5 % to 95 %",
    )
    axes.plot(null["mean"], places, "D", color=REFERENCE, label="outcomes as they are")
    for place, row in zip(places, null.itertuples(name="Row"), strict=True):
        axes.annotate(
            f"p = {row.p:.3f}",
            (row.mean, place),
            xytext=(0, 7),
            textcoords="offset points",
            fontsize=8,
            ha="center",
        )
    axes.set_yticks(places, [plain(arm) for arm in null["arm"]])
    axes.set_ylim(-0.7, len(null) - 0.2)
    axes.set_xlabel(score)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.25))
    return figure


def layer_map_figure(scores: "DataFrame", score: str = "score") -> "Figure":
    """Draw the mean inner score of each layer and size, a map for each arm.

    Parameters
    ----------
    scores : DataFrame
        Columns `arm`, `layer`, `n_components` and `mean`.
    score : str, default="score"
        What the score is called.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, free of pyplot's state.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae.study import layer_map_figure
    >>> scores = pd.DataFrame({"arm": "vae", "layer": ["hidden_1", "mean"],
    ...                        "n_components": 8, "mean": [0.7, 0.8]})
    >>> len(layer_map_figure(scores).axes)
    2
    """
    parts = list(scores.groupby("arm", sort=False))
    n_layers = max(part["layer"].nunique() for _, part in parts)
    figure = import_extra("matplotlib.figure").Figure(
        figsize=(7, 1.3 + 0.35 * n_layers), layout="constrained"
    )
    every = figure.subplots(1, len(parts), squeeze=False)[0]
    low, high = scores["mean"].min(), scores["mean"].max()
    drawn = None
    for axes, (arm, part) in zip(every, parts, strict=True):
        layers = list(dict.fromkeys(part["layer"]))
        means = part.pivot_table(index="layer", columns="n_components", values="mean")
        values = means.loc[layers]
        drawn = axes.imshow(values, cmap="cividis", vmin=low, vmax=high, aspect="auto")
        for (i, j), value in np.ndenumerate(values.to_numpy()):
            dark = value < (low + high) / 2
            colour = "white" if dark else "black"
            axes.text(j, i, f"{value:.3f}", ha="center", va="center", color=colour)
        axes.set_xticks(range(values.shape[1]), [f"{c:g}" for c in values.columns])
        axes.set_yticks(range(len(layers)), layers)
        axes.set_xlabel("size of the code")
        axes.set_title(plain(arm), fontsize=10)
    figure.colorbar(drawn, ax=list(every), label=score)
    return figure


def _canvas(height: float) -> tuple["Figure", Any]:
    figure = paper(height)
    axes = figure.subplots()
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
