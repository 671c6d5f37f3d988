"""What every autoencoder shares beyond training: decoding, reconstructing, scoring."""

from collections.abc import Sequence
from dataclasses import field, replace
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skvae._compat import StrOptions, fit_context, may_stop
from skvae.arguments import check_columns
from skvae.estimators.cross_fitting import cross_fitted, folds_for
from skvae.estimators.declared import (
    Count,
    Flag,
    FoldsOrNone,
    Positive,
    ShareBelowOne,
    Sizes,
)
from skvae.estimators.inputs import as_array, check_rows, refuse_outside_unit_interval
from skvae.estimators.missing_entries import as_floats, known_means
from skvae.estimators.row_columns import check_weight
from skvae.estimators.settled import Fit, Learned, Start
from skvae.estimators.several_networks import (
    SeveralNetworks,
    averaged,
    fits_of_networks,
    read_as_one,
    spread,
    turns_of,
)
from skvae.estimators.trained import TrainedTransformer
from skvae.exceptions import ConstantCodeWarning, warn_caller
from skvae.networks.blocks import ACTIVATIONS, LinearCode
from skvae.networks.builder import Builder
from skvae.networks.conv import ConvAutoencoder
from skvae.networks.dense import DenseAutoencoder
from skvae.networks.holes import CENTRE, WithHoles
from skvae.objectives.batch import Batch, Objective
from skvae.objectives.elbo import Reconstruction
from skvae.objectives.reconstruction import PLAIN_LIKELIHOODS
from skvae.training.data import DIAGNOSTIC_ROWS, Data, spaced_rows
from skvae.training.fitting import Fitted
from skvae.training.recipe import Augment, Phase, Recipe
from skvae.training.sparse_rows import SparseRows

# Of the largest entry of a code: units that vary less are as good as constant.
SMALLEST_SHARE = 1e-4
FEW_ROWS = 64


def varies(rows: np.ndarray, share: float) -> bool:
    """Whether any column varies by more than a share of the largest entry of all."""
    # Of what is known: where nothing is, NaN is no spread.
    spread = np.fmax.reduce(rows, axis=0) - np.fmin.reduce(rows, axis=0)
    return bool((spread > share * np.fmax.reduce(np.abs(rows), axis=None)).any())


