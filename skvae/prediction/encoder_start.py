"""Where a network with a head begins: with a pretrained encoder, or without weights."""

from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from skvae.estimators.held_estimators import refuse_fitted
from skvae.estimators.settled import Start
from skvae.features.attri_vae import AttriVAE
from skvae.training.fitting import Fitted, State
from skvae.training.phase_report import hashes
from skvae.training.recipe import Recipe


def check_untrained(autoencoder: Any, *, pretrain: bool) -> None:
    """Refuse an autoencoder, to be trained here, of which no encoder can be made.

    Parameters
    ----------
    autoencoder : BaseAutoencoder
        What the user gave.
    pretrain : bool
        Whether it is trained before the head.

    Raises
    ------
    ValueError
        If it is fitted, has several networks, or needs more than X to be pretrained.
    """
    refuse_fitted("autoencoder", autoencoder)
    if autoencoder.n_networks > 1:
        raise ValueError(
            f"Got autoencoder={autoencoder!r}, but one encoder is fine-tuned; expected an "
            "autoencoder with n_networks=1."
        )
    if pretrain and isinstance(autoencoder, AttriVAE):
        raise ValueError(
            f"Got autoencoder={autoencoder!r}, but pretraining has neither labels nor "
            "attributes for it; fit it with these, and pass FrozenEstimator(autoencoder), "
            "or take a VAEFeatureExtractor."
        )


def pretrained_start(fitted: Any, history: list[dict[str, Any]]) -> Start:
    """Begin with the weights of a fitted autoencoder.

    Parameters
    ----------
    fitted : BaseAutoencoder
        The autoencoder.
    history : list of dict
        A row per epoch of its training, if that was here.
    """
    state = of_encoder(fitted.network_.state)
    report = {
        "phase": "pretrain",
        "n_epochs": len(history),
        "n_trainable": sum(p.numel() for p in fitted.network_.module.parameters()),
        "n_frozen": 0,
        **hashes(state, "after"),
    }
    start = Fitted(state, history, phases=[report] if history else [])
    return Start(start, {"autoencoder_": fitted})


def untrained_start(
    autoencoder: Any, recipe: Recipe, x: np.ndarray, columns: dict[str, Any]
) -> Start:
    """Begin with no weights, but with what stands in for missing entries, if any may be."""
    if isinstance(autoencoder, FrozenEstimator):
        autoencoder = autoencoder.estimator
    start = autoencoder._start(recipe, x, columns).fitted
    return Start() if start is None else Start(Fitted(of_encoder(start.state), []))


def of_encoder(state: State) -> dict[str, np.ndarray]:
    """Return the state of an autoencoder as that of the encoder of another network."""
    return {f"encoder.{name}": value for name, value in state.items()}
