"""How well targets can be read from each layer, drawn as points with bars."""

from typing import Any, Self

from skvae.arguments import check_choice
from skvae.docstrings import completed
from skvae.drawing import COLOURS, WIDTH, new_axes
from skvae.extras import import_extra
from skvae.inspection.probe import LayerProbe

__all__ = ["LayerProbeDisplay"]

LABELS = {
    "r2": "R² on unseen rows",
    "spearman": "Spearman's correlation on unseen rows",
    "roc_auc": "ROC AUC on unseen rows",
}
CHANCE = {"r2": 0, "spearman": 0, "roc_auc": 0.5}


@completed
class LayerProbeDisplay:
    """A point per layer and target: means over the folds, bars of one standard deviation.

    Of a probe with references, an open diamond beside each layer is that of as many
    principal components, and all columns stand apart on the right.

    Parameters
    ----------
    probe : LayerProbe
        From `layer_probe`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    layer_probe : The numbers.

    Examples
    --------
    >>> from skvae import Autoencoder
    >>> from skvae.datasets import make_sprites
    >>> from skvae.inspection import LayerProbeDisplay, layer_probe
    >>> sprites = make_sprites(60, size=16, random_state=0)
    >>> model = Autoencoder(4, channels=(4, 8), max_iter=2, random_state=0)
    >>> probe = layer_probe(model, sprites.images, attributes=sprites.factors[:, 1], cv=3)
    >>> display = LayerProbeDisplay.from_probe(probe)
    >>> display.ax_.get_ylabel()
    'R² on unseen rows'
    """

    def __init__(self, probe: LayerProbe) -> None:
        self.probe = probe

    @classmethod
    def from_probe(
        cls, probe: LayerProbe, *, metric: str | None = None, ax: Any = None
    ) -> Self:
        """Draw what `layer_probe` found.

        Parameters
        ----------
        probe : LayerProbe
            From `layer_probe`.
        metric : {"r2", "spearman", "roc_auc"}, default=None
            Which score; by default that of the first target.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : LayerProbeDisplay
            With ``ax_`` and ``figure_``.
        """
        return cls(probe).plot(metric=metric, ax=ax)

    def plot(self, *, metric: str | None = None, ax: Any = None) -> Self:
        """Draw it.

        Returns
        -------
        display : LayerProbeDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        table = self.probe.table()
        metric = table["metric"].iloc[0] if metric is None else metric
        check_choice("LayerProbeDisplay", "metric", metric, table["metric"].unique())
        table = table[table["metric"] == metric]
        layers = table[["layer", "n_features", "is_reference"]].drop_duplicates()
        layers = layers[~layers["is_reference"]]
        places = {layer: i for i, layer in enumerate(layers["layer"])}
        labels = [f"{row.layer} ({row.n_features})" for row in layers.itertuples()]
        whole = table[table["layer"] == "all columns"]
        if len(whole):
            places["all columns"] = len(labels) + 0.5
            labels.append(f"all columns ({whole['n_features'].iloc[0]})")
        groups = list(table.groupby("target", sort=False))
        width = max(5.0, 2.6 + 0.35 * len(labels) * max(2, len(groups)))
        self.ax_ = new_axes((min(width, WIDTH), 3.8)) if ax is None else ax
        self.figure_ = self.ax_.figure

        for i, (target, rows) in enumerate(groups):
            aside = 0.6 * ((i + 0.5) / len(groups) - 0.5)
            colour = COLOURS[i % len(COLOURS)]
            self._draw(rows[rows["layer"].isin(places)], places, aside, colour, str(target))
            self._draw_components(rows, layers, places, aside + 0.3 / len(groups), colour)
        self.ax_.axhline(CHANCE[metric], color="0.6", linewidth=1, linestyle=":")
        self.ax_.set_xticks(list(places.values()), labels, rotation=40, ha="right")
        self.ax_.set_xlabel("layer (number of features)")
        self.ax_.set_ylabel(LABELS[metric])
        self.ax_.spines[["top", "right"]].set_visible(False)
        handles, names = self.ax_.get_legend_handles_labels()
        if "PCA" in set(table["layer"]):
            style = {"marker": "D", "markersize": 4, "markerfacecolor": "white"}
            line = import_extra("matplotlib.lines").Line2D
            handles.append(line([], [], color="0.4", linewidth=0, **style))
            names.append("as many principal\ncomponents")
        beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
        self.ax_.legend(handles, names, frameon=False, fontsize="small", **beside)
        n_rows = max(score.n_train + score.n_test for score in self.probe.scores)
        when = "in each fold" if self.probe.encoder_refitted else "beforehand"
        self.ax_.set_title(
            f"mean over {table['n_folds'].max()} folds of n = {n_rows}; bars: standard "
            f"deviation over the folds\nencoder fitted {when}; dotted: chance",
            fontsize="small",
            loc="left",
        )
        return self

    def _draw(
        self, rows: Any, places: dict[str, float], aside: float, colour: str, label: str
    ) -> None:
        """Draw the means of a target: no line joins layers, which have no distance."""
        self.ax_.errorbar(
            [places[layer] + aside for layer in rows["layer"]],
            rows["mean"],
            rows["sd"].fillna(0),
            fmt="o",
            markersize=4,
            elinewidth=1,
            capsize=2,
            color=colour,
            label=label,
        )

    def _draw_components(
        self, rows: Any, layers: Any, places: dict[str, float], aside: float, colour: str
    ) -> None:
        """Draw, beside each layer, as many principal components as it has features."""
        of_size = rows[rows["layer"] == "PCA"].set_index("n_features")
        if of_size.empty:
            return
        sizes = [min(n, of_size.index.max()) for n in layers["n_features"]]
        self.ax_.errorbar(
            [places[layer] + aside for layer in layers["layer"]],
            of_size.loc[sizes, "mean"],
            of_size.loc[sizes, "sd"].fillna(0),
            fmt="D",
            markersize=3.5,
            markerfacecolor="white",
            elinewidth=0.8,
            capsize=2,
            color=colour,
            alpha=0.7,
        )
