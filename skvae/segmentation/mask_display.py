"""Images with their true and predicted masks, and where the two differ."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils import check_consistent_length

from skvae.docstrings import completed
from skvae.drawing import (
    BLUE,
    ORANGE,
    Margins,
    outlined,
    slice_name,
    sliced,
    tile_axes,
    tile_centres,
    tiled,
)
from skvae.extras import import_extra
from skvae.mask_layouts import field_names
from skvae.segmentation.dice import dice_scores
from skvae.segmentation.mask_pairs import paired_masks
from skvae.segmentation.masks import laid_out

ROWS = ("image", "truth", "prediction", "error")
# Of Okabe & Ito, which most colour-blind people can tell apart.
LABELS = ("#009e73", "#f0e442", "#56b4e9", "#cc79a7")
ERRORS = {
    "missed (false negative)": BLUE,
    "added (false positive)": ORANGE,
    "wrong label": "#e69f00",
}


@completed
class SegmentationDisplay:
    """Images, and below them the true mask, the predicted one, and their differences.

    Masks are outlines, so that the image in them can be seen; what a prediction misses and
    what it adds have two colours. Of volumes, the slice with the most foreground is shown.
    Below each image stands its Dice coefficient, the mean over the labels, of the whole
    image or volume, or that none of its pixels counts.

    Parameters
    ----------
    images : list of ndarray of shape (channels, *spatial)
        Images or volumes.
    truth, predicted : list of ndarray of int, shape (*spatial)
        Number of each pixel's label in ``labels``, counted from 1; 0 for none.
    labels : sequence
        Labels.
    dice : ndarray of shape (n_samples, n_labels)
        Dice coefficients.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where they were drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    segmentation_table : The numbers.

    Examples
    --------
    >>> from skvae import UNetSegmenter
    >>> from skvae.datasets import make_xrays
    >>> from skvae.inspection import SegmentationDisplay
    >>> X, y = make_xrays(8, size=32, random_state=0, return_X_y=True)
    >>> unet = UNetSegmenter(depth=2, width=4, max_iter=2, random_state=0).fit(X, y)
    >>> display = SegmentationDisplay.from_estimator(unet, X[:3], y[:3])
    >>> [tick.get_text() for tick in display.ax_.get_yticklabels()]
    ['image', 'truth', 'prediction', 'error']
    """

    def __init__(
        self,
        images: list[np.ndarray],
        truth: list[np.ndarray],
        predicted: list[np.ndarray],
        labels: Sequence[Any],
        dice: np.ndarray,
    ) -> None:
        self.images = images
        self.truth = truth
        self.predicted = predicted
        self.labels = labels
        self.dice = dice

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        ignore_label: int | str | None = "estimator",
        channel: int = 0,
        axis: int = 0,
        index: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Predict the masks of a few images, and draw them beside the true ones.

        Parameters
        ----------
        estimator : estimator
            A fitted segmenter, or a search or a pipeline that ends in one.
        X : array-like of shape (n_samples, channels, *spatial)
            A few images, also of unequal sizes, or in any other layout that `fit` takes.
        y : array-like of shape (n_samples, *spatial)
            True masks, in a layout that `fit` takes.
        ignore_label : int, None or "estimator", default="estimator"
            Pixels with this true label are left out; by default that of the estimator.
        channel : int, default=0
            Channel of the images to show.
        axis : int, default=0
            Spatial axis across which volumes are cut.
        index : int, default=None
            Place of the cut; by default where there is the most foreground.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : SegmentationDisplay
            What was drawn.
        """
        masks = [y, estimator.predict(X)]
        segmenter = _segmenter(estimator)
        if ignore_label == "estimator":
            ignore_label = getattr(segmenter, "ignore_label", -1)
        shape = getattr(segmenter, "sample_shape_", ())
        if np.ndim(next(iter(X))) < len(shape):
            X = np.reshape(np.asarray(X), (len(X), *shape))
            masks = [laid_out(each, shape[1:])[0] for each in masks]
        where = {"channel": channel, "axis": axis, "index": index, "ax": ax}
        return cls.from_predictions(X, *masks, ignore_label=ignore_label, **where)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        y_true: Any,
        y_pred: Any,
        *,
        ignore_label: int | None = -1,
        channel: int = 0,
        axis: int = 0,
        index: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw a few images with their masks.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or list of arrays
            A few images.
        y_true, y_pred : array-like of shape (n_samples, *spatial) or list of arrays
            Their masks. Labels may overlap, in an axis in front of the pixels or in the
            fields of a structured array; of those at a pixel, the last is shown.
        ignore_label : int or None, default=-1
            Pixels with this true label are left out.
        channel : int, default=0
            Channel of the images to show.
        axis : int, default=0
            Spatial axis across which volumes are cut.
        index : int, default=None
            Place of the cut; by default where there is the most foreground.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : SegmentationDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If images and masks do not belong together, or are of one axis.
        """
        check_consistent_length(X, y_true, y_pred)
        images = [np.asarray(x) for x in X]
        in_axis = (
            field_names(y_true) is None and np.ndim(next(iter(y_true))) == images[0].ndim
        )
        pairs = paired_masks(y_true, y_pred, in_axis, ignore_label)
        labels = pairs.chosen(None)
        truth, predicted = ([np.zeros(x.shape[1:], int) for x in images] for _ in range(2))
        for k, label in enumerate(labels):
            for i, (a, b) in enumerate(pairs.regions(label)):
                if a.shape != images[i].shape[1:]:
                    raise ValueError(
                        f"Got a mask of shape {a.shape} for the image {i} of shape "
                        f"{images[i].shape}, but expected {images[i].shape[1:]}."
                    )
                truth[i][a], predicted[i][b] = k + 1, k + 1
        layout = {"multilabel": in_axis, "ignore_label": ignore_label}
        dice = dice_scores(y_true, y_pred, labels=labels, **layout)
        display = cls(images, truth, predicted, labels, dice)
        return display.plot(channel=channel, axis=axis, index=index, ax=ax)

    def plot(
        self, *, channel: int = 0, axis: int = 0, index: int | None = None, ax: Any = None
    ) -> Self:
        """Draw images and masks.

        Returns
        -------
        display : SegmentationDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        cases = list(zip(self.images, self.truth, self.predicted, strict=True))
        places = [_busiest(*case[1:], axis) if index is None else index for case in cases]
        cuts = [
            _cut(*case, channel, axis, place)
            for case, place in zip(cases, places, strict=True)
        ]
        size = np.max([cut.shape[1:] for cut in cuts], axis=0)
        images, truth, predicted = np.stack([_enlarged(cut, size) for cut in cuts], axis=1)
        over = np.stack(
            [np.zeros_like(truth), truth, predicted, self._errors(truth, predicted)]
        )
        said = [
            "\n".join(
                filter(None, (_written(dice), slice_name(x, x.ndim - 1, axis, place)))
            )
            for dice, x, place in zip(self.dice, self.images, places, strict=True)
        ]
        self._draw(np.stack([images] * len(ROWS)), over, said, ax)
        return self

    def _errors(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return which error each pixel is, counted on from the labels; 0 for none."""
        kinds = [predicted == 0, truth == 0, np.ones(truth.shape, dtype=bool)]
        n = len(self.labels)
        codes = np.select(kinds, [n + 1, n + 2, n + 3])
        return np.where((truth == predicted) | np.isnan(truth), 0, codes)

    def _draw(self, below: np.ndarray, over: np.ndarray, said: list[str], ax: Any) -> None:
        # Under it stand what is said of each image, and the legend.
        n_lines = max((text.count("\n") for text in said), default=0)
        margins = Margins(left=0.85, right=0.1, bottom=0.55 + 0.17 * n_lines, top=0.1)
        self.ax_ = ax = tile_axes(below, margins) if ax is None else ax
        self.figure_ = ax.figure
        named = {
            _called(label): LABELS[k % len(LABELS)] for k, label in enumerate(self.labels)
        }
        named |= ERRORS
        colours = import_extra("matplotlib.colors").ListedColormap(list(named.values()))
        ax.imshow(tiled(below), cmap="gray", interpolation="nearest")
        is_error = np.zeros(over.shape, dtype=bool)
        is_error[-1] = over[-1] > 0
        ax.imshow(
            np.where(tiled(over) > 0, tiled(over), np.nan),
            cmap=colours,
            vmin=0.5,
            vmax=len(named) + 0.5,
            alpha=np.nan_to_num(tiled(is_error)),
            interpolation="nearest",
        )
        for k, colour in enumerate(named.values(), start=1):
            mask = over == k
            if k <= len(self.labels) and mask.any():
                outlined(ax, tiled(mask), 0.5, colour)
        patch = import_extra("matplotlib.patches").Patch
        drawn = [
            patch(color=colour, label=name)
            for k, (name, colour) in enumerate(named.items(), start=1)
            if (over == k).any()
        ]
        *_, height, width = below.shape
        ax.set_xticks(tile_centres(len(said), width), said)
        ax.set_yticks(tile_centres(len(ROWS), height), ROWS)
        ax.tick_params(length=0, labelsize="small")
        ax.spines[:].set_visible(False)
        inches = ax.get_position().height * ax.figure.get_size_inches()[1]
        ax.legend(
            handles=drawn,
            loc="upper center",
            bbox_to_anchor=(0.5, -(0.2 + 0.17 * n_lines) / inches),
            ncols=4,
            frameon=False,
            fontsize="small",
        )


def _called(label: Any) -> str:
    return label if isinstance(label, str) else f"label {label}"


def _written(dice: np.ndarray) -> str:
    """Say the mean Dice coefficient of an image; NaN are labels without a pixel."""
    if not len(dice):
        return "Dice 1.00"
    known = dice[~np.isnan(dice)]
    return f"Dice {known.mean():.2f}" if len(known) else "no truth"


def _segmenter(estimator: Any) -> Any:
    """Return what predicts inside of searches and pipelines."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            return estimator


def _busiest(truth: np.ndarray, predicted: np.ndarray, axis: int) -> int | None:
    """Return the slice of a volume with the most foreground; None if there is none."""
    if truth.ndim != 3 or not 0 <= axis < 3:
        return None
    others = tuple({0, 1, 2} - {axis})
    foreground = np.count_nonzero(truth, others) + np.count_nonzero(predicted, others)
    return int(foreground.argmax()) if foreground.any() else None


def _cut(
    image: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
    channel: int,
    axis: int,
    index: int | None,
) -> np.ndarray:
    """Return image, truth and prediction of one case in two axes."""
    n_spatial = truth.ndim
    if n_spatial == 1:
        raise ValueError("Got signals, but masks are drawn over images and volumes.")
    return np.stack(
        [
            sliced(image, n_spatial, channel, axis, index),
            sliced(truth[None], n_spatial, 0, axis, index),
            sliced(predicted[None], n_spatial, 0, axis, index),
        ]
    ).astype(np.float32)


def _enlarged(cut: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Put what is smaller than others into a tile of their size, with nothing around."""
    behind = [(0, int(n - m)) for n, m in zip(size, cut.shape[1:], strict=True)]
    return np.pad(cut, [(0, 0), *behind], constant_values=np.nan)
