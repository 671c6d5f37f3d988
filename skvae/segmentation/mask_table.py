"""How well each label of each image was found: overlap, volumes, distances."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from skvae.arguments import check_number
from skvae.extras import import_extra
from skvae.segmentation.dice import dice_scores
from skvae.segmentation.mask_pairs import paired_masks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["segmentation_table"]

COLUMNS = (
    "dice",
    "iou",
    "volume_true",
    "volume_predicted",
    "volume_difference",
    "hd95",
    "surface_dice",
)


def segmentation_table(
    y_true: Any,
    y_pred: Any,
    *,
    labels: Sequence[Any] | None = None,
    spacing: Any = None,
    tolerance: float = 1.0,
    groups: Any = None,
    multilabel: bool = False,
    ignore_label: int | None = -1,
) -> "pd.DataFrame":
    """Compare masks image by image and label by label: overlap, volumes, surfaces.

    Lengths are in mm with ``spacing``, otherwise in pixels; volumes are in the same unit to
    the power of the number of axes.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, *spatial) or list of arrays
        True labels of the pixels; images may differ in size. Flat masks would be taken
        for signals, whose distances are others: give them their shape.
    y_pred : array-like of shape (n_samples, *spatial) or list of arrays
        Predicted labels.
    labels : sequence, default=None
        Labels to compare; by default all that occur, except for the background 0. Labels
        that overlap go by number or, if they are fields of a structured array, by name.
    spacing : float, or array-like of shape (n_axes,) or (n_samples, n_axes), default=None
        Size of a pixel along each axis, in mm; one for all images, or for each.
    tolerance : float, default=1.0
        Distance up to which surfaces agree, in the unit of lengths.
    groups : array-like of shape (n_samples,), default=None
        Patient of each image, for a column of the table.
    multilabel : bool, default=False
        Whether masks have an axis of overlapping labels in front of their pixels, as
        ``(n_samples, n_labels, *spatial)``.
    ignore_label : int or None, default=-1
        Pixels whose true label it is do not count.

    Returns
    -------
    table : DataFrame
        A row per image and label, in the columns

        case : int
            Number of the image.
        group : object
            Its patient, if ``groups`` are given.
        label : int or str
            The label.
        dice, iou : float
            Overlap: 2 |A and B| / (|A| + |B|), and |A and B| / |A or B|.
        volume_true, volume_predicted, volume_difference : float
            Of the pixels of the label; the difference is predicted minus true.
        hd95 : float
            Distance to the other surface that 95 % of the surface pixels stay below, from
            truth to prediction or back, whichever is larger.
        surface_dice : float
            Share of the surface pixels of both masks that are not farther than
            ``tolerance`` from the other surface.

    Raises
    ------
    ValueError
        If masks differ in shape, or an argument is not as expected.

    See Also
    --------
    skvae.dice_scores : The Dice coefficient alone.
    SegmentationDisplay : The masks themselves.

    Notes
    -----
    All is defined on empty masks. Where a label is in neither mask, predicting none is
    right: overlaps are 1, the distance is 0. Where it is in one of them alone, overlaps are
    0 and the distance is infinite, since there is no surface to go to; a mean over images
    is then infinite as well, rather than silently without them, and a median still means
    something. Of an image without a pixel that counts, nothing is known: all is NaN.

    The surface is the pixels of a mask that have a neighbour outside it, at its faces, or
    lie at the edge of the image. Distances are MONAI's. Both masks end where pixels do not
    count, and so have a surface there, at the same place if both reach it: with
    ``ignore_label``, HD95 and surface Dice are then better than those of whole masks.

    References
    ----------
    Nikolov, S. et al. (2021). Clinically applicable segmentation of head and neck anatomy
    for radiotherapy. Journal of Medical Internet Research 23(7), e26151.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import segmentation_table
    >>> truth, predicted = np.zeros((2, 1, 8, 8), dtype=int)
    >>> truth[0, 2:6, 2:6], predicted[0, 2:6, 4:8] = 1, 1
    >>> table = segmentation_table(truth, predicted, spacing=(1.0, 0.5))
    >>> table[["label", "dice", "volume_true", "hd95", "surface_dice"]].round(2)
       label  dice  volume_true  hd95  surface_dice
    0      1   0.5          8.0   1.0           1.0
    """
    check_number("segmentation_table", "tolerance", tolerance, low=0)
    pairs = paired_masks(y_true, y_pred, multilabel, ignore_label)
    labels = pairs.chosen(labels)
    n_axes = pairs.truth[0].ndim - (pairs.names is not None)
    sizes = _pixel_sizes(spacing, len(pairs.truth), n_axes)
    layout = {"multilabel": multilabel, "ignore_label": ignore_label}
    dice = dice_scores(y_true, y_pred, labels=labels, **layout).T
    values = [
        [
            (score, *_compare(truth, predicted, size, tolerance))
            for score, size, (truth, predicted) in zip(
                scores, sizes, pairs.regions(label), strict=True
            )
        ]
        for scores, label in zip(dice, labels, strict=True)
    ]
    n, n_labels = len(sizes), len(labels)
    columns = {"case": np.repeat(np.arange(n), n_labels)}
    if groups is not None:
        check_consistent_length(y_true, groups)
        columns["group"] = np.repeat(column_or_1d(groups), n_labels)
    columns["label"] = np.tile(np.array(labels), n)
    rows = np.reshape(values, (n_labels, n, len(COLUMNS))).swapaxes(0, 1)
    counted = np.reshape([pairs.counted(label) for label in labels], (n_labels, n))
    rows[counted.T == 0] = np.nan
    columns |= dict(zip(COLUMNS, rows.reshape(-1, len(COLUMNS)).T, strict=True))
    return import_extra("pandas").DataFrame(columns)


def _pixel_sizes(spacing: Any, n_samples: int, n_axes: int) -> np.ndarray:
    """Return the size of the pixels of each image along each axis."""
    sizes = np.asarray(1.0 if spacing is None else spacing, dtype=np.float64)
    shapes = (), (n_axes,), (n_samples, n_axes)
    if sizes.shape not in shapes or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise ValueError(
            f"Got spacing={spacing!r} for {n_samples} images of {n_axes} axes, but "
            "expected positive numbers: one, one for each axis, or these for each image."
        )
    return np.broadcast_to(sizes, (n_samples, n_axes))


def _compare(
    truth: np.ndarray, predicted: np.ndarray, spacing: np.ndarray, tolerance: float
) -> tuple[float, ...]:
    """Return what the columns behind the first say of one mask."""
    n_true, n_predicted = np.count_nonzero(truth), np.count_nonzero(predicted)
    n_both = np.count_nonzero(truth & predicted)
    pixel = float(np.prod(spacing))
    volumes = pixel * n_true, pixel * n_predicted, pixel * (n_predicted - n_true)
    if not n_true and not n_predicted:
        return 1.0, *volumes, 0.0, 1.0
    iou = n_both / (n_true + n_predicted - n_both)
    if not n_true or not n_predicted:
        return iou, *volumes, np.inf, 0.0
    there, back = _surface_distances(truth, predicted, spacing)
    hd95 = max(np.quantile(there, 0.95), np.quantile(back, 0.95))
    # Distances of float32 may lie a rounding beyond a tolerance of whole pixels.
    agree = np.concatenate([there, back]) <= tolerance * (1 + 1e-6)
    return iou, *volumes, float(hd95), float(agree.mean())


def _surface_distances(
    truth: np.ndarray, predicted: np.ndarray, spacing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each surface pixel of one mask is from the surface of the other."""
    # It takes a while to import.
    from monai.metrics.utils import get_mask_edges, get_surface_distance

    edges = get_mask_edges(predicted, truth)
    there, back = (
        get_surface_distance(*pair, spacing=spacing) for pair in (edges, edges[::-1])
    )
    return np.asarray(there), np.asarray(back)
