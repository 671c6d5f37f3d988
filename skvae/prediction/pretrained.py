"""What classifier and regressor share: an autoencoder, then a head, then both."""

from abc import abstractmethod
from dataclasses import replace
from numbers import Integral
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skvae._compat import Interval, StrOptions, fit_context
from skvae.estimators.declared import (
    Count,
    Flag,
    NonNegative,
    Positive,
    ShareBelowOne,
    Sizes,
)
from skvae.estimators.held_estimators import fit_of_held, with_shared
from skvae.estimators.settled import Fit, Learned, Start
from skvae.estimators.several_fits import fit_several
from skvae.estimators.targets import Target
from skvae.estimators.trained import TrainedTransformer
from skvae.features.base import BaseAutoencoder
from skvae.features.denoising import DenoisingAutoencoder
from skvae.networks.builder import Builder
from skvae.networks.head import EncoderWithHead, Head
from skvae.networks.pooling import pooled_size
from skvae.networks.staged import modules_behind, modules_with_weights, stage_shapes
from skvae.prediction.diagnosis import (
    diagnoses,
    relative_move,
    warn_of_lost_pretraining,
)
from skvae.prediction.encoder_start import (
    check_untrained,
    pretrained_start,
    untrained_start,
)
from skvae.prediction.learned_target import LearnedTarget, Supervised
from skvae.prediction.phases import check_kinds, check_names
from skvae.training.data import Data
from skvae.training.fitting import Fitted
from skvae.training.recipe import Phase, Recipe

# What an autoencoder that leaves them at their defaults takes from the estimator around it.
SHARED = ("image_shape", "augment", "precision", "device", "n_threads", "verbose")
# Chosen on training and validation rows of PneumoniaMNIST, AdrenalMNIST3D and the digits.
DEFAULT_OF_ROWS = {"normalization": "batch", "max_iter": 50}
# Blocks that are missing teach more than noise does, the pooled maps keep what a code of
# the whole image loses, such as an amount, and maxima find it better than strides.
DEFAULT_OF_IMAGES = DEFAULT_OF_ROWS | {
    "downsampling": "max",
    "corruption": "dropout_blocks",
    "corruption_level": 0.5,
    "layer": ["conv_3", "code"],
    "pool": "avg+max",
    "max_iter": 20,
}


class Encoder(NamedTuple):
    """The network of an autoencoder, and which of its stages a head takes."""

    builder: Builder
    layers: tuple[str, ...]
    pool: str | None
    n_features: int


