"""One unit against one attribute, drawn as a histogram of both."""

from typing import Any, Self

import numpy as np

from skvae.docstrings import completed
from skvae.drawing import BLUE, new_axes
from skvae.extras import import_extra
from skvae.statistics.association_measures import Correlation
from skvae.statistics.columns import Columns, attribute_columns, unit_columns

__all__ = ["UnitAttributeDisplay"]

# More samples would hide one another.
MOST_POINTS = 500
BINS = 30
# Of the interval, which is Bonett & Wright's, of independent rows.
CONFIDENCE = 0.95


@completed
class UnitAttributeDisplay:
    """How values of a unit go with those of an attribute: points, or counts of many.

    Parameters
    ----------
    unit, attribute : ndarray of shape (n_samples,)
        Values of both, without missing ones.
    names : tuple of str
        Of the unit and the attribute.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    attribute_correlation : Statistics and tests of all pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import UnitAttributeDisplay
    >>> A = np.random.default_rng(0).normal(size=(200, 2))
    >>> display = UnitAttributeDisplay.from_arrays(A**3, A, unit=1, attribute=1)
    >>> display.ax_.get_title()
    'Spearman 1.00, 95 % interval 1.00 to 1.00, n = 200'
    """

    def __init__(
        self, unit: np.ndarray, attribute: np.ndarray, names: tuple[str, str]
    ) -> None:
        self.unit = unit
        self.attribute = attribute
        self.names = names

    @classmethod
    def from_arrays(
        cls,
        Z: Any,
        attributes: Any,
        *,
        unit: int | str,
        attribute: int | str,
        bins: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw one unit against one attribute.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_units)
            Latent units.
        attributes : array-like of shape (n_samples, n_attributes)
            Attributes; rows where it is missing are left out.
        unit, attribute : int or str
            Which ones, by number or by name.
        bins : int, default=None
            Number of bins along each axis, in which samples are counted. By default, up to
            500 samples are points, and more are counted in 30 bins.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : UnitAttributeDisplay
            With ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            If there is no such unit or attribute.
        """
        code, columns = unit_columns(Z), attribute_columns(attributes, len(Z))
        d, k = _place("unit", unit, code), _place("attribute", attribute, columns)
        known = ~np.isnan(columns.values[:, k])
        names = code.names[d], columns.names[k]
        display = cls(code.values[known, d], columns.values[known, k], names)
        return display.plot(bins=bins, ax=ax)

    def plot(self, *, bins: int | None = None, ax: Any = None) -> Self:
        """Draw it.

        Returns
        -------
        display : UnitAttributeDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        self.ax_ = new_axes((4.4, 3.6)) if ax is None else ax
        self.figure_ = self.ax_.figure
        if bins is None and len(self.unit) <= MOST_POINTS:
            self.ax_.scatter(self.attribute, self.unit, s=14, color=BLUE, alpha=0.6, lw=0)
        else:
            *_, image = self.ax_.hist2d(
                self.attribute, self.unit, bins=bins or BINS, cmin=1, cmap="viridis"
            )
            bar = self.figure_.colorbar(image, ax=self.ax_, label="number of samples")
            bar.locator = import_extra("matplotlib.ticker").MaxNLocator(5, integer=True)
            bar.update_ticks()
        self.ax_.set_xlabel(self.names[1])
        self.ax_.set_ylabel(self.names[0])
        pair = Correlation(
            self.unit[:, None],
            self.attribute[:, None],
            np.empty((len(self.unit), 0)),
            None,
            ranked=True,
        )
        rho = pair.statistic()
        low, high = pair.interval(rho, CONFIDENCE).ravel()
        self.ax_.set_title(
            f"Spearman {rho.item():.2f}, {100 * CONFIDENCE:g} % interval {low:.2f} to "
            f"{high:.2f}, n = {len(self.unit)}",
            fontsize="medium",
        )
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self


def _place(parameter: str, chosen: int | str, columns: Columns) -> int:
    """Return the number of a column that is chosen by number or name."""
    if isinstance(chosen, str) and chosen in columns.names:
        return columns.names.index(chosen)
    is_number = isinstance(chosen, int | np.integer) and not isinstance(chosen, bool)
    if is_number and 0 <= chosen < len(columns.names):
        return int(chosen)
    raise ValueError(
        f"Got {parameter}={chosen!r}, but expected 0 to {len(columns.names) - 1} or one of "
        f"{', '.join(columns.names)}."
    )
