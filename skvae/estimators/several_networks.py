"""Several networks of one fit, which differ in their seed alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skvae.estimators.collected_fits import stop_if_collecting
from skvae.estimators.settled import Fit
from skvae.exceptions import NonFiniteLossError
from skvae.networks.builder import Builder
from skvae.networks.side_by_side import SideBySide, states_together
from skvae.statistics.averaged_codes import aligned_mean, spread_out, turns_to_first
from skvae.training.caching import remember
from skvae.training.checkpointing import checkpoint_of
from skvae.training.data import Data, spaced_rows
from skvae.training.fitting import Fitted
from skvae.training.reading import FittedNetwork
from skvae.training.stacking import train_many
from skvae.training_counts import count_training


def read_as_one(network: Builder, n_networks: int) -> Builder:
    """Return the network that is read where so many of a kind were trained."""
    if n_networks == 1:
        return network
    return Builder(SideBySide, network=network, n_networks=n_networks)


def fits_of_networks(fit: Fit, n_networks: int, folder: Any) -> list[Fit]:
    """Return a fit for each network; the first is the one that would be alone."""
    rng = check_random_state(fit.recipe.seed)
    fits = [fit]
    for seed in rng.randint(2**31 - 1, size=n_networks - 1):
        recipe = replace(fit.recipe, seed=int(seed))
        checkpoint = fit.checkpoint and checkpoint_of(
            Path(folder), recipe, fit.data, fit.start.fitted
        )
        fits.append(replace(fit, recipe=recipe, checkpoint=checkpoint))
    return fits


class SeveralNetworks:
    """The networks of one fit, each from the memory where it is there.

    Parameters
    ----------
    fits : sequence of Fit
        One for each.
    kept : bool
        Whether they are looked for, and kept, in the memory of the fit.
    train_alone : callable or None
        Trains the network of a fit; ``None`` to train those that are missing side by side.
    """

    def __init__(
        self,
        fits: Sequence[Fit],
        kept: bool,
        train_alone: Callable[[Fit], Fitted] | None,
    ) -> None:
        self.fits = fits
        self.kept = kept
        self.train_alone = train_alone
        self.trained: dict[int, Fitted | NonFiniteLossError | None] = {}

    def fitted(self) -> Fitted:
        """Return the networks as one, with the history of each."""
        each = [self.network(number, fit) for number, fit in enumerate(self.fits)]
        history = [
            {"network": number} | row
            for number, one in enumerate(each)
            for row in one.history
        ]
        for fit in self.fits[1:]:  # the first is that of the whole
            if fit.checkpoint is not None:
                fit.checkpoint.finish()
        return Fitted(states_together(one.state for one in each), history)

    def network(self, number: int, fit: Fit) -> Fitted:
        """Return one of them."""
        compute = partial(self.train, number, fit)
        if not self.kept:
            return compute()
        return remember(fit.memory, fit.recipe, fit.data, compute, fit.start.fitted)

    def train(self, number: int, fit: Fit) -> Fitted:
        """Train one of them, and with it those behind it."""
        stop_if_collecting(fit.job if self.kept else None, fit.memory)
        if self.train_alone is not None:
            return self.train_alone(fit)
        if number not in self.trained:
            left = self.fits[number:]
            self.trained |= enumerate(train_many([fit.job for fit in left]), number)
        count_training()
        found = self.trained[number]
        if isinstance(found, NonFiniteLossError):
            raise found
        assert found is not None, "nothing is left out"
        return found


def turns_of(network: FittedNetwork, data: Data) -> dict[str, Any]:
    """Return what turns codes and dense layers to those of the first network, if several.

    Returns
    -------
    dict
        ``turns_``, by layer; empty where there is one network.
    """
    if not isinstance(network.module, SideBySide):
        return {}
    some, _ = spaced_rows(data)
    layers = [
        name
        for name, shape in network.shapes.items()
        if len(shape) == 1 and (name in network.module.codes or name.startswith("hidden"))
    ]
    n_networks = len(network.module.networks)
    each = zip(layers, network.read_each(some, layers), strict=True)
    found = {layer: turns_to_first(apart(columns, n_networks)) for layer, columns in each}
    return {"turns_": found}


def averaged(
    features: np.ndarray,
    layers: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    turns: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """Return the average of some layers, which stand side by side.

    Raises
    ------
    ValueError
        If a layer has more than one axis, or no vectors that can be turned.
    """
    if fixed := [layer for layer in layers if layer not in turns]:
        raise ValueError(
            f"Got combine='average' with layer={fixed[0]!r}, but averaged are codes and "
            f"dense layers alone: {', '.join(turns)}."
        )
    ends = np.cumsum([shapes[layer][0] for layer in layers])
    parts = np.split(features, ends[:-1], axis=1)
    found = [
        aligned_mean(apart(part, len(turns[layer][0])), *turns[layer])
        for layer, part in zip(layers, parts, strict=True)
    ]
    return np.concatenate(found, axis=1).astype(features.dtype)


def spread(code: np.ndarray, turns: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return the code of each network, side by side, that an average stands for."""
    each = spread_out(np.asarray(code), *turns)
    return np.concatenate(list(each), axis=1).astype(np.float32)


def apart(columns: np.ndarray, n_networks: int) -> np.ndarray:
    """Return columns that stand side by side one network after the other."""
    return np.stack(np.split(columns, n_networks, axis=1))