class DecodingTransformer(TrainedTransformer):
    """An autoencoder of any architecture; a kind gives its network.

    Parameters
    ----------
    n_components : int, default=16
        Size of the code.
    normalization : {"batch", "group"} or None, default=None
        Normalisation in every hidden and convolutional block.
    activation : {"identity", "relu", "leaky_relu", "elu", "silu", "gelu", "tanh"}, \
default="relu"
        Activation of every hidden and convolutional block.
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        How the reconstruction is compared with the input; ``"bernoulli"`` is for
        inputs in [0, 1] and reconstructs probabilities.
    max_iter : int, default=100
        Number of epochs.
    learning_rate_init : float, default=1e-3
        Step size of Adam.
    warm_start : bool, default=False
        Whether `fit` goes on from the last one, bit for bit as if it had not stopped
        (after early stopping: from the best weights, with a new optimizer).
    """

    n_components: Count = field(default=16, kw_only=False)
    normalization: Annotated[str | None, StrOptions({"batch", "group"}), None] = None
    activation: Annotated[str, StrOptions(set(ACTIVATIONS))] = "relu"
    likelihood: Annotated[str, StrOptions({"gaussian", "bernoulli"})] = "gaussian"
    max_iter: Count = 100
    learning_rate_init: Positive = 1e-3
    warm_start: Flag = False

    _reading_parameters: ClassVar = TrainedTransformer._reading_parameters | {"warm_start"}

    def _objective(self, learned: Any) -> Objective:
        """Return what training minimises: by default the reconstruction alone."""
        return Reconstruction(PLAIN_LIKELIHOODS[self.likelihood])

    def _scoring_objective(self) -> Objective:
        """Return what `score` counts against a sample, as the fitted network knows it."""
        return Reconstruction(self._fitted_objective.likelihood)

    def _phases(self) -> tuple[Phase, ...]:
        return (self._phase(self.max_iter),)

    def _phase(self, n_epochs: int) -> Phase:
        rate = float(self.learning_rate_init)
        return Phase(n_epochs, rate, rate_parameter="learning_rate_init")

    def _data(self, x: np.ndarray, known: Any, **columns: Any) -> tuple[Data, Learned]:
        if self.likelihood == "bernoulli":
            refuse_outside_unit_interval(x)
        return super()._data(x, known, **columns)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, groups: Any = None
    ) -> Self:
        """Train the network on X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images. Columns of a table should be standardised, images scaled to
            about [0, 1]. A float32 memory map is streamed from its file.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not as expected; the estimator stays as it was.
        NonFiniteLossError
            If the loss becomes NaN or infinite.
        """
        columns = {"sample_weight": sample_weight, "groups": groups}
        return self._fit(X, self._phases(), resume=self.warm_start, **columns)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch on X.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit(
            X, (self._phase(1),), resume=True, same_input=True, sample_weight=sample_weight
        )

    def _keep(self, fitted: Fitted, fit: Fit) -> None:
        super()._keep(fitted, fit)
        self._warn_of_void_codes(fit)

    def _warn_of_void_codes(self, fit: Fit) -> None:
        """Warn where the code says nothing of a row, as of X that is not scaled."""
        for n_rows in (FEW_ROWS, DIAGNOSTIC_ROWS):
            some, _ = spaced_rows(fit.data, n_rows)
            code = self.network_.read(
                some, self.network_.module.codes, None, fit.recipe.n_threads
            )
            if varies(code, SMALLEST_SHARE) or not varies(some, 0.0):
                return
        warn_caller(
            f"No unit of the code of {type(self).__name__} varies by more than "
            f"{SMALLEST_SHARE} of the largest over the training rows, so that its features "
            "carry next to no information. Usual causes: X is not scaled (standardise its "
            "columns, or bring images to [0, 1]), or learning_rate_init="
            f"{self.learning_rate_init} is too high.",
            ConstantCodeWarning,
        )

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Decode rows of the code.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` gives them with a ``layer`` that is a code.

        Returns
        -------
        X_original : ndarray, float32
            Reconstructions, flat or images as X was in `fit`.

        Raises
        ------
        ValueError
            If ``layer`` is not a code: other layers do not determine the input.
        """
        check_is_fitted(self, "network_")
        codes = self.network_.module.codes
        if self.layer not in codes:
            raise ValueError(
                f"Got layer={self.layer!r}, but inverse_transform decodes "
                f"{' or '.join(codes)} only."
            )
        shape = self.network_.shapes[self.layer]
        if len(shape) > 1 and self.pool is not None:
            raise ValueError(
                f"Got pool={self.pool!r}, but inverse_transform decodes whole maps only; "
                "expected pool=None, and X as `transform` gives it then."
            )
        options = {"dtype": np.float32, "order": "C", "input_name": "X"}
        X = check_array(as_array(X), accept_sparse="csr", **options)
        if X.shape[1] != self._n_features_of(shape):
            raise ValueError(
                f"Got X with {X.shape[1]} columns, but the code has n_components={shape[0]}"
                + (f" maps of {shape[1:]}." if len(shape) > 1 else ".")
            )
        X = self._whole_code(X)
        codes = SparseRows(X, shape) if sparse.issparse(X) else X.reshape(-1, *shape)
        return self._decode(codes)

    def _whole_code(self, codes: Any) -> Any:
        """Return codes as the network takes them: by default as they are."""
        return codes

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        network = self.network_
        images = network.apply(network.module.reconstruct, codes, self.n_threads)
        return images.reshape(len(images), -1) if self._flat_input else images

    def reconstruct(self, X: Any) -> np.ndarray:
        """Encode and decode X, without sampling.

        Returns
        -------
        reconstruction : ndarray of the shape of X, float32
            With ``likelihood="bernoulli"``, probabilities.
        """
        check_is_fitted(self, "network_")
        X = as_array(X)
        x = check_rows(self, X, reset=False)
        rows = self.network_.read(x, ["reconstruction"], None, self.n_threads)
        return rows.reshape(X.shape)

    def score_samples(self, X: Any) -> np.ndarray:
        """Score each sample; higher is better.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float32
            Minus the objective at the deterministic code; see `score`.
        """
        check_is_fitted(self, "network_")
        x = check_rows(self, X, reset=False)
        objective = self._scoring_objective()

        def minus_loss(rows: torch.Tensor) -> torch.Tensor:
            terms = objective(self.network_.module(rows), Batch(rows))
            return -torch.stack(list(terms.values())).sum(dim=0)

        return self.network_.apply(minus_loss, x, self.n_threads)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean of `score_samples`.

        Parameters
        ----------
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample in the mean.

        Returns
        -------
        score : float
            Higher is better.
        """
        check_columns(type(self).__name__, X, {"sample_weight": sample_weight})
        return weighted_score(self.score_samples(X), sample_weight)


def weighted_score(scores: np.ndarray, sample_weight: Any) -> float:
    """Return the mean of the samples' scores; a sample of weight 0 is as if not there."""
    if sample_weight is None:
        return float(scores.mean(dtype=np.float64))
    weight = check_weight(sample_weight, scores, "a score")
    counted = weight > 0
    return float(np.average(scores[counted].astype(np.float64), weights=weight[counted]))


class BaseAutoencoder(DecodingTransformer):
    """An autoencoder of dense or convolutional blocks with a flat code.

    A kind says how its code, its objective or its network differ.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(128,)
        Sizes of the dense layers between input (or last feature map) and code; the
        decoder mirrors them. With ``()`` and no image, the network is linear.
    channels : tuple of int, default=(8, 16, 32)
        Channels of each convolutional block; images only. Every block halves the
        image, whatever its size.
    kernel_size : int, default=3
        Width of the convolutional kernels along every axis.
    downsampling : {"stride", "max"}, default="stride"
        Whether the convolutions stride, or a maximum is taken behind them.
    dropout : float, default=0.0
        Share of each block's output that is dropped while training.
    solver : {"adam", "lbfgs"}, default="adam"
        ``"lbfgs"`` takes all rows at once in float64 and finds exact minima of small,
        deterministic networks; a linear one needs ``max_iter`` of 1000 to 3000.
    n_networks : int, default=1
        How many networks are trained, side by side where they can be: they differ in their
        seed alone, and the first is the one that would be trained alone. A layer is that
        of all, side by side (the second network has the columns behind those of the
        first), and reconstructions are averaged. ``history_`` then has the rows of each,
        with its number as ``network``. Not with ``warm_start`` or `partial_fit`.
    combine : {"concatenate", "average"}, default="concatenate"
        Whether a layer of several networks stands side by side, or is averaged: the
        layer of each is turned to that of the first by the orthogonal map that brings them
        closest on the training rows (Procrustes). Of codes and dense layers. Can be
        changed after `fit`.
    missing : {"error", "mask"}, default="error"
        Whether NaN in X is refused, or is an entry that is not known. Then the network is
        given the mean of the entry's column (over what `fit` knows of it), the
        reconstruction counts known entries alone, each of them alike, and `impute` fills
        in the others. A column needs a value in `fit`; a row of none has the code of the
        means. The stage ``"observed"`` is 1 where an entry is known.
    cross_fit : int or None, default=None
        In how many folds `fit_transform`, and so a pipeline that is fitted, reads the
        training rows by networks that have not seen them, as what stands behind will meet
        new rows. Rows of one of the ``groups`` stay together. Each network is trained like
        that of the estimator on the other folds, and its features are turned to those
        of the estimator by the orthogonal map (Procrustes) of its own training rows, layer
        by layer. `fit` and `transform` are as ever, and so are ``fit(X).transform(X)``
        and ``fit_transform(X)`` no longer the same. Not with ``warm_start``.

    Attributes
    ----------
    turns_ : dict of str to (ndarray, ndarray)
        Of several networks, for each layer that can be averaged, the mean of each and
        the orthogonal map that turns it to the first.
    """

    hidden_layer_sizes: Sizes = (128,)
    channels: Sizes = (8, 16, 32)
    kernel_size: Count = 3
    downsampling: Annotated[str, StrOptions({"stride", "max"})] = "stride"
    dropout: ShareBelowOne = 0.0
    solver: Annotated[str, StrOptions({"adam", "lbfgs"})] = "adam"
    n_networks: Count = 1
    combine: Annotated[str, StrOptions({"concatenate", "average"})] = "concatenate"
    missing: Annotated[str, StrOptions({"error", "mask"})] = "error"
    cross_fit: FoldsOrNone = None

    def _bottleneck(self) -> Builder:
        """Return the part of the network that makes the code: by default linear."""
        return Builder(LinearCode)

    def _network_builder(self, sample_shape: tuple[int, ...], learned: Any) -> Builder:
        """Return the network for samples of a shape: dense for rows, else convolutional."""
        shared = {
            "n_components": int(self.n_components),
            "bottleneck": self._bottleneck(),
            "hidden_layer_sizes": self._sizes("hidden_layer_sizes"),
            "activation": self.activation,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "sigmoid_output": self.likelihood == "bernoulli",
        }
        if len(sample_shape) == 1:
            return Builder(DenseAutoencoder, n_features=sample_shape[0], **shared)
        channels = self._sizes("channels")
        if not channels:
            raise ValueError("Got channels=(), but images need at least one block.")
        return Builder(
            ConvAutoencoder,
            image_shape=sample_shape,
            channels=channels,
            kernel_size=int(self.kernel_size),
            downsampling=self.downsampling,
            **shared,
        )

    def _check(self, X: Any, **options: Any) -> np.ndarray:
        try:
            return super()._check(X, **options)
        except ValueError as error:
            if "X contains NaN" not in str(error):
                raise
            raise ValueError(
                f"Input X contains NaN, which {type(self).__name__} refuses with "
                f"missing={self.missing!r}; expected finite numbers, or missing='mask', "
                "where NaN is an entry that is not known."
            ) from error

    def _builder(self, sample_shape: tuple[int, ...], learned: Any) -> Builder:
        network = super()._builder(sample_shape, learned)
        if self.missing == "error":
            return network
        return Builder(WithHoles, body=network, sample_shape=sample_shape)

    _reading_parameters: ClassVar = DecodingTransformer._reading_parameters | {
        "combine",
        "cross_fit",
    }
    # Whether units of several networks can stand side by side.
    _takes_several: ClassVar[bool] = True

    def _trained(
        self, fit: Fit, report: Any, *, kept: bool, resumable: bool
    ) -> tuple[Fitted, Fit]:
        if self.n_networks == 1:
            return super()._trained(fit, report, kept=kept, resumable=resumable)
        if not self._takes_several:
            raise ValueError(
                f"Got n_networks={self.n_networks}, but {type(self).__name__}, whose units "
                "belong to attributes, has one network; expected n_networks=1."
            )
        if resumable:
            raise ValueError(
                f"Got n_networks={self.n_networks}, but training goes on with one network "
                "alone; expected n_networks=1 with warm_start=True or partial_fit."
            )
        fits = fits_of_networks(fit, self.n_networks, self.checkpoint)
        # What listens to epochs hears of them one network after the other.
        alone = fit.callbacks or fit.checkpoint or self.verbose or may_stop(self)

        def train_alone(fit: Fit) -> Fitted:
            return self._train(fit, report, resumable=False)

        several = SeveralNetworks(fits, kept, train_alone if alone else None)
        recipe = replace(
            fit.recipe, builder=read_as_one(fit.recipe.builder, self.n_networks)
        )
        return several.fitted(), replace(fit, recipe=recipe)

    def _results(self, fitted: Fitted, fit: Fit) -> dict[str, Any]:
        results = super()._results(fitted, fit)
        # By what is there: of a fit that was interrupted, one network is kept.
        return results | turns_of(results["network_"], fit.data)

    @property
    def _n_averaged(self) -> int:
        """How many columns become one; of a fitted estimator, as it was fitted."""
        if self.combine == "concatenate":
            return 1
        if not hasattr(self, "network_"):
            return self.n_networks
        turns = getattr(self, "turns_", {})  # of one network, none
        return len(next(iter(turns.values()))[0]) if turns else 1

    def _combined(self, features: np.ndarray, layers: Sequence[str]) -> np.ndarray:
        if self._n_averaged == 1:
            return features
        return averaged(features, layers, self.network_.shapes, self.turns_)

    def _n_features_of(self, shape: tuple[int, ...]) -> int:
        return super()._n_features_of(shape) // self._n_averaged

    def _whole_code(self, codes: Any) -> Any:
        return codes if self._n_averaged == 1 else spread(codes, self.turns_[self.layer])

    def _augment(self, sample_shape: tuple[int, ...]) -> Augment | None:
        augment = super()._augment(sample_shape)
        if augment is not None and self.missing == "mask":
            raise ValueError(
                f"Got augment={self.augment!r} with missing='mask', but what is not known "
                "cannot be moved; expected augment=None or missing='error'."
            )
        return augment

    def _recipe(self, *settled: Any) -> Recipe:
        return replace(super()._recipe(*settled), solver=self.solver)

    def _start(self, recipe: Recipe, x: np.ndarray, columns: dict[str, Any]) -> Start:
        """Begin, where entries may be missing, with the means of those that are known."""
        if self.missing == "error":
            return super()._start(recipe, x, columns)
        weight = columns.get("sample_weight")
        if weight is not None:
            weight = check_weight(weight, x, type(self).__name__, np.float32)
        return Start(Fitted({CENTRE: known_means(Data(x, sample_weight=weight))}, []))

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Fit, and return the features of the training rows.

        Parameters
        ----------
        y : array-like, default=None
            As of `fit`.
        **fit_params : object
            Further arguments of `fit`.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
            Those of `transform` or, with ``cross_fit``, those of networks that have not
            seen the row.
        """
        if self.cross_fit is None:
            return super().fit_transform(X, y, **fit_params)
        folds = folds_for(self, X, fit_params)
        self.fit(X, y, **fit_params)
        return cross_fitted(self, X, y, fit_params, folds)

    def impute(self, X: Any) -> np.ndarray:
        """Fill in the entries of X that are missing; the others stay as they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images, NaN where an entry is missing.

        Returns
        -------
        X_filled : ndarray of the shape of X
            Where X is NaN, what `reconstruct` gives. In float32 if X is, else in float64.

        Raises
        ------
        ValueError
            If the network was fitted with ``missing="error"``.
        """
        check_is_fitted(self, "network_")
        if self.network_.module.nan_is != "hole":
            raise ValueError(
                f"Got a network of {type(self).__name__} that was fitted with "
                "missing='error', but impute needs one fitted with missing='mask'."
            )
        found = self.reconstruct(X)
        given = as_floats(X)
        return np.where(np.isnan(given), found, given)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "mask"
        return tags
