"""Nested cross-validation of several pipelines on the same patient-grouped folds."""

from collections.abc import Callable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import BaseEstimator

from skvae.arguments import check_choice
from skvae.extras import import_extra
from skvae.statistics.thresholds import RULES
from skvae.study.aggregation import AGGREGATES
from skvae.study.arm import Arm, named_arms
from skvae.study.checkpoints import Checkpoints
from skvae.study.cohort import Cohort
from skvae.study.design import describe_design
from skvae.study.evaluate import Task
from skvae.study.explained import Explanation
from skvae.study.external import checked_external
from skvae.study.folds import OuterFold, draw_folds
from skvae.study.identity import study_identity
from skvae.study.progress import StudyProgress
from skvae.study.result import NestedCVResult
from skvae.study.tasks import run_tasks
from skvae.study.warned_once import warn_of_undefined, warn_once

__all__ = ["check_options", "nested_cv"]


def nested_cv(
    arms: Mapping[str, BaseEstimator | tuple[BaseEstimator, Any]],
    X: Any,
    y: "ArrayLike",
    *,
    groups: "ArrayLike | None" = None,
    outer: tuple[int, int] = (5, 1),
    inner: int = 3,
    scoring: str
    | Callable[..., float]
    | list[str]
    | Mapping[str, str | Callable[..., float]]
    | None = None,
    reference: str = "pca",
    positive: Any = None,
    outcome: str | None = None,
    threshold: str | None = None,
    aggregate: str | None = None,
    external: tuple[Any, ...] | None = None,
    params: "Mapping[str, ArrayLike] | None" = None,
    n_threads: int | None = 1,
    n_jobs: int | None = None,
    task_timeout: float | None = None,
    random_state: int | np.random.RandomState | None = 0,
    folder: str | Path | None = None,
    resume: bool = False,
    verbose: bool = False,
    explain: bool = False,
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
    X : array of shape (n_samples, ...), DataFrame, list, or mapping of str to these
        Inputs as the arms take them: rows, images or paths. A mapping holds several
        blocks of the same rows, such as images, radiomics and clinical columns; each arm
        then begins with `SelectBlock`, or unites several of them.
    y : array-like of shape (n_samples,)
        The outcome: class labels; floats; or a structured array of a boolean field (the
        event) and a numeric one (the time). Folds are stratified by class, by the quarters
        of a number, or by the event.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row. The rows of a patient are never on both sides of a split,
        outer or inner. Needed where patients have more than one row. Steps that
        request `groups` for `fit` get them.
    outer : (int, int), default=(5, 1)
        Outer folds and repeats.
    inner : int, default=3
        Inner folds.
    scoring : str, callable, list of str or mapping of str to these, default=None
        Scores, higher is better, as scikit-learn takes them, or `"concordance"` of risks
        with times. The first decides in the inner folds and stands in the summary. By
        default `"roc_auc"` for two classes, `"roc_auc_ovr"` for more, `"r2"` for numbers,
        `"concordance"` for times.
    reference : str, default="pca"
        The arm that the others are compared with.
    positive : object, default=None
        Of two classes the one that probabilities are of; by default the second in order.
        Named in all results. Where it is given, the arms see 1 for it and 0 for the other.
    outcome : {"classes", "number", "event"} or None, default=None
        What y is. None to tell by its values: whole numbers of at most 10 values, and
        integers, are classes, which a count from 0 to 8 may not be.
    threshold : {"youden", "sensitivity", "specificity"} or None, default=None
        Rule by which a threshold of the probability of the positive class is chosen in
        each fold, on predictions of its inner folds. It costs one more fit for each.
    aggregate : {"mean", "max"} or None, default=None
        Make one prediction for each patient of those of several rows, such as lesions:
        their mean, or the most suspicious. Scores then count patients, those of the inner
        folds and the threshold as well; a search that an arm brings along does as it does.
    external : (X, y) or (X, y, groups), default=None
        Another cohort. Each arm is searched and fitted once more, on all rows of the
        first, and predicts it once.
    params : mapping of str to array-like of n_samples rows, default=None
        Further metadata for `fit`, such as `attributes`; each arm gets what its steps
        request.
    n_threads : int or None, default=1
        Threads of every step that has a parameter `n_threads`, and of linear algebra
        while an arm is fitted; results depend on them in the last bits. None leaves
        all threads as they are.
    n_jobs : int or None, default=None
        Pairs of arm and outer fold that run at the same time, in processes of joblib.
    task_timeout : float, default=None
        Seconds in which none of them is finished, after which the study is given up. On
        the workers of dask, joblib would wait without end for a task that kills them.
    random_state : int, RandomState instance or None, default=0
        Draws the splits. The arms have random states of their own.
    folder : str or Path, default=None
        Where each finished arm and fold is written at once, so that a study that was
        interrupted or killed can go on. Arms whose `memory` is `networks` in it lose only
        the networks in training.
    resume : bool, default=False
        Whether to go on with what is in `folder`. The result is then the same as without
        an interruption. Refused where the rows, the arms or the settings have changed.
    verbose : bool, default=False
        Whether to show a live progress bar.
    explain : bool, default=False
        Whether the arms are explained on the held-out rows of the first repeat: how their
        networks were trained, which inputs drive the score, what their decoders make of
        codes, and what their units know. See `NestedCVResult`. Scores and predictions are
        the same with it.

    Returns
    -------
    NestedCVResult
        The scores of the folds, the out-of-fold predictions and their summary.

    Raises
    ------
    MissingDependencyError
        Where pandas is missing; the extra `study` installs it.
    TimeoutError
        If no task was finished for `task_timeout` seconds.

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
    check_options(threshold, aggregate, folder, resume, random_state)
    cohort = Cohort.checked(X, y, groups, params, positive, outcome)
    scorings = cohort.outcome.scorings(scoring)
    if aggregate is not None:
        cohort.check_patients()
    with config_context(enable_metadata_routing=True):
        checked = named_arms(arms, reference, n_threads)
        check_arms(checked, cohort)
    folds = draw_folds(cohort, outer, inner, random_state)
    other = None
    if external is not None:
        other = checked_external(external, cohort)
        folds = [*folds, OuterFold.external(cohort, other, inner, random_state)]
    how = (scorings, threshold, aggregate, n_threads)
    plan = Explanation.of(cohort) if explain else None
    tasks = [
        Task(arm, fold, *how, fold.repeat == 0, plan if fold.repeat == 1 else None)
        for arm in checked
        for fold in folds
    ]
    checkpoints = None if folder is None else Checkpoints(folder)
    settings = {
        "outer": tuple(outer),
        "inner": inner,
        "scoring": scorings,
        "threshold": threshold,
        "aggregate": aggregate,
        "n_threads": n_threads,
        "random_state": random_state,
    } | ({"explain": True} if explain else {})
    if checkpoints is not None:
        identity = study_identity(checked, cohort, other, settings)
        checkpoints.begin(identity, resume=resume, n_tasks=len(tasks))
    headline = next(iter(scorings))
    with StudyProgress(tasks, headline, show=verbose) as progress:
        finished = {}
        for number, found in run_tasks(
            tasks, cohort, other, n_jobs, checkpoints, task_timeout
        ):
            finished[number] = found
            progress.advance(found.row, found.timing)
    in_order = [finished[i] for i in range(len(tasks))]
    warn_once(in_order, n_folds=len(folds))
    warn_of_undefined(in_order, headline)
    if checkpoints is not None:
        checkpoints.forget_networks()
    return NestedCVResult.from_finished(
        in_order,
        scoring=headline,
        reference=reference,
        positive=cohort.outcome.positive,
        kind=cohort.outcome.kind,
        design=describe_design(checked, cohort, other, settings),
    )


def check_options(
    threshold: Any, aggregate: Any, folder: Any, resume: bool, random_state: Any
) -> None:
    """Raise for rules that are unknown, and for what cannot go together.

    Parameters
    ----------
    threshold, aggregate, folder, resume, random_state : object
        As `nested_cv` takes them.
    """
    if threshold is not None:
        check_choice("nested_cv", "threshold", threshold, RULES)
    if aggregate is not None:
        check_choice("nested_cv", "aggregate", aggregate, AGGREGATES)
    if resume and folder is None:
        raise ValueError("Got resume=True without folder, expected the folder to go on in.")
    if folder is not None and not isinstance(random_state, Integral):
        raise ValueError(
            f"Got random_state={random_state!r} with folder, expected an int: a study that "
            "goes on must draw the same folds."
        )


def check_arms(arms: list[Arm], cohort: Cohort) -> None:
    """Raise where an arm and the rows do not go together.

    Parameters
    ----------
    arms : list of Arm
        What is compared.
    cohort : Cohort
        The rows.
    """
    names = set(cohort.metadata) - {"groups"}
    wanted = set().union(*(arm.wants(names) for arm in arms))
    if names - wanted:
        raise ValueError(
            f"Got params with {', '.join(sorted(names - wanted))}, but no step of any arm "
            "requests it for fit (see set_fit_request)."
        )
    for arm in arms:
        if cohort.groups is not None:
            arm.warn_of_blind_cv()
        arm.check_blocks(cohort.X)
