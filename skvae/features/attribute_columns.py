"""Attributes: known quantities of each sample, some of which may be missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_consistent_length

from skvae.arguments import naming
from skvae.estimators.targets import Target
from skvae.features.attribute_numbers import as_numbers
from skvae.features.monotone import MonotoneMap
from skvae.features.variational import LearnedScale
from skvae.training.data import Data


@dataclass(frozen=True, eq=False)
class LearnedAttributes(LearnedScale):
    """What y and the attributes teach: their names, and the scales of both.

    Parameters
    ----------
    target : Classes or TargetScale, optional
        What y is, where there is one.
    names : tuple of str
        Of the attributes.
    scaler : StandardScaler, optional
        Brings the attributes to numbers that float32 can tell apart.
    given : ndarray of float64, shape (n_samples, n_attributes), optional
        The attributes of this fit in their own units, of which its maps are made.
    """

    target: Target | None = None
    names: tuple[str, ...] = ()
    scaler: StandardScaler | None = None
    given: np.ndarray | None = None

    def refuse_other_head(self, y: Any, name: str) -> None:
        """Refuse y where the network that goes on has no head, and a head without y."""
        if (y is None) != (self.target is None):
            found, has = ("no y", "a") if y is None else ("y", "no")
            raise ValueError(
                f"Got {found}, but the fitted network of this {name} has {has} head that "
                "predicts it; expected y in every call, or in none."
            )

    def attributes(self) -> dict[str, Any]:
        target = {} if self.target is None else self.target.attributes()
        return super().attributes() | {"attribute_names_": list(self.names), **target}

    def scaled(
        self, attributes: Any, data: Data, n_components: int, name: str
    ) -> tuple["LearnedAttributes", np.ndarray]:
        """Learn attributes, if none are known; return them scaled, in single precision."""
        names, values = check_attributes(
            attributes, data.x, n_components, name, data.weighing
        )
        if self.names and tuple(names) != self.names:
            raise ValueError(
                f"Got the attributes {', '.join(names)}, but {name} has been trained with "
                f"{', '.join(self.names)}."
            )
        scaler = self.scaler
        if scaler is None:
            weight, rows = data.sample_weight, data.weighing
            weight = None if weight is None else weight[rows].astype(np.float64)
            scaler = StandardScaler().fit(values[rows], sample_weight=weight)
        learned = replace(self, names=tuple(names), scaler=scaler, given=values)
        return learned, scaler.transform(values).astype(np.float32)

    def maps(self, mean: np.ndarray, weight: np.ndarray | None) -> list[MonotoneMap]:
        """Return the map between each attribute and its unit, given the units' means."""
        assert self.given is not None
        pairs = zip(mean.T, self.given.T, strict=False)
        return [MonotoneMap.fit(unit, attribute, weight) for unit, attribute in pairs]


@naming("attributes")
def check_attributes(
    attributes: Any,
    x: np.ndarray,
    n_components: int,
    name: str,
    counted: np.ndarray | slice = slice(None),
) -> tuple[list[str], np.ndarray]:
    """Return the names of the attributes, and their values in double precision.

    Parameters
    ----------
    attributes : array-like of shape (n_samples, n_attributes) or (n_samples,)
        The attributes, see `as_numbers`; missing ones are NaN. Names are those of its
        columns.
    x : ndarray of shape (n_samples, ...)
        The rows that they belong to.
    n_components : int
        Number of latent units.
    name : str
        Of the estimator, for messages.
    counted : ndarray of int or slice
        The rows that weigh, in which no attribute may be the same everywhere.

    Returns
    -------
    names : list of str
        Names of the attributes.
    values : ndarray of float64, shape (n_samples, n_attributes)
        Their values.

    Raises
    ------
    ValueError
        If they do not fit to x or the code, or if one of them orders nothing.
    """
    columns = getattr(attributes, "columns", None)
    values = check_array(
        as_numbers(attributes, name),
        dtype=np.float64,
        ensure_all_finite="allow-nan",
        ensure_2d=False,
        input_name="attributes",
    )
    if values.ndim == 1:
        columns = [attributes.name] if getattr(attributes, "name", None) else columns
        values = values[:, None]
    check_consistent_length(x, values)
    n_attributes = values.shape[1]
    if n_attributes > n_components:
        raise ValueError(
            f"Got {n_attributes} attributes with n_components={n_components}, but {name} "
            "needs a latent unit for each."
        )
    if columns is None:
        columns = [f"attribute_{k}" for k in range(n_attributes)]
    names = [str(column) for column in columns]
    if twice := [column for k, column in enumerate(names) if column in names[:k]]:
        raise ValueError(
            f"Got two attributes called {twice[0]!r}, but {name} knows each by its name."
        )
    for attribute, column in zip(names, values[counted].T, strict=True):
        refuse_constant(attribute, column[~np.isnan(column)], name)
    return names, values


def refuse_constant(attribute: str, known: np.ndarray, name: str) -> None:
    """Refuse an attribute that orders nothing."""
    if not len(known):
        raise ValueError(
            f"Got the attribute {attribute!r} without a single value, but {name} needs "
            "some to order a latent unit by."
        )
    if (known == known[0]).all():
        raise ValueError(
            f"Got the attribute {attribute!r} that is {known[0]:g} everywhere, but {name} "
            "needs different values to order a latent unit by."
        )


def one_for_each(
    value: float | Sequence[float], n_attributes: int | None, parameter: str
) -> tuple[float, ...] | float:
    """Return a parameter that is one number for all attributes, or one for each.

    Raises
    ------
    ValueError
        If it has another length than there are attributes, or a negative number.
    """
    if isinstance(value, Real):
        return float(value)
    numbers = tuple(float(number) for number in value)
    if n_attributes is not None and len(numbers) != n_attributes:
        raise ValueError(
            f"Got {parameter}={value!r} for {n_attributes} attributes, but expected one "
            "number, or one for each."
        )
    if any(not number >= 0 for number in numbers):
        raise ValueError(f"Got {parameter}={value!r}, but expected numbers of at least 0.")
    return numbers


def wanted_attributes(
    attributes: Any, n_samples: int, names: list[str]
) -> dict[str, np.ndarray]:
    """Return the values of each attribute that samples should have; NaN is free.

    Raises
    ------
    ValueError
        If a name is not known, or the values are not one for each sample.
    """
    values = np.full((len(names), n_samples), np.nan)
    if isinstance(attributes, Mapping):
        for name, wanted in attributes.items():
            if name not in names:
                raise ValueError(
                    f"Got the attribute {name!r}, but training saw "
                    f"{', '.join(names) or 'none'}."
                )
            values[names.index(name)] = wanted
    else:
        wanted = np.asarray(attributes, dtype=np.float64)
        if wanted.shape not in ((n_samples, len(names)), (len(names),)):
            raise ValueError(
                f"Got attributes of shape {wanted.shape}, but expected "
                f"({n_samples}, {len(names)}) for {n_samples} samples of the attributes "
                f"{', '.join(names) or '(none)'}."
            )
        values[:] = wanted.T if wanted.ndim == 2 else wanted[:, None]
    return dict(zip(names, values, strict=True))


def refuse_unseen(name: str, wanted: np.ndarray, lowest: float, highest: float) -> None:
    """Refuse values of an attribute beyond those that training saw."""
    strange = wanted[(wanted < lowest) | (wanted > highest)]
    if len(strange):
        raise ValueError(
            f"Got {name}={strange[0]:.15g}, but training saw {lowest:.15g} to "
            f"{highest:.15g}."
        )
