"""One prediction for a patient from those of several rows, such as lesions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if

from skvae.statistics.grouping import numbered

__all__ = ["AGGREGATES", "PatientPredictor", "by_patient"]

AGGREGATES = ("mean", "max")


def by_patient(patients: NDArray[Any]) -> NDArray[np.intp]:
    """Return the first row of each patient, in the order in which patients appear.

    Parameters
    ----------
    patients : ndarray of shape (n_rows,)
        Patient of each row.

    Returns
    -------
    ndarray of shape (n_patients,)
        Row numbers.

    Examples
    --------
    >>> by_patient(np.array(["b", "b", "a", "b"]))
    array([0, 2])
    """
    return np.unique(numbered(patients), return_index=True)[1]


class PatientPredictor(BaseEstimator):
    """Predict for patients what a fitted estimator predicts for their rows.

    Parameters
    ----------
    fitted : estimator
        What predicts rows.
    patients : ndarray of shape (n_rows,)
        Patient of each row that it will be given.
    aggregate : str
        `"mean"` of the values of a patient's rows; or `"max"`, the most suspicious row:
        that with the largest probability of the last class.
    """

    def __init__(self, fitted: Any, patients: NDArray[Any], aggregate: str) -> None:
        self.fitted = fitted
        self.patients = patients
        self.aggregate = aggregate

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes."""
        classes: NDArray[Any] = self.fitted.classes_
        return classes

    @available_if(lambda self: hasattr(self.fitted, "predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probabilities of each patient."""
        return self._aggregated(self.fitted.predict_proba(X))

    # Means of probabilities and of decision values rank patients differently: where there
    # are both, scores are of what stands in the predictions.
    @available_if(
        lambda self: (
            hasattr(self.fitted, "decision_function")
            and not hasattr(self.fitted, "predict_proba")
        )
    )
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Decision values of each patient."""
        return self._aggregated(self.fitted.decision_function(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Class or number of each patient."""
        if not hasattr(self, "classes_"):
            return self._aggregated(self.fitted.predict(X))
        if hasattr(self.fitted, "predict_proba"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        values = self.decision_function(X)
        is_two = values.ndim == 1
        return self.classes_[(values > 0).astype(int) if is_two else values.argmax(axis=1)]

    def _aggregated(self, values: Any) -> NDArray[Any]:
        values = np.asarray(values, dtype=np.float64)
        number = numbered(self.patients)
        if self.aggregate == "mean":
            sums = np.zeros((number.max() + 1, *values.shape[1:]))
            np.add.at(sums, number, values)
            counts = np.bincount(number).reshape(-1, *[1] * (values.ndim - 1))
            return sums / counts
        suspicion = values if values.ndim == 1 else values[:, -1]
        order = np.lexsort((-suspicion, number))
        return values[order[np.unique(number[order], return_index=True)[1]]]

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.fitted)
