"""The parameters of every segmenter, documented and constrained once."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

from skvae._compat import Interval, StrOptions
from skvae.estimators.parameters import TrainingParameters
from skvae.networks.blocks import ACTIVATIONS


@dataclass(eq=False, repr=False, kw_only=True)
class SegmentationParameters(TrainingParameters):
    """What a segmenter is, how it learns, and how it reads large images.

    Parameters
    ----------
    width : int, default=16
        Channels of the first level; each level has twice as many, up to 8 times.
    normalization : {"batch", "instance", "group"} or None, default="batch"
        Normalisation behind every convolution.
    activation : {"identity", "relu", "leaky_relu", "elu", "silu", "gelu", "tanh"}, \
default="relu"
        Activation behind every convolution.
    loss : {"dice", "cross_entropy", "both"}, default="both"
        What is minimised: one minus the soft Dice coefficient of the foreground, the
        cross-entropy per pixel, or their sum; both are means over the images.
    ignore_label : int or None, default=-1
        Pixels of y with this label do not count, for masks that are drawn in part. No
        other label may be below 0.
    max_iter : int, default=50
        Number of epochs.
    learning_rate_init : float, default=2e-3
        Step size of Adam in the first epoch; it falls along half a cosine towards 0.
    encoder_weights : fitted estimator, FrozenEstimator, module, state dict, path or None, \
default=None
        Where the weights of the encoder come from, by name and shape, see
        :func:`~skvae.transfer_weights`: an autoencoder of images with the same numbers of
        channels (with ``n_convolutions=1``, all its convolutions have a counterpart), a
        fitted segmenter, or a file of VGG-16. In a search or a pipeline that is cloned, a
        fitted estimator must be a ``FrozenEstimator``.
    freeze : "encoder", int or None, default=None
        What keeps the weights that it came with, and its normalisation: the encoder, or
        so many of its stages from the image on.
    patch_size : int or None, default=None
        Pixels along each axis of the patches to learn from, drawn anew in each epoch, and
        of the windows by which large images are predicted; None takes images whole. Can
        be changed after `fit`: what has learned from whole images predicts by windows as
        well, and the other way round. `transform` always reads images whole.
    n_patches : int, default=4
        Patches of each image and epoch; a step has ``batch_size`` times as many, and
        takes that many whole images to cut them from.
    foreground_fraction : float, default=0.5
        Share of the patches that lie around a pixel of the foreground.
    overlap : float, default=0.5
        Share of a window that its neighbour has as well; a Gaussian blends them. Can be
        changed after `fit`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels that y has; of overlapping labels, their numbers or, if they are the
        fields of a structured array, their names.
    transfer_report_ : TransferReport or None
        What became of each tensor of ``encoder_weights``, and which weights are new.
    """

    width: int = 16
    normalization: str | None = "batch"
    activation: str = "relu"
    loss: str = "both"
    ignore_label: int | None = -1
    max_iter: int = 50
    learning_rate_init: float = 2e-3
    encoder_weights: Any = None
    freeze: str | int | None = None
    patch_size: int | None = None
    n_patches: int = 4
    foreground_fraction: float = 0.5
    overlap: float = 0.5

    _parameter_constraints: ClassVar[dict] = {
        "width": [Interval(Integral, 1, None, closed="left")],
        "normalization": [StrOptions({"batch", "instance", "group"}), None],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "loss": [StrOptions({"dice", "cross_entropy", "both"})],
        "ignore_label": [Integral, None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "encoder_weights": "no_validation",
        "freeze": [
            StrOptions({"encoder"}),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "patch_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_patches": [Interval(Integral, 1, None, closed="left")],
        "foreground_fraction": [Interval(Real, 0, 1, closed="both")],
        "overlap": [Interval(Real, 0, 1, closed="left")],
    }
