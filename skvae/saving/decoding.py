"""A fitted estimator out of plain values and arrays, of the closed lists alone."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils.metadata_routing import MetadataRequest
from torch import nn

from skvae.networks.builder import Builder
from skvae.networks.taps import private_copy
from skvae.saving.architecture import check_arrays
from skvae.saving.encoding import array_name
from skvae.saving.known_parts import (
    ESTIMATORS,
    FUNCTIONS,
    NETWORKS,
    SEARCHES,
    TYPES,
    VALUES,
)
from skvae.saving.limits import check_finite, check_sample_shape, check_texts
from skvae.tensor_file import TensorFile
from skvae.training.borrowed_network import ForeignNetwork
from skvae.training.reading import FittedNetwork

__all__ = ["Decoder"]

DEEPEST = 100
FITTED_NETWORK = frozenset({"builder", "device", "sample_shape", "state"})
FOREIGN_NETWORK = frozenset({"device", "preprocess", "seed", "source", "state"})


class Decoder:
    """What makes an estimator of plain values; its arrays are read when they are met.

    Parameters
    ----------
    file : TensorFile
        Where the arrays are.
    network : Module or callable, optional
        The network of a LayerExtractor, where the file has but its arrays.
    """

    def __init__(self, file: TensorFile, network: Any = None) -> None:
        self._file = file
        self._network = network
        self.network_asked = False
        self.read: dict[str, np.ndarray] = {}
        self._depth = 0

    def decode(self, value: Any, path: str) -> Any:
        """Return what plain values stand for, which stand at a path."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        self._depth += 1
        if self._depth > DEEPEST:
            raise ValueError("its values lie too deep in each other")
        if isinstance(value, list):
            found: Any = self._list(value, path)
        else:
            found = self._tagged(value, path)
        self._depth -= 1
        return found

    def _tagged(self, value: Mapping[str, Any], path: str) -> Any:
        for tag, read in _TAGS.items():
            if tag in value:
                return read(self, value, path)
        raise ValueError(f"{path} is nothing that skvae writes")

    def _list(self, values: list[Any], path: str) -> list[Any]:
        return [self.decode(value, f"{path}[{i}]") for i, value in enumerate(values)]

    def _named(self, mapping: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {name: self.decode(v, f"{path}.{name}") for name, v in mapping.items()}

    def _dict(self, value: Mapping[str, Any], path: str) -> dict[Any, Any]:
        return {
            (key := self.decode(name, f"{path}.key")): self.decode(v, f"{path}.{key}")
            for name, v in value["dict"]
        }

    def _float(self, value: Mapping[str, Any], path: str) -> float:
        found = float(value["float"])
        if math.isfinite(found):
            raise ValueError(f"{path} is a number that is written otherwise")
        return found

    def _array(self, value: Mapping[str, Any], path: str) -> np.ndarray:
        name = value["array"]
        if name not in self.read:
            if name != array_name(path):
                raise ValueError(f"{path} is called {name!r}")
            self.read[name] = self._file.array(name)
            if value.get("order") == "F":
                self.read[name] = self.read[name].T
        return self.read[name]

    def _texts(self, value: Mapping[str, Any], path: str) -> np.ndarray:
        kind = np.dtype(value["dtype"])
        check_texts(kind, len(value["texts"]), path)
        flat = np.empty(len(value["texts"]), kind)
        flat[:] = self._list(value["texts"], path)
        return flat.reshape(value["shape"])

    def _masked(self, value: Mapping[str, Any], path: str) -> np.ma.MaskedArray:
        return np.ma.MaskedArray(**self._named(value["masked"], path))

    def _scalar(self, value: Mapping[str, Any], path: str) -> np.generic:
        kind = np.dtype(value["dtype"])
        if kind.kind not in "biufU":
            raise ValueError(f"{path} of dtype {kind}")
        found: np.generic = kind.type(self.decode(value["scalar"], path))
        return found

    def _builder(self, value: Mapping[str, Any], path: str) -> Builder:
        return Builder(NETWORKS[value["network"]], **self._named(value["options"], path))

    def _value(self, value: Mapping[str, Any], path: str) -> Any:
        return VALUES[value["value"]](**self._named(value["fields"], path))

    def _entries(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the file says of the arrays of a network, before any is read."""
        return {name: self._file.entries[v["array"]] for name, v in value["dict"]}

    def _fitted_network(self, value: Mapping[str, Any], path: str) -> FittedNetwork:
        fields = dict(value["fitted_network"])
        state = fields.pop("state")
        found = self._named(fields, path)
        refuse_fields(fields.keys() | {"state"}, FITTED_NETWORK, path)
        builder = found["builder"]
        check_sample_shape(found["sample_shape"], builder, path)
        check_arrays(builder, self._entries(state))
        found["state"] = self.decode(state, f"{path}.state")
        network = FittedNetwork.__new__(FittedNetwork)
        network.__setstate__(found)
        return network

    def _foreign_network(self, value: Mapping[str, Any], path: str) -> ForeignNetwork:
        fields = dict(value["foreign_network"])
        state = fields.pop("state")
        found = self._named(fields, path)
        refuse_fields(fields.keys() | {"state"}, FOREIGN_NETWORK, path)
        if found["source"] is None:
            found["source"] = self._asked()
        if state is not None:
            source = found["source"]
            is_module = isinstance(source, nn.Module)
            check_arrays((lambda: source) if is_module else source, self._entries(state))
        found["state"] = self.decode(state, f"{path}.state")
        network = ForeignNetwork.__new__(ForeignNetwork)
        network.__setstate__(found)
        if isinstance(found["source"], nn.Module):
            network.state = None  # the module has it
        return network

    def _asked(self) -> Any:
        self.network_asked = True
        if self._network is None:
            raise ValueError(
                "it has a LayerExtractor of a network that skvae has not the code of; "
                "expected network=, the module, or the function that builds it"
            )
        if isinstance(self._network, nn.Module):
            return private_copy(self._network)
        return self._network

    def _requests(self, value: Mapping[str, Any], path: str) -> MetadataRequest:
        request = MetadataRequest(owner=path)
        for method, requests in value["requests"].items():
            for name, alias in self._named(requests, path).items():
                vars(request)[method].add_request(param=name, alias=alias)
        return request

    def _estimator(self, value: Mapping[str, Any], path: str) -> BaseEstimator:
        part = ESTIMATORS[value["estimator"]]
        within = f"{path}." if path else ""
        fitted = {
            key: self.decode(v, f"{within}{key}") for key, v in value["fitted"].items()
        }
        known = part.cls._get_param_names()
        parameters = {
            key: self.decode(v, f"{within}{key}") for key, v in value["parameters"].items()
        }
        refuse_fields(parameters.keys(), set(known), part.cls.__name__)
        if twice := fitted.keys() & set(known):
            raise ValueError(f"{min(twice)!r} is a parameter of {part.cls.__name__}")
        estimator = part.cls(**parameters)
        if hasattr(part.cls, "_parameter_constraints"):
            estimator._validate_params()
        for key, found in fitted.items():
            refuse_attribute(part.cls, key)
            check_finite(f"{part.cls.__name__}.{key}", found)
        vars(estimator).update(fitted)
        return _finished(estimator)


def refuse_fields(found: Collection[str], known: Collection[str], owner: str) -> None:
    """Refuse what a class does not have.

    Raises
    ------
    ValueError
        With the name.
    """
    if unknown := set(found) - set(known):
        raise ValueError(f"{owner} has no {min(unknown)!r}")


def refuse_attribute(cls: type, name: str) -> None:
    """Refuse a fitted attribute that would hide something of its class.

    Raises
    ------
    ValueError
        With the name.
    """
    if not name.isidentifier() or name.startswith("__") or hasattr(cls, name):
        raise ValueError(f"{cls.__name__} has no fitted attribute {name!r}")


def _finished(estimator: BaseEstimator) -> BaseEstimator:
    """Give what is made anew: requests know whose they are, a search its scorer."""
    request = vars(estimator).get("_metadata_request")
    if request is not None:
        request.owner = estimator
        for method in vars(request).values():
            if hasattr(method, "requests"):
                method.owner = estimator
    if isinstance(estimator, SEARCHES) and "best_index_" in vars(estimator):
        scoring = estimator.scoring
        if scoring is None or isinstance(scoring, str):
            estimator.scorer_ = check_scoring(estimator.estimator, scoring)
    return estimator


_TAGS: dict[str, Callable[[Decoder, Mapping[str, Any], str], Any]] = {
    "array": Decoder._array,
    "dict": Decoder._dict,
    "dtype_only": lambda self, value, path: np.dtype(value["dtype_only"]),
    "estimator": Decoder._estimator,
    "fitted_network": Decoder._fitted_network,
    "float": Decoder._float,
    "foreign_network": Decoder._foreign_network,
    "masked": Decoder._masked,
    "named": lambda self, value, path: (FUNCTIONS | TYPES)[value["named"]],
    "network": Decoder._builder,
    "requests": Decoder._requests,
    "scalar": Decoder._scalar,
    "slice": lambda self, value, path: slice(*self._list(value["slice"], path)),
    "texts": Decoder._texts,
    "tuple": lambda self, value, path: tuple(self._list(value["tuple"], path)),
    "value": Decoder._value,
}
