"""One arm on one outer fold: searched on the training part, judged on the test part."""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.model_selection import cross_val_predict
from threadpoolctl import threadpool_limits

from skvae._compat import take_rows
from skvae.statistics.concordance import concordance_scorer
from skvae.statistics.scored_rows import unsaturated
from skvae.statistics.thresholds import choose_threshold
from skvae.study.aggregation import (
    PatientPredictor,
    by_patient,
    of_patients,
    scored_by_patient,
)
from skvae.study.arm import Arm
from skvae.study.cohort import Cohort
from skvae.study.explained import Explanation, explained
from skvae.study.folds import OuterFold
from skvae.study.importance import Judged
from skvae.study.shared_steps import sharing_steps
from skvae.training_counts import counted_trainings

__all__ = ["Finished", "Task", "evaluate", "metadata_for", "predicted_columns", "scorer_of"]


@dataclass(frozen=True, eq=False)
class Task:
    """One arm on one outer fold, or on the external cohort.

    Attributes
    ----------
    arm : Arm
        What is fitted.
    fold : OuterFold
        Which rows; of the external cohort, where the test part is there.
    scorings : dict of str to str or callable
        The scores by name; the inner search is by the first.
    threshold : str or None
        Rule by which a threshold is chosen on the training part.
    aggregate : str or None
        How the predictions of a patient's rows become one.
    n_threads : int or None
        Threads of linear algebra.
    is_external : bool
        Whether the test part is that of the external cohort.
    explanation : Explanation or None
        What is needed to explain the fitted arm; None where it is not to be explained.
    """

    arm: Arm
    fold: OuterFold
    scorings: dict[str, Any]
    threshold: str | None
    aggregate: str | None
    n_threads: int | None
    is_external: bool = False
    explanation: Explanation | None = None

    @property
    def where(self) -> dict[str, Any]:
        """Arm, repeat and fold: what names the task."""
        return {"arm": self.arm.name, "repeat": self.fold.repeat, "fold": self.fold.fold}


@dataclass(frozen=True, eq=False)
class Finished:
    """What came of a task.

    Attributes
    ----------
    row : dict
        Its row of the scores.
    timing : dict
        Its row of the timings.
    predictions : dict of str to array
        Columns, a value for each row (or patient) of the test part.
    warned : list of (str, str)
        Category and text of the warnings.
    explained : dict of str to object or None
        What the fitted arm does with the test part, if that was asked for.
    """

    row: dict[str, Any]
    timing: dict[str, Any]
    predictions: dict[str, Any]
    warned: list[tuple[str, str]]
    explained: dict[str, Any] | None = None


def evaluate(task: Task, cohort: Cohort, external: Cohort | None = None) -> Finished:
    """Search, fit and score.

    Parameters
    ----------
    task : Task
        What to do.
    cohort : Cohort
        The rows of the training part, and of the test part of a fold.
    external : Cohort, default=None
        Those of the test part of an external task.

    Returns
    -------
    Finished
        Scores and predictions.
    """
    # Worker processes know neither the caller's configuration nor its thread limits.
    with (
        config_context(enable_metadata_routing=True),
        threadpool_limits(task.n_threads, user_api="blas"),
        warnings.catch_warnings(record=True) as caught,
        counted_trainings() as count,
    ):
        tested = external if task.is_external and external is not None else cohort
        row, timing, predictions, told = _fit_and_score(task, cohort, tested)
    warned = sorted({(w.category.__name__, str(w.message)) for w in caught})
    return Finished(row, timing | {"n_trainings": count.n}, predictions, warned, told)


def _fit_and_score(
    task: Task, cohort: Cohort, tested: Cohort
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any] | None]:
    arm, fold = task.arm, task.fold
    metadata = metadata_for(arm, cohort, fold.train)
    X_train, y_train = take_rows(cohort.X, fold.train), cohort.outcome.values[fold.train]
    scorings = {name: scorer_of(scoring) for name, scoring in task.scorings.items()}
    start = time.perf_counter()
    search = _fitted(
        task, cohort, X_train, y_train, metadata, next(iter(scorings.values()))
    )
    fit_seconds = time.perf_counter() - start

    X_test, y_test = take_rows(tested.X, fold.test), tested.outcome.values[fold.test]
    patients = tested.patients[fold.test]
    predictor, rows = search, fold.test
    if task.aggregate is not None:
        predictor = PatientPredictor(search, patients, task.aggregate)
        rows = fold.test[by_patient(patients)]
        y_test = tested.outcome.values[rows]
    scores = {
        name if i else "score": float(check_scoring(search, s)(predictor, X_test, y_test))
        for i, (name, s) in enumerate(scorings.items())
    }
    n_searched = 0 if arm.grid is None else arm.n_configurations
    n_inner_fits = (n_searched + (task.threshold is not None)) * len(fold.inner)
    row = task.where | {
        "score": scores.pop("score"),
        "inner_score": float(getattr(search, "best_score_", np.nan)),
        **{f"score_{name}": value for name, value in scores.items()},
        "n_train": len(fold.train),
        "n_test": len(fold.test),
        "n_train_groups": len(np.unique(cohort.patients[fold.train])),
        "n_test_groups": len(np.unique(patients)),
        "n_configurations": arm.n_configurations,
        "n_fits": n_inner_fits + 1,
    }
    chosen = getattr(search, "best_params_", {})
    row |= {f"param_{name}": _cell(value) for name, value in chosen.items()}
    columns = predicted_columns(predictor, X_test, tested.outcome)
    if task.threshold is not None and "score" in columns:
        row["threshold"] = _threshold(task, cohort, search, X_train, y_train, metadata)
        columns["threshold"] = np.full(len(columns["score"]), row["threshold"])
    predictions = task.where | {
        "sample": patients[by_patient(patients)]
        if task.aggregate
        else tested.samples[rows],
        "group": tested.patients[rows],
        **tested.outcome.columns(rows),
        **columns,
    }
    timing = task.where | {"fit_seconds": fit_seconds}
    if task.explanation is None:
        return row, timing, predictions, None
    start = time.perf_counter()
    told = _explained(task, tested, search, X_test)
    timing["explain_seconds"] = time.perf_counter() - start
    return row, timing, predictions, told


