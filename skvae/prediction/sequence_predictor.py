"""What predicts from sequences of frames: an encoder, a recurrent network, a head."""

from typing import Annotated, Any, ClassVar, Self

import numpy as np

from skvae._compat import StrOptions
from skvae.estimators.declared import Count
from skvae.estimators.settled import Fit
from skvae.features.base import BaseAutoencoder
from skvae.features.vae import VAEFeatureExtractor
from skvae.networks.builder import Builder
from skvae.networks.pooling import pooled_size
from skvae.networks.recurrent import RECURRENT, TIME_POOLINGS, Recurrent, SequenceNetwork
from skvae.prediction.learned_target import LearnedTarget
from skvae.prediction.pretrained import PretrainedPredictor
from skvae.prediction.sequences import check_sequences, frames_of, sequence_shape
from skvae.training.augmentation import PerSequence
from skvae.training.fitting import Fitted
from skvae.training.recipe import Augment

# Without the warm-up, a VAE of few frames may collapse before it has learned to decode.
DEFAULT_VAE = {"kl_warmup": 0.5, "learning_rate_init": 2e-3, "max_iter": 30}


class SequencePredictor(PretrainedPredictor):
    """An autoencoder's encoder on each frame, a recurrent network, and a head.

    Parameters
    ----------
    image_shape : tuple of int or None, default=None
        Shape ``(channels, *spatial)`` of the frames, where X has them as flat rows.
    layer : str or list of str, default="features"
        Stage that `transform` reads, or several, side by side; see `list_layers`. Can
        be changed after `fit`. ``"frames"`` is the code of each frame, ``"states"``
        what the recurrent network makes of them, ``"attention"`` the weight of each
        frame (with ``pool_time="attention"``), ``"features"`` what the head takes.
    pool : {"avg", "max", "avg+max"} or None, default="avg"
        How stages with a time axis and feature maps become features: one per channel,
        or two, over the frames that are there, or all entries (``None``; NaN for a
        missing frame). Can be changed after `fit`.
    max_grad_norm : float or None, default=1.0
        Gradients are scaled down to this norm.
    augment : bool, callable or None, default=None
        Random changes of the images while training, of a sequence's frames alike, as
        for the other estimators. The encoder then runs in every epoch.
    autoencoder : autoencoder of skvae, FrozenEstimator or None, default=None
        What is pretrained, on the frames of all sequences, with or without a label. Its
        ``layer`` and ``pool`` say which features the recurrent network takes. An
        unfitted one is cloned; a fitted one comes as ``FrozenEstimator(autoencoder)``
        and is not trained again. ``None`` is ``VAEFeatureExtractor(16, kl_warmup=0.5,
        learning_rate_init=2e-3, max_iter=30)``, read at its mean. Where it leaves
        ``image_shape``, ``augment``, ``precision``, ``device``, ``n_threads``,
        ``verbose``, ``random_state``, ``memory`` and ``checkpoint`` at their defaults,
        it takes those given here.
    head_normalization : {"batch", "group"} or None, default="group"
        Normalisation of the features of a sequence and of the hidden layers of the
        head. States of a recurrent network move too fast for the running statistics of
        ``"batch"``: on features that hardly vary, predictions may explode.
    head_max_iter : int, default=100
        Epochs of recurrent network and head, while the encoder is frozen: neither its
        weights nor its normalisation buffers change. Its features are computed once.
    head_learning_rate_init : float, default=3e-3
        Step size then.
    finetune_max_iter : int, default=30
        Epochs of all together; with 0 the encoder stays frozen. The encoder's batch
        normalisation, if any, keeps the statistics of the pretraining.
    finetune_learning_rate_init : float, default=5e-4
        Step size of recurrent network and head then.
    encoder_learning_rate_scale : float, default=0.1
        The encoder's step size as a share of that of the rest.
    phases : tuple of Phase or None, default=None
        For experts, in place of the phases of head and fine-tuning and their
        parameters. The parts of the network are called ``encoder``, ``recurrent`` and
        ``head``.
    rnn : {"gru", "lstm"}, default="gru"
        Kind of recurrent network.
    hidden_size : int, default=64
        Size of its state.
    n_layers : int, default=1
        Number of recurrent layers.
    pool_time : {"last", "mean", "attention"}, default="last"
        How its states become the features of a sequence: the state behind the last
        frame, the mean over the frames, or a mean with learned weights.

    Attributes
    ----------
    sample_shape_ : tuple of int
        ``(n_features,)`` or ``(channels, *spatial)`` of a frame.
    n_frames_ : int
        Number of frames of the longest sequence in `fit`.
    n_features_in_ : int
        Number of entries of a frame.
    """

    max_grad_norm: float | None = 1.0
    head_normalization: str | None = "group"
    head_max_iter: int = 100
    head_learning_rate_init: float = 3e-3
    finetune_max_iter: int = 30
    finetune_learning_rate_init: float = 5e-4
    encoder_learning_rate_scale: float = 0.1
    rnn: Annotated[str, StrOptions(set(RECURRENT))] = "gru"
    hidden_size: Count = 64
    n_layers: Count = 1
    pool_time: Annotated[str, StrOptions(set(TIME_POOLINGS))] = "last"

    # Its small rate, falling, would leave the network from scratch unfinished, and
    # pretraining would look better than it is: R2 .84 against .90 on moving blobs.
    _annealed: ClassVar[bool] = False

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Pretrain the autoencoder on all frames, train on top of it, fine-tune all.

        Parameters
        ----------
        X : array-like or list of array-like
            Sequences as an array (n_samples, time, channels, *spatial) of images or
            (n_samples, time, n_features) of tables, or as a list of arrays of unequal
            time, or as an array where frames behind the end of a sequence are NaN. Rows
            (n_samples, n_features) are sequences of one frame. Columns of a table
            should be standardised, images scaled to about [0, 1].
        y : array-like of shape (n_samples,), of numbers also (n_samples, n_targets)
            What to predict of each sequence. Where it is missing, the frames take part
            in pretraining alone.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence in the loss of every phase.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sequence; early stopping never splits a patient, nor the
            frames of a sequence.
        """
        return super().fit(X, y, sample_weight=sample_weight, groups=groups)

    def transform(self, X: Any) -> np.ndarray:
        """Read the features of `layer`; never sampled, so always the same.

        Parameters
        ----------
        X : array-like or list of array-like
            Sequences, as `fit` takes them.

        Raises
        ------
        ValueError
            If a layer has features for each frame (``pool=None``, or ``"attention"``),
            and a sequence is longer than the longest one in `fit`.
        """
        features = super().transform(X)
        expected = sum(
            pooled_size(self.network_.shapes[layer], self.pool)
            for layer in self._selected_layers(self.network_.shapes)
        )
        if features.shape[1] != expected:
            raise ValueError(
                f"Got X with sequences of more than {self.n_frames_} frames, the most that "
                f"{type(self).__name__} was fitted on, but layer={self.layer!r} with "
                f"pool={self.pool!r} has features for each of these; expected pool='avg' "
                "or 'max' and another layer than 'attention', or shorter sequences."
            )
        return features

    def _check(
        self, X: Any, *, reset: bool, image_shape: tuple[int, ...] | None = None
    ) -> np.ndarray:
        return check_sequences(self, X, reset=reset)

    def _sample_shape(self, X: Any) -> tuple[int, ...]:
        return sequence_shape(X, self.image_shape)

    def _augment(self, sample_shape: tuple[int, ...]) -> Augment | None:
        augment = super()._augment(sample_shape[1:])
        return augment and PerSequence(augment)

    def _default_autoencoder(self, sample_shape: tuple[int, ...]) -> BaseAutoencoder:
        return VAEFeatureExtractor(16, **DEFAULT_VAE)

    def _pretraining_rows(
        self, x: np.ndarray, columns: dict[str, Any]
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return all frames, each with the weight and the patient of its sequence."""
        frames, lengths = frames_of(x)
        each = {name: v for name, v in columns.items() if v is not None}
        each = {"groups": np.arange(len(x))} | each
        each = {name: np.broadcast_to(np.asarray(v), len(x)) for name, v in each.items()}
        return frames, {name: np.repeat(v, lengths) for name, v in each.items()}

    def _network_builder(
        self, sample_shape: tuple[int, ...], learned: LearnedTarget
    ) -> Builder:
        encoder = self._encoder(sample_shape[1:], learned.encoder)
        if encoder.builder.cls.nan_is == "hole":
            raise ValueError(
                "Got an autoencoder with missing='mask', but NaN in a sequence says which "
                "frames are not there; expected missing='error'."
            )
        recurrent = Builder(
            Recurrent,
            n_features=encoder.n_features,
            rnn=self.rnn,
            hidden_size=int(self.hidden_size),
            n_layers=int(self.n_layers),
            pool_time=self.pool_time,
        )
        return Builder(
            SequenceNetwork,
            encoder=encoder.builder,
            layers=encoder.layers,
            pool=encoder.pool,
            recurrent=recurrent,
            head=self._head(int(self.hidden_size), learned.target),
        )

    def _results(self, fitted: Fitted, fit: Fit) -> dict[str, Any]:
        n_frames, *frame_shape = fit.data.x.shape[1:]
        own = {"sample_shape_": tuple(frame_shape), "n_frames_": n_frames}
        return super()._results(fitted, fit) | own
