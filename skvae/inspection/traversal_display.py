"""A traversal, drawn: tiles of images or slices, lines of signals, bars of columns."""

from typing import Any, Self

import numpy as np

from skvae.docstrings import completed
from skvae.drawing import (
    WIDTH,
    Margins,
    colour_bar,
    new_axes,
    slice_name,
    sliced,
    tile_axes,
    tile_centres,
    tiled,
)
from skvae.extras import import_extra
from skvae.inspection.column_changes import draw_changes
from skvae.inspection.traversal import LatentTraversal, latent_traversal


@completed
class LatentTraversalDisplay:
    """What a decoder makes of a code that moves: images side by side.

    Volumes are shown as a strip of slices, signals as a line per step. Of rows, bars show
    the columns that change most from the first step to the last: in units of the network's
    input, where columns can be compared, with what is decoded at both ends beside.
    An interpolation stands between its two samples.

    Parameters
    ----------
    traversal : LatentTraversal
        From `latent_traversal` or `latent_interpolation`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    latent_traversal : The numbers.

    Examples
    --------
    >>> from skvae import Autoencoder
    >>> from skvae.datasets import make_sprites
    >>> from skvae.inspection import LatentTraversalDisplay
    >>> X = make_sprites(40, size=16, random_state=0).images
    >>> model = Autoencoder(4, channels=(4, 8), max_iter=2, random_state=0).fit(X)
    >>> display = LatentTraversalDisplay.from_estimator(model, X, unit=2, n_steps=5)
    >>> display.ax_.get_xlabel()
    'code_2 (units of the code)'
    """

    def __init__(self, traversal: LatentTraversal) -> None:
        self.traversal = traversal

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        unit: int | tuple[int, int] | None = None,
        attribute: str | int | tuple[Any, Any] | None = None,
        values: Any = None,
        n_steps: int = 7,
        start: Any = None,
        channel: int = 0,
        axis: int = 0,
        index: int | None = None,
        n_columns: int = 15,
        ax: Any = None,
    ) -> Self:
        """Decode a code of which one unit moves, or two over a grid, and draw it.

        Parameters
        ----------
        estimator : estimator
            A fitted autoencoder, or a fitted pipeline or search with one among its steps.
        X : array-like of rows or images, default=None
            Samples that say where the codes lie; without, the prior does.
        unit : int or tuple of two int, default=None
            The unit that moves; a tuple moves two, over a grid.
        attribute : str, int or tuple of two, default=None
            Instead of ``unit``, the attribute whose unit moves.
        values : array-like of shape (n_steps,), or tuple of two, default=None
            Where to stop, as in `latent_traversal`.
        n_steps : int, default=7
            Number of default values, along each axis.
        start : int or array-like of shape (n_components,), default=None
            Row of X, or code, of the other units; by default the mean code.
        channel : int, default=0
            Channel of the images to show.
        axis : int, default=0
            Spatial axis across which volumes are cut.
        index : int, default=None
            Place of the cut; by default in the middle.
        n_columns : int, default=15
            Of rows, the columns that change most.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : LatentTraversalDisplay
            What was drawn.
        """
        traversal = latent_traversal(
            estimator,
            X,
            unit=unit,
            attribute=attribute,
            values=values,
            n_steps=n_steps,
            start=start,
        )
        where = {"channel": channel, "axis": axis, "index": index, "ax": ax}
        return cls(traversal).plot(n_columns=n_columns, **where)

    def plot(
        self,
        *,
        channel: int = 0,
        axis: int = 0,
        index: int | None = None,
        n_columns: int = 15,
        ax: Any = None,
    ) -> Self:
        """Draw the traversal.

        Returns
        -------
        display : LatentTraversalDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        images = self.traversal.images
        n_axes = len(self.traversal.names)
        n_spatial = max(images.ndim - n_axes - 1, 1)
        if n_spatial > 1:
            self._plot_tiles(n_spatial, channel, axis, index, ax)
        elif n_axes == 2:
            raise ValueError(
                f"Got a grid of {' and '.join(self.traversal.names)}, but lines and bars "
                "show one unit or attribute; expected images or a single one."
            )
        elif images.ndim == 2:
            self._take(draw_changes(self.traversal, n_columns, ax))
        else:
            self._plot_lines(images[:, channel], ax)
        return self

    def _plot_tiles(
        self, n_spatial: int, channel: int, axis: int, index: int | None, ax: Any
    ) -> None:
        found = self.traversal
        slices = sliced(found.images, n_spatial, channel, axis, index)
        grid = slices if len(found.names) == 2 else slices[None]
        n_rows, n_columns, height, width = grid.shape
        across = found.values.reshape(n_rows, n_columns, -1)[0, :, -1]
        labels = [f"{v:.3g}" for v in across]
        if found.ends is not None:
            ends = sliced(found.ends, n_spatial, channel, axis, index)
            grid = np.concatenate([ends[None, :1], grid, ends[None, 1:]], axis=1)
            labels = ["first", *labels, "second"]
        said = [slice_name(found.images, n_spatial, axis, index), self._channel(channel)]
        said = [*said, found.scale and f"decoded value in {found.scale}"]
        margins = Margins(left=0.75 if n_rows > 1 else 0.1, top=0.35 if any(said) else 0.1)
        self._take(tile_axes(grid, margins) if ax is None else ax)
        drawn = self.ax_.imshow(tiled(grid), cmap="gray", interpolation="nearest")
        colour_bar(self.ax_, drawn, "decoded value")
        self.ax_.spines[:].set_visible(False)
        self.ax_.tick_params(length=0, labelsize="small")
        self.ax_.set_xticks(tile_centres(grid.shape[1], width), labels)
        self.ax_.set_xlabel(self._label(-1), fontsize="small")
        if n_rows == 1:
            self.ax_.set_yticks([])
        else:
            down = [f"{v:.3g}" for v in found.values[:, 0, 0]]
            self.ax_.set_yticks(tile_centres(n_rows, height), down)
            self.ax_.set_ylabel(self._label(0), fontsize="small")
        self._say(said)

    def _plot_lines(self, lines: np.ndarray, ax: Any) -> None:
        self._take(new_axes((WIDTH, 3.5)) if ax is None else ax)
        colours = import_extra("matplotlib").colormaps["viridis"]
        shares = np.linspace(0, 0.9, len(lines))
        for line, value, share in zip(
            lines, self.traversal.values[:, 0], shares, strict=True
        ):
            self.ax_.plot(line, color=colours(share), label=f"{value:.3g}")
        self.ax_.legend(title=self._label(0), fontsize="small", frameon=False)
        self.ax_.set_xlabel("position")
        self.ax_.set_ylabel("decoded value")
        self.ax_.spines[["top", "right"]].set_visible(False)
        self._say([self.traversal.scale and f"decoded value in {self.traversal.scale}"])

    def _label(self, place: int) -> str:
        """Return the name of what moves, and its units."""
        unit = self.traversal.units[place] if self.traversal.units else ""
        return self.traversal.names[place] + (f" ({unit})" if unit else "")

    def _channel(self, channel: int) -> str:
        n_channels = self.traversal.images.shape[len(self.traversal.names)]
        return f"channel {channel + 1} of {n_channels}" if n_channels > 1 else ""

    def _say(self, said: list[str]) -> None:
        text = "; ".join(part for part in said if part)
        self.ax_.set_title(text, fontsize="small", loc="left")

    def _take(self, ax: Any) -> None:
        self.ax_, self.figure_ = ax, ax.figure
