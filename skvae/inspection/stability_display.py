"""How far the features of each layer are found again, drawn as a point for each."""

from typing import Any, Self

import numpy as np

from skvae.docstrings import completed
from skvae.drawing import BLUE, WIDTH, new_axes
from skvae.inspection.stability import GOOD, FeatureStability

__all__ = ["FeatureStabilityDisplay"]

# How far the points of a layer may lie beside its place.
HALF_WIDTH = 0.3
# What a network differs in, as the title has it.
WHAT = {
    "seed": "networks of other seeds",
    "fold": "networks that lack one part of the rows each",
    "bootstrap": "networks of rows drawn with replacement",
    "mask": "features of other segmentations",
}
REFERENCES = {
    "PCA": ("D", "as many principal\ncomponents"),
    "random": ("s", "as many random\nprojections"),
}


@completed
class FeatureStabilityDisplay:
    """A point per feature, layer by layer: ICC on rows that no network has seen.

    A line is the mean of a layer, a short dotted one what is found by chance, an open
    diamond the mean of as many principal components, an open square that of as many
    projections onto random directions.

    Parameters
    ----------
    stability : FeatureStability
        From `feature_stability`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    feature_stability : The numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skvae import Autoencoder
    >>> from skvae.inspection import FeatureStabilityDisplay, feature_stability
    >>> model = Autoencoder(2, max_iter=5)
    >>> found = feature_stability(model, load_iris().data, n_repeats=2)
    >>> display = FeatureStabilityDisplay.from_stability(found)
    >>> display.ax_.get_ylabel()
    'ICC(2,1) of a feature on unseen rows'
    """

    def __init__(self, stability: FeatureStability) -> None:
        self.stability = stability

    @classmethod
    def from_stability(
        cls, stability: FeatureStability, *, threshold: float = GOOD, ax: Any = None
    ) -> Self:
        """Draw what `feature_stability` found.

        Parameters
        ----------
        stability : FeatureStability
            From `feature_stability`.
        threshold : float, default=0.75
            Where a line is drawn across.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : FeatureStabilityDisplay
            With ``ax_`` and ``figure_``.
        """
        return cls(stability).plot(threshold=threshold, ax=ax)

    def plot(self, *, threshold: float = GOOD, ax: Any = None) -> Self:
        """Draw it.

        Returns
        -------
        display : FeatureStabilityDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        table, features = self.stability.table(), self.stability.features()
        layers = table[~table["is_reference"]].reset_index(drop=True)
        width = max(4.6, 2.6 + 0.7 * len(layers))
        self.ax_ = new_axes((min(width, WIDTH), 3.8)) if ax is None else ax
        self.figure_ = self.ax_.figure

        for place, row in layers.iterrows():
            own = features[(features["layer"] == row["layer"]) & ~features["is_reference"]]
            self._draw(float(place), row, own["icc"].dropna().to_numpy())
        for name, (marker, label) in REFERENCES.items():
            self._draw_reference(layers, table[table["layer"] == name], marker, label)
        self.ax_.axhline(threshold, color="0.6", linewidth=1, linestyle="--")
        labels = [f"{row.layer} ({row.n_features})" for row in layers.itertuples()]
        self.ax_.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
        self.ax_.set_xlabel("layer (number of features)")
        self.ax_.set_ylabel("ICC(2,1) of a feature on unseen rows")
        self.ax_.spines[["top", "right"]].set_visible(False)
        beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
        self.ax_.legend(frameon=False, fontsize="small", **beside)
        self.ax_.set_title(self._title(threshold), fontsize="small", loc="left")
        return self

    def _draw(self, place: float, row: Any, values: np.ndarray) -> None:
        """Draw the features of a layer in the order of their size, and their mean."""
        values = np.sort(values)
        aside = np.linspace(-HALF_WIDTH, HALF_WIDTH, len(values)) if len(values) > 1 else 0
        first = place == 0
        style = {"color": BLUE, "markersize": 3, "alpha": 0.6, "linewidth": 0}
        label = "a feature" if first else None
        self.ax_.plot(place + aside, values, marker="o", label=label, **style)
        ends = [place - HALF_WIDTH, place + HALF_WIDTH]
        for value, line, text in (
            (row["icc"], "-", "mean of the layer"),
            (row["chance"], ":", "by chance"),
        ):
            label = text if first else None
            self.ax_.plot(ends, [value] * 2, line, color="0.2", linewidth=1.2, label=label)

    def _draw_reference(self, layers: Any, rows: Any, marker: str, label: str) -> None:
        if rows.empty:
            return
        of_size = rows.set_index("n_features")["icc"]
        sizes = [min(n, of_size.index.max()) for n in layers["n_features"]]
        style = {"linewidth": 0, "markersize": 5, "markerfacecolor": "white"}
        places = np.arange(len(layers)) + HALF_WIDTH + 0.1
        values = of_size.loc[sizes].to_numpy()
        self.ax_.plot(places, values, marker=marker, color="0.3", label=label, **style)

    def _title(self, threshold: float) -> str:
        found = self.stability
        n_unseen = found.comparisons[0].n_unseen
        aligned = {
            "orthogonal": "rotated onto one another",
            "matching": "matched one by one",
            "none": "not aligned",
        }[found.align]
        return (
            f"{WHAT[found.over]}, {aligned};\n"
            f"n = {n_unseen} rows that no network has seen; dashed: {threshold:g}"
        )
