"""Whether training that goes on asks for another network than the one that was fitted."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from skvae.networks.builder import Builder

PLAIN = (bool, int, float, str, tuple, list, type(None), np.generic)


def plain_parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters that may shape a network: numbers, text, and lists of them."""
    parameters = estimator.get_params(deep=False)
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in parameters.items()
        if isinstance(value, PLAIN) and name not in estimator._reading_parameters
    }


def refuse_another_network(
    estimator: Any, asked: Builder, sample_shape: tuple[int, ...], learned: Any
) -> None:
    """Refuse to go on with another network; name what asks for it, and both values.

    Parameters
    ----------
    estimator : TrainedTransformer
        A fitted one.
    asked : Builder
        The network that it is asked for.
    sample_shape : tuple of int
        Of X.
    learned : Learned
        What X and the columns beside it teach.

    Raises
    ------
    ValueError
        If it is not the fitted network.
    """
    fitted = estimator.network_.builder
    if asked == fitted:
        return
    before, other = estimator._fitted_parameters, copy.copy(estimator)
    now = plain_parameters(estimator)
    found = []
    for name in now.keys() & before.keys():
        if now[name] == before[name]:
            continue
        # Whether it shapes the network, as a number of epochs does not.
        vars(other)[name] = before[name]
        if other._builder(sample_shape, learned) != asked:
            found.append((name, now[name], before[name]))
        vars(other)[name] = now[name]
    source = "" if found else "X or y that ask for "
    found = sorted(found) or list(differences(asked, fitted))
    asks = ", ".join(f"{name}={value!r}" for name, value, _ in found)
    has = ", ".join(f"{name}={value!r}" for name, _, value in found)
    raise ValueError(
        f"Got {source}{asks}, but the fitted network has {has}; expected the same where "
        "training goes on (warm_start=True or partial_fit), or a new estimator."
    )


def differences(asked: Builder, fitted: Builder) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of each argument that differs, and both values."""
    if asked.cls is not fitted.cls:
        yield "network", asked.cls.__name__, fitted.cls.__name__
        return
    one, other = dict(asked.kwargs), dict(fitted.kwargs)
    for name in sorted(one.keys() | other.keys()):
        a, b = one.get(name), other.get(name)
        if isinstance(a, Builder) and isinstance(b, Builder):
            yield from differences(a, b)
        elif a != b:
            yield name, a, b
