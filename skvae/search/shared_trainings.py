"""Which candidates of a search train for themselves, and which share a training."""

from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from skvae.estimators.trained import TrainedTransformer
from skvae.estimators.training_ahead import networks_of

__all__ = ["trainings"]


def trainings(
    estimator: BaseEstimator, candidates: Iterable[Mapping[str, Any]]
) -> list[BaseEstimator]:
    """Return an estimator with the settings of each candidate that trains for itself.

    Candidates that differ in what is read of a network, or in steps behind the last of a
    pipeline's networks, share one training.

    Parameters
    ----------
    estimator : estimator
        What is searched.
    candidates : iterable of mapping
        Settings of its parameters.

    Returns
    -------
    list of estimator
        One for each training.
    """
    different: dict[str, BaseEstimator] = {}
    for candidate in candidates:
        settings = clone(dict(candidate), safe=False)
        changed = clone(estimator).set_params(**settings)
        behind = steps_behind(changed)
        names = networks_of(changed)
        relevant = {
            name: value
            for name, value in candidate.items()
            if name.partition("__")[0] not in behind and not is_read(name, names)
        }
        different.setdefault(repr(sorted(relevant.items())), changed)
    return list(different.values())


def steps_behind(estimator: BaseEstimator) -> set[str]:
    """Names of the steps behind the last of a pipeline that has a network."""
    if not isinstance(estimator, Pipeline):
        return set()
    names = [name for name, _ in estimator.steps]
    has = [
        number
        for number, (_, step) in enumerate(estimator.steps)
        if hasattr(step, "get_params") and networks_of(step)
    ]
    return set(names[has[-1] + 1 :]) if has else set()


def is_read(name: str, networks: Mapping[str, TrainedTransformer]) -> bool:
    """Whether a parameter decides how a network is read, and not how it is trained."""
    owner, _, last = name.rpartition("__")
    return owner in networks and last in networks[owner]._reading_parameters
