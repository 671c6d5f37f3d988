"""Weights that the encoder of a segmenter takes from elsewhere, and keeps or not."""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skvae.networks.builder import Builder
from skvae.networks.side_by_side import SideBySide
from skvae.networks.staged import modules_behind
from skvae.networks.unet import encoder_name
from skvae.networks.weightless import weightless
from skvae.torch_settings import own_settings
from skvae.training.fitting import Fitted
from skvae.training.reading import FittedNetwork
from skvae.training.transfer import (
    ADAPTED,
    COPIED,
    Mapped,
    TransferReport,
    transfer_weights,
)


@own_settings()
def transferred(builder: Builder, weights: Any) -> tuple[Fitted, TransferReport]:
    """Return the weights that a new network takes from elsewhere, and a report.

    Parameters
    ----------
    builder : Builder
        The new network, a `UNet`.
    weights : fitted estimator, FrozenEstimator, module, state dict or path
        Where its weights come from.

    Raises
    ------
    ValueError
        If no weight fits, or an estimator is not fitted, or has not one network of its own.
    """
    source, mapping = _source(weights)
    network = weightless(builder)
    network.to_empty(device="cpu")
    report = transfer_weights(network, source, mapping)
    state = network.state_dict()
    filled = [row.target for row in report.rows if row.status in (COPIED, ADAPTED)]
    return Fitted({name: state[name].numpy() for name in filled}, []), report


def _source(weights: Any) -> tuple[Any, Mapped]:
    """Return where the weights lie, and how their names are found."""
    if isinstance(weights, FrozenEstimator):
        weights = weights.estimator
    if not isinstance(weights, BaseEstimator):
        return weights, "auto"
    try:
        check_is_fitted(weights)
    except NotFittedError as error:
        raise ValueError(
            f"Got encoder_weights={weights!r}, which is not fitted (a clone, as a search "
            "makes it, never is); expected FrozenEstimator of a fitted one."
        ) from error
    network = getattr(weights, "network_", None)
    if not isinstance(network, FittedNetwork):
        raise ValueError(
            f"Got encoder_weights={weights!r}, which is fitted, but has no network of its "
            "own; expected an autoencoder or a segmenter, such as a step of a pipeline."
        )
    if network.builder.cls is SideBySide:
        raise ValueError(
            f"Got encoder_weights={weights!r}, whose networks are several; expected an "
            "estimator with n_networks=1."
        )
    segments = any(name.startswith("encoder.block") for name in network.state)
    return network, "auto" if segments else encoder_name


def frozen_modules(
    builder: Builder, sample_shape: tuple[int, ...], freeze: str | int | None, weights: Any
) -> tuple[str, ...]:
    """Name the modules that keep their weights while training.

    Parameters
    ----------
    builder : Builder
        The network, a `UNet`.
    sample_shape : tuple of int
        Shape of an image.
    freeze : "encoder", int or None
        Which stages of the encoder: all, or so many from the image on.
    weights : object
        Where its weights come from; without any, there is nothing to keep.
    """
    if freeze is None:
        return ()
    stages = weightless(builder).encoder_stages
    n_stages = len(stages) if freeze == "encoder" else int(freeze)
    if weights is None:
        raise ValueError(
            f"Got freeze={freeze!r} with encoder_weights=None, but random weights would "
            "stay what they are; expected weights of another network."
        )
    if n_stages > len(stages):
        raise ValueError(
            f"Got freeze={freeze!r}, but the encoder has {len(stages)} stages: "
            f"{', '.join(stages)}."
        )
    return tuple(sorted(modules_behind(builder, sample_shape, stages[:n_stages])))
