"""Probabilities that mean what they say, and what follows: volumes with an interval."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.utils import Bunch

from skvae.arguments import check_number
from skvae.mask_layouts import field_names, gathered
from skvae.segmentation.mask_pairs import MaskPairs, paired_masks
from skvae.segmentation.masks import listed

__all__ = ["MaskCalibration", "calibrate_masks"]

# A network is never surer than this: float32 would make a certainty of it.
SUREST = 1e-7
LOG_TEMPERATURES = (-3.0, 3.0)


@dataclass(frozen=True)
class MaskCalibration:
    """What maps of images that a segmenter had not seen teach about its maps of others.

    Made by :func:`calibrate_masks`.

    Parameters
    ----------
    temperature : float
        What logits are divided by: above 1, the segmenter was too sure of itself.
    log_loss : tuple of 2 floats
        Mean cross-entropy per pixel of the maps as they were, and calibrated.
    errors : ndarray of shape (n_samples, n_labels)
        Of each image and foreground label, how many pixels the volume was off, per pixel
        that was to be expected wrong.
    coverage : float
        Share of new volumes that an interval shall cover.
    classes : ndarray of shape (n_classes,)
        Labels in the order of the maps.
    multilabel : bool
        Whether labels may overlap.

    See Also
    --------
    calibrate_masks : Learns it from out-of-fold maps.

    Examples
    --------
    >>> from skvae import calibrate_masks
    >>> truth = np.array([[[0, 1], [1, 1]], [[0, 0], [0, 1]]])
    >>> sure = np.array([[[0.01, 0.99], [0.99, 0.01]], [[0.01, 0.01], [0.99, 0.99]]])
    >>> calibration = calibrate_masks(truth, np.stack([1 - sure, sure], axis=1))
    >>> round(calibration.temperature, 1)  # two of eight pixels are wrong
    4.2
    >>> calibration.apply(np.stack([1 - sure, sure], axis=1))[0, 1].round(2)
    array([[0.25, 0.75],
           [0.75, 0.25]], dtype=float32)
    """

    temperature: float
    log_loss: tuple[float, float]
    errors: np.ndarray = field(repr=False)
    coverage: float
    classes: np.ndarray
    multilabel: bool

    def apply(self, probabilities: Any) -> np.ndarray:
        """Return calibrated maps; the most probable label of a pixel stays the same.

        Parameters
        ----------
        probabilities : array-like of shape (n_samples, n_classes, *spatial)
            What `predict_proba` of a segmenter gives; of images of unequal sizes, a list.

        Returns
        -------
        probabilities : ndarray of the same shape, float32
            Of images of unequal sizes, an array of arrays.
        """
        return gathered(self._maps(probabilities))

    def quantify(self, probabilities: Any) -> Bunch:
        """Return volumes with their intervals, and which images are most likely wrong.

        Parameters
        ----------
        probabilities : array-like of shape (n_samples, n_classes, *spatial)
            What `predict_proba` gives for images that are new to the segmenter; not yet
            calibrated.

        Returns
        -------
        found : :class:`~sklearn.utils.Bunch`
            With the entries

            volume : ndarray of shape (n_samples, n_labels)
                Pixels of each foreground label; times the volume of a pixel, mm^3.
            low, high : ndarray of shape (n_samples, n_labels)
                Bounds of its interval. ``high`` is infinite where there were too few
                images to tell.
            expected_dice : ndarray of shape (n_samples, n_labels)
                Dice coefficient to be expected, in [0, 1].
            order : ndarray of int, shape (n_samples,)
                Images from the most likely wrong to the least: by the mean of the former.

        Notes
        -----
        With calibrated probabilities p and the set A of pixels that have the label, Dice
        is expected to be 2 sum_A p / (size of A + sum p), the ratio of expectations; where
        A is empty, 1 - max p. The interval is the volume with ±q times one plus the number
        of pixels that are to be expected wrong, sum min(p, 1 - p), where q is the
        ceil((n + 1) coverage)-th smallest of the n ``errors`` (Lei et al., 2018).
        """
        maps = list(self._maps(probabilities))
        volume = np.array([self._said(p).sum(axis=1) for p in maps], dtype=float)
        width = (1 + _doubt(maps, self._first)) * self._quantiles()
        dice = np.array([self._expected_dice(p) for p in maps])
        return Bunch(
            volume=volume,
            low=np.maximum(volume - width, 0),
            high=volume + width,
            expected_dice=dice,
            order=np.argsort(dice.mean(axis=1), kind="stable"),
        )

    @property
    def _first(self) -> int:
        return _first_foreground(self.classes, self.multilabel)

    def _maps(self, probabilities: Any) -> Iterator[np.ndarray]:
        maps = [np.asarray(p) for p in probabilities]
        _refuse_other_maps(maps, self.classes)
        for p in maps:
            yield heated(p, self.temperature, self.multilabel)

    def _said(self, p: np.ndarray) -> np.ndarray:
        """Return where each foreground label is, in rows."""
        if self.multilabel:
            return p.reshape(len(p), -1) > 0.5
        index = p.reshape(len(p), -1).argmax(axis=0)
        return index == np.arange(self._first, len(p))[:, np.newaxis]

    def _expected_dice(self, p: np.ndarray) -> np.ndarray:
        said, p = self._said(p), p.reshape(len(p), -1)[self._first :]
        size = said.sum(axis=1)
        dice = 2 * (p * said).sum(axis=1) / np.maximum(size + p.sum(axis=1), SUREST)
        return np.where(size > 0, dice, 1 - p.max(axis=1))

    def _quantiles(self) -> np.ndarray:
        n = len(self.errors)
        rank = math.ceil((n + 1) * self.coverage)
        if rank > n:
            return np.full(self.errors.shape[1], np.inf)
        return np.sort(self.errors, axis=0)[rank - 1]


def calibrate_masks(
    y_true: Any,
    probabilities: Any,
    *,
    classes: Sequence[Any] | None = None,
    multilabel: bool = False,
    coverage: float = 0.9,
    ignore_label: int | None = -1,
) -> MaskCalibration:
    """Learn from out-of-fold maps how far a segmenter's probabilities can be trusted.

    Networks that learn from the Dice coefficient are far too sure of themselves. One
    number, the temperature, mends most of it; labels stay as they are.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, *spatial) or list of arrays
        True labels of the pixels; images may differ in size.
    probabilities : array-like of shape (n_samples, n_classes, *spatial) or list of arrays
        Maps by models that had not seen the image, such as those of
        :func:`~skvae.cross_val_predict_masks`.
    classes : sequence, default=None
        Labels in the order of the maps: ``classes_`` of the segmenter. By default 0, 1,
        2, ..., or the fields of structured masks.
    multilabel : bool, default=False
        Whether masks have an axis of overlapping labels in front of their pixels, as
        ``(n_samples, n_labels, *spatial)``.
    coverage : float, default=0.9
        Share of new volumes that an interval shall cover, above 0 and below 1.
    ignore_label : int or None, default=-1
        Pixels whose true label it is do not count.

    Returns
    -------
    calibration : MaskCalibration
        Calibrates maps of new images, and says what volumes and labels are worth.

    Raises
    ------
    ValueError
        If masks and maps do not belong together, or no pixel counts.

    Notes
    -----
    The temperature minimises the mean over the images of the mean cross-entropy per pixel
    (Guo et al., 2017). Intervals hold for images as these, each of a patient of its own:
    then, whatever the segmenter, at least the share ``coverage`` of them covers the truth,
    but for what a network that has learned from all images differs from those of the
    folds.

    References
    ----------
    Guo, C., Pleiss, G., Sun, Y. & Weinberger, K. Q. (2017). On calibration of modern
    neural networks. ICML.

    Mehrtash, A., Wells, W. M., Tempany, C. M., Abolmaesumi, P. & Kapur, T. (2020).
    Confidence calibration and predictive uncertainty estimation for deep medical image
    segmentation. IEEE Transactions on Medical Imaging 39, 3868-3878.

    Lei, J., G'Sell, M., Rinaldo, A., Tibshirani, R. J. & Wasserman, L. (2018).
    Distribution-free predictive inference for regression. Journal of the American
    Statistical Association 113, 1094-1111, section 5.2.

    Examples
    --------
    >>> from skvae import MaskStratifiedKFold, UNetSegmenter, cross_val_predict_masks
    >>> from skvae.datasets import make_xrays
    >>> X, y = make_xrays(16, size=32, random_state=0, return_X_y=True)
    >>> unet = UNetSegmenter(depth=2, width=4, max_iter=15, batch_size=4,
    ...                      learning_rate_init=5e-3, random_state=0)
    >>> maps = cross_val_predict_masks(unet, X, y, cv=MaskStratifiedKFold(2))
    >>> calibration = calibrate_masks(y, maps)
    >>> before, after = calibration.log_loss
    >>> after <= before
    True
    >>> found = calibration.quantify(unet.fit(X[:12], y[:12]).predict_proba(X[12:]))
    >>> found.volume.shape, bool((found.low <= found.volume).all())
    ((4, 1), True)
    """
    owner = "calibrate_masks"
    check_number(owner, "coverage", coverage, low=0, high=1, above_low=True)
    if coverage == 1:
        raise ValueError("Got coverage=1 in calibrate_masks, but expected less than 1.")
    maps = [np.asarray(p) for p in probabilities]
    multilabel = multilabel or field_names(y_true) is not None
    known = _known(y_true, maps, classes, multilabel)
    labels = [_labels(p, known, multilabel) for p in maps]
    pairs = paired_masks(y_true, labels, multilabel, ignore_label)
    truths = [_truth(mask, known, ignore_label, multilabel) for mask in pairs.truth]

    def loss(log_temperature: float) -> float:
        return _mean_loss(maps, truths, math.exp(log_temperature), multilabel)

    found = minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded")
    # Where nothing is better than the maps as they are, these stay.
    before, after = loss(0.0), float(found.fun)
    temperature = math.exp(found.x) if after < before else 1.0
    first = _first_foreground(known, multilabel)
    doubt = _doubt([heated(p, temperature, multilabel) for p in maps], first)
    return MaskCalibration(
        temperature,
        (before, min(before, after)),
        _volume_errors(pairs, known[first:]) / (1 + doubt),
        float(coverage),
        known,
        multilabel,
    )


def heated(p: np.ndarray, temperature: float, multilabel: bool) -> np.ndarray:
    """Return probabilities whose logits are divided by a temperature.

    Guo et al. (2017), eq. 9: softmax(z / T), which is p^(1/T) over its sum, since p is
    softmax(z). Of labels that overlap, the sigmoid instead.
    """
    p = np.clip(np.asarray(p, dtype=np.float32), SUREST, 1 - SUREST)
    power = p ** np.float32(1 / temperature)
    if multilabel:
        return power / (power + (1 - p) ** np.float32(1 / temperature))
    return power / power.sum(axis=0)


def _known(
    y_true: Any, maps: list[np.ndarray], classes: Sequence[Any] | None, multilabel: bool
) -> np.ndarray:
    """Return what the maps are of, in their order."""
    names: Any = field_names(y_true)
    if names is None:
        given = classes is not None and not multilabel
        names = classes if given else range(len(maps[0]) if maps else 0)
    known = np.array(names)
    if names is classes and not np.array_equal(known, np.unique(known)):
        raise ValueError(
            f"Got classes={classes!r}, but expected each label once and in ascending "
            "order, as classes_ of a segmenter has them."
        )
    _refuse_other_maps(maps, known)
    return known


def _refuse_other_maps(maps: list[np.ndarray], classes: np.ndarray) -> None:
    """Refuse maps that have not a probability for each class."""
    for i, p in enumerate(maps):
        if p.ndim < 2 or len(p) != len(classes):
            raise ValueError(
                f"Got a map of shape {p.shape} for the image {i}, but expected "
                f"({len(classes)}, *spatial), the probability of each class."
            )


def _first_foreground(classes: np.ndarray, multilabel: bool) -> int:
    """Return the index of the first class that is not the background."""
    return int(not multilabel and classes[0] == 0)


def _labels(p: np.ndarray, classes: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return the mask that a map stands for."""
    return (p > 0.5).astype(np.uint8) if multilabel else classes[p.argmax(axis=0)]


