"""Any classifier of pixels on features that were learned without labels."""

from collections.abc import Callable
from numbers import Integral
from typing import Annotated, Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skvae._compat import HasMethods, fit_context
from skvae.arguments import refuse_masked, refuse_other_index
from skvae.estimators.declared import Count, CountOrNone, SizesOrNone, Whole
from skvae.estimators.held_estimators import (
    fit_of_held,
    refuse_fitted,
    with_seed,
    with_shared,
)
from skvae.estimators.inputs import check_new, check_rows
from skvae.estimators.row_columns import check_weight
from skvae.estimators.unequal_sizes import as_image, images_of, middle_parts, ragged
from skvae.features.convolutional_sparse import ConvolutionalSparseAutoencoder
from skvae.mask_layouts import gathered
from skvae.segmentation.mask_predictor import MaskPredictor
from skvae.segmentation.masks import LearnedMasks, encode_masks, of_one_size
from skvae.segmentation.pixels import PixelFeatures, draw_pixels, share_of
from skvae.training.checkpointing import removed_at_the_end

# What features that leave them at their defaults take from the estimator around them.
SHARED = ("device", "n_threads", "verbose")


def _classifier_has(method: str) -> Callable[[Any], bool]:
    def check(estimator: Any) -> bool:
        classifier = getattr(estimator, "classifier_", estimator.classifier)
        return classifier is None or hasattr(classifier, method)

    return check


