"""A second cohort, which the arms of a study are tried on once."""

from typing import Any

import numpy as np

from skvae.study.cohort import Cohort
from skvae.study.input_blocks import Blocks

__all__ = ["checked_external"]


def checked_external(external: Any, cohort: Cohort) -> Cohort:
    """Check another cohort against that of the study: its columns, classes, patients.

    Parameters
    ----------
    external : (X, y) or (X, y, groups)
        As given.
    cohort : Cohort
        The rows of the study.

    Returns
    -------
    Cohort
        The rows of the other, with columns in the order of the first.
    """
    if not isinstance(external, tuple | list) or len(external) not in (2, 3):
        raise ValueError(
            f"Got external of type {type(external).__name__}, expected (X, y) or (X, y, "
            "groups)."
        )
    X, y, *groups = external
    positive = cohort.outcome.positive if cohort.outcome.is_recoded else None
    patients = groups[0] if groups else None
    try:
        kind = _kind_of_numbers(y, cohort.outcome.kind)
        other = Cohort.checked(X, y, patients, None, positive, kind)
    except ValueError as error:
        raise ValueError(f"Got external, of which: {error}") from error
    if (other.outcome.kind, other.outcome.classes) != (
        cohort.outcome.kind,
        cohort.outcome.classes,
    ):
        raise ValueError(
            f"Got external with {_described(other)}, but y has {_described(cohort)}."
        )
    if other.groups is not None and cohort.groups is not None:
        both = sorted(set(map(str, other.groups)) & set(map(str, cohort.groups)))
        if both:
            raise ValueError(
                f"Got external with {len(both)} patients of the study, such as "
                f"{both[0]!r}; expected others."
            )
    aligned = _aligned(other.X, cohort.X)
    return Cohort(aligned, other.outcome, other.groups, other.samples, {})


def _kind_of_numbers(y: Any, kind: str) -> str | None:
    """Return what numbers are in the study: whole ones may be classes or amounts."""
    values = np.asarray(y)
    if values.dtype.kind not in "iuf":
        return None
    fits = kind == "number" or (kind == "classes" and (values % 1 == 0).all())
    return kind if fits else None


def _described(cohort: Cohort) -> str:
    outcome = cohort.outcome
    kinds = {"number": "numbers", "event": "events and times"}
    return kinds.get(outcome.kind) or f"the classes {', '.join(map(repr, outcome.classes))}"


def _aligned(X: Any, like: Any, name: str = "X") -> Any:
    """Return columns and blocks of the same names in the same order."""
    if isinstance(like, Blocks):
        if not isinstance(X, Blocks) or set(X) != set(like):
            has = ", ".join(X) if isinstance(X, Blocks) else type(X).__name__
            raise ValueError(
                f"Got external with {has}, expected the blocks {', '.join(like)}."
            )
        return Blocks({n: _aligned(X[n], like[n], f"X[{n!r}]") for n in like.names})
    if hasattr(like, "columns"):
        if not hasattr(X, "columns"):
            raise ValueError(f"Got external with {name} without names of columns.")
        missing = [c for c in like.columns if c not in X.columns]
        if missing:
            raise ValueError(
                f"Got external with {name} without the columns "
                f"{', '.join(map(str, missing[:5]))} ({len(missing)} in all)."
            )
        return X[list(like.columns)]
    if np.shape(X)[1:] != np.shape(like)[1:]:
        raise ValueError(
            f"Got external with {name} of shape {np.shape(X)}, but that of the study has "
            f"{np.shape(like)}."
        )
    return X
