"""The units of a fitted autoencoder's code: found by number or attribute, read, decoded."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae.estimators.inputs import check_rows


class Unit(NamedTuple):
    """A unit of the code: its number, its name, the map to its attribute if it has one."""

    index: int
    name: str
    attribute_map: Any = None

    @property
    def unit(self) -> str:
        """In which units its values are."""
        return (
            "units of the code" if self.attribute_map is None else "units of the attribute"
        )

    def to_shown(self, unit: np.ndarray) -> np.ndarray:
        """Return what values of the unit are called: those of its attribute, if any."""
        return unit if self.attribute_map is None else self.attribute_map.to_attribute(unit)

    def to_unit(self, shown: np.ndarray) -> np.ndarray:
        """Return the values of the unit for what they are called."""
        return shown if self.attribute_map is None else self.attribute_map.to_unit(shown)


def shapes_of(estimator: Any) -> Mapping[str, tuple[int, ...]]:
    """Return the shape of each stage of a fitted network, trained by an estimator.

    Raises
    ------
    ValueError
        If the estimator reads a network that names no stages.
    """
    check_is_fitted(estimator, "network_")
    if not hasattr(estimator.network_, "shapes"):
        raise ValueError(
            f"Got {type(estimator).__name__} as estimator, but expected one that trained a "
            "network of its own."
        )
    return estimator.network_.shapes


def code_layer(estimator: Any) -> str:
    """Return the name of the deterministic code, ``mean`` or ``code``.

    Raises
    ------
    ValueError
        If the estimator decodes nothing, or its code is made of maps instead of units.
    """
    shapes = shapes_of(estimator)
    name = type(estimator).__name__
    codes = getattr(estimator.network_.module, "codes", ())
    if not codes:
        raise ValueError(
            f"Got {name} as estimator, but expected one with a code to decode."
        )
    shape = shapes[codes[0]]
    if len(shape) != 1:
        raise ValueError(
            f"Got {name} as estimator, whose code has the shape {shape}, but expected a "
            "code of single units."
        )
    return codes[0]


def encode(estimator: Any, X: Any) -> np.ndarray:
    """Return the deterministic code of each sample, shape (n_samples, n_components)."""
    layer = code_layer(estimator)
    x = check_rows(estimator, X, reset=False)
    return estimator.network_.read(x, [layer], None, estimator.n_threads)


def decode(estimator: Any, codes: np.ndarray) -> np.ndarray:
    """Return the sample of each code, shape (n_codes, *sample_shape)."""
    network = estimator.network_
    rows = np.ascontiguousarray(codes, dtype=np.float32)
    return network.apply(network.module.reconstruct, rows, estimator.n_threads)


def find_unit(estimator: Any, unit: int | None, attribute: str | int | None) -> Unit:
    """Return the unit that is asked for, by its number or by its attribute.

    Raises
    ------
    ValueError
        If not exactly one of both is given, or the estimator does not have it.
    """
    if (unit is None) == (attribute is None):
        raise ValueError(
            f"Got unit={unit!r} and attribute={attribute!r}, but expected one of both."
        )
    layer = code_layer(estimator)
    if attribute is not None:
        index = find_attribute(estimator, attribute)
        maps = estimator.attribute_maps_
        return Unit(index, str(estimator.attribute_names_[index]), maps[index])
    (n_units,) = estimator.network_.shapes[layer]
    if not isinstance(unit, int | np.integer) or not 0 <= unit < n_units:
        raise ValueError(
            f"Got unit={unit!r}, but {type(estimator).__name__} has the units 0 to "
            f"{n_units - 1}."
        )
    return Unit(int(unit), f"{layer}_{unit}")


def find_attribute(estimator: Any, attribute: str | int) -> int:
    """Return the number of an attribute, which is also that of its unit.

    Raises
    ------
    ValueError
        If the estimator was not fitted with such an attribute.
    """
    names = [str(name) for name in getattr(estimator, "attribute_names_", ())]
    if isinstance(attribute, str) and attribute in names:
        return names.index(attribute)
    is_number = isinstance(attribute, int | np.integer)
    if is_number and 0 <= attribute < len(names):
        return int(attribute)
    known = f"the attributes {', '.join(names)}" if names else "no attributes"
    raise ValueError(
        f"Got attribute={attribute!r}, but {type(estimator).__name__} was fitted with "
        f"{known}."
    )
