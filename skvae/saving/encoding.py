"""A fitted estimator as plain values and arrays, by what its parts are."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import MetadataRequest
from torch import nn

from skvae.networks.builder import Builder
from skvae.saving.architecture import rebuilt_by
from skvae.saving.known_parts import ESTIMATORS, FUNCTIONS, NETWORKS, TYPES, VALUES, Part
from skvae.saving.limits import check_finite, check_sample_shape, check_texts
from skvae.tensor_file import NAMES
from skvae.training.borrowed_network import ForeignNetwork, refuse_nan
from skvae.training.host import host_array
from skvae.training.reading import FittedNetwork

__all__ = ["Encoder", "NotSavedError", "array_name"]

# Parameters that may name files and folders of this machine.
PATHS = frozenset({"memory", "cache", "checkpoint", "encoder_weights"})
_BY_VALUE = {id(member): name for name, member in (FUNCTIONS | TYPES).items()}


class NotSavedError(ValueError):
    """A part of an estimator is none of those that a file can have."""


def array_name(path: str) -> str:
    """Return what an array at a place of an estimator is called, which can be printed."""
    return path if path.isascii() and path.isprintable() else ascii(path)[1:-1]


class Encoder:
    """What makes plain values of an estimator; its arrays are put aside.

    Attributes
    ----------
    arrays : dict of str to ndarray
        By name, each in C order.
    left_out : dict of str to None
        Parameters that have their defaults in the file, as ``Class.parameter``.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.left_out: dict[str, None] = {}
        # What was met, with itself, so that no other gets its id.
        self._met: dict[int, tuple[Any, str]] = {}

    def encode(self, value: Any, path: str) -> Any:
        """Return plain values that stand for a value, which is found at a path."""
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind in _SIMPLE:
            return _SIMPLE[kind](self, value, path)
        if isinstance(value, BaseEstimator):
            return self._estimator(value, path)
        for check, write in _OTHERS:
            if check(value):
                return write(self, value, path)
        raise NotSavedError(f"{path}={value!r}, which is none of the things that it keeps")

    def _list(self, values: Any, path: str) -> list[Any]:
        return [self.encode(value, f"{path}[{i}]") for i, value in enumerate(values)]

    def _pairs(self, mapping: Mapping[Any, Any], path: str) -> list[Any]:
        return [
            [self.encode(key, f"{path}.key"), self.encode(value, f"{path}.{key}")]
            for key, value in mapping.items()
        ]

    def _named(self, mapping: Mapping[str, Any], path: str) -> dict[str, Any]:
        # In the order in which they are read again, so that arrays are named alike.
        return {
            name: self.encode(mapping[name], f"{path}.{name}") for name in sorted(mapping)
        }

    def _array(self, array: np.ndarray, path: str) -> dict[str, Any]:
        if array.dtype.kind in "OU":
            return self._texts(array, path)
        if (known := self._met.get(id(array))) is not None:
            return {"array": known[1], **_order(array)}
        native = array.dtype.newbyteorder("<")
        if native not in NAMES:
            raise NotSavedError(f"{path} of dtype {array.dtype}, which it does not keep")
        name = array_name(path)
        if name in self.arrays:
            raise NotSavedError(f"{path} twice")
        # A product of matrices depends in its last bits on how they lie in memory.
        flat = array.T if _order(array) else array
        self.arrays[name] = np.asarray(flat, native, order="C")
        self._met[id(array)] = array, name
        return {"array": name, **_order(array)}

    def _texts(self, array: np.ndarray, path: str) -> dict[str, Any]:
        with as_not_saved():
            check_texts(array.dtype, array.size, path)
        values = self._list(array.ravel().tolist(), path)
        return {"texts": values, "dtype": array.dtype.str, "shape": list(array.shape)}

    def _masked(self, array: np.ma.MaskedArray, path: str) -> dict[str, Any]:
        mask = np.ma.getmaskarray(array)
        parts = {"data": array.data, "mask": mask, "fill_value": array.fill_value}
        return {"masked": self._named(parts, path)}

    def _builder(self, builder: Builder, path: str) -> dict[str, Any]:
        name = builder.cls.__name__
        if NETWORKS.get(name) is not builder.cls:
            raise NotSavedError(f"{path} of the network {name}, which skvae does not have")
        return {"network": name, "options": self._named(dict(builder.kwargs), path)}

    def _value(self, value: Any, path: str) -> dict[str, Any]:
        if dataclasses.is_dataclass(value):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        else:
            fields = value._asdict() if isinstance(value, tuple) else vars(value)
        return {"value": type(value).__name__, "fields": self._named(fields, path)}

    def _fitted_network(self, network: FittedNetwork, path: str) -> dict[str, Any]:
        with as_not_saved():
            check_sample_shape(network.sample_shape, network.builder, path)
            refuse_nan(network.module)
        return {"fitted_network": self._named(network.__getstate__(), path)}

    def _foreign_network(self, network: ForeignNetwork, path: str) -> dict[str, Any]:
        state = network.__getstate__()
        if not isinstance(network.source, FittedNetwork):
            module = network.module
            found = module.state_dict()
            state["state"] = {name: host_array(value) for name, value in found.items()}
            source = network.source
            if isinstance(source, nn.Module):
                source = rebuilt_by(source)
            # What skvae has not the code of is asked for when the file is read.
            state["source"] = source if self._is_known(source) else None
        return {"foreign_network": self._named(state, path)}

    def _is_known(self, source: Any) -> bool:
        try:
            with self._tried():
                self.encode(source, "source")
        except NotSavedError:
            return False
        return True

    @contextmanager
    def _tried(self) -> Iterator[None]:
        """Forget what was put aside of a value that cannot be kept."""
        n_arrays, n_left_out = len(self.arrays), len(self.left_out)
        try:
            yield
        except NotSavedError:
            for name in list(self.arrays)[n_arrays:]:
                del self.arrays[name]
            for name in list(self.left_out)[n_left_out:]:
                del self.left_out[name]
            self._met = {k: v for k, v in self._met.items() if v[1] in self.arrays}
            raise

    def _requests(self, request: MetadataRequest, path: str) -> dict[str, Any]:
        methods = {
            k: v.requests for k, v in vars(request).items() if hasattr(v, "requests")
        }
        return {"requests": {k: self._named(v, path) for k, v in methods.items() if v}}

    def _estimator(self, estimator: BaseEstimator, path: str) -> dict[str, Any]:
        name = type(estimator).__name__
        part = ESTIMATORS.get(name)
        if part is None or part.cls is not type(estimator):
            where = f"{path}=" if path else ""
            raise NotSavedError(f"{where}{estimator!r}, which it does not keep")
        with as_not_saved():
            for key, value in vars(estimator).items():
                check_finite(f"{name}.{key}", value)
        parameters = estimator.get_params(deep=False)
        within = f"{path}." if path else ""
        fitted = {
            key: self.encode(without_paths(key, value), f"{within}{key}")
            for key, value in sorted(vars(estimator).items())
            if key not in parameters and part.keeps(key)
        }
        if vars(estimator).get("_skl_callbacks"):
            self.left_out[f"callbacks of {name}"] = None
        kept = {}
        for key, value in sorted(parameters.items()):
            try:
                with self._tried():
                    kept[key] = self._parameter(part, key, value, f"{within}{key}")
            except NotSavedError:
                if part.only_fit is not None and key not in part.only_fit:
                    raise
                self.left_out[f"{name}.{key}"] = None
        return {"estimator": name, "parameters": kept, "fitted": fitted}

    def _parameter(self, part: Part, key: str, value: Any, path: str) -> Any:
        if key in PATHS and isinstance(value, str | PurePath):
            raise NotSavedError(f"{path}, which names something of this machine")
        n_arrays = len(self.arrays)
        encoded = self.encode(value, path)
        # Arrays that only a fit reads are rows of its data, such as those of folds.
        if key in (part.only_fit or ()) and len(self.arrays) > n_arrays:
            raise NotSavedError(f"{path}, which is of the rows of a fit")
        return encoded


