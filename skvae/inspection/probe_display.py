"""How well targets can be read from layer to layer, drawn as lines."""

from typing import Any, Self

from skvae.arguments import check_choice
from skvae.docstrings import completed
from skvae.drawing import new_axes
from skvae.inspection.probe import LayerProbe

__all__ = ["LayerProbeDisplay"]

LABELS = {
    "r2": "R2 on unseen rows",
    "spearman": "Spearman on unseen rows",
    "roc_auc": "area under the ROC curve",
}
CHANCE = {"r2": 0, "spearman": 0, "roc_auc": 0.5}


@completed
class LayerProbeDisplay:
    """A line per target: means over the folds, with bars of one standard deviation.

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
    'R2 on unseen rows'
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
        layers = table[["layer", "n_features"]].drop_duplicates()
        places = {layer: i for i, layer in enumerate(layers["layer"])}
        self.ax_ = new_axes((max(5, 1.5 + 0.7 * len(layers)), 4.2)) if ax is None else ax
        self.figure_ = self.ax_.figure

        groups = list(table.groupby("target", sort=False))
        for i, (target, rows) in enumerate(groups):
            aside = 0.3 * ((i + 0.5) / len(groups) - 0.5)
            self.ax_.errorbar(
                [places[layer] + aside for layer in rows["layer"]],
                rows["mean"],
                rows["sd"].fillna(0),
                marker="o",
                markersize=4,
                linewidth=1,
                elinewidth=1,
                label=target,
            )
        self.ax_.axhline(CHANCE[metric], color="0.6", linewidth=1, linestyle=":")
        labels = [f"{row.layer} ({row.n_features})" for row in layers.itertuples()]
        self.ax_.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
        self.ax_.set_xlabel("layer (number of features)")
        self.ax_.set_ylabel(LABELS[metric])
        self.ax_.spines[["top", "right"]].set_visible(False)
        self.ax_.legend(
            frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1)
        )
        when = "in each fold" if self.probe.encoder_refitted else "beforehand"
        self.ax_.set_title(f"encoder fitted {when}", fontsize="medium")
        return self
