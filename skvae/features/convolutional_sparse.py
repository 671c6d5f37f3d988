"""The convolutional sparse autoencoder: maps of which few are active at a time."""

import math
from dataclasses import field, replace
from numbers import Real
from typing import Annotated, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skvae._compat import Interval
from skvae.estimators.declared import (
    Count,
    CountOrNone,
    InnerShare,
    NonNegative,
    Sizes,
)
from skvae.estimators.settled import Fit
from skvae.estimators.unequal_sizes import as_image, images_of
from skvae.features.base import DecodingTransformer
from skvae.mask_layouts import gathered
from skvae.networks.activity import ACTIVE_SIGMOID
from skvae.networks.builder import Builder
from skvae.networks.multi_scale import MultiScaleAutoencoder, at_scale
from skvae.objectives.batch import Objective, Trace
from skvae.objectives.reconstruction import PLAIN_LIKELIHOODS, squared_error
from skvae.objectives.sparse_scales import SparseScales
from skvae.objectives.sparsity import QuietUnits
from skvae.training.data import DIAGNOSTIC_ROWS, explained_variance, spaced_rows
from skvae.training.fitting import Fitted
from skvae.training.patches import RandomPatches
from skvae.training.recipe import Recipe

# Diagnostics read at most so many pixels of the training images.
DIAGNOSTIC_PIXELS = 2**24


