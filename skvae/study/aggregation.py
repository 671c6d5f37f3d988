"""One prediction for a patient from those of several rows, such as lesions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.metaestimators import available_if

from skvae.statistics.grouping import numbered
from skvae.statistics.scored_rows import unsaturated
from skvae.study.shared_steps import behind_shared_steps

__all__ = [
    "AGGREGATES",
    "PatientPredictor",
    "PatientScorer",
    "by_patient",
    "of_patients",
    "scored_by_patient",
]

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


def of_patients(values: Any, patients: NDArray[Any], aggregate: str) -> NDArray[Any]:
    """Return one value, or row of values, for each patient.

    Parameters
    ----------
    values : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Predictions of rows.
    patients : ndarray of shape (n_rows,)
        Patient of each row.
    aggregate : str
        `"mean"`, or `"max"`: the row whose last value is the largest.

    Returns
    -------
    ndarray of shape (n_patients,) or (n_patients, n_classes)
        In the order in which patients appear.

    Examples
    --------
    >>> of_patients([0.2, 0.5, 0.3], np.array(["b", "a", "b"]), "max")
    array([0.3, 0.5])
    """
    values = np.asarray(values, dtype=np.float64)
    number = numbered(patients)
    if aggregate == "mean":
        sums = np.zeros((number.max() + 1, *values.shape[1:]))
        np.add.at(sums, number, values)
        counts = np.bincount(number).reshape(-1, *[1] * (values.ndim - 1))
        return sums / counts
    suspicion = values if values.ndim == 1 else values[:, -1]
    order = np.lexsort((-suspicion, number))
    return values[order[np.unique(number[order], return_index=True)[1]]]


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
        return self._aggregated(unsaturated(np.asarray(self.fitted.predict_proba(X))))

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
        return of_patients(values, self.patients, self.aggregate)

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.fitted)


def scored_by_patient(
    scoring: Any, metadata: dict[str, Any], aggregate: str | None, patients: NDArray[Any]
) -> tuple[Any, dict[str, Any]]:
    """Return the score of a search, and the metadata that it then needs.

    Parameters
    ----------
    scoring : str or callable
        A score of rows.
    metadata : dict of str to array
        What the search hands to `fit`.
    aggregate : str or None
        How the predictions of a patient's rows become one; None to score rows.
    patients : ndarray of shape (n_rows,)
        Patient of each row.

    Returns
    -------
    scoring : str or callable
        A score of patients, where they are to be scored.
    metadata : dict of str to array
        With the patients of the rows.
    """
    if aggregate is None:
        return scoring, metadata
    scorer = PatientScorer(scoring, aggregate)
    return scorer, metadata | {PatientScorer.METADATA: patients}


class PatientScorer:
    """Score the patients of an inner fold, as those of an outer one are scored.

    A search hands it the patient of each row, which it takes by the name `METADATA`.

    Parameters
    ----------
    scoring : str or callable
        A score of predictions.
    aggregate : str
        How the predictions of a patient's rows become one.
    """

    # Nothing that a step of a pipeline may have among the parameters of its `fit`.
    METADATA = "patients_of_the_study"

    def __init__(self, scoring: Any, aggregate: str) -> None:
        self.scoring = scoring
        self.aggregate = aggregate

    def __call__(self, fitted: Any, X: Any, y: Any, patients: NDArray[Any]) -> float:
        """Score what a fitted estimator predicts for the patients."""
        if isinstance(self.scoring, str):
            fitted, X = behind_shared_steps(fitted, X)
        predictor = PatientPredictor(fitted, patients, self.aggregate)
        return float(
            check_scoring(fitted, self.scoring)(predictor, X, y[by_patient(patients)])
        )

    def get_metadata_routing(self) -> MetadataRequest:
        """Ask for the patients."""
        request = MetadataRequest(owner=self)
        request.score.add_request(param="patients", alias=self.METADATA)
        return request
