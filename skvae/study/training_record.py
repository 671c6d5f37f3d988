"""What the networks of a fitted arm say of their training."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.study.fitted_networks import TrainedNetwork

__all__ = ["active_units", "code_of", "epochs"]

# A unit of a deterministic code counts as active if it varies by more than this share of
# the mean of all. That of a variational one is judged as Burda et al. (2016) do.
ACTIVE_SHARE = 0.01


def epochs(networks: Sequence[TrainedNetwork]) -> list[dict[str, Any]]:
    """Return a row for each epoch of each network.

    Parameters
    ----------
    networks : sequence of TrainedNetwork
        Of an arm.

    Returns
    -------
    list of dict
        `network`, `phase`, `epoch`, `train_loss`, `valid_loss`.
    """
    return [
        {
            "network": network.name,
            "phase": str(row.get("phase", "fit")),
            "epoch": int(row["epoch"]),
            "train_loss": float(row["loss"]),
            "valid_loss": float(row.get("valid_loss", np.nan)),
        }
        for network in networks
        for row in network.estimator.history_
    ]


def active_units(networks: Sequence[TrainedNetwork]) -> list[dict[str, Any]]:
    """Count the units that vary, of the code and of the layer that was chosen.

    Parameters
    ----------
    networks : sequence of TrainedNetwork
        Of an arm.

    Returns
    -------
    list of dict
        `network`, `layer`, `n_units`, `n_active`.
    """
    return [
        {"network": network.name, "layer": layer, "n_units": n, "n_active": active}
        for network in networks
        for layer, n, active in _layers(network)
    ]


def _layers(network: TrainedNetwork) -> Iterator[tuple[str, int, int]]:
    estimator = network.estimator
    code, layer = code_of(estimator), getattr(estimator, "layer", None)
    if hasattr(estimator, "active_units_"):
        yield str(code), estimator.kl_per_component_.size, estimator.active_units_
    elif code is not None and network.X is not None:
        yield code, *_counted(codes(network))
    if network.X is None or layer in (code, None):
        return
    name = layer if isinstance(layer, str) else " + ".join(map(str, layer))
    yield name, *_counted(np.asarray(estimator.transform(network.X)))


def code_of(estimator: Any) -> str | None:
    """Return the layer of the code that is decoded.

    Parameters
    ----------
    estimator : estimator
        A fitted network.

    Returns
    -------
    str or None
        Its name; None where there is no decoder, or no code of single units.
    """
    # Here, so that the study itself does not need torch.
    from skvae.inspection.units import code_layer

    try:
        return code_layer(estimator)
    except ValueError:
        return None


def codes(network: TrainedNetwork) -> NDArray[np.float64]:
    """Return the codes of the rows.

    Parameters
    ----------
    network : TrainedNetwork
        With a decoder, and rows.

    Returns
    -------
    ndarray of shape (n_rows, n_units)
        The codes.
    """
    from skvae.inspection.units import encode

    return np.asarray(encode(network.estimator, network.X), dtype=np.float64)


def _counted(values: NDArray[Any]) -> tuple[int, int]:
    variance = np.var(values.reshape(len(values), -1), axis=0, dtype=np.float64)
    return len(variance), int((variance > ACTIVE_SHARE * variance.mean()).sum())
