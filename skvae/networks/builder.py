"""A network that is not built yet, as a value."""

from collections.abc import Collection
from inspect import signature
from typing import Any

from torch import nn


class Builder:
    """A module class with its keyword arguments: compares, hashes, pickles and prints.

    A module is none of these (equal modules differ under ``joblib.hash``), and a
    ``functools.partial`` does not compare equal.

    Parameters
    ----------
    cls : type
        The module class.
    **kwargs : hashable
        Keyword arguments of ``cls``; a value may be a ``Builder`` itself.

    Examples
    --------
    >>> from torch import nn
    >>> head = Builder(nn.Linear, bias=False)
    >>> head == Builder(nn.Linear, bias=False)
    True
    >>> head(3, 2)
    Linear(in_features=3, out_features=2, bias=False)
    """

    cls: type[nn.Module]
    kwargs: tuple[tuple[str, Any], ...]

    def __init__(self, cls: type[nn.Module], **kwargs: Any) -> None:
        object.__setattr__(self, "cls", cls)
        object.__setattr__(self, "kwargs", tuple(sorted(kwargs.items())))

    def __call__(self, *args: Any) -> nn.Module:
        try:
            return self.cls(*args, **dict(self.kwargs))
        except TypeError as error:
            refuse_unknown(self.cls, dict(self.kwargs), error)
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A Builder is a value; its {name} cannot change.")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Builder)
            and self.cls is other.cls
            and self.kwargs == other.kwargs
        )

    def __hash__(self) -> int:
        return hash((self.cls, self.kwargs))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.cls, self.kwargs)

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={value!r}" for name, value in self.kwargs)
        return f"Builder({self.cls.__name__}{', ' if listed else ''}{listed})"


def refuse_unknown(
    cls: type[nn.Module], options: Collection[str], error: TypeError
) -> None:
    """Say which options a network has not, where that is why it cannot be built.

    Raises
    ------
    TypeError
        If there is one.
    """
    parameters = signature(cls).parameters.values()
    known = [p.name for p in parameters if p.kind != p.VAR_POSITIONAL]
    if any(p.kind == p.VAR_KEYWORD for p in parameters):
        return
    if unknown := [name for name in options if name not in known]:
        raise TypeError(
            f"Got the option {unknown[0]!r} for {cls.__name__}, but expected one of "
            f"{', '.join(known) or 'none'}."
        ) from error


def _rebuild(cls: type[nn.Module], kwargs: tuple[tuple[str, Any], ...]) -> Builder:
    return Builder(cls, **dict(kwargs))
