"""What an attention map explains: a unit, a logit or the linear score behind an encoder."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skvae.inspection.linear_score import score_weights
from skvae.inspection.network_step import NetworkStep
from skvae.inspection.units import code_layer, find_unit, shapes_of
from skvae.networks.pooling import pooled


class Target(NamedTuple):
    """A weighted sum of the features of some layers.

    Parameters
    ----------
    layers : tuple of str
        Stages of the network, whose features stand side by side.
    pool : str or None
        How maps among them become features.
    weights : ndarray of shape (n_features,)
        What each feature counts.
    name : str
        What it is called.
    """

    layers: tuple[str, ...]
    pool: str | None
    weights: np.ndarray
    name: str

    def of(self, trace: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of each sample."""
        features = [pooled(trace[layer], self.pool) for layer in self.layers]
        whole = torch.cat(features, dim=1)
        return whole @ torch.as_tensor(self.weights, dtype=whole.dtype, device=whole.device)


def find_target(
    found: NetworkStep, X: Any, unit: Any, attribute: Any, target_class: Any
) -> Target:
    """Return what is asked for of a fitted network, or of what stands behind it.

    Parameters
    ----------
    found : NetworkStep
        The network.
    X : array-like
        Some samples, as the network is given them.
    unit, attribute, target_class : object
        As of `attention_map`.

    Raises
    ------
    ValueError
        If not one thing is asked for, or it is not there.
    """
    asks_unit = unit is not None or attribute is not None
    if target_class is None and asks_unit:
        return _unit_target(found.estimator, unit, attribute)
    if target_class is not None and asks_unit:
        raise ValueError(
            f"Got target_class={target_class!r} beside unit={unit!r} and "
            f"attribute={attribute!r}, but expected one of them."
        )
    predicts = bool(found.after) and not hasattr(found.after[-1].estimator, "classes_")
    if target_class is None and not predicts:
        raise ValueError(
            "Got neither unit nor attribute nor target_class, but expected one of them."
        )
    if found.after:
        return _score_target(found, X, target_class)
    return _logit_target(found.estimator, target_class)


def _unit_target(estimator: Any, unit: Any, attribute: Any) -> Target:
    layer = code_layer(estimator)
    found = find_unit(estimator, unit, attribute)
    weights = np.zeros(shapes_of(estimator)[layer])
    weights[found.index] = 1
    name = f"{layer}_{found.index}"
    name = name if found.name == name else f"{found.name} ({name})"
    return Target((layer,), None, weights, name)


def _logit_target(estimator: Any, target_class: Any) -> Target:
    shapes = shapes_of(estimator)
    classes = np.asarray(getattr(estimator, "classes_", ())).tolist()
    if target_class not in classes or "logits" not in shapes:
        raise _no_such_class(estimator, classes, target_class)
    index = classes.index(target_class)
    weights = np.zeros(shapes["logits"])
    if len(weights) == 1:  # the logit of the second class against the first
        weights[0] = 1 if index == 1 else -1
    else:
        weights[index] = 1
    return Target(("logits",), None, weights, f"logit of class {target_class}")


def _score_target(found: NetworkStep, X: Any, target_class: Any) -> Target:
    """Return the score that the steps behind an encoder give, as a sum of its features."""
    estimator, last = found.estimator, found.after[-1]
    classes = np.asarray(getattr(last.estimator, "classes_", ())).tolist()
    if target_class is not None and target_class not in classes:
        raise _no_such_class(last.estimator, classes, target_class)
    index = classes.index(target_class) if target_class is not None else 0
    weights = score_weights(found.after, estimator.transform(X))
    if len(classes) == 2:
        column = weights[:, 0] if index == 1 else -weights[:, 0]
    else:
        column = weights[:, index]
    layers = estimator._selected_layers(shapes_of(estimator))
    of_class = "prediction" if target_class is None else f"score of class {target_class}"
    return Target(tuple(layers), estimator.pool, column, of_class)


def _no_such_class(estimator: Any, classes: list[Any], target_class: Any) -> ValueError:
    known = f"the classes {', '.join(map(repr, classes))}" if classes else "no classes"
    return ValueError(
        f"Got target_class={target_class!r}, but {type(estimator).__name__} was fitted "
        f"with {known}."
    )
