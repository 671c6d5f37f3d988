"""Errors and warnings that skvae raises, for users to catch or filter."""

from sklearn.exceptions import ConvergenceWarning

__all__ = [
    "EmptyOrganWarning",
    "MissingDependencyError",
    "NonFiniteLossError",
    "PosteriorCollapseWarning",
    "PretrainingLostWarning",
]


class NonFiniteLossError(ValueError):
    """Training met a loss that is NaN or infinite; no fitted network came of it."""


class MissingDependencyError(ImportError):
    """An optional package is needed; the message names the extra that installs it."""


class PosteriorCollapseWarning(ConvergenceWarning):
    """No latent unit of a variational autoencoder carries information about its input."""


class PretrainingLostWarning(ConvergenceWarning):
    """Fine-tuning began with steps so large that the pretrained encoder was destroyed."""


class EmptyOrganWarning(UserWarning):
    """The first stage of a cascade found no organ; the second one takes the whole image."""
