"""The parameters of a classifier of pixels, documented and constrained once."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from skvae._compat import HasMethods, Interval
from skvae.estimators.parameters import DocumentedParameters


@dataclass(eq=False, repr=False, kw_only=True)
class PixelParameters(DocumentedParameters):
    """What gives features, what classifies them, and how many pixels it takes.

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
        per fold. Not used with ``random_state=None``.
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
    """

    features: Any = None
    classifier: Any = None
    n_pixels: int = 6000
    ignore_label: int | None = -1
    window_size: int | None = None
    window_margin: int = 64
    image_shape: tuple[int, ...] | None = None
    device: str = "auto"
    n_threads: int | None = None
    random_state: Any = None
    memory: Any = None
    verbose: bool = False

    _parameter_constraints: ClassVar[dict] = {
        "features": "no_validation",
        "classifier": [HasMethods(["fit", "predict"]), None],
        "n_pixels": [Interval(Integral, 1, None, closed="left")],
        "ignore_label": [Integral, None],
        "window_size": [Interval(Integral, 1, None, closed="left"), None],
        "window_margin": [Interval(Integral, 0, None, closed="left")],
        "image_shape": [list, tuple, None],
        "device": [str],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "memory": [str, HasMethods(["cache"]), None],
        "verbose": ["verbose"],
    }
