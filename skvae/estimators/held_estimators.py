"""Estimators that another one holds: cloned, with the parameters that both share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from typing import Any

from sklearn.base import clone

from skvae.exceptions import NonFiniteLossError


def with_shared(estimator: Any, shared: Mapping[str, Any]) -> Any:
    """Clone an estimator, and give it the shared parameters that it leaves alone.

    Parameters
    ----------
    estimator : estimator
        What another estimator holds.
    shared : mapping of str to object
        Parameters of the estimator around it. The clone takes those that it knows, and
        that have their default value.
    """
    own = estimator.get_params(deep=False)
    defaults = signature(type(estimator)).parameters
    left = {k: v for k, v in shared.items() if k in own and own[k] == defaults[k].default}
    return clone(estimator).set_params(**left)


def refuse_fitted(name: str, estimator: Any) -> None:
    """Refuse a fitted estimator: what it has learned would be lost without a word.

    Raises
    ------
    ValueError
        If it has attributes that `fit` sets.
    """
    fitted = any(v.endswith("_") and not v.startswith("__") for v in vars(estimator))
    if fitted:
        raise ValueError(
            f"Got {name}={estimator!r}, which is fitted, but a clone of it, as a search "
            f"makes, is not; expected FrozenEstimator({name}) to keep what it has learned, "
            f"or clone({name}) to train it again."
        )


def with_seed(estimator: Any, seed: int) -> Any:
    """Seed an estimator, and what it holds, wherever ``random_state`` is None."""
    seeds = {
        name: seed
        for name, value in estimator.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return estimator.set_params(**seeds) if seeds else estimator


@contextmanager
def fit_of_held(name: str) -> Iterator[None]:
    """Say of which parameter it was whose fit failed: its parameters are named as its own.

    Raises
    ------
    NonFiniteLossError
        If the fit met a loss that is not finite.
    """
    try:
        yield
    except NonFiniteLossError as error:
        raise NonFiniteLossError(
            f"The fit of {name}, whose parameters are {name}__<parameter>, failed. {error}"
        ) from error
