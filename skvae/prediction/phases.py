"""Whether phases of training fit the network that they are to train."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Any

from skvae.networks.builder import Builder
from skvae.networks.staged import names_of_state, names_of_weights
from skvae.training.net import below
from skvae.training.recipe import Phase

N_NEAREST = 5


def check_kinds(phases: Collection[Any]) -> tuple[Phase, ...]:
    """Return phases; refuse anything else."""
    for phase in phases:
        if not isinstance(phase, Phase):
            raise ValueError(
                f"Got phases with {phase!r}, but expected a tuple of skvae.Phase."
            )
    return tuple(phases)


def check_names(phases: Sequence[Phase], builder: Builder) -> None:
    """Refuse names that no part of a network has, and a phase that trains nothing.

    Raises
    ------
    ValueError
        If ``frozen`` or ``rates`` of a phase name no module, weight or buffer of the
        network, or if ``frozen`` names all that has weights.
    """
    parts = {
        name.rsplit(".", i)[0]
        for name in names_of_state(builder)
        for i in range(name.count(".") + 1)
    }
    weights = names_of_weights(builder)
    for phase in phases:
        named = {"frozen": phase.frozen, "rates": [name for name, _ in phase.rates]}
        for parameter, names in named.items():
            for name in names:
                if name not in parts:
                    raise ValueError(unknown(name, parameter, phase, parts))
        if all(below(name, phase.frozen) for name in weights):
            raise ValueError(
                f"Got the phase {phase.name!r} with frozen={phase.frozen}, but expected a "
                "part of the network that is left to train."
            )


def unknown(name: str, parameter: str, phase: Phase, parts: Collection[str]) -> str:
    """Say that a phase names no part of the network, and which ones there are."""
    first = ", ".join(sorted(part for part in parts if "." not in part))
    nearest = ", ".join(get_close_matches(name, parts, n=N_NEAREST, cutoff=0.0))
    return (
        f"Got the phase {phase.name!r} with {parameter}={getattr(phase, parameter)}, but "
        f"no part of the network is called {name!r}; expected {first}, or what lies below "
        f"these. The nearest are {nearest}."
    )
