"""Rows with a class and a score, averages over repeats, and patients drawn anew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skvae.arguments import check_number, check_numbers, refuse_masked
from skvae.statistics.grouping import numbered

Floats = NDArray[np.float64]
# Of weights that are held at once: rows times draws.
BLOCK = 4_000_000

# A statistic of rows: their numbers and the weights of each draw, (n_draws, n_rows), in;
# (n_draws, ...) out.
Statistic = Callable[[NDArray[np.intp], Floats], Floats]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Checked columns of a table of predictions.

    Parameters
    ----------
    positive : ndarray of bool, shape (n_rows,)
        Whether a row is of the positive class.
    score : ndarray of float, shape (n_rows,)
        Its score.
    label : object
        The positive class.
    repeats : tuple of ndarray of int
        Rows of each repeat.
    patient : ndarray of int, shape (n_rows,)
        Number of the patient.
    """

    positive: NDArray[np.bool_]
    score: Floats
    label: Any
    repeats: tuple[NDArray[np.intp], ...]
    patient: NDArray[np.intp]

    @classmethod
    def checked(
        cls,
        owner: str,
        y: "ArrayLike",
        score: "ArrayLike",
        *,
        repeat: "ArrayLike | None" = None,
        groups: "ArrayLike | None" = None,
        pos_label: Any = None,
    ) -> "ScoredRows":
        """Check what a caller gave to the function `owner`.

        Raises
        ------
        ValueError
            If lengths differ, scores are not finite, the positive class is not known, a
            repeat lacks a class, or rows of several repeats have no groups.
        """
        columns = {"y": y, "score": score, "repeat": repeat, "groups": groups}
        refuse_masked(owner, columns)
        _refuse_missing(owner, {"y": y, "repeat": repeat, "groups": groups})
        label, positive = positive_rows(owner, y, pos_label)
        for name, column in columns.items():
            if column is not None and np.shape(column) != positive.shape:
                raise ValueError(
                    f"Got {name} of shape {np.shape(column)} and y of shape "
                    f"{positive.shape}, but {owner} takes one value a row."
                )
        if repeat is not None and groups is None:
            raise ValueError(
                f"Got repeat without groups, but {owner} draws the rows of a patient in "
                "all repeats together; expected groups, or the samples' names as groups."
            )
        check_numbers(owner, "score", score)
        values = np.asarray(score, dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError(f"Got score with NaN or infinity, but {owner} takes numbers.")
        turn = np.zeros(len(values), dtype=np.intp) if repeat is None else numbered(repeat)
        repeats = tuple(np.flatnonzero(turn == r) for r in range(turn.max() + 1))
        for rows in repeats:
            if positive[rows].all() or not positive[rows].any():
                where = " in a repeat" if len(repeats) > 1 else ""
                raise ValueError(
                    f"Got y with a single class{where}, but {owner} takes rows of both."
                )
        patient = np.arange(len(values)) if groups is None else numbered(groups)
        return cls(positive, values, label, repeats, patient)

    @property
    def n_patients(self) -> int:
        """Number of patients; of rows, where no groups are known."""
        return int(self.patient.max()) + 1

    @property
    def several_rows_a_patient(self) -> bool:
        """Whether a patient has more than one row in a repeat."""
        return any(len(np.unique(self.patient[rows])) < len(rows) for rows in self.repeats)

    @property
    def prevalence(self) -> float:
        """Share of the positive class."""
        return float(self.positive.mean())

    def averaged(
        self, statistic: Statistic, n_bootstraps: int = 0, random_state: Any = 0
    ) -> Floats:
        """Compute a statistic within each repeat and average it over the repeats.

        A draw takes as many patients as there are, with replacement, and each with all
        rows in all repeats: rows have the number of times that their patient is drawn as
        weights.

        Parameters
        ----------
        statistic : callable
            Takes numbers of rows and weights, (n_draws, n_rows); returns (n_draws, ...).
        n_bootstraps : int
            Number of draws.
        random_state : int, RandomState instance or None
            Draws them.

        Returns
        -------
        ndarray of shape (1 + n_bootstraps, ...)
            First the statistic of the rows themselves.
        """
        check_number("a bootstrap", "n_bootstraps", n_bootstraps, whole=True, low=0)
        seed = check_random_state(random_state).randint(2**31 - 1)
        drawn = np.random.default_rng(seed).multinomial(
            self.n_patients, np.full(self.n_patients, 1 / self.n_patients), n_bootstraps
        )
        weights = np.vstack([np.ones((1, self.n_patients)), drawn])
        n_blocks = max(1, weights.size * len(self.positive) // self.n_patients // BLOCK)
        return np.concatenate(
            [
                self._mean_over_repeats(statistic, w)
                for w in np.array_split(weights, n_blocks)
            ]
        )

    def _mean_over_repeats(self, statistic: Statistic, weights: Floats) -> Floats:
        found = [statistic(rows, weights[:, self.patient[rows]]) for rows in self.repeats]
        return sum(found[1:], found[0]) / len(found)


def _refuse_missing(owner: str, columns: dict[str, Any]) -> None:
    for name, column in columns.items():
        if column is None:
            continue
        # numpy makes texts of a list of texts and NaN.
        values = column if isinstance(column, list) else np.ravel(column).tolist()
        # Missing is what does not equal itself: NaN, NaT, and NA, which says NA.
        n_missing = sum(v is None or (v != v) is not False for v in values)
        if n_missing:
            raise ValueError(
                f"Got {name} with {n_missing} missing values, but {owner} expects none."
            )


def positive_rows(
    owner: str, y: "ArrayLike", pos_label: Any = None
) -> tuple[Any, NDArray[np.bool_]]:
    """Return the positive class and which rows are of it.

    Raises
    ------
    ValueError
        If y has other than two classes, or does not say which is positive: only of 0 and
        1, False and True, -1 and 1 that is known.
    """
    classes = np.asarray(y)
    if classes.ndim != 1 or len(classes) == 0:
        raise ValueError(
            f"Got y of shape {classes.shape}, but {owner} takes a class a row."
        )
    found = sorted(set(classes.tolist()), key=str)
    listed = ", ".join(map(repr, found[:5]))
    if pos_label is None:
        if not set(found) <= {0, 1} and not set(found) <= {-1, 1}:
            raise ValueError(
                f"Got y with the values {listed} and pos_label=None, but {owner} does not "
                "guess which is the positive class; expected pos_label with one of them."
            )
        pos_label = 1
    elif len(found) > 2 or pos_label not in found:
        raise ValueError(
            f"Got pos_label={pos_label!r} and y with the values {listed}, but {owner} "
            "takes two classes, of which it is one."
        )
    return pos_label, classes == pos_label


def described(label: Any, prevalence: float, n_repeats: int, n_patients: int) -> str:
    """Say what was counted, for the repr of a result."""
    of = f"{n_repeats} repeats of " if n_repeats > 1 else ""
    return f"{of}{n_patients} patients, {prevalence:.0%} of class {label!r}"


def check_probabilities(owner: str, score: Floats, why: str) -> None:
    """Raise unless all scores lie between 0 and 1."""
    if score.min() < 0 or score.max() > 1:
        raise ValueError(
            f"Got scores from {score.min():.3g} to {score.max():.3g}, but {owner} takes "
            f"probabilities, from 0 to 1: {why} Decision values become probabilities by "
            "CalibratedClassifierCV, in the training part of a fold."
        )


def unsaturated(probability: NDArray[Any]) -> NDArray[Any]:
    """Return probabilities of which none is 0 or 1 because float32 has none that is nearer.

    A sigmoid of 17 is 1 in float32: log odds would be infinite that are not. In float64, a
    probability of 1 is what a model says, such as a forest whose trees all agree.
    """
    if probability.dtype != np.float32:
        return probability
    zero, one = np.float32(0), np.float32(1)
    return np.clip(probability, np.nextafter(zero, one), np.nextafter(one, zero))
