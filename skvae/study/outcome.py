"""What a study predicts: classes, a number, or the time to an event."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import get_scorer_names
from sklearn.utils.multiclass import type_of_target

from skvae.arguments import check_choice
from skvae.extras import import_extra

__all__ = ["KINDS", "Outcome"]

Kind = Literal["classes", "number", "event"]
KINDS = get_args(Kind)

# Scores of scikit-learn that are defined for two classes only, unless averaged.
_TWO_CLASS_SCORINGS = {
    "average_precision",
    "f1",
    "jaccard",
    "precision",
    "recall",
    "roc_auc",
}
_SCORES_OF_NUMBERS = re.compile(
    "r2|explained_variance|d2_absolute_error_score|neg_(max_error|(root_)?mean.*|median.*)"
)
_DEFAULT_SCORING = {"number": "r2", "event": "concordance"}
# Floats of more values than these are amounts, even where all are whole.
_MOST_FLOAT_CLASSES = 10
# Folds of a number are stratified by its quarters.
_N_STRATA = 4


@dataclass(frozen=True, eq=False)
class Outcome:
    """The outcome of each row, and how folds are stratified by it.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        What the arms are fitted on: class labels (0 and 1 where a positive class was
        named), numbers, or a structured array of event and time.
    kind : str
        `"classes"`, `"number"` or `"event"`.
    classes : tuple
        The labels as given, in the order of the columns of probabilities; empty where
        there are none.
    is_recoded : bool
        Whether `values` are the numbers of `classes`, for a positive class was named.
    """

    values: NDArray[Any]
    kind: Kind
    classes: tuple[Any, ...] = ()
    is_recoded: bool = False

    @classmethod
    def checked(
        cls, y: "ArrayLike", positive: Any = None, kind: str | None = None
    ) -> "Outcome":
        """Recognise the kind of outcome and check that nothing is missing.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Class labels; floats; or a structured array of a boolean field (the event)
            and a numeric one (the time), as scikit-survival has it.
        positive : object, default=None
            Of two classes the one that probabilities are of.
        kind : {"classes", "number", "event"} or None, default=None
            What y is; None to tell by its values, of which few whole numbers are classes.

        Returns
        -------
        Outcome
            The outcome.
        """
        values = np.asarray(y)
        if kind is not None:
            check_choice("nested_cv", "outcome", kind, KINDS)
        if (values.dtype.names is not None) != (kind == "event") and kind is not None:
            what = "no" if kind == "event" else "a"
            raise ValueError(
                f"Got outcome={kind!r}, but y is {what} structured array of event and time."
            )
        if values.dtype.names is not None:
            return cls(_checked_event(values), "event")
        if values.ndim != 1:
            raise ValueError(f"Got y of shape {values.shape}, expected one column.")
        n_missing = int(import_extra("pandas").isna(values).sum())
        if n_missing:
            raise ValueError(f"Got y with {n_missing} missing values, expected none.")
        if _holds_numbers(values, kind):
            if positive is not None:
                raise ValueError(f"Got positive={positive!r}, but y holds numbers.")
            return cls(_numbers(values), "number")
        return cls._of_classes(values, positive)

    @classmethod
    def _of_classes(cls, values: NDArray[Any], positive: Any) -> "Outcome":
        classes = tuple(np.unique(values).tolist())
        if len(classes) < 2:
            raise ValueError(f"Got y with the only class {classes[0]!r}, expected two.")
        if positive is None:
            return cls(values, "classes", classes)
        if positive not in classes or len(classes) != 2:
            raise ValueError(
                f"Got positive={positive!r}, expected one of two classes; y has "
                f"{', '.join(map(repr, classes))}."
            )
        negative = classes[1 - classes.index(positive)]
        is_positive = (values == positive).astype(np.int64)
        return cls(is_positive, "classes", (negative, positive), True)

    @property
    def positive(self) -> Any:
        """The class that probabilities are of; None unless there are two classes."""
        return self.classes[1] if len(self.classes) == 2 else None

    @property
    def strata(self) -> NDArray[np.intp]:
        """Number of the stratum of each row: class, event, or quarter of the numbers."""
        if self.kind == "event":
            return self.values[_event_field(self.values)].astype(np.intp)
        if self.kind == "number":
            inner = np.linspace(0, 1, _N_STRATA + 1)[1:-1]
            cuts = np.unique(np.quantile(self.values, inner))
            return np.searchsorted(cuts, self.values, side="right")
        return np.unique(self.values, return_inverse=True)[1]

    def named(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return labels as they were given, of outcomes or of predictions.

        Parameters
        ----------
        labels : ndarray of shape (n,)
            Labels as the arms know them.

        Returns
        -------
        ndarray of shape (n,)
            The labels of the user.
        """
        return np.asarray(self.classes)[labels] if self.is_recoded else labels

    def columns(self, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """Return the outcome of some rows as columns of a table.

        Parameters
        ----------
        rows : ndarray of int
            Which rows.

        Returns
        -------
        dict of str to ndarray
            `y`, or `event` and `time`.
        """
        values = self.values[rows]
        if self.kind == "event":
            event = _event_field(values)
            (time,) = (name for name in values.dtype.names if name != event)
            return {"event": values[event].astype(bool), "time": values[time].astype(float)}
        return {"y": self.named(values)}

    def scorings(self, scoring: Any) -> dict[str, Any]:
        """Return the scores by name, the first of which decides.

        Parameters
        ----------
        scoring : str, callable, list of str, dict of str to callable, or None
            As given to a study; None is the default of the kind of outcome.

        Returns
        -------
        dict of str to str or callable
            At least one.
        """
        if scoring is None:
            default = "roc_auc" if len(self.classes) == 2 else "roc_auc_ovr"
            scoring = _DEFAULT_SCORING.get(self.kind, default)
        if isinstance(scoring, dict):
            found = dict(scoring)
        elif isinstance(scoring, list | tuple):
            found = {str(name): name for name in scoring}
        else:
            found = {str(scoring): scoring}
        if not found:
            raise ValueError(f"Got scoring={scoring!r}, expected at least one score.")
        for name, score in found.items():
            self._check_name(score)
            if len(self.classes) > 2 and score in _TWO_CLASS_SCORINGS:
                raise ValueError(
                    f"Got scoring={name!r} and y with {len(self.classes)} classes, but "
                    "this score needs two; for more there is scoring='roc_auc_ovr'."
                )
            if score == "concordance" and self.kind != "event":
                raise ValueError(
                    "Got scoring='concordance', but y holds no event and time; expected a "
                    "structured array of both."
                )
        return found

    def _check_name(self, score: Any) -> None:
        """Refuse a score that is none, or is of another kind of outcome."""
        if not isinstance(score, str) or score == "concordance":
            return
        known = get_scorer_names()
        if score not in known:
            like = get_close_matches(score, known, 3) or ["roc_auc", "accuracy", "r2"]
            raise ValueError(
                f"Got scoring={score!r}, expected a score of scikit-learn, such as "
                f"{', '.join(like)}, or concordance."
            )
        is_of_numbers = _SCORES_OF_NUMBERS.fullmatch(score) is not None
        if self.kind != "event" and is_of_numbers != (self.kind == "number"):
            what = {"number": "numbers", "classes": "classes"}[self.kind]
            raise ValueError(f"Got scoring={score!r}, but y holds {what}.")


def _holds_numbers(y: NDArray[Any], kind: str | None) -> bool:
    """Tell numbers from classes, by what was said or else by the values."""
    found = type_of_target(y, input_name="y")
    if kind == "number":
        return True
    if found == "continuous":
        if kind == "classes":
            raise ValueError(
                f"Got outcome='classes', but y has fractions such as {y[y % 1 != 0][0]}; "
                "expected text or whole numbers."
            )
        return True
    if found not in ("binary", "multiclass"):
        raise ValueError(
            f"Got y of type {found}, expected class labels, numbers, or a structured "
            "array of event and time."
        )
    many = y.dtype.kind == "f" and len(np.unique(y)) > _MOST_FLOAT_CLASSES
    return many and kind is None


def _numbers(y: NDArray[Any]) -> NDArray[np.float64]:
    try:
        return y.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"Got outcome='number', but y holds values such as {y[0]!r}; expected numbers."
        ) from error


def _event_field(y: NDArray[Any]) -> str:
    return next(name for name in y.dtype.names if y.dtype[name].kind == "b")


def _checked_event(y: NDArray[Any]) -> NDArray[Any]:
    kinds = sorted(y.dtype[name].kind for name in y.dtype.names)
    if y.ndim != 1 or len(kinds) != 2 or kinds[0] != "b" or kinds[1] not in "iuf":
        raise ValueError(
            f"Got y of fields {y.dtype}, expected two: a boolean event and a numeric time."
        )
    (time,) = (name for name in y.dtype.names if y.dtype[name].kind != "b")
    bad = ~(np.isfinite(y[time]) & (y[time] >= 0))
    if bad.any():
        raise ValueError(
            f"Got y with the time {y[time][bad][0]} in row {np.flatnonzero(bad)[0]}, "
            "expected finite times of at least 0."
        )
    if not y[_event_field(y)].any():
        raise ValueError("Got y without any event, expected some.")
    return y
