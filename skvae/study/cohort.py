"""The rows that a study compares its arms on, checked once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import type_of_target

from skvae.arguments import check_columns
from skvae.extras import import_extra

__all__ = ["Cohort"]

# Scores of scikit-learn that are defined for two classes only, unless averaged.
_TWO_CLASS_SCORINGS = {
    "average_precision",
    "f1",
    "jaccard",
    "precision",
    "recall",
    "roc_auc",
}


@dataclass(frozen=True, eq=False)
class Cohort:
    """Inputs, labels and patients of a study, row by row.

    Attributes
    ----------
    X : array, DataFrame or list
        Inputs, one row for each sample.
    y : ndarray of shape (n_samples,)
        Class labels.
    groups : ndarray of shape (n_samples,) or None
        Patient of each row; None where each row is a patient of its own.
    samples : ndarray of shape (n_samples,)
        Names of the rows: the index of X, or else row numbers.
    metadata : dict of str to array
        What goes to the `fit` of the arms that ask for it, `groups` included.
    """

    X: Any
    y: NDArray[Any]
    groups: NDArray[Any] | None
    samples: NDArray[Any]
    metadata: dict[str, Any]

    @classmethod
    def checked(
        cls,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None,
        params: Mapping[str, ArrayLike] | None,
    ) -> "Cohort":
        """Check that all columns belong to the same rows and miss nothing."""
        columns = {f"params[{name!r}]": values for name, values in (params or {}).items()}
        check_columns("nested_cv", X, {"y": y, "groups": groups} | columns)
        labels = _checked_column("y", y, len(X))
        if type_of_target(labels) not in ("binary", "multiclass"):
            raise ValueError(
                f"Got y of type {type_of_target(labels)}, expected class labels: the "
                "folds are stratified by y."
            )
        patients = None if groups is None else _checked_column("groups", groups, len(X))
        metadata = dict(params or {})
        for name, values in metadata.items():
            if name == "groups":
                raise ValueError("Got groups in params; hand them over as groups=.")
            _check_length(f"params[{name!r}]", values, len(X))
        if patients is not None:
            metadata["groups"] = patients
        samples = np.asarray(X.index) if hasattr(X, "iloc") else np.arange(len(X))
        return cls(X, labels, patients, samples, metadata)

    def check_scoring(self, scoring: Any) -> None:
        """Raise where `scoring` is not defined for so many classes."""
        classes = np.unique(self.y)
        if len(classes) < 2:
            raise ValueError(f"Got y with the only class {classes[0]!r}, expected two.")
        if len(classes) > 2 and scoring in _TWO_CLASS_SCORINGS:
            raise ValueError(
                f"Got scoring={scoring!r} and y with {len(classes)} classes, but this "
                "score needs two; for more there is scoring='roc_auc_ovr'."
            )


def _check_length(name: str, values: Any, n_rows: int) -> None:
    if len(values) != n_rows:
        raise ValueError(f"Got {name} with {len(values)} rows, but X has {n_rows}.")


def _checked_column(name: str, values: ArrayLike, n_rows: int) -> NDArray[Any]:
    column = np.asarray(values)
    if column.ndim != 1:
        raise ValueError(f"Got {name} of shape {column.shape}, expected one column.")
    _check_length(name, column, n_rows)
    n_missing = int(import_extra("pandas").isna(column).sum())
    if n_missing:
        raise ValueError(f"Got {name} with {n_missing} missing values, expected none.")
    return column