def _explained(task: Task, cohort: Cohort, search: Any, X: Any) -> dict[str, Any]:
    """Explain what was fitted by the rows that it has not seen."""
    rows = task.fold.test
    judged = Judged(
        getattr(search, "best_estimator_", search),
        X,
        cohort.outcome.values[rows],
        cohort.patients[rows],
        cohort.outcome.strata[rows],
        scorer_of(next(iter(task.scorings.values()))),
        task.aggregate,
    )
    assert task.explanation is not None
    return explained(task.explanation, judged, task.where, rows, cohort.samples[rows])


def _fitted(
    task: Task,
    cohort: Cohort,
    X: Any,
    y: NDArray[Any],
    metadata: dict[str, Any],
    scorer: Any,
) -> Any:
    """Search as the outer fold is scored: by patients where their rows are aggregated."""
    arm, fold = task.arm, task.fold
    if arm.grid is not None:
        patients = cohort.patients[fold.train]
        scorer, metadata = scored_by_patient(scorer, metadata, task.aggregate, patients)
    return arm.search(fold.inner, sharing_steps(scorer)).fit(X, y, **metadata)


def metadata_for(arm: Arm, cohort: Cohort, rows: NDArray[Any]) -> dict[str, Any]:
    """Return the metadata that an arm requests for `fit`.

    Parameters
    ----------
    arm : Arm
        What is fitted.
    cohort : Cohort
        All rows.
    rows : ndarray of int
        Those that it is fitted on.

    Returns
    -------
    dict of str to array
        Theirs, by name.
    """
    names = sorted(arm.wants(set(cohort.metadata)))
    return {name: take_rows(cohort.metadata[name], rows) for name in names}


def scorer_of(scoring: Any) -> Any:
    """Return a score as scikit-learn takes it.

    Parameters
    ----------
    scoring : str or callable
        As a study takes it.

    Returns
    -------
    str or callable
        The same, but for the concordance of risks with times.
    """
    return concordance_scorer if scoring == "concordance" else scoring


def predicted_columns(fitted: Any, X: Any, outcome: Any) -> dict[str, Any]:
    """Return what is predicted, and the values that rank the rows.

    Parameters
    ----------
    fitted : estimator
        A fitted arm.
    X : array, DataFrame or Blocks
        Its inputs.
    outcome : Outcome
        What was predicted in training.

    Returns
    -------
    dict of str to ndarray
        `prediction`, and `score` or, of several classes, `score_CLASS`.
    """
    predicted = np.asarray(fitted.predict(X))
    if outcome.kind != "classes":
        return {"score" if outcome.kind == "event" else "prediction": predicted}
    columns = {"prediction": outcome.named(predicted)}
    method = _ranking_method(fitted)
    if not method:
        return columns
    values = np.asarray(getattr(fitted, method)(X))
    if method == "predict_proba":
        values = unsaturated(values)
    if values.ndim == 1:
        return columns | {"score": values}
    if values.shape[1] == 2:
        return columns | {"score": values[:, 1]}
    names = outcome.named(np.asarray(fitted.classes_))
    return columns | {f"score_{name}": values[:, k] for k, name in enumerate(names)}


def _ranking_method(fitted: Any) -> str:
    methods = (m for m in ("predict_proba", "decision_function") if hasattr(fitted, m))
    return next(methods, "")


def _threshold(
    task: Task,
    cohort: Cohort,
    search: Any,
    X: Any,
    y: NDArray[Any],
    metadata: dict[str, Any],
) -> float:
    """Choose on the training part alone, by rows that the model has not been fitted on."""
    chosen: BaseEstimator = getattr(search, "best_estimator_", search)
    values = cross_val_predict(
        chosen,
        X,
        y,
        cv=task.fold.inner,
        method=_ranking_method(search),
        params=metadata,
    )
    if task.aggregate is not None:
        patients = cohort.patients[task.fold.train]
        values, y = of_patients(values, patients, task.aggregate), y[by_patient(patients)]
    score = values if values.ndim == 1 else values[:, 1]
    positive = (y == np.unique(y)[1]).astype(int)
    return float(choose_threshold(positive, score, rule=task.threshold))


def _cell(value: Any) -> Any:
    """Return what a cell of a csv file can hold: numbers and strings, else the repr."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, bool | int | float | str) else repr(value)
