"""Which unit knows which attribute, drawn as a map of colours."""

from typing import Any, Self

import numpy as np

from skvae.docstrings import completed
from skvae.drawing import ORANGE, new_axes
from skvae.extras import import_extra
from skvae.inspection.unit_correlation import attribute_correlation
from skvae.statistics.correlation import AttributeCorrelation, better_fits

__all__ = ["AttributeCorrelationDisplay"]

# Above so many cells, numbers in them would be too small to read; so many have intervals.
MOST_NUMBERS = 200
MOST_INTERVALS = 60
CORRECTIONS = {
    "fdr_bh": "false discovery rate",
    "holm": "Holm",
    "max_t": "permutation of all pairs",
}
STATISTICS = {
    "spearman": "Spearman's correlation",
    "pearson": "Pearson's correlation",
    "kruskal": "correlation ratio of ranks",
}


@completed
class AttributeCorrelationDisplay:
    """Units against attributes: colours are statistics, a star marks the sure ones.

    Intervals stand in the cells where there is room. The unit that was meant for an
    attribute has a frame: black, or orange where the unit goes better with another one.

    Parameters
    ----------
    correlation : AttributeCorrelation
        From `attribute_correlation`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    attribute_correlation : The numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import AttributeCorrelationDisplay, attribute_correlation
    >>> A = np.random.default_rng(0).normal(size=(50, 2))
    >>> found = attribute_correlation(A[:, ::-1], A)
    >>> display = AttributeCorrelationDisplay.from_correlation(found)
    >>> [text.get_text().split()[0] for text in display.ax_.texts]
    ['0.18', '1.00*', '1.00*', '0.18']
    """

    def __init__(self, correlation: AttributeCorrelation) -> None:
        self.correlation = correlation

    @classmethod
    def from_correlation(
        cls,
        correlation: AttributeCorrelation,
        *,
        alpha: float = 0.05,
        n_units: int = 30,
        ax: Any = None,
    ) -> Self:
        """Draw what `attribute_correlation` found.

        Parameters
        ----------
        correlation : AttributeCorrelation
            From `attribute_correlation`.
        alpha : float, default=0.05
            Largest corrected p-value that gets a star.
        n_units : int, default=30
            Of more units, those with the smallest p-values are shown, in their order.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : AttributeCorrelationDisplay
            With ``ax_`` and ``figure_``.
        """
        return cls(correlation).plot(alpha=alpha, n_units=n_units, ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        attributes: Any,
        *,
        groups: Any = None,
        method: str = "spearman",
        control: Any = None,
        alpha: float = 0.05,
        n_units: int = 30,
        ax: Any = None,
    ) -> Self:
        """Encode samples, correlate their units with attributes, and draw that.

        Parameters
        ----------
        estimator : estimator
            A fitted autoencoder, or a fitted pipeline or search with one among its steps.
        X : array-like of rows or images
            Samples, best those that training has not seen.
        attributes : array-like of shape (n_samples, n_attributes)
            Their attributes; NaN where missing.
        groups : array-like of shape (n_samples,), default=None
            Patient of each row.
        method : {"spearman", "pearson", "mutual_info", "auto"}, default="spearman"
            Statistic, as in `attribute_correlation`.
        control : array-like of shape (n_samples,) or (n_samples, n_controls), default=None
            What is held constant, such as volume.
        alpha : float, default=0.05
            Largest corrected p-value that gets a star.
        n_units : int, default=30
            Of more units, those with the smallest p-values are shown, in their order.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : AttributeCorrelationDisplay
            With ``correlation``, ``ax_`` and ``figure_``.
        """
        found = attribute_correlation(
            X,
            attributes,
            estimator=estimator,
            groups=groups,
            method=method,
            control=control,
        )
        return cls(found).plot(alpha=alpha, n_units=n_units, ax=ax)

    def plot(self, *, alpha: float = 0.05, n_units: int = 30, ax: Any = None) -> Self:
        """Draw it.

        Returns
        -------
        display : AttributeCorrelationDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        found = self.correlation
        surest = np.fmin.reduce(found.p, axis=1)
        shown = np.sort(np.lexsort((np.arange(len(surest)), surest))[:n_units])
        values = found.statistic[shown]
        n_rows, n_columns = values.shape
        with_intervals = values.size <= MOST_INTERVALS
        cell = np.array([1.0, 0.42] if with_intervals else [0.75, 0.28])
        size = cell * (n_columns, n_rows) + (2.0, 1.6)
        self.ax_ = new_axes((max(size[0], 4.6), size[1])) if ax is None else ax
        self.figure_ = self.ax_.figure

        in_nats = "mutual_info" in found.methods
        low, high = (0, np.nanmax(values, initial=0.1)) if in_nats else (-1, 1)
        colours = "viridis" if in_nats else "RdBu_r"
        image = self.ax_.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
        names = [STATISTICS.get(name, name) for name in dict.fromkeys(found.methods)]
        label = "information (nats)" if in_nats else " / ".join(names)
        self.figure_.colorbar(image, ax=self.ax_, label=label)
        self._write(shown, alpha, image, with_intervals=with_intervals)
        is_framed = self._frame(shown)
        columns = [
            f"{name}\nn = {n}" for name, n in zip(found.attributes, found.n, strict=True)
        ]
        self.ax_.set_xticks(range(n_columns), columns, rotation=40, ha="right")
        self.ax_.set_yticks(range(n_rows), [found.units[i] for i in shown])
        self.ax_.spines[:].set_visible(False)
        self.ax_.tick_params(length=0, labelsize="small")
        said = [f"* p ≤ {alpha:g} after correction ({CORRECTIONS[found.correction]})"]
        if with_intervals:
            said.append(f"brackets: {100 * found.confidence:g} % intervals")
        if is_framed:
            said.append("frame: own unit, orange where another attribute fits it better")
        self.ax_.set_title("\n".join(said), fontsize="small", loc="left")
        return self

    def _write(
        self, shown: np.ndarray, alpha: float, image: Any, *, with_intervals: bool
    ) -> None:
        """Write numbers, stars and intervals, light on dark cells."""
        found = self.correlation
        values = found.statistic[shown]
        with_numbers = values.size <= MOST_NUMBERS
        for (i, j), value in np.ndenumerate(values):
            text = f"{value:.2f}" if with_numbers and np.isfinite(value) else ""
            text += "*" if found.p_corrected[shown[i], j] <= alpha else ""
            low, high = found.low[shown[i], j], found.high[shown[i], j]
            if with_intervals and np.isfinite([low, high]).all():
                text += f"\n[{low:.2f}, {high:.2f}]"
            if text:
                red, green, blue, _ = image.cmap(image.norm(value))
                is_dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
                self.ax_.text(
                    j,
                    i,
                    text,
                    ha="center",
                    va="center",
                    fontsize="x-small" if with_intervals else "small",
                    color="white" if is_dark else "black",
                )

    def _frame(self, shown: np.ndarray) -> bool:
        """Frame the unit that each attribute was meant to have; say if there is any."""
        found = self.correlation
        rectangle = import_extra("matplotlib.patches").Rectangle
        better = better_fits(found)
        places = shown.tolist()
        own = [(k, u) for k, u in enumerate(found.own_units) if u in places]
        for k, unit in own:
            corner = k - 0.47, places.index(unit) - 0.47
            colour = ORANGE if k in better else "black"
            style = {"fill": False, "edgecolor": colour, "linewidth": 2}
            self.ax_.add_patch(rectangle(corner, 0.94, 0.94, **style))
        return bool(own)
