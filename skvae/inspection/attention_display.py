"""Attention maps, drawn over their images."""

from typing import Any, Self

import numpy as np

from skvae.docstrings import completed
from skvae.drawing import new_axes, sliced, tile_centres, tiled
from skvae.extras import import_extra
from skvae.inspection.attention import attention_map

# Below it an image can still be seen.
LARGEST_OPACITY = 0.75


@completed
class AttentionMapDisplay:
    """Images, and below them the same images under their attention maps.

    All maps share one scale. The stronger, the more opaque; of volumes, a slice is shown.

    Parameters
    ----------
    images : ndarray of shape (n_samples, channels, *spatial)
        Images or volumes.
    maps : ndarray of shape (n_samples, *spatial)
        Their maps, from `attention_map`.
    name : str, default=""
        What the maps explain.

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
        channel: int = 0,
        axis: int = 0,
        index: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Compute the attention maps of a few images, and draw them.

        Parameters
        ----------
        estimator : estimator
            A fitted autoencoder of images.
        X : array-like of shape (n_samples, channels, *spatial)
            A few images, or the same as rows.
        unit : int, default=None
            The unit of the code to explain.
        attribute : str or int, default=None
            Instead, the attribute whose unit to explain.
        target_class : object, default=None
            Instead, the class whose logit to explain.
        method : {"hirescam", "gradcam"}, default="hirescam"
            As in `attention_map`.
        stage : str, default=None
            A convolutional stage; by default the last one before the code.
        relu : bool, default=True
            Whether to show the evidence in favour alone.
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
        target = {"unit": unit, "attribute": attribute, "target_class": target_class}
        maps = attention_map(estimator, X, **target, method=method, stage=stage, relu=relu)
        images = np.reshape(np.asarray(X), (len(maps), *estimator.sample_shape_))
        name = " ".join(
            f"{key} {value}" for key, value in target.items() if value is not None
        )
        display = cls(images, maps, name.replace("target_class", "class"))
        return display.plot(channel=channel, axis=axis, index=index, ax=ax)

    def plot(
        self, *, channel: int = 0, axis: int = 0, index: int | None = None, ax: Any = None
    ) -> Self:
        """Draw images and maps.

        Returns
        -------
        display : AttentionMapDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        n_spatial = self.maps.ndim - 1
        if n_spatial == 1:
            raise ValueError("Got signals, but maps are drawn over images and volumes.")
        images = sliced(self.images, n_spatial, channel, axis, index)
        maps = sliced(self.maps[:, None], n_spatial, 0, axis, index)
        both = tiled(np.stack([images, images]))
        over = tiled(np.stack([np.zeros_like(maps), maps]))
        height = 9 * both.shape[0] / both.shape[1]
        ax = new_axes((9, height + 0.8)) if ax is None else ax
        self.ax_, self.figure_ = ax, ax.figure

        ax.imshow(both, cmap="gray", interpolation="nearest")
        signed = bool((self.maps < 0).any())
        largest = float(np.abs(self.maps).max()) or 1.0
        opacity = LARGEST_OPACITY * np.nan_to_num(np.abs(over)) / largest
        drawn = ax.imshow(
            over,
            cmap="RdBu_r" if signed else "inferno",
            vmin=-largest if signed else 0,
            vmax=largest,
            alpha=opacity,
            interpolation="nearest",
        )
        colours = import_extra("matplotlib.cm").ScalarMappable(drawn.norm, drawn.cmap)
        self.figure_.colorbar(colours, ax=ax, label=self.name, shrink=0.8)
        ax.set_xticks([])
        rows = tile_centres(2, images.shape[-2])
        ax.set_yticks(rows, ["image", "attention"])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        return self
