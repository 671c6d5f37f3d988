"""Estimators whose class body declares each parameter once: type, constraint, default."""

import inspect
from dataclasses import dataclass, field
from functools import cache
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, dataclass_transform, get_args, get_origin

import numpy as np
from sklearn.base import BaseEstimator

from skvae._compat import Interval, shown_with_documentation
from skvae.docstrings import complete_docstrings, merge_docstrings
from skvae.interrupts import uninterrupted

# What several parameters may be: a type for the reader, constraints for scikit-learn.
# Whole numbers beyond are none to torch.
LARGEST = 2**31 - 1
WHOLE = Interval(Integral, 0, LARGEST, closed="both")
POSITIVE_WHOLE = Interval(Integral, 1, LARGEST, closed="both")
Whole = Annotated[int, WHOLE]
Count = Annotated[int, POSITIVE_WHOLE]
CountOrNone = Annotated[int | None, POSITIVE_WHOLE, None]
FoldsOrNone = Annotated[int | None, Interval(Integral, 2, LARGEST, closed="both"), None]
Positive = Annotated[float, Interval(Real, 0, None, closed="neither")]
NonNegative = Annotated[float, Interval(Real, 0, None, closed="left")]
Share = Annotated[float, Interval(Real, 0, 1, closed="both")]
ShareBelowOne = Annotated[float, Interval(Real, 0, 1, closed="left")]
InnerShare = Annotated[float, Interval(Real, 0, 1, closed="neither")]
Sizes = Annotated[tuple[int, ...], list, tuple]
SizesOrNone = Annotated[tuple[int, ...] | None, list, tuple, None]
Flag = Annotated[bool, "boolean"]


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(field,))
class DeclaredEstimator(BaseEstimator):
    """Hyper-parameters that are typed, constrained and documented where they are declared.

    Every subclass is a keyword dataclass: ``k: Annotated[int, constraint, ...] = 10``
    declares a parameter, with the constraints that scikit-learn validates; a plain
    ``k: int = 20`` gives it another default, and ``field(default=10, kw_only=False)`` lets
    it be given by its place. Parameters, attributes and methods that a
    subclass does not document have the documentation of its bases, in the order of the
    signature; arguments of methods that neither does, that of ``_arguments``.
    """

    _arguments: ClassVar[str] = """
    input_features : array-like of str or None, default=None
        Not used; checked against what `fit` saw.
    """
    _own_docstring: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._own_docstring = cls.__doc__ or ""
        constraints: dict[str, Any] = {}
        for base in reversed(cls.__mro__[1:]):  # of several bases, each may have its own
            constraints |= vars(base).get("_parameter_constraints", {})
        constraints |= own_constraints(cls, constraints)
        cls._parameter_constraints = constraints
        dataclass(eq=False, repr=False, kw_only=True, match_args=False)(cls)
        signature = own_first(cls)
        cls.__init__.__signature__ = signature  # type: ignore[attr-defined]
        bases = declared(cls)
        docstring = ""
        for base in reversed(bases):
            own, order = base._own_docstring, list(signature.parameters)
            docstring = merge_docstrings(docstring, own, order)
        cls.__doc__ = docstring
        arguments = [base._arguments for base in (*bases, DeclaredEstimator)]
        complete_docstrings(cls, arguments)

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        # Each clone asks several times, and scikit-learn looks at the signature each time.
        names: list[str] = super()._get_param_names()
        return names

    def _sizes(self, parameter: str) -> tuple[int, ...]:
        sizes = getattr(self, parameter)
        for size in sizes:
            if not isinstance(size, int | np.integer) or not 1 <= size <= LARGEST:
                raise ValueError(
                    f"Got {parameter}={sizes!r}, but expected whole numbers of at least 1 "
                    f"(and at most {LARGEST})."
                )
        return tuple(int(size) for size in sizes)

    def _become(self, results: dict[str, Any]) -> None:
        """Take the attributes of what was fitted: here alone, `fit` writes to itself."""
        old = [k for k in vars(self) if k.endswith("_") and not k.startswith("_")]
        with uninterrupted():
            for name in old:
                delattr(self, name)
            vars(self).update(results)

    def _get_params_html(self, deep: bool = True, doc_link: str = "") -> Any:
        show = super()._get_params_html
        return shown_with_documentation(show, deep, doc_link=doc_link)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        return shown_with_documentation(super()._get_fitted_attr_html, doc_link=doc_link)


def declared(cls: type) -> list[type[DeclaredEstimator]]:
    """Return a class and those of its bases that declare parameters, itself first."""
    return [
        base
        for base in cls.__mro__
        if issubclass(base, DeclaredEstimator) and base is not DeclaredEstimator
    ]


def own_first(cls: type) -> inspect.Signature:
    """Return the signature with the parameters of a class before those of its bases."""
    order = [name for base in declared(cls) for name in inspect.get_annotations(base)]
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    itself, *parameters = signature.parameters.values()
    parameters.sort(key=lambda each: (each.kind, order.index(each.name)))
    return signature.replace(parameters=[itself, *parameters])


def own_constraints(cls: type, inherited: dict[str, Any]) -> dict[str, Any]:
    """Take the constraints out of a class body, and leave the types for signatures.

    A parameter without any is not validated, unless a base constrains it.
    """
    own: dict[str, Any] = {}
    for name, hint in inspect.get_annotations(cls).items():
        if hint is ClassVar or get_origin(hint) is ClassVar:
            continue
        if get_origin(hint) is Annotated:
            kind, *constraints = get_args(hint)
            own[name] = constraints
            cls.__annotations__[name] = kind
        elif name not in inherited:
            own[name] = "no_validation"
    return own
