"""Attention maps, drawn as contours over their images."""

from typing import Any, Self

import numpy as np

from skvae.arguments import check_number
from skvae.docstrings import completed
from skvae.drawing import (
    BLUE,
    ORANGE,
    Margins,
    colour_bar,
    outlined,
    slice_name,
    sliced,
    tile_axes,
    tile_centres,
    tiled,
)
from skvae.extras import import_extra
from skvae.inspection.attention import explained


@completed
class AttentionMapDisplay:
    """Images, and below them the same images with contours of their attention maps.

    A contour encloses what lies above a percentile of all the maps that are shown, so that
    the image under it keeps its grey; where signed maps speak against, another one does.
    Of volumes, a slice is shown.

    Parameters
    ----------
    images : ndarray of shape (n_samples, channels, *spatial)
        Images or volumes.
    maps : ndarray of shape (n_samples, *spatial)
        Their maps, from `attention_map`.
    name : str, default=""
        What the maps are in units of.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where they were drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    attention_map : The numbers.

    Examples
    --------
    >>> from skvae import Autoencoder
    >>> from skvae.datasets import make_sprites
    >>> from skvae.inspection import AttentionMapDisplay
    >>> X = make_sprites(40, size=16, random_state=0).images
    >>> model = Autoencoder(4, channels=(4, 8), max_iter=2, random_state=0).fit(X)
    >>> display = AttentionMapDisplay.from_estimator(model, X[:5], unit=2)
    >>> display.maps.shape
    (5, 16, 16)
    """

    def __init__(self, images: np.ndarray, maps: np.ndarray, name: str = "") -> None:
        self.images = images
        self.maps = maps
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        unit: int | None = None,
        attribute: str | int | None = None,
        target_class: Any = None,
        method: str = "hirescam",
        stage: str | None = None,
        relu: bool = True,
        percentile: float = 90,
        channel: int = 0,
        axis: int = 0,
        index: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Compute the attention maps of a few images, and draw them.

        Parameters
        ----------
        estimator : estimator
            A fitted autoencoder or predictor of images, or a fitted pipeline or search
            with one among its steps.
        X : array-like of shape (n_samples, channels, *spatial)
            A few images, or the same as rows.
        unit : int, default=None
            The unit of the code to explain.
        attribute : str or int, default=None
            Instead, the attribute whose unit to explain.
        target_class : object, default=None
            Instead, the class whose logit, or linear score, to explain.
        method : {"hirescam", "gradcam"}, default="hirescam"
            As in `attention_map`.
        stage : str, default=None
            A convolutional stage; by default the last one before the code.
        relu : bool, default=True
            Whether to show the evidence in favour alone.
        percentile : float, default=90
            Of the maps that are shown, the share below the contour, in per cent.
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
        display : AttentionMapDisplay
            What was drawn.
        """
        asked = {"unit": unit, "attribute": attribute, "target_class": target_class}
        found = explained(estimator, X, asked, method, stage, relu=relu)
        images = found.images
        whole = None if hasattr(X, "columns") else np.asarray(X)
        if whole is not None and whole.dtype != object and whole.size == images.size:
            images = whole.reshape(images.shape)  # as they were before the pipeline's steps
        name = f"{found.name} per cell of {found.stage}"
        where = {"channel": channel, "axis": axis, "index": index, "ax": ax}
        return cls(images, found.maps, name).plot(percentile=percentile, **where)

    def plot(
        self,
        *,
        percentile: float = 90,
        channel: int = 0,
        axis: int = 0,
        index: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw images and contours.

        Returns
        -------
        display : AttentionMapDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        check_number(
            "AttentionMapDisplay", "percentile", percentile, low=0, high=100, above_low=True
        )
        n_spatial = self.maps.ndim - 1
        if n_spatial == 1:
            raise ValueError("Got signals, but maps are drawn over images and volumes.")
        images = sliced(self.images, n_spatial, channel, axis, index)
        maps = sliced(self.maps[:, None], n_spatial, 0, axis, index)
        grid = np.stack([images, images])
        over = tiled(np.stack([np.full_like(maps, np.nan), maps]))
        bottom = 0.55 if (maps < 0).any() else 0.35
        margins = Margins(left=0.8, bottom=bottom, top=0.3 if n_spatial == 3 else 0.1)
        self.ax_ = tile_axes(grid, margins) if ax is None else ax
        self.figure_ = self.ax_.figure

        drawn = self.ax_.imshow(tiled(grid), cmap="gray", interpolation="nearest")
        colour_bar(self.ax_, drawn, "image")
        lines = self._contours(over, maps, percentile)
        self.ax_.legend(
            handles=lines,
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            frameon=False,
            fontsize="small",
        )
        self.ax_.set_xticks([])
        rows = tile_centres(2, images.shape[-2])
        self.ax_.set_yticks(rows, ["image", "attention"])
        self.ax_.tick_params(length=0)
        self.ax_.spines[:].set_visible(False)
        said = slice_name(self.maps, n_spatial, axis, index)
        self.ax_.set_title(said, fontsize="small", loc="left")
        return self

    def _contours(self, over: np.ndarray, maps: np.ndarray, percentile: float) -> list[Any]:
        """Draw a line around what is above a percentile of what is shown, for and against.

        Where most of an image says nothing, the percentile is 0, and the line is around
        all that says anything.
        """
        line = import_extra("matplotlib.lines").Line2D
        handles = []
        for sign, colour in ((1, ORANGE), (-1, BLUE)):
            strength = np.maximum(sign * maps, 0)
            largest = float(strength.max(initial=0))
            if largest == 0:
                continue
            level = max(float(np.percentile(strength, percentile)), 1e-6 * largest)
            outlined(self.ax_, sign * over, level, colour)
            bound = f"{'≥' if sign > 0 else '≤'} {sign * level:.2g}"
            text = f"{self.name} {bound} ({percentile:g}th percentile)".strip()
            handles.append(line([], [], color=colour, label=text))
        return handles
