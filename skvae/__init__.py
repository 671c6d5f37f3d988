"""skvae: features of autoencoders as scikit-learn transformers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from skvae.first_use import on_first_use

if TYPE_CHECKING:
    from skvae.features.attri_vae import AttriVAE
    from skvae.features.autoencoder import Autoencoder
    from skvae.features.convolutional_sparse import ConvolutionalSparseAutoencoder
    from skvae.features.denoising import DenoisingAutoencoder
    from skvae.features.layer_extractor import LayerExtractor
    from skvae.features.sparse import SparseAutoencoder
    from skvae.features.vae import VAEFeatureExtractor
    from skvae.inspection.stable_features import StableFeatures
    from skvae.prediction.classifier import AutoencoderClassifier
    from skvae.prediction.regressor import AutoencoderRegressor
    from skvae.prediction.sequence_classifier import SequenceClassifier
    from skvae.prediction.sequence_regressor import SequenceRegressor
    from skvae.saving.known_parts import SKOPS_TRUSTED as SKOPS_TRUSTED
    from skvae.saving.model_files import load, save
    from skvae.segmentation.cascade import CascadeSegmenter
    from skvae.segmentation.dice import dice_scores
    from skvae.segmentation.involvement import involvement
    from skvae.segmentation.lesion_crop import LesionCrop
    from skvae.segmentation.mask_calibration import MaskCalibration, calibrate_masks
    from skvae.segmentation.out_of_fold import cross_val_predict_masks
    from skvae.segmentation.pixel_classifier import PixelClassifier
    from skvae.segmentation.segnet_segmenter import SegNetSegmenter
    from skvae.segmentation.stratified_folds import MaskStratifiedKFold
    from skvae.segmentation.unet_segmenter import UNetSegmenter
    from skvae.training.augmentation import RandomAugment
    from skvae.training.recipe import Phase
    from skvae.training.transfer import transfer_weights

__all__ = [
    "AttriVAE",
    "Autoencoder",
    "AutoencoderClassifier",
    "AutoencoderRegressor",
    "CascadeSegmenter",
    "ConvolutionalSparseAutoencoder",
    "DenoisingAutoencoder",
    "LayerExtractor",
    "LesionCrop",
    "MaskCalibration",
    "MaskStratifiedKFold",
    "Phase",
    "PixelClassifier",
    "RandomAugment",
    "SegNetSegmenter",
    "SequenceClassifier",
    "SequenceRegressor",
    "SparseAutoencoder",
    "StableFeatures",
    "UNetSegmenter",
    "VAEFeatureExtractor",
    "calibrate_masks",
    "cross_val_predict_masks",
    "dice_scores",
    "involvement",
    "load",
    "save",
    "transfer_weights",
]

# Public name -> module. Torch is imported when a name is first used, not before.
_HOMES = {
    "AttriVAE": "skvae.features.attri_vae",
    "Autoencoder": "skvae.features.autoencoder",
    "AutoencoderClassifier": "skvae.prediction.classifier",
    "AutoencoderRegressor": "skvae.prediction.regressor",
    "CascadeSegmenter": "skvae.segmentation.cascade",
    "ConvolutionalSparseAutoencoder": "skvae.features.convolutional_sparse",
    "DenoisingAutoencoder": "skvae.features.denoising",
    "LayerExtractor": "skvae.features.layer_extractor",
    "LesionCrop": "skvae.segmentation.lesion_crop",
    "MaskCalibration": "skvae.segmentation.mask_calibration",
    "MaskStratifiedKFold": "skvae.segmentation.stratified_folds",
    "Phase": "skvae.training.recipe",
    "PixelClassifier": "skvae.segmentation.pixel_classifier",
    "RandomAugment": "skvae.training.augmentation",
    "SequenceClassifier": "skvae.prediction.sequence_classifier",
    "SequenceRegressor": "skvae.prediction.sequence_regressor",
    "SegNetSegmenter": "skvae.segmentation.segnet_segmenter",
    "SparseAutoencoder": "skvae.features.sparse",
    "StableFeatures": "skvae.inspection.stable_features",
    "UNetSegmenter": "skvae.segmentation.unet_segmenter",
    "VAEFeatureExtractor": "skvae.features.vae",
    "calibrate_masks": "skvae.segmentation.mask_calibration",
    "cross_val_predict_masks": "skvae.segmentation.out_of_fold",
    "dice_scores": "skvae.segmentation.dice",
    "involvement": "skvae.segmentation.involvement",
    "load": "skvae.saving.model_files",
    "save": "skvae.saving.model_files",
    "SKOPS_TRUSTED": "skvae.saving.known_parts",
    "transfer_weights": "skvae.training.transfer",
}

_imported, _names = on_first_use(__name__, _HOMES)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # What reads it is half of the time of an import.
        return import_module("importlib.metadata").version("skvae")
    return _imported(name)


def __dir__() -> list[str]:
    return [*_names(), "__version__"]
