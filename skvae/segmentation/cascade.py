"""An organ first, then lesions in the crop around it."""

from collections.abc import Iterator
from numbers import Integral
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from skvae._compat import (
    HasMethods,
    StrOptions,
    check_feature_names_in,
    fit_context,
)
from skvae.arguments import naming, refuse_masked, refuse_other_index
from skvae.estimators.declared import POSITIVE_WHOLE, CountOrNone, Flag, SizesOrNone, Whole
from skvae.estimators.inputs import check_new, check_rows
from skvae.estimators.row_columns import check_groups
from skvae.estimators.unequal_sizes import as_image, images_of, ragged
from skvae.mask_layouts import field_names, gathered
from skvae.objectives.overlap import IGNORED
from skvae.segmentation.cascade_stages import LEFT_OUT, fitted_stage, stage_to_fit
from skvae.segmentation.involvement import coded, involvement
from skvae.segmentation.locating import (
    Located,
    largest_box,
    locate,
    organs_of,
    report_empty,
    roundtrip_dice,
)
from skvae.segmentation.mask_predictor import MaskPredictor
from skvae.segmentation.masks import LearnedMasks, encode_masks, listed, of_one_size
from skvae.segmentation.out_of_fold import cross_val_predict_masks
from skvae.segmentation.segmenter import BaseSegmenter
from skvae.segmentation.stratified_folds import MaskStratifiedKFold
from skvae.training.checkpointing import removed_at_the_end
from skvae.training.data import row_blocks
from skvae.training.host import on_host

SHARED = ("device", "n_threads", "precision", "verbose")
# A frozen stage 1 may tell apart as many organs as it likes.
MOST_LABELS = IGNORED
# Of what is divided by.
SMALLEST = np.finfo(np.float32).tiny