class PretrainedPredictor(TrainedTransformer):
    """An autoencoder's encoder with a head, trained in phases.

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
        ``verbose``, ``random_state``, ``memory`` and ``checkpoint`` at their defaults,
        it takes those given here.
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
    n_networks : int, default=1
        How many networks are pretrained and fine-tuned, one after the other, with a seed
        for each; the first is the one that would be trained alone. Predictions are of
        the mean of their probabilities, or numbers. A layer is that of all, side by side;
        `history_` and `phases_` have rows of each, with its number as ``network``, and
        `autoencoder_` is that of the first.
    layer : str or list of str, default="features"
        Stage that `transform` reads, or several, side by side; see `list_layers`. Can
        be changed after `fit`. ``"features"`` is what the head takes.

    Attributes
    ----------
    history_ : list of dict
        A row per epoch with ``epoch``, ``phase`` (pretrain, head and finetune; scratch
        with ``pretrain=False``; with ``phases``, pretrain and their names), ``loss`` and
        every named term of the objective; with early stopping, also on the validation
        rows.
    phases_ : list of dict
        A row per phase: its name, number of epochs, numbers of weights that were
        trained and frozen, hashes of each part of the network before and after (of
        pretraining: of the encoder after), and a ``diagnosis``, empty if all is well.
    autoencoder_ : autoencoder of skvae
        The pretrained autoencoder, as it was before fine-tuning; none where
        ``pretrain=False``.
    """

    autoencoder: Annotated[Any, BaseAutoencoder, FrozenEstimator, None] = None
    pretrain: Flag = True
    head_layer_sizes: Sizes = ()
    head_normalization: Annotated[str | None, StrOptions({"batch", "group"}), None] = (
        "batch"
    )
    head_dropout: ShareBelowOne = 0.0
    head_max_iter: Annotated[int, Interval(Integral, 0, 2**31 - 1, closed="both")] = 10
    head_learning_rate_init: Positive = 1e-2
    finetune_max_iter: Annotated[int, Interval(Integral, 0, 2**31 - 1, closed="both")] = 40
    finetune_learning_rate_init: Positive = 2e-3
    encoder_learning_rate_scale: NonNegative = 1.0
    unfreeze_from: Annotated[str | None, str, None] = None
    phases: Annotated[tuple[Phase, ...] | None, list, tuple, None] = None

    n_networks: Count = 1

    layer: str | list[str] = "features"

    _arguments: ClassVar[str] = """
    X : array-like
        Samples, as `fit` takes them.
    """
    # Whether the rate falls in fine-tuning, and from scratch.
    _annealed: ClassVar[bool] = True

    @abstractmethod
    def _targets(self, y: Any, x: np.ndarray, weight: Any) -> tuple[Target, np.ndarray]:
        """Check y; return what is predicted, and the targets of training."""

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Pretrain the autoencoder on X, train the head, and fine-tune both.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images. Columns of a table should be standardised, images scaled to
            about [0, 1].
        y : array-like of shape (n_samples,), of numbers also (n_samples, n_targets)
            What to predict. Rows where it is missing take part in pretraining alone.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample in the loss of every phase.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or a parameter is not as expected; the estimator stays as it was.
        NonFiniteLossError
            If the loss becomes NaN or infinite.
        """
        given = {"y": y, "sample_weight": sample_weight, "groups": groups}
        if self.n_networks > 1:
            return fit_several(self, X, given)
        return self._fit(X, self._phases(), **given)

    def _data(
        self, x: np.ndarray, known: Any, y: Any = None, **columns: Any
    ) -> tuple[Data, LearnedTarget]:
        """Check the columns; return the rows with a label, and what they teach."""
        data, _ = super()._data(x, known, **columns)
        target, targets = self._targets(y, x, data.sample_weight)
        encoder = self._learned_by_encoder(data)
        learned, data = LearnedTarget(target, encoder), replace(data, y=targets)
        labelled = target.labelled(targets)
        if labelled.sum() < 2 and self.head_normalization == "batch":
            raise ValueError(
                "Got y with a single label and head_normalization='batch', which needs at "
                "least 2 labelled rows to normalise over; expected more labels, or "
                "head_normalization=None or 'group'."
            )
        return data if labelled.all() else data.rows(labelled), learned

    def _objective(self, learned: LearnedTarget) -> Supervised:
        return Supervised(learned.target.loss)

    def _phases(self) -> tuple[Phase, ...]:
        if self.phases is not None:
            phases = check_kinds(self.phases)
        elif not self.pretrain:
            phases = (
                Phase(
                    self.head_max_iter + self.finetune_max_iter,
                    self.finetune_learning_rate_init,
                    annealed=self._annealed,
                    name="scratch",
                    rate_parameter="finetune_learning_rate_init",
                ),
            )
        else:
            rates = (("encoder", float(self.encoder_learning_rate_scale)),)
            phases = (
                Phase(
                    self.head_max_iter,
                    self.head_learning_rate_init,
                    frozen=("encoder",),
                    name="head",
                    rate_parameter="head_learning_rate_init",
                ),
                Phase(
                    self.finetune_max_iter,
                    self.finetune_learning_rate_init,
                    rates=rates,
                    annealed=self._annealed,
                    name="finetune",
                    rate_parameter="finetune_learning_rate_init",
                ),
            )
        phases = tuple(phase for phase in phases if phase.n_epochs)
        if not phases:
            raise ValueError(
                f"Got head_max_iter={self.head_max_iter}, "
                f"finetune_max_iter={self.finetune_max_iter} and phases={self.phases}, "
                "but expected at least one epoch to train the head in."
            )
        return phases

    def _recipe(self, sample_shape: tuple[int, ...], *settled: Any) -> Recipe:
        recipe = super()._recipe(sample_shape, *settled)
        frozen = self._always_frozen(recipe.builder, sample_shape)
        phases = tuple(
            replace(
                phase,
                frozen=(*phase.frozen, *frozen),
                encode_once="encoder" in phase.frozen and recipe.augment is None,
            )
            for phase in recipe.phases
        )
        check_names(phases, recipe.builder)
        return replace(recipe, phases=phases)

    def _always_frozen(
        self, builder: Builder, sample_shape: tuple[int, ...]
    ) -> tuple[str, ...]:
        """Name what no phase changes: what the head does not need, and early stages."""
        *names, last = stage_shapes(builder, sample_shape)
        fixed = modules_with_weights(builder) - modules_behind(
            builder, sample_shape, (last,)
        )
        if self.unfreeze_from is not None:
            names = names[: names.index(builder.cls.encoded)]
            if self.unfreeze_from not in names:
                raise ValueError(
                    f"Got unfreeze_from={self.unfreeze_from!r}, but the stages of the "
                    f"encoder are {', '.join(names)}."
                )
            if self.pretrain:  # otherwise, what stays frozen would stay random
                before = tuple(names[: names.index(self.unfreeze_from)])
                fixed |= modules_behind(builder, sample_shape, before)
        return tuple(sorted(fixed))

    def _network_builder(
        self, sample_shape: tuple[int, ...], learned: LearnedTarget
    ) -> Builder:
        encoder = self._encoder(sample_shape, learned.encoder)
        return Builder(
            EncoderWithHead,
            encoder=encoder.builder,
            layers=encoder.layers,
            pool=encoder.pool,
            head=self._head(encoder.n_features, learned.target),
        )

    def _head(self, n_features: int, target: Target) -> Builder:
        return Builder(
            Head,
            n_features=n_features,
            n_outputs=target.n_outputs,
            output=target.output,
            hidden_layer_sizes=self._sizes("head_layer_sizes"),
            normalization=self.head_normalization,
            dropout=float(self.head_dropout),
        )

    def _learned_by_encoder(self, data: Data) -> Learned | None:
        """Return what X teaches an autoencoder that is not fitted yet."""
        autoencoder = self._autoencoder(data.x.shape[1:])
        if isinstance(autoencoder, FrozenEstimator):
            return None
        columns = {"sample_weight": data.sample_weight, "groups": data.groups}
        rows, columns = self._pretraining_rows(data.x, columns)
        _, learned = autoencoder._data(rows, None, **columns)
        return learned

    def _encoder(self, sample_shape: tuple[int, ...], learned: Learned | None) -> Encoder:
        autoencoder = self._autoencoder(sample_shape)
        if isinstance(autoencoder, FrozenEstimator):
            fitted = autoencoder.estimator
            if sample_shape != fitted.sample_shape_:
                raise ValueError(
                    f"Got X with samples of shape {sample_shape}, but the autoencoder was "
                    f"fitted on samples of shape {fitted.sample_shape_}."
                )
            autoencoder, builder = fitted, fitted.network_.builder
        else:
            learned = learned or autoencoder._unfitted
            builder = autoencoder._builder(sample_shape, learned)
        shapes, pool = stage_shapes(builder, sample_shape), autoencoder.pool
        layers = tuple(autoencoder._selected_layers(shapes))
        n_features = sum(pooled_size(shapes[layer], pool) for layer in layers)
        return Encoder(builder, layers, pool, n_features)

    def _autoencoder(
        self, sample_shape: tuple[int, ...]
    ) -> BaseAutoencoder | FrozenEstimator:
        """Return the autoencoder to pretrain, or the one that is."""
        autoencoder = self.autoencoder
        if autoencoder is None:
            return self._default_autoencoder(sample_shape)
        if isinstance(autoencoder, FrozenEstimator):
            if not isinstance(autoencoder.estimator, BaseAutoencoder):
                raise ValueError(
                    f"Got autoencoder={autoencoder!r}, but expected an autoencoder."
                )
            check_is_fitted(autoencoder.estimator, "network_")
        else:
            check_untrained(autoencoder, pretrain=self.pretrain)
        return autoencoder

    def _default_autoencoder(self, sample_shape: tuple[int, ...]) -> BaseAutoencoder:
        chosen = DEFAULT_OF_ROWS if len(sample_shape) == 1 else DEFAULT_OF_IMAGES
        return DenoisingAutoencoder(64, **chosen)

    def _pretraining_rows(
        self, x: np.ndarray, columns: dict[str, Any]
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return what the autoencoder is fitted on: by default all samples."""
        return x, columns

    def _start(self, recipe: Recipe, x: np.ndarray, columns: dict[str, Any]) -> Start:
        """Begin with the weights of an autoencoder, pretrained here or before."""
        autoencoder = self._autoencoder(x.shape[1:])
        columns = {k: columns[k] for k in ("sample_weight", "groups")}
        if not self.pretrain:
            return untrained_start(autoencoder, recipe, x, columns)
        if isinstance(autoencoder, FrozenEstimator):
            fitted, history = autoencoder.estimator, []
        else:
            rows, columns = self._pretraining_rows(x, columns)
            with fit_of_held("autoencoder"):
                fitted = self._with_shared(autoencoder, recipe.seed).fit(rows, **columns)
            history = [
                {"epoch": row["epoch"], "phase": "pretrain"} | row
                for row in fitted.history_
            ]
        return pretrained_start(fitted, history)

    def _with_shared(self, autoencoder: BaseAutoencoder, seed: int) -> BaseAutoencoder:
        """Clone an autoencoder with what it shares with the estimator around it."""
        shared = {name: getattr(self, name) for name in SHARED} | {"random_state": seed}
        if self.random_state is not None:
            shared |= {"memory": self.memory, "checkpoint": self.checkpoint}
        return with_shared(autoencoder, shared)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.autoencoder is not None:
            tags.input_tags.allow_nan = get_tags(self.autoencoder).input_tags.allow_nan
        return tags

    def _results(self, fitted: Fitted, fit: Fit) -> dict[str, Any]:
        move = 0.0
        if autoencoder := fit.start.attributes.get("autoencoder_"):
            move = relative_move(autoencoder.network_, fitted.state)
        # Training names its phase where there are several; here, pretraining is one.
        history = [
            {"epoch": row["epoch"], "phase": Phase.name} | row for row in fitted.history
        ]
        fitted = replace(fitted, history=history)
        phases = [
            report | {"diagnosis": found}
            for report, found in zip(
                fitted.phases, diagnoses(fitted.phases, history, move), strict=True
            )
        ]
        return super()._results(fitted, fit) | {"phases_": phases}

    def _keep(self, fitted: Fitted, fit: Fit) -> None:
        super()._keep(fitted, fit)
        warn_of_lost_pretraining(self, fit.recipe.phases)

    def _predicted(self, X: Any) -> np.ndarray:
        """Read what the head predicts, one row per sample."""
        check_is_fitted(self, "network_")
        x = self._check(X, reset=False)
        return self.network_.read(x, [self._learned.target.output], None, self.n_threads)
