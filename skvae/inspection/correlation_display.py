"""Which unit knows which attribute, drawn as a map of colours."""

from typing import Any, Self

import numpy as np

from skvae.docstrings import completed
from skvae.drawing import new_axes
from skvae.statistics.correlation import AttributeCorrelation

__all__ = ["AttributeCorrelationDisplay"]

# Above so many cells, numbers in them would be too small to read.
MOST_NUMBERS = 200


@completed
class AttributeCorrelationDisplay:
    """Units against attributes: colours are statistics, a star marks the sure ones.

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
    >>> [text.get_text() for text in display.ax_.texts]
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
        size = 3.2 + 0.75 * n_columns, 1.8 + 0.3 * n_rows
        self.ax_ = new_axes(size) if ax is None else ax
        self.figure_ = self.ax_.figure

        in_nats = "mutual_info" in found.methods
        low, high = (0, np.nanmax(values, initial=0.1)) if in_nats else (-1, 1)
        colours = "viridis" if in_nats else "RdBu_r"
        image = self.ax_.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
        label = (
            "information (nats)" if in_nats else " / ".join(dict.fromkeys(found.methods))
        )
        self.figure_.colorbar(image, ax=self.ax_, label=label)
        self._write(values, found.p_corrected[shown] <= alpha, image)
        self.ax_.set_xticks(range(n_columns), found.attributes, rotation=40, ha="right")
        self.ax_.set_yticks(range(n_rows), [found.units[i] for i in shown])
        self.ax_.spines[:].set_visible(False)
        self.ax_.tick_params(length=0)
        self.ax_.set_title(f"* p ≤ {alpha:g} ({found.correction})", fontsize="medium")
        return self

    def _write(self, values: np.ndarray, is_sure: np.ndarray, image: Any) -> None:
        """Write numbers and stars, light on dark cells."""
        with_numbers = values.size <= MOST_NUMBERS
        for (i, j), value in np.ndenumerate(values):
            text = f"{value:.2f}" if with_numbers and np.isfinite(value) else ""
            text += "*" if is_sure[i, j] else ""
            if text:
                red, green, blue, _ = image.cmap(image.norm(value))
                is_dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
                self.ax_.text(
                    j,
                    i,
                    text,
                    ha="center",
                    va="center",
                    fontsize="small",
                    color="white" if is_dark else "black",
                )
