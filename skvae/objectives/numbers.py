"""The numbers of an objective that may differ between networks trained side by side."""

from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass, replace
from typing import Any

from torch import Tensor

MARK = "differs between stacked networks"


def number(default: Any = ...) -> Any:
    """Declare a field of an objective whose value may be a 0-d tensor as well.

    The equation must do the same whatever it is: no ``if`` may ask for it.
    """
    metadata = {MARK: True}
    if default is ...:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def times(value: float | Tensor, term: Tensor) -> Tensor:
    """Return a number times a term, in the dtype of the term."""
    return (value.to(term.dtype) if isinstance(value, Tensor) else value) * term


def numbers_of(objective: Any, where: str = "") -> dict[str, float]:
    """Return the declared numbers of an objective and of its parts, by dotted name.

    Examples
    --------
    >>> from skvae.objectives.elbo import BetaELBO
    >>> numbers_of(BetaELBO(beta=4.0))
    {'beta': 4.0}
    """
    found: dict[str, float] = {}
    for each in fields(objective):
        value, name = getattr(objective, each.name), f"{where}{each.name}"
        if is_dataclass(value):
            found |= numbers_of(value, f"{name}.")
        elif each.metadata.get(MARK) and isinstance(value, int | float):
            found[name] = float(value)
    return found


def with_numbers(objective: Any, numbers: Mapping[str, Any], where: str = "") -> Any:
    """Return the same objective with other values of its declared numbers.

    Examples
    --------
    >>> from skvae.objectives.elbo import BetaELBO
    >>> with_numbers(BetaELBO(kl_warmup=0.5), {"beta": 2.0})
    BetaELBO(beta=2.0, kl_warmup=0.5, free_bits=0.0, likelihood=GaussianLikelihood(\
variance=None), counted_entries=None)
    """
    changed = {}
    for each in fields(objective):
        value, name = getattr(objective, each.name), f"{where}{each.name}"
        if is_dataclass(value):
            changed[each.name] = with_numbers(value, numbers, f"{name}.")
        elif name in numbers:
            changed[each.name] = numbers[name]
    return replace(objective, **changed) if changed else objective
