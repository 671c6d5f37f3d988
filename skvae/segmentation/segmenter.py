"""What every segmenter shares: masks as y, weights of others, patches and windows."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from numbers import Integral
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skvae._compat import StrOptions, fit_context
from skvae.arguments import naming, refuse_other_index
from skvae.estimators.declared import (
    POSITIVE_WHOLE,
    Count,
    CountOrNone,
    Flag,
    Positive,
    Share,
    ShareBelowOne,
    Whole,
)
from skvae.estimators.inputs import check_rows
from skvae.estimators.progress_bars import window_bar
from skvae.estimators.settled import Learned, Start
from skvae.estimators.several_fits import fit_several
from skvae.estimators.trained import TrainedTransformer
from skvae.estimators.unequal_sizes import as_image, images_of
from skvae.mask_layouts import as_masks, gathered
from skvae.networks.blocks import ACTIVATIONS
from skvae.networks.builder import Builder
from skvae.networks.unet import UNet, coarse_steps
from skvae.objectives.overlap import MaskOverlap
from skvae.segmentation.connected_parts import PartRule
from skvae.segmentation.encoder_weights import frozen_modules, transferred
from skvae.segmentation.far_from_zero import warn_of_offset
from skvae.segmentation.mask_predictor import MaskPredictor
from skvae.segmentation.masks import LearnedMasks, encode_masks, listed, of_one_size
from skvae.training.data import Data
from skvae.training.flips import flipped_axes, mean_over_flips
from skvae.training.patches import MaskPatches
from skvae.training.recipe import Phase, Recipe
from skvae.training.windows import apply_by_windows, n_windows

LOSSES = {"dice": (1.0, 0.0), "cross_entropy": (0.0, 1.0), "both": (1.0, 1.0)}


class BaseSegmenter(MaskPredictor, TrainedTransformer):
    """A network that labels each pixel; a kind says how decoder and encoder meet.

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
    tversky_beta : float, default=0.5
        Weight of missed pixels in the Dice coefficient, from 0 to 1; that of false ones
        is the rest. 0.5 weighs them alike; above, it is a Tversky index that finds more
        of small lesions, and more that is none (Salehi et al., 2017).
    deep_supervision : bool, default=False
        Whether every level of the decoder is made to tell the labels as well, on its
        coarser grid, with half the weight of the level above (Dou et al., 2017; Isensee
        et al., 2021). Only the finest predicts.
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
    test_time_flips : bool or tuple of int, default=False
        Spatial axes that images are flipped along when they are predicted, ``True`` for
        all: probabilities are the mean over all flips, each flipped back, at twice the
        time for each axis. Can be changed after `fit`.
    keep_largest : bool, default=False
        Whether labels of `predict` and `score` keep only the largest connected part of
        each label in each image; pixels that touch by a corner are connected. What is
        not kept is background. Probabilities stay as they are. Can be changed after
        `fit`.
    min_size : int, default=0
        Fewest pixels of a connected part that labels keep. Can be changed after `fit`.
    n_networks : int, default=1
        How many networks are trained, one after the other, with a seed for each; the first
        is the one that would be trained alone. Probabilities are the mean of theirs
        (Lakshminarayanan et al., 2017). A layer is that of all, side by side; `history_`
        has rows of each, with its number as ``network``.
    layer : str or list of str, default="bottleneck"
        Stage that `transform` reads, or several, side by side; see `list_layers`. Can be
        changed after `fit`.
    batch_size : int, default=32
        Images per step; with ``patch_size`` as well, so that few are enough.
    early_stopping : bool, default=False
        Whether to hold images out and keep the epoch that is best on them. They are read
        whole, whatever the ``patch_size``, in blocks of ``batch_size``. Images of a patient
        stay together when `fit` gets ``groups``; without, it cannot know.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels that y has; of overlapping labels, their numbers or, if they are the
        fields of a structured array, their names.
    transfer_report_ : TransferReport or None
        What became of each tensor of ``encoder_weights``, and which weights are new.
    """

    layer: str | list[str] = "bottleneck"
    width: Count = 16
    normalization: Annotated[
        str | None, StrOptions({"batch", "instance", "group"}), None
    ] = "batch"
    activation: Annotated[str, StrOptions(set(ACTIVATIONS))] = "relu"
    loss: Annotated[str, StrOptions({"dice", "cross_entropy", "both"})] = "both"
    tversky_beta: Share = 0.5
    deep_supervision: Flag = False
    ignore_label: Annotated[int | None, Integral, None] = -1
    max_iter: Count = 50
    learning_rate_init: Positive = 2e-3
    encoder_weights: Any = None
    freeze: Annotated[
        str | int | None,
        StrOptions({"encoder"}),
        POSITIVE_WHOLE,
        None,
    ] = None
    patch_size: CountOrNone = None
    n_patches: Count = 4
    foreground_fraction: Share = 0.5
    overlap: ShareBelowOne = 0.5
    test_time_flips: Annotated[bool | tuple[int, ...], "boolean", list, tuple] = False
    keep_largest: Flag = False
    min_size: Whole = 0
    n_networks: Count = 1

    _unfitted: ClassVar[Learned] = LearnedMasks(np.array([0, 1]))
    _reading_parameters: ClassVar = TrainedTransformer._reading_parameters | {
        "overlap",
        "test_time_flips",
        "keep_largest",
        "min_size",
    }

    @abstractmethod
    def _architecture(self) -> dict[str, Any]:
        """Return what a kind decides of the network."""

    def _network_builder(
        self, sample_shape: tuple[int, ...], learned: LearnedMasks
    ) -> Builder:
        return Builder(
            UNet,
            in_channels=sample_shape[0],
            n_axes=len(sample_shape) - 1,
            n_outputs=len(learned.classes),
            multilabel=learned.multilabel,
            width=int(self.width),
            normalization=self.normalization,
            activation=self.activation,
            deep_supervision=bool(self.deep_supervision),
            **self._architecture(),
        )

    def _counts(self, n_levels: int) -> tuple[int, ...]:
        """Return the number of convolutions of each level."""
        if isinstance(self.n_convolutions, int | np.integer):
            return (int(self.n_convolutions),) * n_levels
        counts = self._sizes("n_convolutions")
        if len(counts) != n_levels:
            raise ValueError(
                f"Got n_convolutions={self.n_convolutions!r} with depth={self.depth}, but "
                f"expected a number of at least 1, or {n_levels} of them."
            )
        return counts

    def _objective(self, learned: LearnedMasks) -> MaskOverlap:
        architecture = self._architecture()
        steps = coarse_steps(
            architecture["depth"],
            architecture.get("first_stride", 1),
            architecture.get("spacing") or (1.0,),
        )
        return MaskOverlap(
            *LOSSES[self.loss],
            learned.first_foreground,
            learned.multilabel,
            float(self.tversky_beta),
            steps if self.deep_supervision else (),
        )

    def _phases(self) -> tuple[Phase, ...]:
        rate = float(self.learning_rate_init)
        parameter = "learning_rate_init"
        return (Phase(int(self.max_iter), rate, annealed=True, rate_parameter=parameter),)

    def _recipe(
        self,
        sample_shape: tuple[int, ...],
        learned: LearnedMasks,
        seed: int,
        phases: tuple[Phase, ...],
    ) -> Recipe:
        self._flipped_axes(len(sample_shape) - 1)
        recipe = super()._recipe(sample_shape, learned, seed, phases)
        borrowed = self.freeze, self.encoder_weights
        frozen = frozen_modules(recipe.builder, sample_shape, *borrowed)
        recipe = replace(
            recipe, phases=tuple(replace(phase, frozen=frozen) for phase in phases)
        )
        if self.patch_size is None or len(sample_shape) == 1:
            return recipe
        patches = MaskPatches(
            int(self.patch_size),
            int(self.n_patches),
            float(self.foreground_fraction),
            1 if learned.multilabel else learned.first_foreground,
            learned.multilabel,
            recipe.augment,
        )
        return replace(recipe, augment=patches)

    def _start(self, recipe: Recipe, x: np.ndarray, columns: dict[str, Any]) -> Start:
        """Begin with the encoder's weights of another network, where there is one."""
        if self.encoder_weights is None:
            return Start(attributes={"transfer_report_": None})
        with naming("encoder_weights"):
            fitted, report = transferred(recipe.builder, self.encoder_weights)
        return Start(fitted, {"transfer_report_": report})

    def _check(
        self, X: Any, *, reset: bool, image_shape: tuple[int, ...] | None = None
    ) -> np.ndarray:
        x = check_rows(self, X, reset=reset, min_samples=1, image_shape=image_shape)
        patches = self.patch_size is not None and self.n_patches > 1
        one_will_do = x.ndim > 2 and (patches or self.normalization != "batch")
        if len(x) == 1 and reset and not one_will_do:
            raise ValueError(
                f"Got X with n_samples=1, but with normalization={self.normalization!r}, "
                f"patch_size={self.patch_size!r} and n_patches={self.n_patches}, "
                f"{type(self).__name__} expects at least 2; one image will do with several "
                "patches, or with normalization='instance'."
            )
        return x

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Train the network on images and their masks.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images, scaled to about [0, 1]; rows are flat images with ``image_shape=``,
            or else images of a single pixel. A list may have images ``(channels,
            *spatial)`` of unequal sizes.
        y : array-like of shape (n_samples, *spatial) or (n_samples, n_labels, *spatial)
            The class of each pixel, where 0 is background; or 0 and 1 for each of
            several labels that may overlap. Either may be flat, one row per image, or a
            list, as X. Labels that overlap may also be the fields of a structured array
            of shape (n_samples, *spatial), and keep their names.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each image in the loss.
        groups : array-like of shape (n_samples,), default=None
            Patient of each image; early stopping never splits a patient.

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
        if self.n_networks > 1:
            return fit_several(self, X, columns | {"y": y})
        refuse_other_index(type(self).__name__, X, columns | {"y": y})
        y = as_masks(y)
        X, y, shape = of_one_size(X, y, self.ignore_label, self.image_shape)
        return self._fit(X, self._phases(), image_shape=shape, y=y, **columns)

    def _data(
        self, x: np.ndarray, known: Any, y: Any = None, **columns: Any
    ) -> tuple[Data, LearnedMasks]:
        """Check the columns, and learn which labels there are."""
        data, _ = super()._data(x, known, **columns)
        index, learned = encode_masks(y, x, self.ignore_label, type(self).__name__)
        warn_of_offset(x, type(self).__name__)
        return replace(data, mask=index), learned

    def _maps(
        self, X: Any, function: Callable[[Tensor], Tensor], dtype: type = np.float32
    ) -> np.ndarray:
        """Apply a function of the labels' probabilities, few images at a time."""
        check_is_fitted(self, "network_")
        images, network = images_of(self, X), self.network_

        def of_one_view(x: Tensor) -> Tensor:
            return network.module.read(x, ["mask"])["mask"]

        axes = self._flipped_axes(len(self.sample_shape_) - 1)
        probability = mean_over_flips(of_one_view, axes)

        def whole(x: np.ndarray, block_size: int | None = None) -> np.ndarray:
            def maps(rows: Tensor) -> Tensor:
                return function(probability(rows))

            found = network.apply(maps, x, self.n_threads, block_size=block_size)
            return found.astype(dtype, copy=False)

        if isinstance(images, np.ndarray) and (self.patch_size is None or images.ndim == 2):
            return whole(images)
        if self.patch_size is None:
            return gathered(whole(as_image(image)[None], 1)[0] for image in images)
        size, overlap = int(self.patch_size), float(self.overlap)
        total = sum(n_windows(image.shape[1:], size, overlap) for image in images)
        with window_bar(type(self).__name__, total, self.verbose) as advance:
            window = (size, overlap, network.used_device, self.n_threads, advance)
            return gathered(
                function(apply_by_windows(probability, as_image(image), *window)[None])[0]
                .cpu()
                .numpy()
                for image in images
            )

    def _labels(self, X: Any) -> np.ndarray:
        """Predict masks with an axis for each of the image."""
        check_is_fitted(self, "network_")
        rule = PartRule(bool(self.keep_largest), int(self.min_size))
        if self._learned.multilabel:
            found = self._maps(X, lambda p: (p > 0.5).to(torch.uint8), np.uint8)
            return rule.of_overlapping(found)
        if rule.removes and not self._learned.first_foreground:
            raise ValueError(
                f"Got keep_largest={self.keep_largest} and min_size={self.min_size} with "
                f"the classes {listed(self.classes_)}, but what is removed becomes "
                "background; expected a class 0."
            )
        found = self._maps(X, lambda p: p.argmax(dim=1).to(torch.uint8), np.uint8)
        if found.dtype == object:
            return rule.of_labels(gathered(self.classes_[index] for index in found))
        return rule.of_labels(self.classes_[found])

    def _flipped_axes(self, n_axes: int) -> list[int]:
        return flipped_axes("test_time_flips", self.test_time_flips, n_axes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each label of each pixel.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes, *spatial), float32
            In the order of ``classes_``. For images of unequal sizes, an array of arrays.
        """
        maps = self._maps(X, lambda p: p)
        return maps[..., 0] if len(self.sample_shape_) == 1 else maps

    def transform(self, X: Any) -> np.ndarray:
        """Read the features of `layer`, of whole images, whatever the ``patch_size``.

        Parameters
        ----------
        X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
            Images of any size, or their flat rows. A list may have images of unequal
            sizes.

        Raises
        ------
        ValueError
            If ``pool=None``, and images are not of the size of `fit`.

        Notes
        -----
        Pooled by windows, features would depend on where these lie. So memory grows with
        the image: by some 200 bytes per pixel with ``width=16``, 80 with
        ``first_stride=2``.
        """
        check_is_fitted(self, "network_")
        layers = self._selected_layers(self.network_.shapes)
        images = images_of(self, X)
        if isinstance(images, np.ndarray):
            return self.network_.read(images, layers, self.pool, self.n_threads)
        if self.pool is None:
            raise ValueError(
                "Got pool=None with images of other sizes than in fit, whose maps have "
                "other numbers of entries; expected pool='avg' or 'max'."
            )
        rows = [
            self.network_.read(as_image(x)[None], layers, self.pool, self.n_threads, 1)
            for x in images
        ]
        return np.concatenate(rows)
