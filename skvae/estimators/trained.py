"""An estimator that trains a network, and transforms by reading its layers."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from skvae._compat import (
    CallbackSupportMixin,
    begin_fit,
    check_feature_names_in,
    check_sample_weight,
    may_stop,
)
from skvae.estimators.inputs import as_array, check_rows, find_sample_shape
from skvae.estimators.parameters import TrainingParameters
from skvae.estimators.progress_bars import epoch_bar
from skvae.estimators.unchanged import unchanged_on_error
from skvae.networks.builder import Builder
from skvae.networks.pooling import check_pool, pooled_size
from skvae.networks.staged import stage_shapes
from skvae.objectives.batch import Objective
from skvae.training.augmentation import as_augment
from skvae.training.caching import remember
from skvae.training.data import Data
from skvae.training.devices import resolve_device
from skvae.training.fitting import Epoch, Fitted, epochs
from skvae.training.reading import FittedNetwork
from skvae.training.recipe import Augment, Phase, Recipe
from skvae.training.threads import effective_threads


class Layer(NamedTuple):
    """A stage of a network: its name, the shape of one sample, its features."""

    name: str
    shape: tuple[int, ...]
    n_features: int


def listed(layer: Any) -> list[Any]:
    """Return the layers that ``layer`` names; none where it is no name and no list."""
    if isinstance(layer, str):
        return [layer]
    return list(layer) if isinstance(layer, Iterable) else []


class TrainedTransformer(CallbackSupportMixin, TransformerMixin, TrainingParameters, ABC):
    """Train a network on an objective; transform by reading its layers."""

    # Parameters that decide how a fitted network is read, used or watched; all others
    # decide what is trained, and so belong to the key under which it is remembered.
    _reading_parameters: ClassVar[frozenset[str]] = frozenset(
        {"layer", "pool", "memory", "verbose"}
    )
    __metadata_request__fit: ClassVar = {"groups": True}

    @abstractmethod
    def _network_builder(self, sample_shape: tuple[int, ...]) -> Builder:
        """Return the untrained network for samples of a shape."""

    @abstractmethod
    def _objective(self) -> Objective:
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
        self, sample_shape: tuple[int, ...], seed: int, phases: tuple[Phase, ...]
    ) -> Recipe:
        return Recipe(
            builder=self._network_builder(sample_shape),
            objective=self._objective(),
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
        with unchanged_on_error(self, "network_"):
            first = not (resume and hasattr(self, "network_"))
            reset = first or not same_input
            x = self._check(X, reset=reset, image_shape=image_shape)
            data = self._data(x, **columns)
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            recipe = self._recipe(x.shape[1:], seed, phases)
            self._selected_layers(stage_shapes(recipe.builder, x.shape[1:]))
            start = self._pretrained(recipe, x, columns) if first else self._start(recipe)

            report = begin_fit(self, recipe.n_epochs, X)

            def compute() -> Fitted:
                return self._train(recipe, data, start, report, resumable=resume)

            if self.random_state is None or resume or may_stop(self):
                fitted = compute()
            else:
                fitted = remember(self.memory, recipe, data, compute, start)
            self._keep(fitted, recipe, data)
            report(end=True)()
        return self

    def _train(
        self,
        recipe: Recipe,
        data: Data,
        start: Fitted | None,
        report: Any,
        *,
        resumable: bool,
    ) -> Fitted:
        epoch: Epoch | None = None
        try:
            with epoch_bar(type(self).__name__, recipe.n_epochs, self.verbose) as move:
                for epoch in epochs(recipe, data, start):
                    close = report()
                    move(epoch.history[-1])
                    if close(partial(self._attributes_at, epoch, recipe, data)):
                        break
        except KeyboardInterrupt:
            # The last whole epoch stays usable; raised again, a search stops as well.
            if epoch is not None and epoch.weights:
                self._keep(epoch.fitted(), recipe, data)
            raise
        assert epoch is not None, "there is at least one epoch"
        return epoch.fitted(resumable=resumable)

    def _keep(self, fitted: Fitted, recipe: Recipe, data: Data) -> None:
        for name, value in self._attributes(fitted, recipe, data).items():
            setattr(self, name, value)

    def _attributes_at(self, epoch: Epoch, recipe: Recipe, data: Data) -> dict[str, Any]:
        return self._attributes(epoch.fitted(), recipe, data)

    def _attributes(self, fitted: Fitted, recipe: Recipe, data: Data) -> dict[str, Any]:
        """Return the attributes of an estimator that was fitted so."""
        sample_shape = data.x.shape[1:]
        network = FittedNetwork(recipe.builder, sample_shape, fitted.state, recipe.device)
        return {
            "network_": network,
            "history_": fitted.history,
            "n_iter_": len(fitted.history),
            "sample_shape_": sample_shape,
            "_resume": fitted.resume,
        }

    def _pretrained(
        self, recipe: Recipe, x: np.ndarray, columns: dict[str, Any]
    ) -> Fitted | None:
        """Return weights to start a new fit from, of the whole network or of a part."""
        return None

    def _start(self, recipe: Recipe) -> Fitted:
        if recipe.builder != self.network_.builder:
            raise ValueError(
                "Got warm_start=True or partial_fit with parameters that ask for another "
                f"network: fitted is {self.network_.builder}, asked for {recipe.builder}."
            )
        return Fitted(self.network_.state, self.history_, self._resume)

    def transform(self, X: Any) -> np.ndarray:
        """Read the features of `layer`; never sampled, so always the same.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
            The pooled features of each layer, side by side.
        """
        check_is_fitted(self, "network_")
        layers = self._selected_layers(self.network_.shapes)
        x = self._check(X, reset=False)
        return self.network_.read(x, layers, self.pool, self.n_threads)

    def list_layers(self, X: Any = None) -> list[Layer]:
        """List the stages that ``layer`` can name, in the order of computation.

        Parameters
        ----------
        X : array-like, default=None
            Before `fit`: rows or images, of which only the shape counts.

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
            shapes = stage_shapes(self._network_builder(sample_shape), sample_shape)
        return [
            Layer(name, shape, pooled_size(shape, self.pool))
            for name, shape in shapes.items()
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
            for i in range(pooled_size(shapes[layer], self.pool))
        ]
        return np.asarray(names, dtype=object)

    def _data(self, x: np.ndarray, sample_weight: Any = None, groups: Any = None) -> Data:
        """Check the columns that `fit` got, and return them with the rows."""
        if sample_weight is not None:
            rows = x.reshape(len(x), -1)
            sample_weight = check_sample_weight(
                sample_weight, rows, dtype=np.float32, ensure_non_negative=True
            )
        if groups is not None:
            groups = check_array(groups, ensure_2d=False, dtype=None)
            check_consistent_length(x, groups)
        return Data(x, sample_weight=sample_weight, groups=groups)

    def _sizes(self, parameter: str) -> tuple[int, ...]:
        sizes = getattr(self, parameter)
        for size in sizes:
            if not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(
                    f"Got {parameter}={sizes!r}, but expected whole numbers of at least 1."
                )
        return tuple(int(size) for size in sizes)

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
        return tags
