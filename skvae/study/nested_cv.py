"""Nested cross-validation of several pipelines on the same patient-grouped folds."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from threadpoolctl import threadpool_limits

from skvae._compat import take_rows
from skvae.exceptions import warn_caller
from skvae.extras import import_extra
from skvae.study.arm import Arm, named_arms
from skvae.study.cohort import Cohort
from skvae.study.folds import OuterFold, draw_folds
from skvae.study.progress import StudyProgress
from skvae.study.result import NestedCVResult

__all__ = ["nested_cv"]


def nested_cv(
    arms: Mapping[str, BaseEstimator | tuple[BaseEstimator, Any]],
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    outer: tuple[int, int] = (5, 1),
    inner: int = 3,
    scoring: str | Callable[..., float] = "roc_auc",
    reference: str = "pca",
    params: Mapping[str, ArrayLike] | None = None,
    n_threads: int | None = 1,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = 0,
    verbose: bool = False,
) -> NestedCVResult:
    """Compare pipelines by nested cross-validation with whole patients in each fold.

    For each outer fold, the grid of each arm is searched by an inner cross-validation
    on the training part alone; the best configuration is fitted on the whole training
    part and scored on the test part, which nothing has seen before. All arms have the
    same outer and inner splits, so that their scores are paired.

    Parameters
    ----------
    arms : mapping of str to estimator or (estimator, param_grid)
        The pipelines to compare, by name. Every step that learns belongs into the
        pipeline. With a grid, `GridSearchCV` chooses in each outer fold; without one
        the estimator is fitted as it is. The estimators are cloned, never changed.
    X : array of shape (n_samples, ...), DataFrame or list
        Inputs as the arms take them: rows, images or paths.
    y : array-like of shape (n_samples,)
        Class labels.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row. The rows of a patient are never on both sides of a split,
        outer or inner. Needed where patients have more than one row. Steps that
        request `groups` for `fit` get them.
    outer : (int, int), default=(5, 1)
        Outer folds and repeats.
    inner : int, default=3
        Inner folds.
    scoring : str or callable, default="roc_auc"
        One score, higher is better, as scikit-learn takes it.
    reference : str, default="pca"
        The arm that the others are compared with.
    params : mapping of str to array-like of n_samples rows, default=None
        Further metadata for `fit`, such as `attributes`; each arm gets what its steps
        request.
    n_threads : int or None, default=1
        Threads of every step that has a parameter `n_threads`, and of linear algebra
        while an arm is fitted; results depend on them in the last bits. None leaves
        all threads as they are.
    n_jobs : int or None, default=None
        Pairs of arm and outer fold that run at the same time, in processes of joblib.
    random_state : int, RandomState instance or None, default=0
        Draws the splits. The arms have random states of their own.
    verbose : bool, default=False
        Whether to show a live progress bar.

    Returns
    -------
    NestedCVResult
        The scores of the folds, the out-of-fold predictions and their summary.

    Raises
    ------
    MissingDependencyError
        Where pandas is missing; the extra `study` installs it.

    References
    ----------
    .. [1] S. Varma and R. Simon (2006). Bias in error estimation when using
       cross-validation for model selection. BMC Bioinformatics 7, 91.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvae.study import nested_cv
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> grid = {"logisticregression__C": [0.1, 1.0]}
    >>> plain = make_pipeline(StandardScaler(), LogisticRegression())
    >>> pca = make_pipeline(StandardScaler(), PCA(1), LogisticRegression())
    >>> result = nested_cv({"pca": (pca, grid), "plain": (plain, grid)}, X, y)
    >>> result.summary()[["arm", "mean", "difference", "n_configurations"]].round(1)
         arm  mean  difference  n_configurations
    0    pca   1.0         NaN                 2
    1  plain   1.0         0.0                 2
    """
    import_extra("pandas")  # before hours of training, not after them
    cohort = Cohort.checked(X, y, groups, params)
    cohort.check_scoring(scoring)
    with config_context(enable_metadata_routing=True):
        checked = named_arms(arms, reference, n_threads)
        _check_metadata(checked, cohort)
    folds = draw_folds(cohort, outer, inner, random_state)
    tasks = [_Task(arm, fold, scoring, n_threads) for arm in checked for fold in folds]
    with StudyProgress(tasks, str(scoring), show=verbose) as progress:
        outcomes = {}
        for task_number, outcome in _run(tasks, cohort, n_jobs):
            outcomes[task_number] = outcome
            progress.advance(outcome.row)
    _warn_once(list(outcomes.values()), n_folds=len(folds))
    return NestedCVResult.from_outcomes(
        [outcomes[i] for i in range(len(tasks))], scoring=str(scoring), reference=reference
    )


@dataclass(frozen=True, eq=False)
class _Task:
    """One arm on one outer fold."""

    arm: Arm
    fold: OuterFold
    scoring: Any
    n_threads: int | None


@dataclass(frozen=True, eq=False)
class _Outcome:
    """A row of the scores, and columns of predictions for the test part."""

    row: dict[str, Any]
    predictions: dict[str, Any]
    warned: set[tuple[type[Warning], str]]


def _run(
    tasks: list[_Task], cohort: Cohort, n_jobs: int | None
) -> Iterator[tuple[int, _Outcome]]:
    """Yield each outcome with its number as soon as it is there."""
    # Worker processes share one memory map of the cohort: joblib knows equal arrays.
    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    yield from parallel(delayed(_numbered)(i, task, cohort) for i, task in enumerate(tasks))


def _numbered(number: int, task: _Task, cohort: Cohort) -> tuple[int, _Outcome]:
    return number, _evaluate(task, cohort)


def _evaluate(task: _Task, cohort: Cohort) -> _Outcome:
    # Worker processes know neither the caller's configuration nor its thread limits.
    with (
        config_context(enable_metadata_routing=True),
        threadpool_limits(task.n_threads, user_api="blas"),
        warnings.catch_warnings(record=True) as caught,
    ):
        row, predictions = _fit_and_score(task.arm, task.fold, task.scoring, cohort)
    return _Outcome(row, predictions, {(w.category, str(w.message)) for w in caught})


def _warn_once(outcomes: list[_Outcome], n_folds: int) -> None:
    """Pass on what the fits warned of: once for each arm, not for each of its fits."""
    where = Counter((o.row["arm"], *warned) for o in outcomes for warned in o.warned)
    for (arm, category, message), count in where.items():
        text = f"{message} (arm {arm!r}, {count} of {n_folds} outer folds)"
        warn_caller(
            text,
            category,
        )


def _fit_and_score(
    arm: Arm, fold: OuterFold, scoring: Any, cohort: Cohort
) -> tuple[dict[str, Any], dict[str, Any]]:
    metadata = {
        name: take_rows(cohort.metadata[name], fold.train)
        for name in sorted(arm.wants(set(cohort.metadata)))
    }
    search = arm.search(fold.inner, scoring)
    start = time.perf_counter()
    search.fit(take_rows(cohort.X, fold.train), cohort.y[fold.train], **metadata)
    fit_seconds = time.perf_counter() - start

    X_test, y_test = take_rows(cohort.X, fold.test), cohort.y[fold.test]
    score = check_scoring(search, scoring)(search, X_test, y_test)
    where = {"arm": arm.name, "repeat": fold.repeat, "fold": fold.fold}
    n_inner_fits = 0 if arm.grid is None else arm.n_configurations * len(fold.inner)
    row = where | {
        "score": float(score),
        "inner_score": float(getattr(search, "best_score_", np.nan)),
        "n_train": len(fold.train),
        "n_test": len(fold.test),
        "n_configurations": arm.n_configurations,
        "n_fits": n_inner_fits + 1,
        "fit_seconds": fit_seconds,
    }
    chosen = getattr(search, "best_params_", {})
    row |= {f"param_{name}": _cell(value) for name, value in chosen.items()}
    predictions = where | {
        "sample": cohort.samples[fold.test],
        "group": cohort.samples[fold.test]
        if cohort.groups is None
        else cohort.groups[fold.test],
        "y": y_test,
        **_predictions(search, X_test),
    }
    return row, predictions


def _predictions(fitted: BaseEstimator, X: Any) -> dict[str, Any]:
    """Predicted class, and the values that rank the rows: one column for two classes."""
    columns = {"prediction": fitted.predict(X)}
    method = next(
        (m for m in ("predict_proba", "decision_function") if hasattr(fitted, m)), ""
    )
    if not method:
        return columns
    values = np.asarray(getattr(fitted, method)(X))
    if values.ndim == 1:
        return columns | {"score": values}
    if values.shape[1] == 2:
        return columns | {"score": values[:, 1]}
    return columns | {f"score_{c}": values[:, k] for k, c in enumerate(fitted.classes_)}


def _cell(value: Any) -> Any:
    """Return what a cell of a csv file can hold: numbers and strings, else the repr."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, bool | int | float | str) else repr(value)


def _check_metadata(arms: list[Arm], cohort: Cohort) -> None:
    names = set(cohort.metadata) - {"groups"}
    wanted = set().union(*(arm.wants(names) for arm in arms))
    if names - wanted:
        raise ValueError(
            f"Got params with {', '.join(sorted(names - wanted))}, but no step of any arm "
            "requests it for fit (see set_fit_request)."
        )
    if cohort.groups is not None:
        for arm in arms:
            arm.warn_of_blind_cv()
