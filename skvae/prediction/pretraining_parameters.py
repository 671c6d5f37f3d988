"""The parameters of what is pretrained and fine-tuned, documented once."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.frozen import FrozenEstimator

from skvae._compat import Interval, StrOptions
from skvae.estimators.parameters import DocumentedParameters
from skvae.features.base import BaseAutoencoder
from skvae.training.recipe import Phase


@dataclass(eq=False, repr=False, kw_only=True)
class PretrainingParameters(DocumentedParameters):
    """What is pretrained, what the head is, and the phases of both.

    Parameters
    ----------
    autoencoder : autoencoder of skvae, FrozenEstimator or None, default=None
        What is pretrained, on all rows, with or without a label. Its ``layer`` and
        ``pool`` say which features the head takes. An unfitted one is cloned; a fitted
        one comes as ``FrozenEstimator(autoencoder)`` and is not trained again.
        ``None`` is, for rows, ``DenoisingAutoencoder(64, normalization="batch",
        max_iter=50)``; for images, ``DenoisingAutoencoder(64, normalization="batch",
        downsampling="max", corruption="dropout_blocks", corruption_level=0.5,
        layer=["conv_3", "code"], pool="avg+max", max_iter=20)``. Where it leaves
        ``image_shape``, ``augment``, ``precision``, ``device``, ``n_threads``,
        ``verbose``, ``random_state`` and ``memory`` at their defaults, it takes those
        given here.
    pretrain : bool, default=True
        Whether the encoder is pretrained. Without, as a baseline, the same network is
        trained from scratch: all of it for the epochs of both phases, at the rate of
        fine-tuning.
    head_layer_sizes : tuple of int, default=()
        Sizes of the hidden layers of the head.
    head_normalization : {"batch", "group"} or None, default="batch"
        Normalisation of the features and of the hidden layers of the head.
    head_dropout : float, default=0.0
        Share of the features and of each hidden layer of the head that is dropped while
        training.
    head_max_iter : int, default=10
        Epochs of the head, while the encoder is frozen: neither its weights nor its
        normalisation buffers change.
    head_learning_rate_init : float, default=1e-2
        Step size of the head while it learns alone.
    finetune_max_iter : int, default=40
        Epochs of encoder and head together; with 0 the encoder stays frozen.
    finetune_learning_rate_init : float, default=2e-3
        Step size of the head then; it falls to zero over the phase, along a cosine.
    encoder_learning_rate_scale : float, default=1.0
        The encoder's step size as a share of the head's.
    unfreeze_from : str or None, default=None
        First stage of the encoder that fine-tuning changes; ``None`` for all. With
        ``pretrain=False``, all of it is trained all the same.
    phases : tuple of Phase or None, default=None
        For experts, in place of the phases of head and fine-tuning and their
        parameters. The parts of the network are called ``encoder`` and ``head``. A
        phase that unfreezes the encoder behind one that trained the head is judged as
        fine-tuning is: see ``diagnosis`` in ``phases_``.
    """

    autoencoder: Any = None
    pretrain: bool = True
    head_layer_sizes: tuple[int, ...] = ()
    head_normalization: str | None = "batch"
    head_dropout: float = 0.0
    head_max_iter: int = 10
    head_learning_rate_init: float = 1e-2
    finetune_max_iter: int = 40
    finetune_learning_rate_init: float = 2e-3
    encoder_learning_rate_scale: float = 1.0
    unfreeze_from: str | None = None
    phases: tuple[Phase, ...] | None = None

    _parameter_constraints: ClassVar[dict] = {
        "autoencoder": [BaseAutoencoder, FrozenEstimator, None],
        "pretrain": ["boolean"],
        "head_layer_sizes": [list, tuple],
        "head_normalization": [StrOptions({"batch", "group"}), None],
        "head_dropout": [Interval(Real, 0, 1, closed="left")],
        "head_max_iter": [Interval(Integral, 0, None, closed="left")],
        "head_learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "finetune_max_iter": [Interval(Integral, 0, None, closed="left")],
        "finetune_learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "encoder_learning_rate_scale": [Interval(Real, 0, None, closed="left")],
        "unfreeze_from": [str, None],
        "phases": [list, tuple, None],
    }
