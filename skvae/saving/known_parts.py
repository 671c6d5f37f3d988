"""The closed lists of what a saved model may be made of; nothing is found by its name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_selection import (
    SelectKBest,
    VarianceThreshold,
    chi2,
    f_classif,
    f_regression,
    mutual_info_classif,
    mutual_info_regression,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)

from skvae.estimators.settled import Learned
from skvae.estimators.targets import Classes, TargetScale
from skvae.features.attri_vae import AttriVAE
from skvae.features.attribute_columns import LearnedAttributes
from skvae.features.autoencoder import Autoencoder
from skvae.features.convolutional_sparse import ConvolutionalSparseAutoencoder
from skvae.features.denoising import Corrupted, DenoisingAutoencoder
from skvae.features.layer_extractor import LayerExtractor
from skvae.features.monotone import MonotoneMap
from skvae.features.sparse import SparseAutoencoder
from skvae.features.vae import VAEFeatureExtractor
from skvae.features.variational import LearnedScale
from skvae.images.loader import ImageLoader
from skvae.inspection.stable_features import StableFeatures
from skvae.networks.blocks import GaussianCode, LinearCode
from skvae.networks.builder import Builder
from skvae.networks.conv import ConvAutoencoder
from skvae.networks.dense import DenseAutoencoder
from skvae.networks.densenet import DenseNet, densenet121
from skvae.networks.head import EncoderWithHead, Head
from skvae.networks.holes import WithHoles
from skvae.networks.multi_scale import MultiScaleAutoencoder
from skvae.networks.published_attri_vae import PublishedAttriVAE, PublishedHead
from skvae.networks.recurrent import Recurrent, SequenceNetwork
from skvae.networks.side_by_side import SideBySide
from skvae.networks.sparse_codes import (
    BatchTopKCode,
    JumpReLUCode,
    ReluCode,
    SigmoidCode,
    TopKCode,
    WatchedAutoencoder,
)
from skvae.networks.supervised import SupervisedAutoencoder
from skvae.networks.taps import Address, LayerRow, Survey
from skvae.networks.unet import UNet
from skvae.networks.vgg import VGG, vgg16
from skvae.objectives.attributes import AttributeELBO
from skvae.objectives.elbo import BetaELBO, Reconstruction
from skvae.objectives.overlap import MaskOverlap
from skvae.objectives.reconstruction import (
    BernoulliLikelihood,
    GaussianLikelihood,
    SquaredError,
)
from skvae.objectives.sparse_scales import SparseScales
from skvae.objectives.sparsity import (
    FewActive,
    QuietUnits,
    SmallActivations,
    SparseReconstruction,
)
from skvae.objectives.supervision import CrossEntropy, SquaredResidual
from skvae.prediction.classifier import AutoencoderClassifier
from skvae.prediction.learned_target import LearnedTarget, Supervised
from skvae.prediction.regressor import AutoencoderRegressor
from skvae.prediction.sequence_classifier import SequenceClassifier
from skvae.prediction.sequence_regressor import SequenceRegressor
from skvae.search.stacked_search import StackedGridSearchCV
from skvae.segmentation.cascade import CascadeSegmenter
from skvae.segmentation.lesion_crop import LesionCrop
from skvae.segmentation.masks import LearnedMasks
from skvae.segmentation.pixel_classifier import PixelClassifier
from skvae.segmentation.segnet_segmenter import SegNetSegmenter
from skvae.segmentation.stratified_folds import MaskStratifiedKFold
from skvae.segmentation.unet_segmenter import UNetSegmenter
from skvae.study.arm_features import ImagePCA, flatten, log_volume
from skvae.study.input_blocks import SelectBlock
from skvae.training.augmentation import RandomAugment
from skvae.training.borrowed_network import ForeignNetwork, to_imagenet, to_rgb
from skvae.training.reading import FittedNetwork
from skvae.training.recipe import Phase
from skvae.training.transfer import TransferReport, TransferRow

__all__ = ["ESTIMATORS", "FUNCTIONS", "NETWORKS", "SKOPS_TRUSTED", "TYPES", "VALUES"]


SEARCHES = (GridSearchCV, RandomizedSearchCV, StackedGridSearchCV)
WATCHING = frozenset(
    {
        "_callback_fit_ctx",
        "_parent_callback_ctx",
        "_skl_callbacks",
        "_skl_callbacks_to_teardown",
    }
)


@dataclass(frozen=True)
class Part:
    """A class of estimators, and which of its parameters and attributes are kept.

    Attributes
    ----------
    cls : type
        The class.
    only_fit : frozenset of str or None
        Parameters that nothing but `fit` reads; None of our own kinds, where they are
        all but those that the fitted network has beside it.
    """

    cls: type
    only_fit: frozenset[str] | None = None

    def keeps(self, name: str) -> bool:
        """Whether a fitted attribute is kept.

        All are but those that say who watches the fit; and of a search, what it works
        with: its scorer is made anew, and its folds are of rows that are not here.
        """
        if self.cls in SEARCHES and (name.startswith("_") or name == "scorer_"):
            return name in ("_metadata_request", "_sklearn_output_config")
        return name not in WATCHING


def _by_name(members: Iterable[Any]) -> dict[str, Any]:
    return {member.__name__: member for member in members}


_OURS = (
    AttriVAE,
    Autoencoder,
    AutoencoderClassifier,
    AutoencoderRegressor,
    CascadeSegmenter,
    ConvolutionalSparseAutoencoder,
    DenoisingAutoencoder,
    ImageLoader,
    LayerExtractor,
    ImagePCA,
    LesionCrop,
    PixelClassifier,
    SegNetSegmenter,
    SelectBlock,
    SequenceClassifier,
    SequenceRegressor,
    SparseAutoencoder,
    StableFeatures,
    UNetSegmenter,
    VAEFeatureExtractor,
)
_MEMORY = frozenset({"memory"})
_SEED = frozenset({"random_state"})
_SEARCH = frozenset({"cv", "scoring", "param_grid", "param_distributions"}) | _SEED
_THEIRS = {
    ColumnTransformer: frozenset(),
    DummyClassifier: _SEED,
    DummyRegressor: frozenset(),
    FeatureUnion: frozenset(),
    FrozenEstimator: frozenset(),
    FunctionTransformer: frozenset(),
    GridSearchCV: _SEARCH,
    LogisticRegression: _SEED,
    MinMaxScaler: frozenset(),
    MissingIndicator: frozenset(),
    OneHotEncoder: frozenset(),
    PCA: _SEED,
    Pipeline: _MEMORY,
    RandomizedSearchCV: _SEARCH,
    Ridge: _SEED,
    SelectKBest: frozenset({"score_func"}),
    SimpleImputer: frozenset(),
    StackedGridSearchCV: _SEARCH,
    StandardScaler: frozenset(),
    VarianceThreshold: frozenset(),
}
ESTIMATORS: dict[str, Part] = {cls.__name__: Part(cls) for cls in _OURS} | {
    cls.__name__: Part(cls, only_fit) for cls, only_fit in _THEIRS.items()
}

# Frozen values of an estimator: what it learned, minimised or met.
VALUES: dict[str, type] = _by_name(
    [
        Address,
        AttributeELBO,
        BernoulliLikelihood,
        BetaELBO,
        Classes,
        CrossEntropy,
        FewActive,
        GaussianLikelihood,
        LayerRow,
        Learned,
        LearnedAttributes,
        LearnedMasks,
        LearnedScale,
        LearnedTarget,
        MaskOverlap,
        MaskStratifiedKFold,
        MonotoneMap,
        Phase,
        QuietUnits,
        RandomAugment,
        Reconstruction,
        SmallActivations,
        SparseReconstruction,
        SparseScales,
        SquaredError,
        SquaredResidual,
        Supervised,
        Survey,
        TargetScale,
        TransferReport,
        TransferRow,
    ]
)

# What a builder may build.
NETWORKS: dict[str, type] = _by_name(
    [
        BatchTopKCode,
        ConvAutoencoder,
        Corrupted,
        DenseAutoencoder,
        DenseNet,
        EncoderWithHead,
        GaussianCode,
        Head,
        JumpReLUCode,
        LinearCode,
        MultiScaleAutoencoder,
        PublishedAttriVAE,
        PublishedHead,
        Recurrent,
        ReluCode,
        SequenceNetwork,
        SigmoidCode,
        SupervisedAutoencoder,
        TopKCode,
        UNet,
        VGG,
        WatchedAutoencoder,
        SideBySide,
        WithHoles,
    ]
)

_OUR_FUNCTIONS = (densenet121, flatten, log_volume, to_imagenet, to_rgb, vgg16)
FUNCTIONS: dict[str, Callable[..., Any]] = _by_name(
    [
        *_OUR_FUNCTIONS,
        *(chi2, f_classif, f_regression, mutual_info_classif, mutual_info_regression),
        *(np.abs, np.exp, np.expm1, np.log, np.log10, np.log1p, np.log2, np.sqrt),
        *(np.square, special.expit, special.logit),
    ]
)

# Types of numbers, such as OneHotEncoder's dtype.
TYPES: dict[str, type] = _by_name(
    [
        *(bool, float, int, object, str),
        *(np.float16, np.float32, np.float64),
        *(np.int8, np.int16, np.int32, np.int64, np.uint8),
    ]
)

_TRUSTED = (
    *_OURS,
    *_OUR_FUNCTIONS,
    *VALUES.values(),
    *NETWORKS.values(),
    Builder,
    FittedNetwork,
    ForeignNetwork,
)
#: Names of the types and functions of skvae that files of skops have of its models.
SKOPS_TRUSTED = tuple(sorted(f"{each.__module__}.{each.__qualname__}" for each in _TRUSTED))
