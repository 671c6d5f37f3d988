"""The parameters of a cascade, documented and constrained once."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from sklearn.frozen import FrozenEstimator
from skvae.estimators.segmentation import BaseSegmenter

from skvae._compat import HasMethods, Interval, StrOptions
from skvae.estimators.parameters import DocumentedParameters


@dataclass(eq=False, repr=False, kw_only=True)
class CascadeParameters(DocumentedParameters):
    """What finds the organ, what finds the lesions in it, and what lies between.

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
        stage once per fold. Not used with ``random_state=None``.
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
    """

    stage1: Any = None
    stage2: Any = None
    margin: int = 4
    size: int | tuple[int, ...] | None = None
    mask_input: bool = False
    stage1_for_training: str = "cv"
    cv: Any = 5
    on_empty: str = "full"
    ignore_label: int | None = -1
    image_shape: tuple[int, ...] | None = None
    precision: str = "float32"
    device: str = "auto"
    n_threads: int | None = None
    random_state: Any = None
    memory: Any = None
    verbose: bool = False

    _parameter_constraints: ClassVar[dict] = {
        "stage1": [BaseSegmenter, FrozenEstimator, None],
        "stage2": [BaseSegmenter, FrozenEstimator, None],
        "margin": [Interval(Integral, 0, None, closed="left")],
        "size": [Interval(Integral, 1, None, closed="left"), list, tuple, None],
        "mask_input": ["boolean"],
        "stage1_for_training": [StrOptions({"cv", "truth", "insample"})],
        "cv": ["cv_object"],
        "on_empty": [StrOptions({"full", "raise"})],
        "ignore_label": [Integral, None],
        "image_shape": [list, tuple, None],
        "precision": [StrOptions({"float32", "bfloat16"})],
        "device": [str],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "memory": [str, HasMethods(["cache"]), None],
        "verbose": ["verbose"],
    }