def _truth(
    mask: np.ndarray, classes: np.ndarray, ignore_label: int | None, multilabel: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of the true class of each pixel or 0 and 1, and which count."""
    counted = np.ones(mask.shape, dtype=bool)
    if ignore_label is not None:
        counted = mask != ignore_label
    if multilabel:
        return mask == 1, counted
    strange = np.setdiff1d(mask[counted], classes)
    if len(strange):
        raise ValueError(
            f"Got y_true with the label {strange[0]}, but maps of the classes "
            f"{listed(classes)}; expected them in classes=."
        )
    return np.searchsorted(classes, np.where(counted, mask, classes[0])), counted


def _mean_loss(
    maps: list[np.ndarray],
    truths: list[tuple[np.ndarray, np.ndarray]],
    temperature: float,
    multilabel: bool,
) -> float:
    """Return the mean over the images of the mean cross-entropy of the counted pixels."""
    losses = []
    for p, (truth, counted) in zip(maps, truths, strict=True):
        if counted.any():
            q = heated(p, temperature, multilabel)
            if multilabel:
                true = np.where(truth, q, 1 - q)
            else:
                true = np.take_along_axis(q, truth[np.newaxis], axis=0)[0]
            losses.append(-np.log(np.maximum(true[counted], SUREST)).mean(dtype=float))
    if not losses:
        raise ValueError(
            "Got y_true without a pixel that counts, but a calibration needs a mask of at "
            "least one image."
        )
    return float(np.mean(losses))


def _doubt(maps: list[np.ndarray], first: int) -> np.ndarray:
    """Return how many pixels of each foreground label are to be expected wrong."""
    wrong = [np.minimum(p, 1 - p)[first:] for p in maps]
    return np.array([each.reshape(len(each), -1).sum(axis=1) for each in wrong])


def _volume_errors(pairs: MaskPairs, labels: np.ndarray) -> np.ndarray:
    """Return by how many pixels volumes are off, image by image and label by label."""
    errors = [
        [abs(float(truth.sum()) - float(said.sum())) for truth, said in pairs.regions(k)]
        for k in labels.tolist()
    ]
    return np.array(errors).T
