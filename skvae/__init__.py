"""skvae: features of autoencoders as scikit-learn transformers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvae.estimators.attri_vae import AttriVAE
    from skvae.estimators.autoencoder import Autoencoder
    from skvae.estimators.composite.cascade import CascadeSegmenter
    from skvae.estimators.composite.classifier import AutoencoderClassifier
    from skvae.estimators.composite.pixel_classifier import PixelClassifier
    from skvae.estimators.composite.regressor import AutoencoderRegressor
    from skvae.estimators.composite.sequence_classifier import SequenceClassifier
    from skvae.estimators.composite.sequence_regressor import SequenceRegressor
    from skvae.estimators.convolutional_sparse import ConvolutionalSparseAutoencoder
    from skvae.estimators.denoising import DenoisingAutoencoder
    from skvae.estimators.dice import dice_scores
    from skvae.estimators.involvement import involvement
    from skvae.estimators.layer_extractor import LayerExtractor
    from skvae.estimators.segnet import SegNetSegmenter
    from skvae.estimators.sparse import SparseAutoencoder
    from skvae.estimators.unet import UNetSegmenter
    from skvae.estimators.vae import VAEFeatureExtractor
    from skvae.model_selection.out_of_fold import cross_val_predict_masks
    from skvae.model_selection.stratified import MaskStratifiedKFold
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
    "MaskStratifiedKFold",
    "Phase",
    "PixelClassifier",
    "RandomAugment",
    "SegNetSegmenter",
    "SequenceClassifier",
    "SequenceRegressor",
    "SparseAutoencoder",
    "UNetSegmenter",
    "VAEFeatureExtractor",
    "cross_val_predict_masks",
    "dice_scores",
    "involvement",
    "transfer_weights",
]

# Public name -> module. Torch is imported when a name is first used, not before.
_HOMES = {
    "AttriVAE": "skvae.estimators.attri_vae",
    "Autoencoder": "skvae.estimators.autoencoder",
    "AutoencoderClassifier": "skvae.estimators.composite.classifier",
    "AutoencoderRegressor": "skvae.estimators.composite.regressor",
    "CascadeSegmenter": "skvae.estimators.composite.cascade",
    "ConvolutionalSparseAutoencoder": "skvae.estimators.convolutional_sparse",
    "DenoisingAutoencoder": "skvae.estimators.denoising",
    "LayerExtractor": "skvae.estimators.layer_extractor",
    "MaskStratifiedKFold": "skvae.model_selection.stratified",
    "Phase": "skvae.training.recipe",
    "PixelClassifier": "skvae.estimators.composite.pixel_classifier",
    "RandomAugment": "skvae.training.augmentation",
    "SequenceClassifier": "skvae.estimators.composite.sequence_classifier",
    "SequenceRegressor": "skvae.estimators.composite.sequence_regressor",
    "SegNetSegmenter": "skvae.estimators.segnet",
    "SparseAutoencoder": "skvae.estimators.sparse",
    "UNetSegmenter": "skvae.estimators.unet",
    "VAEFeatureExtractor": "skvae.estimators.vae",
    "cross_val_predict_masks": "skvae.model_selection.out_of_fold",
    "dice_scores": "skvae.estimators.dice",
    "involvement": "skvae.estimators.involvement",
    "transfer_weights": "skvae.training.transfer",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'skvae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
