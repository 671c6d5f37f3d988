"""Features that a layer probe reads: those of layers, and what they are compared with."""

import copy
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skvae._compat import take_rows
from skvae.inspection.network_step import NetworkStep, Step, has_layers


class Layer(NamedTuple):
    """A layer, or a reference of some number of features, which is none."""

    name: str
    is_reference: bool = False
    n_features: int | None = None


def is_refitted(found: NetworkStep, refit: bool | None) -> bool:
    """Return whether the network is to be fitted in each fold."""
    is_fitted = hasattr(found.estimator, "network_")
    if refit is None:
        return not is_fitted or not found.is_bare
    if not refit and has_layers(found.estimator):
        check_is_fitted(found.estimator, "network_")
    return bool(refit)


def check_layers(
    found: NetworkStep, X: Any, layers: Sequence[str] | None
) -> list[str] | None:
    """Return the layers to read; None for all of a network whose input is not known yet.

    Raises
    ------
    ValueError
        If there are no such layers.
    """
    estimator = found.estimator
    if not has_layers(estimator):
        raise ValueError(
            f"Got {type(estimator).__name__} as estimator, but expected one with layers."
        )
    if hasattr(estimator, "network_"):
        return _known_layers(estimator, None, layers)
    if found.before:
        # Its layers depend on what the steps before it make of X.
        return None if layers is None else list(layers)
    return _known_layers(estimator, X, layers)


def _known_layers(estimator: Any, X: Any, layers: Sequence[str] | None) -> list[str]:
    known = [row.name for row in estimator.list_layers(X)]
    layers = known if layers is None else list(layers)
    if not layers or not set(layers) <= set(known):
        raise ValueError(
            f"Got layers={layers!r}, but {type(estimator).__name__} has the layers "
            f"{', '.join(known)}."
        )
    return layers


def fitted_on(
    found: NetworkStep,
    X: Any,
    y: Any,
    columns: dict[str, Any],
    train: np.ndarray,
    layers: Sequence[str] | None,
) -> NetworkStep:
    """Return a network, and what stands before it, fitted on training rows.

    Parameters
    ----------
    found : NetworkStep
        What is cloned; what is frozen is taken as it is.
    X, y : array-like
        All rows.
    columns : dict of str to array-like
        Further columns, for each `fit` that takes them.
    train : ndarray of int
        The training rows.
    layers : sequence of str or None
        Checked before the network is trained.
    """
    rows = take_rows(X, train)
    y = None if y is None else take_rows(y, train)
    given = {k: take_rows(v, train) for k, v in columns.items() if v is not None}
    before = []
    for step in found.before:
        fitted = step.estimator if step.is_frozen else clone(step.estimator)
        taken = _taken(fitted, given)
        # As a pipeline has it: what is fitted may transform its own rows in another way.
        if step.is_frozen:
            rows = fitted.transform(rows)
        elif hasattr(fitted, "fit_transform"):
            rows = fitted.fit_transform(rows, y, **taken)
        else:
            rows = fitted.fit(rows, y, **taken).transform(rows)
        before.append(Step(step.name, fitted, step.is_frozen))
    network = found.step
    if not network.is_frozen:
        model = clone(network.estimator)
        _known_layers(model, rows, layers)
        model = model.fit(rows, y, **_taken(model, given))
        network = Step(network.name, model)
    return NetworkStep(network, tuple(before), (), found.whole)


def _taken(estimator: Any, columns: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in columns.items() if has_fit_parameter(estimator, k)}


def read_layers(
    found: NetworkStep, given: Any, layers: Sequence[str] | None
) -> dict[Layer, np.ndarray]:
    """Return the features of each layer for what a fitted network is given, in one pass."""
    estimator = found.estimator
    sizes = {row.name: row.n_features for row in estimator.list_layers()}
    layers = list(sizes) if layers is None else list(layers)
    # Of a fitted estimator, `layer` says what is read; the caller's stays as it is.
    reader = copy.copy(estimator).set_params(layer=layers)
    features = np.asarray(reader.transform(given))
    ends = np.cumsum([sizes[layer] for layer in layers])
    parts = np.split(features, ends[:-1], axis=1)
    return {Layer(name): part for name, part in zip(layers, parts, strict=True)}


def reference_features(
    given: Any, features: Iterable[np.ndarray], n_train: int
) -> dict[Layer, np.ndarray]:
    """Return all columns of a network's input, and as many components as its layers have.

    Parameters
    ----------
    given : array-like
        What the network is given: first the training rows, then the others.
    features : iterable of ndarray
        The features of each layer.
    n_train : int
        Number of training rows, on which the components are fitted.

    Returns
    -------
    references : dict of Layer to ndarray
        Principal components of each number, then all columns.
    """
    given = given.toarray() if hasattr(given, "toarray") else given
    whole = np.asarray(given, dtype=np.float64).reshape(len(given), -1)
    most = min(n_train, whole.shape[1])
    sizes = sorted({min(part.shape[1], most) for part in features})
    pca = PCA(sizes[-1], random_state=0).fit(whole[:n_train])
    components = pca.transform(whole)
    found = {Layer("PCA", True, size): components[:, :size] for size in sizes}
    return found | {Layer("all columns", True): whole}
