"""skvae: features of autoencoders as scikit-learn transformers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvae.estimators.autoencoder import Autoencoder
    from skvae.estimators.denoising import DenoisingAutoencoder
    from skvae.estimators.sparse import SparseAutoencoder
    from skvae.estimators.vae import VAEFeatureExtractor

__all__ = [
    "Autoencoder",
    "DenoisingAutoencoder",
    "SparseAutoencoder",
    "VAEFeatureExtractor",
]

# Public name -> module. Torch is imported when a name is first used, not before.
_HOMES = {
    "Autoencoder": "skvae.estimators.autoencoder",
    "DenoisingAutoencoder": "skvae.estimators.denoising",
    "SparseAutoencoder": "skvae.estimators.sparse",
    "VAEFeatureExtractor": "skvae.estimators.vae",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'skvae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