class ConvolutionalSparseAutoencoder(DecodingTransformer):
    """Features of each pixel, at several scales, of which few are active at a time.

    Learned without labels from patches of the images, for a simple classifier of pixels
    (dense and fatty tissue, say) or, pooled, of images. The code is a feature map for each
    component, with values in [0, 1], and as large as the image; the code of a pixel
    reconstructs the window around it. Two penalties keep it sparse: each unit should be
    active at few of all positions (lifetime sparsity), and at each position few units
    should be (population sparsity).

    Parameters
    ----------
    n_components : int, default=24
        Number of feature maps.
    normalization : {"batch", "group"} or None, default=None
        Normalisation of the hidden layers.
    activation : {"identity", "relu", "leaky_relu", "elu", "silu", "gelu", "tanh"}, \
default="relu"
        Activation of the hidden layers; the code has a sigmoid.
    learning_rate_init : float, default=0.02
        Step size of Adam.
    batch_size : int, default=8
        Images per step.
    layer : str or list of str, default="features"
        Stage that `transform` and `transform_pixels` read, or several, side by side; see
        `list_layers`. Can be changed after `fit`. ``"features"`` are the codes of all
        scales, interpolated to the size of the image and averaged around each pixel;
        ``"code"`` and ``"code_scale_2"`` are such codes as they are.
    hidden_layer_sizes : tuple of int, default=()
        Sizes of the layers between window and code, alike at every pixel; the decoder
        mirrors them.
    kernel_size : int, default=7
        Width of the window around a pixel along every axis, in pixels of each scale.
        Images go on as their mirror image beyond the border. Memory grows with the number
        of values of a window: 49 here, 343 in a volume.
    scales : tuple of int, default=(1, 2, 4)
        Factors by which images are reduced, each block of pixels to its mean, before the
        same filters read them; increasing, and 1 is the first.
    pool_size : int, default=9
        Width of the window over which ``"features"`` are averaged, in pixels of the
        image along every axis; odd. A texture is how often its parts occur.
    whitening : float or None, default=0.1
        Windows are whitened before they are coded, so that a code is not spent on slow
        changes of the grey level; what is weaker than this share of a window's mean
        variance counts as noise. With None, and with ``likelihood="bernoulli"``, windows
        are coded as they are.
    sparsity_target : float, default=0.1
        Mean activation rho that each unit is pulled to. Units start with it.
    lifetime_weight : float, default=0.3
        Weight of the divergence of the mean activations from it, against half the squared
        error of a (whitened) value.
    population_weight : float, default=0.1
        Weight of the share of the units that are active at a position.
    patch_size : int or None, default=32
        Pixels along each axis of the patches to learn from; a shorter axis is taken
        whole, and with None all of the image is.
    n_patches : int, default=1
        Patches of each image and epoch; a step has ``batch_size`` times as many.

    Attributes
    ----------
    mean_activation_ : ndarray of shape (n_components,)
        Mean activation rho_hat of each unit over all positions and scales of (at most
        1024 evenly spaced, and for large images fewer) training images.
    dead_units_ : int
        Number of units that are nowhere active (above 0.1).
    l0_ : float
        Mean number of active units at a position.
    explained_variance_ : float
        Share of the images' variance that the reconstruction at full resolution explains.

    See Also
    --------
    SparseAutoencoder : One code for the whole sample.

    Notes
    -----
    Kallenberg et al. (2016) learn from patches of mammograms at several scales, with one
    regulariser that joins both sparsities, and classify pixels by the features. This is
    that idea and not their network: the two sparsities are separate terms, KL(rho ‖
    rho_hat) of Ng (2011) and the activity ratio of Treves & Rolls (1991); every scale is
    read by the same filters, and maps are averaged around each pixel. Windows are whitened
    as Coates et al. (2011) recommend for such features. `reconstruct` gives each pixel the
    mean of all windows that reach it; `score` compares (whitened) windows.

    Rows are images of a single position: all layers are dense, and there is neither
    another scale, nor a patch, nor whitening. Patches exist for one batch at a time. Early
    stopping compares whole images.

    References
    ----------
    Kallenberg, M. et al. (2016). Unsupervised deep learning applied to breast density
    segmentation and mammographic risk scoring. IEEE Transactions on Medical Imaging 35,
    1322-1331.

    Coates, A., Lee, H. & Ng, A. (2011). An analysis of single-layer networks in
    unsupervised feature learning. AISTATS.

    Ng, A. (2011). Sparse autoencoder. CS294A lecture notes, Stanford.

    Treves, A. & Rolls, E. T. (1991). What determines the capacity of autoassociative
    memories in the brain? Network: Computation in Neural Systems 2, 371-397.

    Examples
    --------
    A dense classifier is any classifier whose rows are pixels:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skvae.datasets import make_mammograms
    >>> mammograms = make_mammograms(20, size=32, random_state=0)
    >>> X = (mammograms.images - mammograms.images.mean()) / mammograms.images.std()
    >>> sparse = ConvolutionalSparseAutoencoder(8, max_iter=5, random_state=0).fit(X)
    >>> maps = sparse.transform_pixels(X)
    >>> maps.shape
    (20, 24, 32, 32)
    >>> breast = mammograms.masks > 0
    >>> pixels, is_dense = np.moveaxis(maps, 1, -1)[breast], mammograms.masks[breast] == 2
    >>> classifier = LogisticRegression(max_iter=1000).fit(pixels, is_dense)
    >>> bool(classifier.score(pixels, is_dense) > 0.7)
    True

    Pooled, they are features of the image:

    >>> sparse.transform(X).shape
    (20, 24)
    """

    n_components: int = field(default=24, kw_only=False)
    learning_rate_init: float = 0.02
    batch_size: int = 8
    layer: str | list[str] = "features"
    hidden_layer_sizes: Sizes = ()
    kernel_size: Count = 7
    scales: Sizes = (1, 2, 4)
    pool_size: Count = 9
    whitening: Annotated[float | None, Interval(Real, 0, None, closed="neither"), None] = (
        0.1
    )
    sparsity_target: InnerShare = 0.1
    lifetime_weight: NonNegative = 0.3
    population_weight: NonNegative = 0.1
    patch_size: CountOrNone = 32
    n_patches: Count = 1

    def _network_builder(self, sample_shape: tuple[int, ...], learned: Any) -> Builder:
        scales = self._scales(sample_shape)
        if self.pool_size % 2 == 0:
            raise ValueError(
                f"Got pool_size={self.pool_size}, but expected an odd number: a window has "
                "a pixel in its middle."
            )
        refuse_small_images(
            sample_shape[1:], int(self.kernel_size), scales, self.patch_size
        )
        return Builder(
            MultiScaleAutoencoder,
            sample_shape=sample_shape,
            n_components=int(self.n_components),
            hidden_layer_sizes=self._sizes("hidden_layer_sizes"),
            kernel_size=int(self.kernel_size),
            scales=scales,
            pool_size=int(self.pool_size),
            whitening=self._whitening(),
            initial_activity=float(self.sparsity_target),
            activation=self.activation,
            normalization=self.normalization,
            sigmoid_output=self.likelihood == "bernoulli",
        )

    def _whitening(self) -> float | None:
        """Return the floor of the whitening; probabilities are never whitened."""
        whitened = self.whitening is not None and self.likelihood != "bernoulli"
        return float(self.whitening) if whitened else None

    def _scales(self, sample_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the scales at which samples of a shape are read."""
        scales = self._sizes("scales")
        if scales[:1] != (1,) or list(scales) != sorted(set(scales)):
            raise ValueError(
                f"Got scales={self.scales!r}, but expected increasing whole numbers, of "
                "which 1, the image itself, is the first."
            )
        return scales if len(sample_shape) > 1 else (1,)

    def _objective(self, learned: Any) -> Objective:
        return SparseScales(
            likelihood=PLAIN_LIKELIHOODS[self.likelihood],
            lifetime=QuietUnits(float(self.sparsity_target), float(self.lifetime_weight)),
            population_weight=float(self.population_weight),
        )

    def _scoring_objective(self) -> Objective:
        return SparseScales(self._fitted_objective.likelihood)

    def _recipe(self, sample_shape: tuple[int, ...], *settled: Any) -> Recipe:
        recipe = super()._recipe(sample_shape, *settled)
        if len(sample_shape) == 1 or self.patch_size is None:
            return recipe
        patches = RandomPatches(int(self.patch_size), int(self.n_patches), recipe.augment)
        return replace(recipe, augment=patches)

    def _results(self, fitted: Fitted, fit: Fit) -> dict[str, Any]:
        results = super()._results(fitted, fit)
        network = results["network_"]
        n_rows = max(1, DIAGNOSTIC_PIXELS // math.prod(fit.data.x.shape[1:]))
        some, weight = spaced_rows(fit.data, min(DIAGNOSTIC_ROWS, n_rows))

        def summary(rows: Tensor) -> Tensor:
            trace, scales = network.module(rows), network.module.scales
            found = network.module.reconstruct(trace["code"])
            return activity_of_each(trace, squared_error(found, rows), scales)

        rows = network.apply(summary, some, fit.recipe.n_threads).astype(np.float64)
        n_units = int(self.n_components)
        mean, highest, l0, error = np.split(rows, [n_units, 2 * n_units, -1], axis=1)
        return results | {
            "mean_activation_": np.average(mean, axis=0, weights=weight),
            "dead_units_": int((highest.max(axis=0) <= ACTIVE_SIGMOID).sum()),
            "l0_": float(np.average(l0[:, 0], weights=weight)),
            "explained_variance_": explained_variance(some, error[:, 0], weight),
        }

    def transform_pixels(self, X: Any) -> np.ndarray:
        """Read the maps of `layer` as features of each pixel; ``pool`` does not matter.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Images of any size, or their flat rows. A list may have images of unequal
            sizes.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out, *spatial), float32
            The maps of each layer, side by side. They are computed a few images at a
            time, but take the memory of ``n_features_out`` images each. For images of
            unequal sizes, an array of arrays.

        Raises
        ------
        ValueError
            If the samples are rows, or a map of ``layer`` is smaller than the image, or
            an image smaller than half a kernel.
        """
        check_is_fitted(self, "network_")
        shapes = self.network_.shapes
        layers = self._selected_layers(shapes)
        spatial = self.sample_shape_[1:]
        for layer in layers:
            if not spatial or shapes[layer][1:] != spatial:
                raise ValueError(
                    f"Got layer={self.layer!r}, but {layer} has the shape {shapes[layer]} "
                    f"for samples of shape {self.sample_shape_}; expected maps as large "
                    "as an image."
                )
        images, reading = images_of(self, X), (layers, None, self.n_threads)
        module = self.network_.module
        if isinstance(images, np.ndarray):
            rows = self.network_.read(images, *reading)
            return rows.reshape(len(rows), -1, *spatial)
        for image in images:
            refuse_small_images(image.shape[1:], module.kernel_size, module.scales)
        return gathered(
            self.network_.read(as_image(image)[None], *reading, block_size=1).reshape(
                -1, *image.shape[1:]
            )
            for image in images
        )


def activity_of_each(trace: Trace, error: Tensor, scales: tuple[int, ...]) -> Tensor:
    """Summarise each sample's activity, over all positions of the scales, in columns.

    They are the mean of each unit and its maximum, the mean number of active units at a
    position, and ``error``, the squared error of the reconstruction.
    """
    codes = [trace[at_scale("code", scale)] for scale in scales]
    # A row is an image of a single position.
    codes = [code.reshape(*code.shape[:2], -1) for code in codes]
    mean = torch.stack([code.mean(dim=2) for code in codes]).mean(dim=0)
    highest = torch.stack([code.amax(dim=2) for code in codes]).amax(dim=0)
    active = [(code > ACTIVE_SIGMOID).sum(dim=1).float().mean(dim=1) for code in codes]
    l0 = torch.stack(active).mean(dim=0)
    return torch.cat([mean, highest, l0.unsqueeze(1), error.unsqueeze(1)], dim=1)


def refuse_small_images(
    spatial: tuple[int, ...],
    kernel_size: int,
    scales: tuple[int, ...],
    patch_size: int | None = None,
) -> None:
    """Refuse what is at the coarsest scale smaller than half a kernel.

    Raises
    ------
    ValueError
        If an axis of an image, or of a patch, is.
    """
    sizes = spatial if patch_size is None else (*spatial, patch_size)
    # Mirrored at its border, an axis gives one pixel less than it has.
    needed = kernel_size // 2 * scales[-1] + 1
    if spatial and min(sizes) < needed:
        raise ValueError(
            f"Got scales={scales!r} with kernel_size={kernel_size}, "
            f"patch_size={patch_size} and images of {spatial}, but expected at least "
            f"{needed} pixels along every axis of images and patches."
        )