@contextmanager
def as_not_saved() -> Iterator[None]:
    """Say of what would be refused when it is loaded that it is not saved."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise NotSavedError(str(error)) from error


def without_paths(key: str, value: Any) -> Any:
    """Take paths out of the parameters that an estimator remembers of its fit."""
    if key != "_fitted_parameters":
        return value
    return {name: each for name, each in value.items() if name not in PATHS}


def _order(array: np.ndarray) -> dict[str, str]:
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    return {"order": "F"} if fortran else {}


def _is_value(value: Any) -> bool:
    return VALUES.get(type(value).__name__) is type(value)


def _is_named(value: Any) -> bool:
    return id(value) in _BY_VALUE


def _scalar(self: Encoder, value: Any, path: str) -> dict[str, Any]:
    return {"scalar": self.encode(value.item(), path), "dtype": value.dtype.str}


_SIMPLE: dict[type, Any] = {
    list: Encoder._list,
    tuple: lambda self, value, path: {"tuple": self._list(value, path)},
    dict: lambda self, value, path: {"dict": self._pairs(value, path)},
    slice: lambda self, value, path: {
        "slice": self._list((value.start, value.stop, value.step), path)
    },
    np.ndarray: Encoder._array,
    np.ma.MaskedArray: Encoder._masked,
    Builder: Encoder._builder,
    FittedNetwork: Encoder._fitted_network,
    ForeignNetwork: Encoder._foreign_network,
    MetadataRequest: Encoder._requests,
}
_OTHERS: tuple[tuple[Any, Any], ...] = (
    (_is_named, lambda self, value, path: {"named": _BY_VALUE[id(value)]}),
    (_is_value, Encoder._value),
    (lambda value: isinstance(value, np.generic), _scalar),
    (
        lambda value: isinstance(value, np.dtype),
        lambda self, value, path: {"dtype_only": value.str},
    ),
)
