"""What classifier and regressor share: an autoencoder, then a head, then both."""

import warnings
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skvae._compat import fit_context
from skvae.estimators.held_estimators import refuse_fitted, with_shared
from skvae.estimators.trained import TrainedTransformer
from skvae.exceptions import PretrainingLostWarning
from skvae.features.base import BaseAutoencoder
from skvae.features.denoising import DenoisingAutoencoder
from skvae.features.predictive import PredictiveVAE
from skvae.networks.builder import Builder
from skvae.networks.head import EncoderWithHead, Head
from skvae.networks.pooling import pooled_size
from skvae.networks.staged import modules_behind, modules_with_weights, stage_shapes
from skvae.objectives.batch import Batch, Terms, Trace
from skvae.objectives.supervision import CrossEntropy, SquaredResidual
from skvae.prediction.diagnosis import diagnoses, relative_move
from skvae.prediction.phases import check_kinds, check_names
from skvae.prediction.pretraining_parameters import PretrainingParameters
from skvae.training.data import Data
from skvae.training.fitting import Fitted
from skvae.training.phase_report import hashes
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


@dataclass(frozen=True)
class Supervised:
    """An objective of one term, ``prediction``, over the rows with a label."""

    loss: CrossEntropy | SquaredResidual

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        return {"prediction": self.loss(trace, batch)}


class Encoder(NamedTuple):
    """The network of an autoencoder, and which of its stages a head takes."""

    builder: Builder
    layers: tuple[str, ...]
    pool: str | None
    n_features: int