class CascadeSegmenter(MaskPredictor):
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

    Parameters
    ----------
    stage1 : segmenter of skvae, FrozenEstimator or None, default=None
        What finds the organ in an image. An unfitted one is cloned; a fitted one comes as
        ``FrozenEstimator(segmenter)`` and is not trained again: all but its label 0 is
        the organ. ``None`` is ``UNetSegmenter()``. Where it leaves ``device``,
        ``n_threads``, ``precision``, ``verbose``, ``random_state`` and ``memory`` at
        their defaults, it takes those given here; ``ignore_label`` it always takes.
    stage2 : segmenter of skvae, FrozenEstimator or None, default=None
        What tells lesions, organ and background apart in the crop around the organ, given
        as ``stage1`` is; the labels of a fitted one are 0 for the background, 1 for the
        organ, and lesions.
    margin : int, default=4
        Pixels that the box around the organ is larger on every side, for context. Can be
        changed after `fit`, as can ``size``, ``mask_input`` and ``on_empty``; the second
        stage has learned from crops as they were then.
    size : int, tuple of int or None, default=None
        Pixels along each axis that crops are resampled to; with None they keep the
        resolution of the image.
    mask_input : bool, default=False
        Whether the second stage sees 0 where the first one finds no organ.
    stage1_for_training : {"cv", "truth", "insample"}, default="cv"
        What says where the organ is in the images that the second stage learns from: the
        first stage fitted on other images, as it will be in use; the true mask; or the
        first stage fitted on the same images, which is better than it will be. A frozen
        ``stage1`` predicts as it is.
    cv : int, splitter or iterable, default=5
        Folds for ``stage1_for_training="cv"``; a number of them makes a
        ``MaskStratifiedKFold``, in which those of a patient stay together where `fit`
        gets ``groups``.
    on_empty : {"full", "raise"}, default="full"
        Where the first stage finds no organ, to search the whole image for lesions, with
        an ``EmptyOrganWarning``; or to raise an error.
    ignore_label : int or None, default=-1
        Pixels of y with this label do not count, for masks that are drawn in part. No
        other label may be below 0.
    image_shape : tuple of int or None, default=None
        Shape ``(channels, *spatial)`` of the images of which X has the flat rows.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the forward passes while training.
    device : str, default="auto"
        Torch device: ``"auto"`` takes CUDA, then MPS, then the CPU.
    n_threads : int or None, default=None
        Torch's threads while fitting and reading; ``None`` inherits.
    random_state : int, RandomState instance or None, default=None
        Draws the seed of both stages.
    memory : str, joblib.Memory or None, default=None
        Where fitted networks are kept, so that a search over ``stage2`` trains the first
        stage once per fold. Not used with ``random_state=None``. Its entries are pickles:
        name a folder that you trust.
    verbose : bool, default=False
        Whether both stages show their progress bars.

    Attributes
    ----------
    stage1_ : segmenter
        The fitted first stage.
    stage2_ : segmenter
        The fitted second stage.
    classes_ : ndarray of shape (n_classes,)
        Labels that y has: background, organ, and lesions; of fields, 0, 1 and 2.
    crop_size_ : tuple of int
        Size of the largest box in training along each axis. All crops are as large, as
        far as their images are: with padding, normalisation would see other images while
        training than later.
    roundtrip_dice_ : float
        Mean Dice coefficient of the true lesions of the training images with what is left
        of them when they are cropped, resampled and mapped back: more is not within reach
        of the second stage. Parts that lie outside of a box are lost as well.
    n_empty_ : int
        Number of training images in which the first stage found no organ.
    sample_shape_ : tuple of int
        ``(n_features,)`` or ``(channels, *spatial)``; of images of unequal sizes, the
        largest along each axis.
    n_features_in_ : int
        Number of entries of a sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where it has any.

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
    Only probabilities of the stages are read, which ``keep_largest`` and ``min_size`` of
    these do not change.

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

    stage1: Annotated[Any, BaseSegmenter, FrozenEstimator, None] = None
    stage2: Annotated[Any, BaseSegmenter, FrozenEstimator, None] = None
    margin: Whole = 4
    size: Annotated[
        int | tuple[int, ...] | None,
        POSITIVE_WHOLE,
        list,
        tuple,
        None,
    ] = None
    mask_input: Flag = False
    stage1_for_training: Annotated[str, StrOptions({"cv", "truth", "insample"})] = "cv"
    cv: Annotated[Any, "cv_object"] = 5
    on_empty: Annotated[str, StrOptions({"full", "raise"})] = "full"
    ignore_label: Annotated[int | None, Integral, None] = -1
    image_shape: SizesOrNone = None
    precision: Annotated[str, StrOptions({"float32", "bfloat16"})] = "float32"
    device: Annotated[str, str] = "auto"
    n_threads: CountOrNone = None
    random_state: Annotated[Any, "random_state"] = None
    memory: Annotated[Any, str, HasMethods(["cache"]), None] = None
    verbose: Annotated[bool, "verbose"] = False

    __metadata_request__fit: ClassVar = {"groups": True}

    @fit_context(prefer_skip_nested_validation=False)
    @removed_at_the_end()
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
        refuse_masked(type(self).__name__, given)
        refuse_other_index(type(self).__name__, X, given | {"y": y})
        images, codes, learned, found = self._checked(X, y)
        columns = {}
        for name, values in given.items():
            if values is not None:
                with naming(name):
                    columns[name] = np.asarray(on_host(values))
        if groups is not None:
            check_groups(columns["groups"], images, type(self).__name__)
        sample_shape, n_classes = found["sample_shape_"], len(learned.classes)
        random = check_random_state(self.random_state)
        first, second = (int(seed) for seed in random.randint(2**31 - 1, size=2))
        left_out = np.int8(LEFT_OUT)
        in_organ = [np.where(c == LEFT_OUT, left_out, c > 0) for c in codes]
        stage1 = self._stage("stage1", first, sample_shape, MOST_LABELS)
        stage1 = fitted_stage("stage1", stage1, images, in_organ, columns)
        organs = list(self._organs_for_training(stage1, images, in_organ, columns))

        crop_size = largest_box(organs, self.margin)
        located = self._located(images, organs, crop_size)
        report_empty([where.found for where in located], self.on_empty)
        crops = [each.crop.labels(c) for each, c in zip(located, codes, strict=True)]
        shape = np.max([where.inner.shape for where in located], axis=0)
        stage2 = self._stage("stage2", second, tuple(shape.tolist()), n_classes - 1)
        seen = gathered(where.inner for where in located)
        stage2 = fitted_stage("stage2", stage2, seen, crops, columns)
        wanted = range(min(2, n_classes - 1), n_classes)
        results = {
            "stage1_": stage1,
            "stage2_": stage2,
            "crop_size_": crop_size,
            "n_empty_": sum(not where.found for where in located),
            "roundtrip_dice_": roundtrip_dice(located, codes, wanted, LEFT_OUT),
        }
        self._become(found | learned.attributes() | results | {"_learned": learned})
        return self

    def _checked(
        self, X: Any, y: Any
    ) -> tuple[Any, list[np.ndarray], LearnedMasks, dict[str, Any]]:
        """Return images, the index of each pixel's label, the labels, and the input."""
        name = type(self).__name__
        # With fields, each code means the same whichever of them y has.
        known = () if field_names(y) is None else (0, 1)
        images = ragged(X)
        with naming("y"):
            y = coded(y, self.ignore_label)
        X, y, shape = of_one_size(X, y, self.ignore_label, self.image_shape)
        x, found = check_new(self, X, check_rows, image_shape=shape)
        index, learned = encode_masks(y, x, self.ignore_label, name, known)
        if learned.multilabel:
            raise ValueError(
                f"Got y of shape {np.shape(y)}, but {name} expects a label "
                "of each pixel, or fields organ and lesion."
            )
        # In rows, which are images of a single pixel, there is no organ to find.
        if x.ndim > 2 and not np.isin((0, 1), learned.classes).all():
            raise ValueError(
                f"Got y with the labels {listed(learned.classes)}, but {name} expects 0 "
                "for the background, 1 for the organ, and larger numbers for lesions."
            )
        found["sample_shape_"] = x.shape[1:]
        codes = np.where(index == IGNORED, LEFT_OUT, index.astype(np.int16))
        codes = codes if x.ndim > 2 else codes[:, 0]
        if images is None:
            return x, list(codes), learned, found
        sizes = [tuple(slice(n) for n in image.shape[1:]) for image in images]
        codes = [code[size] for code, size in zip(codes, sizes, strict=True)]
        return [as_image(image) for image in images], codes, learned, found

    def _stage(
        self, name: str, seed: int, sample_shape: tuple[int, ...], n_labels: int
    ) -> Any:
        """Return a stage to fit, or the one that is."""
        shared = {name: getattr(self, name) for name in SHARED} | {"random_state": seed}
        if self.random_state is not None:
            shared["memory"] = self.memory
        if len(sample_shape) > 1:
            shared["image_shape"] = sample_shape
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
            if cv > len(images):
                raise ValueError(f"Got cv={cv}, but there are only {len(images)} images.")
            cv = MaskStratifiedKFold(int(cv), ignore_label=LEFT_OUT)
        if not hasattr(cv, "split"):
            with naming("cv"):
                cv = [(train, test) for train, test in cv]
        groups = columns.get("groups")
        # What is routed has arrived: groups are for the folds, all columns for `fit`.
        with config_context(enable_metadata_routing=False):
            maps = cross_val_predict_masks(
                stage1, images, in_organ, groups=groups, cv=cv, params=columns
            )
        return organs_of(maps)

    def _located(self, images: Any, organs: Any, least: tuple[int, ...]) -> list[Located]:
        """Return the crop around the organ of each image."""
        options = {k: getattr(self, k) for k in ("margin", "size", "mask_input")}
        return list(locate(images, organs, least=least, **options))

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
            located = self._located(block, organs, self.crop_size_)
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

    def _coded(self, y: Any) -> Any:
        return coded(y, self.ignore_label)

    def _labels(self, X: Any) -> np.ndarray:
        """Predict masks with an axis for each of the image."""
        indices = (np.atleast_1d(each.argmax(axis=0)) for each in self._maps(X))
        return gathered(self.classes_[index] for index in indices)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each label of each pixel.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes, *spatial), float32
            In the order of ``classes_``. For images of unequal sizes, an array of arrays.
        """
        return gathered(self._maps(X))

    def quantify(self, X: Any) -> Bunch:
        """Return how much of the organ lesions cover, image by image.

        Returns
        -------
        involvement : :class:`~sklearn.utils.Bunch`
            The entries ``fraction``, ``severity`` (the CT severity class, 1 to 5),
            ``n_organ`` and ``n_lesion``, see :func:`~skvae.involvement`.
        """
        return involvement(self._labels(X), ignore_label=None)

    def transform(self, X: Any) -> np.ndarray:
        """Read the features that the second stage has of the crop around the organ.

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
