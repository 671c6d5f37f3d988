"""A traversal, drawn: tiles of images or slices, or lines."""

from typing import Any, Self

import numpy as np

from skvae.docstrings import completed
from skvae.drawing import new_axes, sliced, tile_centres, tiled
from skvae.extras import import_extra
from skvae.inspection.traversal import LatentTraversal, latent_traversal


@completed
class LatentTraversalDisplay:
    """What a decoder makes of a code that moves: images side by side.

    Volumes are shown as a strip of slices; signals and rows as a line per step.

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
    'code_2'
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
        ax: Any = None,
    ) -> Self:
        """Decode a code of which one unit moves, or two over a grid, and draw it.

        Parameters
        ----------
        estimator : estimator
            A fitted autoencoder.
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
        return cls(traversal).plot(channel=channel, axis=axis, index=index, ax=ax)

    def plot(
        self, *, channel: int = 0, axis: int = 0, index: int | None = None, ax: Any = None
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
            slices = sliced(images, n_spatial, channel, axis, index)
            self._plot_tiles(slices if n_axes == 2 else slices[None], ax)
        elif n_axes == 1:
            self._plot_lines(images if images.ndim == 2 else images[:, channel], ax)
        else:
            raise ValueError(
                f"Got a grid of {' and '.join(self.traversal.names)}, but lines show one "
                "unit or attribute; expected images or a single one."
            )
        return self

    def _plot_tiles(self, grid: np.ndarray, ax: Any) -> None:
        n_rows, n_columns, height, width = grid.shape
        image = tiled(grid)
        size = np.array(image.shape[::-1]) * 9 / max(image.shape)
        self._take(ax, figsize=(max(size[0], 3), max(size[1], 1) + 0.8))
        self.ax_.imshow(image, cmap="gray", interpolation="nearest")
        self.ax_.spines[:].set_visible(False)
        self.ax_.tick_params(length=0)
        names, values = self.traversal.names, self.traversal.values
        across = values.reshape(n_rows, n_columns, -1)[0, :, -1]
        self.ax_.set_xticks(tile_centres(n_columns, width), [f"{v:.3g}" for v in across])
        self.ax_.set_xlabel(names[-1])
        if len(names) == 1:
            self.ax_.set_yticks([])
        else:
            down = [f"{v:.3g}" for v in values[:, 0, 0]]
            self.ax_.set_yticks(tile_centres(n_rows, height), down)
            self.ax_.set_ylabel(names[0])

    def _plot_lines(self, lines: np.ndarray, ax: Any) -> None:
        self._take(ax, figsize=(7, 4))
        colours = import_extra("matplotlib").colormaps["viridis"]
        shares = np.linspace(0, 0.9, len(lines))
        for line, value, share in zip(
            lines, self.traversal.values[:, 0], shares, strict=True
        ):
            self.ax_.plot(line, color=colours(share), label=f"{value:.3g}")
        self.ax_.legend(title=self.traversal.names[0], fontsize="small")
        self.ax_.set_xlabel("feature" if self.traversal.images.ndim == 2 else "position")
        self.ax_.spines[["top", "right"]].set_visible(False)

    def _take(self, ax: Any, figsize: tuple[float, float]) -> None:
        self.ax_ = new_axes(figsize) if ax is None else ax
        self.figure_ = self.ax_.figure