@dataclass(eq=False, repr=False, kw_only=True)
class PretrainedPredictor(TrainedTransformer, PretrainingParameters):
    """An autoencoder's encoder with a head, trained in phases.

    Parameters
    ----------
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

    layer: str | list[str] = "features"

    # Whether the rate falls in fine-tuning, and from scratch.
    _annealed: ClassVar[bool] = True

    @abstractmethod
    def _output(self) -> tuple[str, int]:
        """Return the name and the size of what the head predicts."""

    @abstractmethod
    def _targets(self, y: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Check y; return the targets of training, and where there are any."""

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Pretrain the autoencoder on X, train the head, and fine-tune both.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images. Columns of a table should be standardised, images scaled to
            about [0, 1].
        y : array-like of shape (n_samples,)
            What to predict. Rows where it is missing take part in pretraining alone.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample in the loss of every phase.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample; early stopping never splits a patient.

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
        columns = {"sample_weight": sample_weight, "groups": groups}
        return self._fit(X, self._phases(), y=y, **columns)

    def _data(self, x: np.ndarray, y: Any = None, **columns: Any) -> Data:
        """Check the columns, and return the rows with a label."""
        data = super()._data(x, **columns)
        targets, labelled = self._targets(y, x)
        data = replace(data, y=targets)
        if labelled.sum() < 2 and self.head_normalization == "batch":
            raise ValueError(
                "Got y with a single label and head_normalization='batch', which needs at "
                "least 2 labelled rows to normalise over; expected more labels, or "
                "head_normalization=None or 'group'."
            )
        if labelled.all():
            return data
        names = ("x", "y", "sample_weight", "groups")
        chosen = {name: getattr(data, name) for name in names}
        return Data(**{k: v[labelled] for k, v in chosen.items() if v is not None})

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
                ),
                Phase(
                    self.finetune_max_iter,
                    self.finetune_learning_rate_init,
                    rates=rates,
                    annealed=self._annealed,
                    name="finetune",
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

    def _recipe(
        self, sample_shape: tuple[int, ...], seed: int, phases: tuple[Phase, ...]
    ) -> Recipe:
        recipe = super()._recipe(sample_shape, seed, phases)
        frozen = self._always_frozen(recipe.builder, sample_shape)
        phases = tuple(
            replace(
                phase,
                frozen=(*phase.frozen, *frozen),
                encode_once="encoder" in phase.frozen and recipe.augment is None,
            )
            for phase in phases
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

    def _network_builder(self, sample_shape: tuple[int, ...]) -> Builder:
        encoder = self._encoder(sample_shape)
        return Builder(
            EncoderWithHead,
            encoder=encoder.builder,
            layers=encoder.layers,
            pool=encoder.pool,
            head=self._head(encoder.n_features),
        )

    def _head(self, n_features: int) -> Builder:
        output, n_outputs = self._output()
        return Builder(
            Head,
            n_features=n_features,
            n_outputs=n_outputs,
            output=output,
            hidden_layer_sizes=self._sizes("head_layer_sizes"),
            normalization=self.head_normalization,
            dropout=float(self.head_dropout),
        )

    def _encoder(self, sample_shape: tuple[int, ...]) -> Encoder:
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
            builder = autoencoder._network_builder(sample_shape)
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
            refuse_fitted("autoencoder", autoencoder)
            if self.pretrain and isinstance(autoencoder, PredictiveVAE):
                raise ValueError(
                    f"Got autoencoder={autoencoder!r}, but pretraining has neither labels "
                    "nor attributes for it; fit it with these, and pass "
                    "FrozenEstimator(autoencoder), or take a VAEFeatureExtractor."
                )
        return autoencoder

    def _default_autoencoder(self, sample_shape: tuple[int, ...]) -> BaseAutoencoder:
        chosen = DEFAULT_OF_ROWS if len(sample_shape) == 1 else DEFAULT_OF_IMAGES
        return DenoisingAutoencoder(64, **chosen)

    def _pretraining_rows(
        self, x: np.ndarray, columns: dict[str, Any]
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return what the autoencoder is fitted on: by default all samples."""
        return x, columns

    def _pretrained(
        self, recipe: Recipe, x: np.ndarray, columns: dict[str, Any]
    ) -> Fitted | None:
        self.__dict__.pop("autoencoder_", None)
        if not self.pretrain:
            return None
        autoencoder = self._autoencoder(x.shape[1:])
        if isinstance(autoencoder, FrozenEstimator):
            fitted, history = autoencoder.estimator, []
        else:
            columns = {k: columns[k] for k in ("sample_weight", "groups")}
            rows, columns = self._pretraining_rows(x, columns)
            fitted = self._with_shared(autoencoder, recipe.seed).fit(rows, **columns)
            history = [
                {"epoch": row["epoch"], "phase": "pretrain"} | row
                for row in fitted.history_
            ]
        self.autoencoder_ = fitted
        state = {f"encoder.{name}": v for name, v in fitted.network_.state.items()}
        n_weights = sum(p.numel() for p in fitted.network_.module.parameters())
        report = {
            "phase": "pretrain",
            "n_epochs": len(history),
            "n_trainable": n_weights,
            "n_frozen": 0,
            **hashes(state, "after"),
        }
        return Fitted(state, history, phases=[report] if history else [])

    def _with_shared(self, autoencoder: BaseAutoencoder, seed: int) -> BaseAutoencoder:
        """Clone an autoencoder with what it shares with the estimator around it."""
        shared = {name: getattr(self, name) for name in SHARED} | {"random_state": seed}
        if self.random_state is not None:
            shared["memory"] = self.memory
        return with_shared(autoencoder, shared)

    def _attributes(self, fitted: Fitted, recipe: Recipe, data: Data) -> dict[str, Any]:
        move = 0.0
        if hasattr(self, "autoencoder_"):
            move = relative_move(self.autoencoder_.network_, fitted.state)
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
        return super()._attributes(fitted, recipe, data) | {"phases_": phases}

    def _keep(self, fitted: Fitted, recipe: Recipe, data: Data) -> None:
        super()._keep(fitted, recipe, data)
        # Pretraining is no phase of the recipe; before it, there are no weights.
        own = [report for report in self.phases_ if "encoder_before" in report]
        for report, phase in zip(own, recipe.phases, strict=False):
            if report["diagnosis"]:
                warnings.warn(
                    f"{report['diagnosis']} The encoder has lost what it had learned. Try "
                    f"a smaller {self._rates_of(phase)}.",
                    PretrainingLostWarning,
                    stacklevel=5,
                )

    def _rates_of(self, phase: Phase) -> str:
        """Name the parameters that say how fast a phase changes the encoder."""
        if self.phases is not None:
            return (
                f"learning_rate of the phase {phase.name!r} (now {phase.learning_rate}) "
                f"or rate of its encoder (now rates={phase.rates})"
            )
        return (
            f"finetune_learning_rate_init (now {self.finetune_learning_rate_init}) or "
            f"encoder_learning_rate_scale (now {self.encoder_learning_rate_scale})"
        )

    def _predicted(self, X: Any) -> np.ndarray:
        """Read what the head predicts, one row per sample."""
        check_is_fitted(self, "network_")
        x = self._check(X, reset=False)
        output, _ = self._output()
        return self.network_.read(x, [output], None, self.n_threads)
