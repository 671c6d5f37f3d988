"""Whole fits that differ in their seed alone, and predict together."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from sklearn.base import clone
from sklearn.utils import check_random_state

from skvae.estimators.another_network import plain_parameters
from skvae.estimators.several_networks import read_as_one
from skvae.networks.side_by_side import states_together
from skvae.training.reading import FittedNetwork

# What each of them has, one row an epoch or, of predictors, a phase.
_REPORTS = ("history_", "phases_")


def fit_several(estimator: Any, X: Any, given: Mapping[str, Any]) -> Any:
    """Fit each network of an estimator, and make it the one that predicts their mean.

    Ctrl-C leaves those that are whole.

    Parameters
    ----------
    estimator : PretrainedPredictor or BaseSegmenter
        What is fitted.
    X : array-like
        Samples.
    given : mapping of str to array-like
        What else its `fit` takes.
    """
    fitted: list[Any] = []
    try:
        for one in one_by_one(estimator):
            fitted.append(one.fit(X, **given))
    except KeyboardInterrupt:
        if fitted:
            estimator._become(results_of(estimator, fitted))
        raise
    estimator._become(results_of(estimator, fitted))
    return estimator


def one_by_one(estimator: Any) -> list[Any]:
    """Return an estimator for each network; the first is the one that would be alone."""
    # Not cloned: what is fitted already, as weights to begin with, stays so.
    given = estimator.get_params(deep=False) | {"n_networks": 1}
    each = [
        type(estimator)(**given | {"random_state": deepcopy(estimator.random_state)})
        for _ in range(estimator.n_networks)
    ]
    # Without a seed, each draws its own, and none is looked for in the memory.
    if estimator.random_state is not None:
        rng = check_random_state(estimator.random_state)
        seeds = rng.randint(2**31 - 1, size=estimator.n_networks)
        for one, seed in zip(each[1:], seeds[1:], strict=True):
            one.set_params(random_state=int(seed))
    return each


def results_of(estimator: Any, fitted: list[Any]) -> dict[str, Any]:
    """Return the attributes of an estimator of which each network was fitted so."""
    first = fitted[0]
    networks = [one.network_ for one in fitted]
    network = FittedNetwork(
        read_as_one(networks[0].builder, len(fitted)),
        networks[0].sample_shape,
        states_together(one.state for one in networks),
        networks[0].device,
    )
    unfitted = set(vars(clone(first)))
    reports = {
        name: [
            {"network": number} | row
            for number, one in enumerate(fitted)
            for row in getattr(one, name)
        ]
        for name in _REPORTS
        if hasattr(first, name)
    }
    return (
        {name: value for name, value in vars(first).items() if name not in unfitted}
        | reports
        | {
            "network_": network,
            "n_iter_": sum(one.n_iter_ for one in fitted),
            "_fitted_parameters": plain_parameters(estimator),
        }
    )
