"""The outer and inner folds that all arms of a study share."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skvae.study.cohort import Cohort
from skvae.study.splits import RepeatedStratifiedGroupKFold

__all__ = ["OuterFold", "draw_folds", "inner_splits"]

_MANY_CLASSES = 10
Split: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class OuterFold:
    """One outer split, and the inner splits of its training part.

    Attributes
    ----------
    repeat, fold : int
        Counted from 1.
    train, test : ndarray
        Rows of the cohort.
    inner : list of (train, test)
        Rows *of the training part*, as a search takes them for `cv`.
    """

    repeat: int
    fold: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    inner: list[Split]

    @classmethod
    def external(
        cls, cohort: Cohort, other: Cohort, inner: int, random_state: int | None
    ) -> "OuterFold":
        """Return the split that trains on one cohort and tests on another: fold 0 of 0.

        Parameters
        ----------
        cohort, other : Cohort
            What to train and what to test on.
        inner : int
            Number of inner folds.
        random_state : int or None
            Seed of the inner folds.

        Returns
        -------
        OuterFold
            The split.
        """
        rows = np.arange(len(cohort.samples))
        splits = inner_splits(cohort, rows, inner, random_state)
        return cls(0, 0, rows, np.arange(len(other.samples)), splits)


def draw_folds(
    cohort: Cohort,
    outer: tuple[int, int],
    inner: int,
    random_state: int | np.random.RandomState | None,
) -> list[OuterFold]:
    """Draw patient-grouped outer folds, and inner folds within each.

    Parameters
    ----------
    cohort : Cohort
        Its labels stratify the folds; its groups stay together.
    outer : (int, int)
        Number of folds and of repeats.
    inner : int
        Number of inner folds.
    random_state : int, RandomState instance or None
        An int gives the outer splits of `RepeatedStratifiedGroupKFold(*outer,
        random_state)`.

    Returns
    -------
    list of OuterFold
        In the order of repeats and folds.
    """
    n_folds, n_repeats = _checked_counts(outer, inner)
    seed = random_state
    if not isinstance(seed, Integral):
        seed = check_random_state(seed).randint(2**31 - 1)
    inner_seeds = check_random_state(seed).randint(2**31 - 1, size=n_folds * n_repeats)
    everyone = np.arange(len(cohort.samples))
    splits = _checked_splits(cohort, everyone, n_folds, n_repeats, seed, "outer", outer)
    return [
        OuterFold(
            repeat=i // n_folds + 1,
            fold=i % n_folds + 1,
            train=train,
            test=test,
            inner=_checked_splits(cohort, train, inner, 1, inner_seed, "inner", inner),
        )
        for i, ((train, test), inner_seed) in enumerate(
            zip(splits, inner_seeds, strict=True)
        )
    ]


def inner_splits(
    cohort: Cohort, rows: NDArray[np.intp], inner: int, random_state: int | None
) -> list[Split]:
    """Split some rows of a cohort as the inner folds of a study are split.

    Parameters
    ----------
    cohort : Cohort
        All rows.
    rows : ndarray of int
        Those to split.
    inner : int
        Number of folds.
    random_state : int or None
        Seed.

    Returns
    -------
    list of (train, test)
        Rows among `rows`.
    """
    seed = check_random_state(random_state).randint(2**31 - 1)
    return _checked_splits(cohort, rows, inner, 1, seed, "inner", inner)


def _checked_counts(outer: Any, inner: Any) -> tuple[int, int]:
    if not (
        isinstance(outer, tuple | list)
        and len(outer) == 2
        and all(isinstance(n, Integral) for n in outer)
        and outer[0] >= 2
        and outer[1] >= 1
    ):
        raise ValueError(
            f"Got outer={outer!r}, expected (folds, repeats) with at least 2 folds and "
            "1 repeat."
        )
    if not isinstance(inner, Integral) or inner < 2:
        raise ValueError(f"Got inner={inner!r}, expected an int of at least 2.")
    return int(outer[0]), int(outer[1])


def _checked_splits(
    cohort: Cohort,
    rows: NDArray[np.intp],
    n_splits: int,
    n_repeats: int,
    seed: int,
    name: str,
    value: Any,
) -> list[Split]:
    """Split some rows of the cohort; no group on both sides, all classes everywhere."""
    strata = cohort.outcome.strata
    y = strata[rows]
    groups = rows if cohort.groups is None else cohort.groups[rows]
    kind = "rows" if cohort.groups is None else "groups"
    for stratum in np.unique(y):
        n = len(np.unique(groups[y == stratum]))
        if n < n_splits:
            raise ValueError(
                f"Got {name}={value!r}, but {_described(cohort, stratum)} has only {n} "
                f"{kind} in the {len(rows)} rows to split; each fold needs one."
                f"{_hint(cohort)}"
            )
    cv = RepeatedStratifiedGroupKFold(n_splits, n_repeats, seed)
    splits = list(cv.split(rows, y, groups))
    for train, test in splits:
        if np.isin(groups[test], groups[train]).any():
            raise RuntimeError("A group is in the training and in the test part.")
        if cohort.outcome.kind != "number" and len(np.unique(y[train])) != len(
            np.unique(y[test])
        ):
            raise ValueError(
                f"Got {name}={value!r}, but with so large groups one part of a fold "
                "lacks a class; expected fewer folds."
            )
    return splits


def _described(cohort: Cohort, stratum: int) -> str:
    """Name a stratum as the user knows it."""
    outcome = cohort.outcome
    if outcome.kind == "classes":
        return f"class {outcome.classes[stratum]}"
    if outcome.kind == "event":
        return "the stratum with an event" if stratum else "the stratum without an event"
    return f"quarter {stratum + 1} of y"


def _hint(cohort: Cohort) -> str:
    many = len(cohort.outcome.classes) > _MANY_CLASSES
    return " Numbers that are no classes need outcome='number'." if many else ""
