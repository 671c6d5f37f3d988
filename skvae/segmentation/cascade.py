"""An organ first, then lesions in the crop around it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import config_context
from sklearn.base import TransformerMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from skvae._compat import check_feature_names_in, fit_context
from skvae.estimators.inputs import check_rows
from skvae.estimators.unchanged import unchanged_on_error
from skvae.estimators.unequal_sizes import as_image, images_of, ragged
from skvae.mask_layouts import field_names, gathered
from skvae.objectives.overlap import IGNORED
from skvae.segmentation.cascade_parameters import CascadeParameters
from skvae.segmentation.cascade_stages import LEFT_OUT, fitted_stage, stage_to_fit
from skvae.segmentation.dice import mean_dice
from skvae.segmentation.involvement import coded, involvement
from skvae.segmentation.locating import (
    Located,
    largest_box,
    locate,
    organs_of,
    report_empty,
    roundtrip_dice,
)
from skvae.segmentation.masks import encode_masks, in_layout, listed, of_one_size
from skvae.segmentation.out_of_fold import cross_val_predict_masks
from skvae.segmentation.stratified_folds import MaskStratifiedKFold
from skvae.training.data import row_blocks

SHARED = ("device", "n_threads", "precision", "verbose")
# A frozen stage 1 may tell apart as many organs as it likes.
MOST_LABELS = IGNORED
# Of what is divided by.
SMALLEST = np.finfo(np.float32).tiny


@dataclass(eq=False, repr=False, kw_only=True)
class CascadeSegmenter(TransformerMixin, CascadeParameters):
    """Segment an organ, and lesions in the crop around it.

    The first stage finds the organ; a box around it, with a margin, is cropped and, if
    wanted, resampled; the second stage tells lesions, healthy organ and background apart
    in the crop. Its *probabilities* are mapped back to the grid of the image, where
    labels would lose their edges. It learns from boxes that the first stage finds in
    images which that has not seen.

    y has the labels 0 (background), 1 (organ) and 2 (lesion), more for other kinds of
    lesions, or is a structured array with the fields ``organ`` and ``lesion``. Where there
    is no lesion label, the second stage finds the organ once more, on the crop; without
    the labels 0 and 1, there would be no telling the organ.

    See Also
    --------
    UNetSegmenter : One network for all labels.
    involvement : Share of the organ that lesions cover, from any masks.

    Notes
    -----
    With the probability p of the organ from the first stage, and q of a lesion, given the
    organ, from the second one, a pixel is background with 1 - p, healthy organ with
    p (1 - q), and lesion with p q: there is no lesion outside of what the first stage
    finds. Where it finds nothing at all, the second one labels the whole image alone.

    References
    ----------
    Lizzi, F. et al. (2022). Quantification of pulmonary involvement in COVID-19 pneumonia
    by means of a cascade of two U-nets: training and assessment on multiple datasets
    using different annotation criteria. International Journal of Computer Assisted
    Radiology and Surgery 17, 229-237.

    Isensee, F., Jaeger, P. F., Kohl, S. A. A., Petersen, J. & Maier-Hein, K. H. (2021).
    nnU-Net: a self-configuring method for deep learning-based biomedical image
    segmentation. Nature Methods 18, 203-211.

    Examples
    --------
    >>> from skvae import UNetSegmenter
    >>> from skvae.datasets import make_infected_lungs
    >>> lungs = make_infected_lungs(16, size=32, random_state=0)
    >>> X, y = lungs.images, lungs.masks
    >>> unet = UNetSegmenter(depth=2, width=4, max_iter=15, batch_size=4,
    ...                      learning_rate_init=0.01)
    >>> cascade = CascadeSegmenter(stage1=unet, stage2=unet, cv=2, n_threads=1,
    ...                            random_state=0).fit(X[:12], y[:12])
    >>> cascade.predict(X[12:]).shape, cascade.predict_proba(X[12:]).shape
    ((4, 32, 32), (4, 3, 32, 32))
    >>> found = cascade.quantify(X[12:])
    >>> found.fraction.shape, found.severity.shape
    ((4,), (4,))
    """

    __metadata_request__fit: ClassVar = {"groups": True}

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Train the first stage, locate the organ in each image, train the second stage.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images, scaled to about [0, 1]; rows are flat images with ``image_shape=``,
            or else images of a single pixel. A list may have images ``(channels,
            *spatial)`` of unequal sizes.
        y : array-like of shape (n_samples, *spatial)
            The label of each pixel: 0 for the background, 1 for the organ, 2 and more for
            lesions in it. Or a structured array with the fields ``organ`` and ``lesion``.
            Either may be flat, one row per image, or a list, as X.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each image in the losses.
        groups : array-like of shape (n_samples,), default=None
            Patient of each image; neither folds nor early stopping split a patient.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or a parameter is not as expected, or there is no organ in an image
            with ``on_empty="raise"``; the estimator stays as it was.
        NonFiniteLossError
            If a loss becomes NaN or infinite.
        """
        given = {"sample_weight": sample_weight, "groups": groups}
        columns = {k: np.asarray(v) for k, v in given.items() if v is not None}
        with unchanged_on_error(self, "stage2_"):
            images, codes = self._checked(X, y)
            random = check_random_state(self.random_state)
            first, second = (int(seed) for seed in random.randint(2**31 - 1, size=2))
            left_out = np.int8(LEFT_OUT)
            in_organ = [np.where(c == LEFT_OUT, left_out, c > 0) for c in codes]
            stage1 = self._stage("stage1", first, self.sample_shape_)
            stage1 = fitted_stage(stage1, images, in_organ, columns)
            organs = list(self._organs_for_training(stage1, images, in_organ, columns))

            self.crop_size_ = largest_box(organs, self.margin)
            located = self._located(images, organs)
            report_empty([where.found for where in located], self.on_empty)
            crops = [each.crop.labels(c) for each, c in zip(located, codes, strict=True)]
            shape = np.max([where.inner.shape for where in located], axis=0)
            stage2 = self._stage("stage2", second, tuple(shape.tolist()))
            seen = gathered(where.inner for where in located)
            stage2 = fitted_stage(stage2, seen, crops, columns)
            self.stage1_, self.stage2_ = stage1, stage2
            self.n_empty_ = sum(not where.found for where in located)
            wanted = range(min(2, len(self.classes_) - 1), len(self.classes_))
            self.roundtrip_dice_ = roundtrip_dice(located, codes, wanted, LEFT_OUT)
        return self

    def _checked(self, X: Any, y: Any) -> tuple[Any, list[np.ndarray]]:
        """Return images, and for each pixel the index of its label."""
        name = type(self).__name__
        # With fields, each code means the same whichever of them y has.
        known = () if field_names(y) is None else (0, 1)
        images, y = ragged(X), coded(y, self.ignore_label)
        X, y, shape = of_one_size(X, y, self.ignore_label, self.image_shape)
        x = check_rows(self, X, reset=True, image_shape=shape)
        masks = encode_masks(y, x, self.ignore_label, name, known)
        if masks.multilabel:
            raise ValueError(
                f"Got y of shape {np.shape(y)}, but {name} expects a label "
                "of each pixel, or fields organ and lesion."
            )
        # In rows, which are images of a single pixel, there is no organ to find.
        if x.ndim > 2 and not np.isin((0, 1), masks.classes).all():
            raise ValueError(
                f"Got y with the labels {listed(masks.classes)}, but {name} expects 0 for "
                "the background, 1 for the organ, and larger numbers for lesions in it."
            )
        self.sample_shape_, self.classes_ = x.shape[1:], masks.classes
        self._flat_masks = masks.flat
        codes = np.where(masks.index == IGNORED, LEFT_OUT, masks.index.astype(np.int16))
        codes = codes if x.ndim > 2 else codes[:, 0]
        if images is None:
            return x, list(codes)
        sizes = [tuple(slice(n) for n in image.shape[1:]) for image in images]
        return [as_image(image) for image in images], [
            code[size] for code, size in zip(codes, sizes, strict=True)
        ]

    def _stage(self, name: str, seed: int, sample_shape: tuple[int, ...]) -> Any:
        """Return a stage to fit, or the one that is."""
        shared = {name: getattr(self, name) for name in SHARED} | {"random_state": seed}
        if self.random_state is not None:
            shared["memory"] = self.memory
        if len(sample_shape) > 1:
            shared["image_shape"] = sample_shape
        n_labels = MOST_LABELS if name == "stage1" else len(self.classes_) - 1
        return stage_to_fit(name, getattr(self, name), shared, n_labels)

    def _organs_for_training(
        self, stage1: Any, images: Any, in_organ: Any, columns: Any
    ) -> Any:
        """Return the probability of the organ in the images that stage 2 learns from."""
        if self.stage1_for_training == "truth":
            return [(mask == 1).astype(np.float32) for mask in in_organ]
        frozen = isinstance(self.stage1, FrozenEstimator)
        if frozen or self.stage1_for_training == "insample":
            return organs_of(stage1.predict_proba(images))
        cv = self.cv
        if isinstance(cv, int | np.integer):
            cv = MaskStratifiedKFold(int(cv), ignore_label=LEFT_OUT)
        groups = columns.get("groups")
        # What is routed has arrived: groups are for the folds, all columns for `fit`.
        with config_context(enable_metadata_routing=False):
            maps = cross_val_predict_masks(
                stage1, images, in_organ, groups=groups, cv=cv, params=columns
            )
        return organs_of(maps)

    def _located(self, images: Any, organs: Any) -> list[Located]:
        """Return the crop around the organ of each image."""
        options = {k: getattr(self, k) for k in ("margin", "size", "mask_input")}
        return list(locate(images, organs, least=self.crop_size_, **options))

    def _read(self, X: Any) -> Iterator[list[Located]]:
        """Yield a few images at a time, with what the first stage finds in them."""
        check_is_fitted(self, "stage2_")
        images = images_of(self, X)
        if isinstance(images, list):
            blocks = [as_image(image)[np.newaxis] for image in images]
        else:
            blocks = [images[rows] for rows in row_blocks(images)]
        found: list[bool] = []
        for block in blocks:
            organs = organs_of(self.stage1_.predict_proba(block))
            located = self._located(block, organs)
            found += [where.found for where in located]
            if self.on_empty == "raise":
                report_empty(found, self.on_empty)
            yield located
        report_empty(found, self.on_empty)

    def _maps(self, X: Any) -> Iterator[np.ndarray]:
        """Yield the probability of each label of each pixel, image by image."""
        for block in self._read(X):
            inner = self.stage2_.predict_proba(gathered(where.inner for where in block))
            for where, probability in zip(block, inner, strict=True):
                yield self._joined(where, probability)

    def _joined(self, where: Located, probability: np.ndarray) -> np.ndarray:
        """Join what the stages say of an image: the probability of each label."""
        organ = where.organ
        inner = np.zeros((len(self.classes_), *organ.shape), dtype=np.float32)
        inner[self.stage2_.classes_] = where.crop.back(probability, organ.shape)
        if len(inner) == 2 or not where.found:
            inner[0] = 1 - inner[1:].sum(axis=0)  # also outside of the box
            return inner
        in_organ = inner[1:].sum(axis=0)
        lesions = organ * inner[2:] / np.maximum(in_organ, SMALLEST)
        return np.stack([1 - organ, organ - lesions.sum(axis=0), *lesions])

    def _labels(self, X: Any) -> np.ndarray:
        """Predict masks with an axis for each of the image."""
        indices = (np.atleast_1d(each.argmax(axis=0)) for each in self._maps(X))
        return gathered(self.classes_[index] for index in indices)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the label of each pixel.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images of any size, or their flat rows. A list may have images of unequal
            sizes.

        Returns
        -------
        y : ndarray of shape (n_samples, *spatial)
            Labels, flat if the y of `fit` was. For images of unequal sizes, an array of
            arrays.
        """
        return in_layout(self._labels(X), self._flat_masks)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each label of each pixel.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images of any size, or their flat rows. A list may have images of unequal
            sizes.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes, *spatial), float32
            In the order of ``classes_``. For images of unequal sizes, an array of arrays.
        """
        return gathered(self._maps(X))

    def quantify(self, X: Any) -> Bunch:
        """Return how much of the organ lesions cover, image by image.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images of any size, or their flat rows. A list may have images of unequal
            sizes.

        Returns
        -------
        involvement : :class:`~sklearn.utils.Bunch`
            The entries ``fraction``, ``severity`` (the CT severity class, 1 to 5),
            ``n_organ`` and ``n_lesion``, see :func:`~skvae.involvement`.
        """
        return involvement(self._labels(X), ignore_label=None)

    def transform(self, X: Any) -> np.ndarray:
        """Read the features that the second stage has of the crop around the organ.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images of any size, or their flat rows. A list may have images of unequal
            sizes.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
            Of the ``layer`` and the ``pool`` that ``stage2_`` has.
        """
        blocks = [gathered(each.inner for each in block) for block in self._read(X)]
        return np.concatenate([self.stage2_.transform(crops) for crops in blocks])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features after their layer in the second stage.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Not used; checked against what `fit` saw.

        Returns
        -------
        names : ndarray of str
            Names of the columns of `transform`.
        """
        check_is_fitted(self, "stage2_")
        check_feature_names_in(self, input_features, generate_names=False)
        return self.stage2_.get_feature_names_out()

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean Dice coefficient of organ and lesions, over all images.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images of any size, or their flat rows. A list may have images of unequal
            sizes.
        y : array-like of shape (n_samples, *spatial)
            True masks, in a layout that `fit` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each image.

        Returns
        -------
        score : float
            In [0, 1]; of each label, healthy organ and lesion, as a segmenter's: a label
            in neither mask of an image counts as 1, see :func:`~skvae.dice_scores`.
            Images without a pixel that counts are left out.

        Raises
        ------
        ValueError
            If y or weights are not as expected, or no pixel of y counts.
        """
        return mean_dice(
            coded(y, self.ignore_label),
            self._labels(X),
            self.classes_,
            self.ignore_label,
            single_pixel=len(self.sample_shape_) == 1,
            sample_weight=sample_weight,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
