"""The rows that a study compares its arms on, checked once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skvae.arguments import check_columns
from skvae.datasets.lazy_rows import LazyRows, is_stored
from skvae.extras import import_extra
from skvae.study.input_blocks import Blocks
from skvae.study.outcome import Outcome

__all__ = ["Cohort"]


@dataclass(frozen=True, eq=False)
class Cohort:
    """Inputs, labels and patients of a study, row by row.

    Attributes
    ----------
    X : array, DataFrame, list or Blocks
        Inputs, one row for each sample.
    outcome : Outcome
        What is predicted.
    groups : ndarray of shape (n_samples,) or None
        Patient of each row; None where each row is a patient of its own.
    samples : ndarray of shape (n_samples,)
        Names of the rows: the index of X, or else row numbers.
    metadata : dict of str to array
        What goes to the `fit` of the arms that ask for it, `groups` included.
    """

    X: Any
    outcome: Outcome
    groups: NDArray[Any] | None
    samples: NDArray[Any]
    metadata: dict[str, Any]

    @classmethod
    def checked(
        cls,
        X: Any,
        y: "ArrayLike",
        groups: "ArrayLike | None",
        params: "Mapping[str, ArrayLike] | None",
        positive: Any = None,
        kind: str | None = None,
    ) -> "Cohort":
        """Check that all columns belong to the same rows and miss nothing."""
        if isinstance(X, Mapping):
            X = Blocks({name: _lazy(block) for name, block in X.items()})
        X = _lazy(X)
        columns = {f"params[{name!r}]": values for name, values in (params or {}).items()}
        parts = (X[name] for name in X.names) if isinstance(X, Blocks) else (X,)
        for part in parts:
            check_columns("nested_cv", part, {"y": y, "groups": groups} | columns)
        _check_length("y", y, len(X))
        outcome = Outcome.checked(y, positive, kind)
        patients = None if groups is None else _checked_column("groups", groups, len(X))
        metadata = dict(params or {})
        for name, values in metadata.items():
            if name == "groups":
                raise ValueError("Got groups in params; hand them over as groups=.")
            _check_length(f"params[{name!r}]", values, len(X))
        if patients is not None:
            metadata["groups"] = patients
        index = getattr(X, "index", None) if hasattr(X, "iloc") else None
        samples = np.arange(len(X)) if index is None else np.asarray(index)
        if patients is None:
            _check_names(samples)
        return cls(X, outcome, patients, samples, metadata)

    @property
    def patients(self) -> NDArray[Any]:
        """Patient of each row; its own name where there are no groups."""
        return self.samples if self.groups is None else self.groups

    def check_patients(self) -> None:
        """Raise where the rows of a patient differ in their outcome."""
        if self.outcome.kind == "event":
            raise ValueError("Got aggregate with event and time, expected None.")
        first: dict[Any, Any] = {}
        for patient, value in zip(
            self.patients.tolist(), self.outcome.values.tolist(), strict=True
        ):
            if first.setdefault(patient, value) != value:
                raise ValueError(
                    f"Got aggregate, but the rows of the patient {patient!r} differ in y; "
                    "expected the outcome of the patient in each row."
                )


def _lazy(X: Any) -> Any:
    """Return arrays of zarr and h5py, which no splitter takes, as lazy rows."""
    return LazyRows(X) if is_stored(X) else X


def _check_names(samples: NDArray[Any]) -> None:
    """Raise where rows of one name may be one patient on both sides of a split."""
    names, counts = np.unique(samples.astype(str).astype(object), return_counts=True)
    if len(names) < len(samples):
        raise ValueError(
            f"Got X with {counts.max()} rows called {names[counts.argmax()]!r} and no "
            "groups; expected groups, so that the rows of a patient stay together, or an "
            "index without repeats."
        )


def _check_length(name: str, values: Any, n_rows: int) -> None:
    if len(values) != n_rows:
        raise ValueError(f"Got {name} with {len(values)} rows, but X has {n_rows}.")


def _checked_column(name: str, values: "ArrayLike", n_rows: int) -> NDArray[Any]:
    column = np.asarray(values)
    if column.ndim != 1:
        raise ValueError(f"Got {name} of shape {column.shape}, expected one column.")
    _check_length(name, column, n_rows)
    n_missing = int(import_extra("pandas").isna(column).sum())
    if n_missing:
        raise ValueError(f"Got {name} with {n_missing} missing values, expected none.")
    return column
