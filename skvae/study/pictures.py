"""What a decoder makes of held-out rows, and of codes that move."""

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.drawing import sliced
from skvae.study.fitted_networks import TrainedNetwork
from skvae.study.training_record import code_of, codes

__all__ = ["Pictures", "pictures_of"]

N_ROWS = 6
N_UNITS = 3
N_STEPS = 7
N_MOVING = 8  # columns of a table in a traversal
# Pixels along an axis; of larger images every second, third, ... one is kept, so that the
# files of a study stay small.
MOST_PIXELS = 64


@dataclass(frozen=True, eq=False, repr=False)
class Pictures:
    """Reconstructions of held-out rows and traversals of the code, of one arm.

    Parameters
    ----------
    network : str
        Names of the steps that lead to the network.
    kind : str
        `"image"`, `"signal"` or `"table"`.
    samples : list of str
        Names of the rows that are shown, from the best to the worst reconstructed one.
    inputs, reconstructions : ndarray of shape (n_rows, height, width)
        Of volumes the central slice across the first axis; for signals and tables of shape
        (n_rows, n_values).
    place, n_slices : int
        Number of the slice that is shown, and of how many; 0 and 1 of images.
    every : int
        Each so many pixels one is kept.
    units : list of str
        The most active units, at most three.
    values : ndarray of shape (n_units, n_steps)
        Values of these units at each step, from the 2nd to the 98th percentile.
    traversals : ndarray of shape (n_units, n_steps, height, width)
        What is decoded there, all other units at their mean; of tables, the columns that
        move most: (n_units, n_steps, n_moving).
    moving : list of list of str
        For tables, the names of these columns for each unit.
    columns : list of str
        For tables, the names of all columns.
    r2 : ndarray of shape (n_columns,)
        For tables, the share of the variance of each column, over all held-out rows, that
        the reconstruction explains; NaN for a constant one.
    """

    network: str
    kind: str
    samples: list[str]
    inputs: NDArray[Any]
    reconstructions: NDArray[Any]
    place: int
    n_slices: int
    every: int
    units: list[str]
    values: NDArray[Any]
    traversals: NDArray[Any]
    moving: list[list[str]]
    columns: list[str]
    r2: NDArray[Any]

    def __repr__(self) -> str:
        shown = f"{len(self.samples)} rows, {len(self.units)} units"
        return f"{type(self).__name__}({self.kind} of {self.network!r}, {shown})"

    def as_plain(self) -> dict[str, Any]:
        """Return it as JSON can hold it.

        Returns
        -------
        dict of str to object
            Arrays as text of their bytes.
        """
        plain = asdict(self)
        return {
            name: _as_text(value) if isinstance(value, np.ndarray) else value
            for name, value in plain.items()
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Pictures":
        """Return what `as_plain` was made of.

        Parameters
        ----------
        plain : dict of str to object
            From `as_plain`.

        Returns
        -------
        Pictures
            The same to the last bit.
        """
        return cls(
            **{
                name: _from_text(value) if isinstance(value, dict) else value
                for name, value in plain.items()
            }
        )


def pictures_of(
    networks: Sequence[TrainedNetwork], samples: NDArray[Any]
) -> Pictures | None:
    """Draw from the first network that decodes, one of images before one of tables.

    Parameters
    ----------
    networks : sequence of TrainedNetwork
        Of an arm.
    samples : ndarray of shape (n_rows,)
        Names of the rows.

    Returns
    -------
    Pictures or None
        None where no network decodes.
    """
    able = [
        network
        for network in networks
        if network.X is not None
        and hasattr(network.estimator, "reconstruct")
        and code_of(network.estimator) is not None
    ]
    able.sort(key=lambda network: len(network.estimator.sample_shape_) == 1)
    return _pictures(able[0], samples) if able else None


def _pictures(network: TrainedNetwork, samples: NDArray[Any]) -> Pictures:
    estimator = network.estimator
    shape = estimator.sample_shape_
    kind = {1: "table", 2: "signal"}.get(len(shape), "image")
    given = np.asarray(network.X, dtype=np.float32)
    made = np.asarray(estimator.reconstruct(given)).reshape(-1, *shape)
    given = given.reshape(-1, *shape)
    shown = _from_best_to_worst(given, made)
    units, values, decoded = _traversals(network)
    every = max(1, ceil(max(shape[-2:]) / MOST_PIXELS)) if kind == "image" else 1
    moving: list[list[str]] = []
    columns: list[str] = []
    r2 = np.empty(0, dtype=np.float32)
    if kind == "table":
        columns = network.columns or [f"column {k + 1}" for k in range(shape[0])]
        r2 = _explained(given, made)
        decoded, moving = _moving(decoded, columns)
    return Pictures(
        network.name,
        kind,
        [str(name) for name in samples[shown]],
        _flat(given[shown], len(shape) - 1, every),
        _flat(made[shown], len(shape) - 1, every),
        shape[1] // 2 if len(shape) == 4 else 0,
        shape[1] if len(shape) == 4 else 1,
        every,
        units,
        values,
        _flat(decoded, len(shape) - 1, every),
        moving,
        columns,
        r2,
    )


def _from_best_to_worst(given: NDArray[Any], made: NDArray[Any]) -> NDArray[np.intp]:
    """Return rows at equal steps of the rank of their error, so that none is hidden."""
    error = np.square(given - made).reshape(len(given), -1).mean(axis=1)
    places = np.linspace(0, len(given) - 1, min(N_ROWS, len(given))).astype(np.intp)
    return np.argsort(error, kind="stable")[places]


def _flat(images: NDArray[Any], n_spatial: int, every: int) -> NDArray[np.float32]:
    """Return the first channel, and of volumes the central slice."""
    if n_spatial == 0:
        return images.astype(np.float32)
    if n_spatial == 1:
        return images[..., 0, :].astype(np.float32)
    slices = sliced(images, n_spatial, 0, 0, None)
    return np.ascontiguousarray(slices[..., ::every, ::every], dtype=np.float32)


def _traversals(
    network: TrainedNetwork,
) -> tuple[list[str], NDArray[np.float32], NDArray[np.float32]]:
    """Move the units that are most active, one after the other."""
    from skvae.inspection.traversal import latent_traversal

    estimator = network.estimator
    activity = getattr(estimator, "kl_per_component_", None)
    if activity is None:
        activity = codes(network).var(axis=0)
    moved = [
        latent_traversal(estimator, network.X, unit=int(k), n_steps=N_STEPS)
        for k in np.argsort(-np.asarray(activity), kind="stable")[:N_UNITS]
    ]
    return (
        [one.names[0] for one in moved],
        np.stack([one.values[:, 0] for one in moved]).astype(np.float32),
        np.stack([one.images for one in moved]).astype(np.float32),
    )


def _explained(given: NDArray[Any], made: NDArray[Any]) -> NDArray[np.float32]:
    given, made = given.astype(np.float64), made.astype(np.float64)
    spread = np.square(given - given.mean(axis=0)).sum(axis=0)
    error = np.square(given - made).sum(axis=0)
    share = np.full(len(spread), np.nan)
    np.divide(error, spread, out=share, where=spread > 0)
    return (1 - share).astype(np.float32)


def _moving(
    decoded: NDArray[Any], columns: Sequence[str]
) -> tuple[NDArray[np.float32], list[list[str]]]:
    """Keep, of each unit, the columns that it moves most."""
    most = np.argsort(-np.ptp(decoded, axis=1), axis=1, kind="stable")[:, :N_MOVING]
    kept = np.stack([one[:, places] for one, places in zip(decoded, most, strict=True)])
    return kept, [[columns[place] for place in places] for places in most]


def _as_text(array: NDArray[Any]) -> dict[str, Any]:
    array = np.ascontiguousarray(array, dtype="<f4")
    text = base64.b64encode(array.tobytes()).decode("ascii")
    return {"shape": list(array.shape), "float32": text}


def _from_text(plain: dict[str, Any]) -> NDArray[np.float32]:
    content = np.frombuffer(base64.b64decode(plain["float32"]), dtype="<f4")
    return content.reshape(plain["shape"]).astype(np.float32)
