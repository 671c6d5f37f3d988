"""An estimator that trains a network, and transforms by reading its layers."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from numbers import Real
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skvae._compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    begin_fit,
    check_feature_names_in,
    may_stop,
)
from skvae.arguments import check_columns
from skvae.estimators.another_network import plain_parameters, refuse_another_network
from skvae.estimators.collected_fits import stop_if_collecting
from skvae.estimators.declared import (
    Count,
    CountOrNone,
    DeclaredEstimator,
    Flag,
    InnerShare,
    NonNegative,
    SizesOrNone,
)
from skvae.estimators.inputs import as_array, check_new, check_rows, find_sample_shape
from skvae.estimators.layers import Layer, listed
from skvae.estimators.long_fits import folder_of_checkpoints
from skvae.estimators.progress_bars import epoch_bar
from skvae.estimators.row_columns import check_groups, check_weight
from skvae.estimators.settled import Fit, Learned, Start
from skvae.estimators.several_networks import read_as_one
from skvae.networks.builder import Builder
from skvae.networks.pooling import check_pool, pooled_size
from skvae.networks.staged import stage_shapes
from skvae.objectives.batch import Objective
from skvae.training.augmentation import as_augment
from skvae.training.caching import remember
from skvae.training.checkpointing import checkpoint_of, removed_at_the_end
from skvae.training.data import Data
from skvae.training.devices import resolve_device
from skvae.training.fitting import Epoch, Fitted, epochs
from skvae.training.host import columns_on_host
from skvae.training.listeners import fresh_callbacks
from skvae.training.reading import FittedNetwork
from skvae.training.recipe import Augment, Phase, Recipe, refuse_missing_stages
from skvae.training.threads import effective_threads
from skvae.training_counts import count_training


class TrainedTransformer(CallbackSupportMixin, TransformerMixin, DeclaredEstimator, ABC):
    """Train a network on an objective; transform by reading its layers.

    Parameters
    ----------
    image_shape : tuple of int or None, default=None
        Shape ``(channels, *spatial)`` of the images of which X has the flat rows.
    layer : str or list of str, default="code"
        Stage that `transform` reads, or several, side by side; see `list_layers`. Can
        be changed after `fit`.
    pool : {"avg", "max", "avg+max"} or None, default="avg"
        How feature maps become features: one per channel, two, or all entries
        (``None``). Can be changed after `fit`.
    batch_size : int, default=32
        Rows per step.
    weight_decay : float, default=0.0
        L2 penalty of the weights.
    max_grad_norm : float or None, default=None
        Gradients are scaled down to this norm; costs a pass over the weights per step.
    augment : bool, callable or None, default=None
        Random changes of the images while training, never of validation rows. ``True``
        flips, moves, turns, scales and shades them as :class:`~skvae.RandomAugment` does
        by default, a ``RandomAugment`` as it says; a random transform of MONAI is
        applied image by image (slowly), where y are masks to dictionaries of ``image``
        and ``mask``, as in ``RandFlipd(["image", "mask"])``, and one of TorchIO to subjects
        of these; any other callable maps a
        ``skvae.objectives.batch.Batch`` and a ``torch.Generator`` to a new batch. An
        autoencoder reconstructs the changed images.
    early_stopping : bool, default=False
        Whether to hold rows out and keep the epoch that is best on them. Rows of a
        patient stay together when `fit` gets ``groups``; without, it cannot know. Which
        patients are held out depends on the order in which they first appear, not on
        their names.
    validation_fraction : float, default=0.1
        Share of rows (of groups) held out for early stopping.
    n_iter_no_change : int, default=10
        Epochs without improvement after which early stopping stops.
    tol : float, default=1e-4
        Smallest improvement of the validation loss that counts.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the forward passes while training.
    device : str, default="auto"
        Torch device: ``"auto"`` takes CUDA, then MPS, then the CPU.
    n_threads : int or None, default=None
        Torch's threads while fitting and reading; ``None`` inherits. The last bits of
        the results depend on the number of threads. A forked process has one, since
        torch's threads do not outlive a fork.
    random_state : int, RandomState instance or None, default=None
        Draws the seed of the fit's own generators; torch's global one is never touched,
        and numpy's only by ``None``, which takes the seed from it as everywhere in
        scikit-learn, so that ``np.random.seed`` repeats a fit.
    memory : str, joblib.Memory or None, default=None
        Where fitted networks are kept, so that a search over ``layer`` and ``pool``
        trains one network per fold. Not used with ``random_state=None``. Its entries are
        pickles: name no folder that others, whom you do not trust, can write to. A
        damaged entry is trained again, and what cannot be kept is returned all the same,
        with a ``CacheWarning``.
    checkpoint : str, path or None, default=None
        Folder for the last whole epoch of a fit that is not over: of a fit that was
        killed or interrupted, the same call goes on from there, to the same bits. Each
        fit has a file of its own there, named for all that decides it (data,
        parameters, seed), so that a search may share one folder; a fit of anything else
        begins anew. The file is removed when the fit is over, that of a pretraining
        when the whole is. A damaged one is named in a ``CacheWarning``, one by another
        version of torch refused. Needs ``random_state``, and no callbacks but progress
        bars; writing costs about what saving the weights three times does, each epoch.
    skorch_callbacks : list or None, default=None
        Callbacks of skorch, or pairs of a name and one, as its ``callbacks``; cloned for
        each fit. Each phase of a fit is to them a training. Their ``net`` has
        ``history``, ``module_`` and ``optimizer_``, but no predictions to score; what they
        record in its history is in ``history_`` as well. The loss is ``train_loss``
        there, and with early stopping ``valid_loss``; a ``KeyboardInterrupt`` of
        ``on_epoch_end`` ends the phase. Not with ``checkpoint``; ``memory`` is not used.
        For progress bars, see ``set_callbacks``.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    network_ : FittedNetwork
        The trained network.
    history_ : list of dict
        A row per epoch with ``epoch``, ``loss`` and every named term of the objective;
        with early stopping, also on the validation rows.
    n_iter_ : int
        Number of epochs trained.
    sample_shape_ : tuple of int
        ``(n_features,)`` or ``(channels, *spatial)``.
    n_features_in_ : int
        Number of entries of a sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where it has any.
    """

    image_shape: SizesOrNone = None
    layer: Annotated[str | Sequence[str], str, list, tuple] = "code"
    pool: Annotated[str | None, StrOptions({"avg", "max", "avg+max"}), None] = "avg"
    batch_size: Count = 32
    weight_decay: NonNegative = 0.0
    max_grad_norm: Annotated[
        float | None, Interval(Real, 0, None, closed="neither"), None
    ] = None
    augment: Annotated[Any, "boolean", callable, None] = None
    early_stopping: Flag = False
    validation_fraction: InnerShare = 0.1
    n_iter_no_change: Count = 10
    tol: NonNegative = 1e-4
    precision: Annotated[str, StrOptions({"float32", "bfloat16"})] = "float32"
    device: Annotated[str, str] = "auto"
    n_threads: CountOrNone = None
    random_state: Annotated[Any, "random_state"] = None
    memory: Annotated[Any, str, HasMethods(["cache"]), None] = None
    checkpoint: Annotated[Any, str, os.PathLike, None] = None
    skorch_callbacks: Annotated[Any, list, tuple, None] = None
    verbose: Annotated[bool, "verbose"] = False

    # Parameters that decide how a fitted network is read, used or watched; all others
    # decide what is trained, and so belong to the key under which it is remembered.
    _reading_parameters: ClassVar[frozenset[str]] = frozenset(
        {"layer", "pool", "memory", "checkpoint", "skorch_callbacks", "verbose"}
    )
    # Trained side by side, and for folds of the rows; kinds that can, declare them.
    n_networks: ClassVar[int] = 1
    cross_fit: ClassVar[int | None] = None
    # What is taken as learned before `fit`.
    _unfitted: ClassVar[Learned] = Learned()
    _arguments: ClassVar[str] = """
    X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
        Rows or images.
    y : None
        Ignored.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample in the loss.
    groups : array-like of shape (n_samples,), default=None
        Patient of each sample; early stopping never splits a patient.
    """
    __metadata_request__fit: ClassVar = {"groups": True}

    @abstractmethod
    def _network_builder(self, sample_shape: tuple[int, ...], learned: Any) -> Builder:
        """Return the untrained network for samples of a shape."""

    def _builder(self, sample_shape: tuple[int, ...], learned: Any) -> Builder:
        """Return the network with what all kinds may have around it: by default nothing."""
        return self._network_builder(sample_shape, learned)

    @abstractmethod
    def _objective(self, learned: Any) -> Objective:
        """Return what training minimises."""

    @abstractmethod
    def _phases(self) -> tuple[Phase, ...]:
        """Return the budget of `fit`."""

    def _check(
        self, X: Any, *, reset: bool, image_shape: tuple[int, ...] | None = None
    ) -> np.ndarray:
        """Return X as the samples that the network takes."""
        return check_rows(self, X, reset=reset, image_shape=image_shape)

    def _sample_shape(self, X: Any) -> tuple[int, ...]:
        """Return the shape that a sample of X has for the network."""
        return find_sample_shape(as_array(X), self.image_shape)

    def _data(
        self,
        x: np.ndarray,
        known: Any,
        y: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
    ) -> tuple[Data, Learned]:
        """Check the columns that `fit` got; return them with the rows, and what they teach.

        Training that goes on keeps what is ``known``; a new one begins with None.
        """
        name = type(self).__name__
        if sample_weight is not None:
            sample_weight = check_weight(sample_weight, x, name, np.float32)
        if groups is not None:
            groups = check_groups(groups, x, name)
        return Data(x, sample_weight=sample_weight, groups=groups), Learned()

    def _augment(self, sample_shape: tuple[int, ...]) -> Augment | None:
        """Return what training changes samples of a shape with."""
        augment = as_augment(self.augment)
        if augment is not None and len(sample_shape) == 1:
            raise ValueError(
                f"Got augment={self.augment!r}, but X has rows of {sample_shape[0]} "
                "features; expected images, or rows of pixels with their image_shape."
            )
        return augment

    def _recipe(
        self,
        sample_shape: tuple[int, ...],
        learned: Any,
        seed: int,
        phases: tuple[Phase, ...],
    ) -> Recipe:
        return Recipe(
            builder=self._builder(sample_shape, learned),
            objective=self._objective(learned),
            phases=phases,
            seed=seed,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            max_grad_norm=self.max_grad_norm,
            validation_fraction=self.validation_fraction if self.early_stopping else None,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
            precision=self.precision,
            device=resolve_device(self.device),
            n_threads=effective_threads(self.n_threads),
            augment=self._augment(sample_shape),
        )

    @removed_at_the_end()
    def _fit(
        self,
        X: Any,
        phases: tuple[Phase, ...],
        *,
        resume: bool = False,
        same_input: bool = False,
        image_shape: tuple[int, ...] | None = None,
        **columns: Any,
    ) -> Self:
        columns = columns_on_host(columns)
        check_columns(type(self).__name__, X, columns)
        goes_on = resume and hasattr(self, "network_")
        if goes_on and same_input:
            x = self._check(X, reset=False, image_shape=image_shape)
            found = self._input_attributes
        else:
            x, found = check_new(self, X, type(self)._check, image_shape=image_shape)
        data, learned = self._data(x, self._learned if goes_on else None, **columns)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        recipe = self._recipe(x.shape[1:], learned, seed, phases)
        shapes = stage_shapes(recipe.builder, x.shape[1:])
        self._selected_layers(shapes)
        refuse_missing_stages(recipe, shapes)
        folder = folder_of_checkpoints(self, recipe.n_epochs)
        callbacks = fresh_callbacks(self.skorch_callbacks)
        if goes_on:
            refuse_another_network(self, recipe.builder, x.shape[1:], learned)
            start = Start(Fitted(self.network_.state, self.history_, self._resume))
        else:
            start = self._start(recipe, x, columns)
        checkpoint = folder and checkpoint_of(folder, recipe, data, start.fitted)
        kept = not (self.random_state is None or resume or may_stop(self) or callbacks)
        memory = self.memory if kept else None
        fit = Fit(recipe, data, learned, start, found, checkpoint, callbacks, memory)

        report = begin_fit(self, self.n_networks * recipe.n_epochs, X)
        fitted, fit = self._trained(fit, report, kept=kept, resumable=resume)
        self._keep(fitted, fit)
        if checkpoint is not None:
            checkpoint.finish()
        report(end=True)()
        return self

    def _trained(
        self, fit: Fit, report: Any, *, kept: bool, resumable: bool
    ) -> tuple[Fitted, Fit]:
        """Return the trained network, from the memory where it is there, and its fit."""

        def compute() -> Fitted:
            stop_if_collecting(fit.job if kept else None, self.memory)
            return self._train(fit, report, resumable=resumable)

        if not kept:
            return compute(), fit
        job = fit.job
        return remember(fit.memory, job.recipe, job.data, compute, job.start), fit

    def _train(self, fit: Fit, report: Any, *, resumable: bool) -> Fitted:
        count_training()
        epoch: Epoch | None = None
        n_epochs = fit.recipe.n_epochs
        try:
            with epoch_bar(type(self).__name__, n_epochs, self.verbose) as move:
                start, told = fit.start.fitted, (fit.checkpoint, fit.callbacks)
                n_before = len(start.history) if start else 0
                for epoch in epochs(fit.recipe, fit.data, start, *told):
                    close = report()
                    move(epoch.history[-1], len(epoch.history) - n_before)
                    if close(partial(self._results_at, epoch, fit)):
                        break
        except KeyboardInterrupt:
            # The last whole epoch stays usable; raised again, a search stops as well.
            if epoch is not None and epoch.weights:
                self._keep(epoch.fitted(), fit)
            raise
        assert epoch is not None, "there is at least one epoch"
        return epoch.fitted(resumable=resumable)

    def _keep(self, fitted: Fitted, fit: Fit) -> None:
        """Become the estimator that was fitted so."""
        self._become(self._results(fitted, fit))

    def _results_at(self, epoch: Epoch, fit: Fit) -> dict[str, Any]:
        return self._results(epoch.fitted(), fit)

    def _results(self, fitted: Fitted, fit: Fit) -> dict[str, Any]:
        """Return the attributes of an estimator that was fitted so."""
        recipe, sample_shape = fit.recipe, fit.data.x.shape[1:]
        network = FittedNetwork(recipe.builder, sample_shape, fitted.state, recipe.device)
        return {
            "network_": network,
            "history_": fitted.history,
            "n_iter_": len(fitted.history),
            "sample_shape_": sample_shape,
            "_resume": fitted.resume,
            "_fitted_objective": recipe.objective,
            "_learned": fit.learned,
            "_input_attributes": fit.input_attributes,
            "_fitted_parameters": plain_parameters(self),
            **fit.input_attributes,
            **fit.learned.attributes(),
            **fit.start.attributes,
        }

    def _start(self, recipe: Recipe, x: np.ndarray, columns: dict[str, Any]) -> Start:
        """Return where a new fit begins: by default from new weights."""
        return Start()

    def transform(self, X: Any) -> np.ndarray:
        """Read the features of `layer`; never sampled, so always the same.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
            The pooled features of each layer, side by side.
        """
        check_is_fitted(self, "network_")
        layers = self._selected_layers(self.network_.shapes)
        x = self._check(X, reset=False)
        features = self.network_.read(x, layers, self.pool, self.n_threads)
        return self._combined(features, layers)

    def _combined(self, features: np.ndarray, layers: Sequence[str]) -> np.ndarray:
        """Return the columns of some layers as features: by default all of them."""
        return features

    def _n_features_of(self, shape: tuple[int, ...]) -> int:
        """Return how many features a layer of some shape gives."""
        return pooled_size(shape, self.pool)

    def list_layers(self, X: Any = None, y: Any = None) -> list[Layer]:
        """List the stages that ``layer`` can name, in the order of computation.

        Parameters
        ----------
        X : array-like, default=None
            Before `fit`: rows or images, of which only the shape counts.
        y : array-like, default=None
            Before `fit`: what it will get as y, where the network depends on that.
            Without, layers are as for two classes or, where `fit` needs no y, without any.

        Returns
        -------
        layers : list of Layer
            Named tuples of ``name``, ``shape`` (of one sample) and ``n_features`` (with
            the present ``pool``).
        """
        if X is None:
            check_is_fitted(self, "network_")
            shapes = self.network_.shapes
        else:
            sample_shape = self._sample_shape(X)
            learned: Learned = self._unfitted
            if y is not None:
                x, _ = check_new(self, X, type(self)._check)
                _, learned = self._data(x, None, y=y)
            builder = read_as_one(self._builder(sample_shape, learned), self.n_networks)
            shapes = stage_shapes(builder, sample_shape)
        check_pool(self.pool)
        return [
            Layer(name, shape, self._n_features_of(shape)) for name, shape in shapes.items()
        ]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features after their layer: ``mean_0``, ``mean_1``, ...

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Not used; checked against what `fit` saw.

        Returns
        -------
        names : ndarray of str
            Names of the columns of `transform`.
        """
        check_is_fitted(self, "network_")
        check_feature_names_in(self, input_features, generate_names=False)
        shapes = self.network_.shapes
        names = [
            f"{layer}_{i}"
            for layer in self._selected_layers(shapes)
            for i in range(self._n_features_of(shapes[layer]))
        ]
        return np.asarray(names, dtype=object)

    def _selected_layers(self, shapes: dict[str, tuple[int, ...]]) -> Sequence[str]:
        check_pool(self.pool)
        layers = listed(self.layer)
        if not layers or any(layer not in list(shapes) for layer in layers):
            raise ValueError(
                f"Got layer={self.layer!r}, but {type(self).__name__} has the layers "
                f"{', '.join(shapes)}."
            )
        if len(set(layers)) < len(layers):
            raise ValueError(f"Got layer={self.layer!r}, which names a layer twice.")
        return layers

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.sparse = True
        return tags