class PixelClassifier(ClassNamePrefixFeaturesOutMixin, MaskPredictor):
    """Segment images by classifying each pixel by its features.

    The features are learned from all images without labels, by a convolutional sparse
    autoencoder or whatever else has ``transform_pixels``; the classifier is any of
    scikit-learn's, and learns from a few thousand labelled pixels. Masks may be drawn in
    part, and most images may have none at all. `density` is the share of dense tissue in
    a breast.

    Parameters
    ----------
    features : estimator with ``transform_pixels``, FrozenEstimator or None, default=None
        What gives features of each pixel: its ``transform_pixels`` makes maps ``(n,
        n_features, *spatial)`` of images ``(n, channels, *spatial)``. An unfitted one is
        cloned and fitted on all images, with labels or without; a fitted one comes as
        ``FrozenEstimator(features)`` and is not trained again. ``None`` is
        ``ConvolutionalSparseAutoencoder()``. Where it leaves ``device``, ``n_threads``,
        ``verbose``, ``random_state`` and ``memory`` at their defaults, it takes those
        given here.
    classifier : classifier or None, default=None
        What tells classes apart by the features of a pixel; cloned. ``None`` is
        ``make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))``. Weights of
        classes are its own affair: ``LogisticRegression(class_weight="balanced")``.
    n_pixels : int, default=6000
        How many labelled pixels the classifier learns from: the same share of each class
        of each image, rounded up.
    ignore_label : int or None, default=-1
        Pixels of y with this label do not count, for masks that are drawn in part. An
        image that has no other label takes part in learning the features alone. No other
        label may be below 0.
    window_size : int or None, default=None
        Pixels along each axis of the windows in which large images are read, one after
        the other; None takes images whole. Can be changed after `fit`.
    window_margin : int, default=64
        So many pixels around a window are read as well, for what its pixels see of
        their surroundings. With multiples of the scales for both, and a margin as wide
        as pixels see, windows give the features of the whole image.
    image_shape : tuple of int or None, default=None
        Shape ``(channels, *spatial)`` of the images of which X has the flat rows.
    device : str, default="auto"
        Torch device of the features: ``"auto"`` takes CUDA, then MPS, then the CPU.
    n_threads : int or None, default=None
        Torch's threads of the features; ``None`` inherits.
    random_state : int, RandomState instance or None, default=None
        Draws the pixels, and the seed of every ``random_state`` of features and
        classifier that is left at None.
    memory : str, joblib.Memory or None, default=None
        Where fitted networks are kept, so that a search over the classifier trains one
        per fold. Not used with ``random_state=None``. Its entries are pickles: name a
        folder that you trust.
    verbose : bool, default=False
        Whether the features show a progress bar.

    Attributes
    ----------
    features_ : estimator
        What gives the features of a pixel, fitted.
    classifier_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        Labels that y has.
    n_pixels_ : int
        Number of pixels that the classifier has learned from.
    sample_shape_ : tuple of int
        ``(n_features,)`` or ``(channels, *spatial)``; of images of unequal sizes, the
        largest along each axis.
    n_features_in_ : int
        Number of entries of a sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where it has any.

    See Also
    --------
    ConvolutionalSparseAutoencoder : The features, and how they are learned.
    UNetSegmenter : A network that learns features and classes together.

    Notes
    -----
    This is the scheme of Kallenberg et al. (2016), who classify background, fat and dense
    tissue of mammograms by features learned without labels, with features, classifier
    and pixels of one's own choice.

    Rows are images of a single pixel. Of images of unequal sizes, features are learned
    from the middle parts that have the smallest size along each axis, and read from all
    of the image.

    Features exist for a few images at a time, or for one window of a large one: with
    ``window_size``, memory does not grow with the image, but for the result.

    As with the other segmenters, scikit-learn's own scorers and stratified folds do not
    know masks: leave ``scoring`` out, and take ``KFold`` or ``GroupKFold``.

    References
    ----------
    Kallenberg, M. et al. (2016). Unsupervised deep learning applied to breast density
    segmentation and mammographic risk scoring. IEEE Transactions on Medical Imaging 35,
    1322-1331.

    Examples
    --------
    Twenty mammograms, of which every other one has a mask:

    >>> import numpy as np
    >>> from skvae import ConvolutionalSparseAutoencoder
    >>> from skvae.datasets import make_mammograms
    >>> mammograms = make_mammograms(28, random_state=0)
    >>> X, y = mammograms.images, mammograms.masks.astype(int)
    >>> y[1:20:2] = -1
    >>> sparse = ConvolutionalSparseAutoencoder(8, max_iter=30)
    >>> pixels = PixelClassifier(features=sparse, random_state=0).fit(X[:20], y[:20])
    >>> pixels.score(X[20:], y[20:]) > 0.7
    True
    >>> pixels.predict(X[20:]).shape, pixels.predict_proba(X[20:]).shape
    ((8, 96, 96), (8, 3, 96, 96))

    The share of the breast that is dense, where 2 is dense tissue and 0 background:

    >>> found = pixels.density(X[20:], dense_label=2)
    >>> bool(np.corrcoef(found, mammograms.density[20:])[0, 1] > 0.9)
    True
    """

    features: Any = None
    classifier: Annotated[Any, HasMethods(["fit", "predict"]), None] = None
    n_pixels: Count = 6000
    ignore_label: Annotated[int | None, Integral, None] = -1
    window_size: CountOrNone = None
    window_margin: Whole = 64
    image_shape: SizesOrNone = None
    device: Annotated[str, str] = "auto"
    n_threads: CountOrNone = None
    random_state: Annotated[Any, "random_state"] = None
    memory: Annotated[Any, str, HasMethods(["cache"]), None] = None
    verbose: Annotated[bool, "verbose"] = False

    @fit_context(prefer_skip_nested_validation=False)
    @removed_at_the_end()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the features on all images, and the classifier on labelled pixels.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images; rows are flat images with ``image_shape=``, or else images of a
            single pixel. A list may have images ``(channels, *spatial)`` of unequal
            sizes.
        y : array-like of shape (n_samples, *spatial)
            The class of each pixel, where 0 is background; it may be flat, one row per
            image, or a list, as X.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each image: that of its pixels for the classifier, which must take
            weights (of a pipeline, the last step).

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or a parameter is not as expected; the estimator stays as it was.
        """
        columns = {"y": y, "sample_weight": sample_weight}
        refuse_other_index(type(self).__name__, X, columns)
        images = ragged(X)
        X, y, shape = of_one_size(X, y, self.ignore_label, self.image_shape)
        x, found = check_new(self, X, check_rows, min_samples=1, image_shape=shape)
        masks, learned = self._masks(y, x)
        if sample_weight is not None:
            refuse_masked(type(self).__name__, {"sample_weight": sample_weight})
            sample_weight = check_weight(sample_weight, x, type(self).__name__)
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=3)
        for_features, for_classifier, for_pixels = (int(seed) for seed in seeds)

        if images is None:
            images, index = x, list(masks)
        else:
            images = [as_image(image) for image in images]
            index = [
                mask[tuple(slice(n) for n in image.shape[1:])]
                for image, mask in zip(images, masks, strict=True)
            ]
        features = self._fitted_features(images, for_features)
        drawn = draw_pixels(index, self.n_pixels, np.random.default_rng(for_pixels))
        pixels = self._pixels(images, features, x.shape[1:]).drawn(index, drawn)
        weight = None if sample_weight is None else sample_weight[pixels.image]
        labels = learned.classes[pixels.index]
        classifier = self._fitted_classifier(pixels.rows, labels, weight, for_classifier)
        results = {
            "features_": features,
            "classifier_": classifier,
            "n_pixels_": len(labels),
            "sample_shape_": x.shape[1:],
            "_n_features_out": pixels.rows.shape[1],
            "_learned": learned,
        }
        self._become(found | learned.attributes() | results)
        return self

    def _masks(self, y: Any, x: np.ndarray) -> tuple[np.ndarray, LearnedMasks]:
        name = type(self).__name__
        index, learned = encode_masks(y, x, self.ignore_label, name)
        if learned.multilabel:
            raise ValueError(
                f"Got y with {len(learned.classes)} labels that overlap, but {name} "
                "expects one class for each pixel."
            )
        return index, learned

    def _fitted_features(self, images: Any, seed: int) -> Any:
        features = self.features
        if features is None:
            features = ConvolutionalSparseAutoencoder()
        if not hasattr(features, "transform_pixels"):
            raise ValueError(
                f"Got features={features!r}, but expected an estimator with "
                "transform_pixels, such as ConvolutionalSparseAutoencoder."
            )
        if isinstance(features, FrozenEstimator):
            check_is_fitted(features.estimator)
            return features
        refuse_fitted("features", features)
        shared = {name: getattr(self, name) for name in SHARED}
        if self.random_state is not None:
            shared["memory"] = self.memory
        images = middle_parts(images) if isinstance(images, list) else images
        if images.ndim > 2:
            shared["image_shape"] = images.shape[1:]
        with fit_of_held("features"):
            return with_seed(with_shared(features, shared), seed).fit(images)

    def _fitted_classifier(
        self, rows: np.ndarray, labels: np.ndarray, weight: Any, seed: int
    ) -> Any:
        classifier = self.classifier
        if classifier is None:
            classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        classifier = with_seed(clone(classifier), seed)
        if weight is None:
            return classifier.fit(rows, labels)
        prefix, last = "", classifier
        if isinstance(classifier, Pipeline):
            name, last = classifier.steps[-1]
            prefix = f"{name}__"
        if not has_fit_parameter(last, "sample_weight"):
            raise ValueError(
                f"Got sample_weight with classifier={self.classifier!r}, but expected a "
                "classifier whose fit takes weights."
            )
        return classifier.fit(rows, labels, **{f"{prefix}sample_weight": weight})

    def _pixels(
        self, images: Any, features: Any, sample_shape: tuple[int, ...]
    ) -> PixelFeatures:
        """Return what reads features of the pixels of checked images, or of rows."""
        window = self.window_size, self.window_margin
        if len(sample_shape) > 1:
            return PixelFeatures(features.transform_pixels, images, *window)

        def of_rows(x: np.ndarray) -> np.ndarray:
            return np.asarray(features.transform(x[..., 0]))[..., np.newaxis]

        return PixelFeatures(of_rows, images[..., np.newaxis], *window)

    def _read(self, X: Any) -> PixelFeatures:
        check_is_fitted(self, "classifier_")
        images = images_of(self, X)
        if isinstance(images, list):
            images = [as_image(image) for image in images]
        return self._pixels(images, self.features_, self.sample_shape_)

    def _labels(self, X: Any) -> np.ndarray:
        """Predict masks with an axis for each of the image."""
        pixels = self._read(X)
        maps = pixels.maps(self.classifier_.predict, 1, self.classes_.dtype)
        return gathered(each[0] for each in maps)

    @available_if(_classifier_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each label of each pixel.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images of any size that the features take, or their flat rows. A list may
            have images of unequal sizes.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes, *spatial), float32
            In the order of ``classes_``. For images of unequal sizes, an array of arrays.
        """
        pixels = self._read(X)
        answer = self.classifier_.predict_proba
        maps = pixels.maps(answer, len(self.classes_), np.float32)
        return maps[..., 0] if len(self.sample_shape_) == 1 else maps

    def transform(self, X: Any) -> np.ndarray:
        """Average the features of all pixels of an image.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images of any size that the features take, or their flat rows. A list may
            have images of unequal sizes.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
            The mean of each feature. A classifier of images on them gives what Kallenberg
            et al. call a texture score.
        """
        return self._read(X).means()

    def density(
        self, X: Any, region: Any = None, *, dense_label: int | None = None
    ) -> np.ndarray:
        """Return the share of a breast that is dense tissue, image by image.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images of any size that the features take, or their flat rows. A list may
            have images of unequal sizes.
        region : array-like of shape (n_samples, *spatial), default=None
            Where the breast is: not 0, or True; in a layout that `fit` takes for y. By
            default it is where the predicted label is not the background 0.
        dense_label : int, default=None
            Label of dense tissue; by default the largest of ``classes_``.

        Returns
        -------
        density : ndarray of shape (n_samples,)
            Pixels of the region with the label of dense tissue, as a share of all of its
            pixels, in [0, 1]; times 100 it is the percentage mammographic density. NaN
            where the region is empty.

        Raises
        ------
        ValueError
            If no class is called ``dense_label``, or there is no region and classes do
            not tell background, breast and dense tissue apart.
        """
        check_is_fitted(self, "classifier_")
        known = self.classes_.tolist()
        label = known[-1] if dense_label is None else dense_label
        if label not in known:
            raise ValueError(
                f"Got dense_label={dense_label!r}, but the classes are {known}."
            )
        if region is None and (0 not in known or len(known) < 3):
            raise ValueError(
                f"Got region=None with the classes {known}, but expected a mask of the "
                "breast, or classes for background (0), breast and dense tissue."
            )
        return share_of(label, self._labels(X), region)
