"""Outer folds of an arm whose networks are trained side by side."""

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from tempfile import TemporaryDirectory
from typing import Any

from sklearn import config_context
from sklearn.model_selection import GridSearchCV, ParameterGrid
from threadpoolctl import threadpool_limits

from skvae._compat import take_rows
from skvae.study.arm import Arm
from skvae.study.cohort import Cohort
from skvae.study.evaluate import Task, metadata_for

__all__ = ["Ahead", "together", "trained_ahead"]

# A stack is no faster with more networks, and a study that is killed loses a stack.
MOST_NETWORKS = 24


@dataclass(frozen=True)
class Ahead:
    """What was done for a task before its turn.

    Attributes
    ----------
    seconds : float
        Its share of the time.
    n_trainings : int
        Networks that were trained for it.
    """

    seconds: float = 0.0
    n_trainings: int = 0


def has_networks(arm: Arm) -> bool:
    """Tell whether an arm trains networks, without need of torch where it does not.

    Parameters
    ----------
    arm : Arm
        The arm.

    Returns
    -------
    bool
        Whether the estimator, or a part of it, names layers.
    """
    parts = [arm.estimator, *arm.estimator.get_params().values()]
    return any(hasattr(part, "list_layers") for part in parts)


def together(
    tasks: Sequence[tuple[int, Task]], n_workers: int
) -> list[list[tuple[int, Task]]]:
    """Return the tasks in groups: of an arm with networks several outer folds.

    Parameters
    ----------
    tasks : sequence of (int, Task)
        Numbered tasks.
    n_workers : int
        Processes, each of which should get something to do.

    Returns
    -------
    list of list of (int, Task)
        The same, in the same order.
    """
    of_arms: dict[str, list[tuple[int, Task]]] = {}
    for number, task in tasks:
        of_arms.setdefault(task.arm.name, []).append((number, task))
    groups = []
    for several in of_arms.values():
        task = several[0][1]
        size = 1
        if has_networks(task.arm):
            at_once = max(1, MOST_NETWORKS // (len(task.fold.inner) + 1))
            size = min(at_once, ceil(len(several) / n_workers))
        n_groups = ceil(len(several) / size)
        bounds = [len(several) * k // n_groups for k in range(n_groups + 1)]
        groups += [several[a:b] for a, b in pairwise(bounds)]
    return groups


@contextmanager
def trained_ahead(
    tasks: Sequence[Task], cohort: Cohort
) -> Iterator[list[tuple[Task, Ahead]]]:
    """Train the networks of some outer folds of one arm that can be trained side by side.

    Parameters
    ----------
    tasks : sequence of Task
        Outer folds of one arm.
    cohort : Cohort
        The rows.

    Yields
    ------
    list of (Task, Ahead)
        Tasks that find the networks, as long as the block lasts.
    """
    arm = tasks[0].arm
    if not has_networks(arm):
        yield [(task, Ahead()) for task in tasks]
        return
    from skvae.search.stacked_search import remembering

    with TemporaryDirectory(prefix="skvae_study_") as folder:
        estimator, _ = remembering(arm.estimator, folder)
        remembered = replace(arm, estimator=estimator)
        tasks = [replace(task, arm=remembered) for task in tasks]
        begun = time.perf_counter()
        with (
            config_context(enable_metadata_routing=True),
            threadpool_limits(tasks[0].n_threads, user_api="blas"),
            # What there is to warn of comes again when the fold is evaluated.
            warnings.catch_warnings(action="ignore"),
        ):
            counts = _train(tasks, cohort)
        seconds = (time.perf_counter() - begun) / len(tasks)
        yield [(task, Ahead(seconds, n)) for task, n in zip(tasks, counts, strict=True)]


def _train(tasks: Sequence[Task], cohort: Cohort) -> list[int]:
    """Train what the folds will, and return how many networks were for each."""
    from skvae.estimators.training_ahead import PlannedFit, train_stackable

    planned = [_fits(task, cohort) for task in tasks]
    fits: list[PlannedFit] = [fit for several in planned for fit in several]
    train_stackable(fits)
    return [sum(fit.n_trained for fit in several) for several in planned]


def _fits(task: Task, cohort: Cohort) -> list[Any]:
    """Return the fits of a fold's search that train networks."""
    from skvae.estimators.training_ahead import PlannedFit
    from skvae.search.fill_cache import fits_of_search
    from skvae.search.shared_trainings import trainings
    from skvae.search.stacked_search import MOST_REFITS

    arm, rows = task.arm, task.fold.train
    X, y = take_rows(cohort.X, rows), cohort.outcome.values[rows]
    metadata = metadata_for(arm, cohort, rows)
    if arm.grid is None:
        return [PlannedFit(arm.estimator, X, y, metadata)]
    search = GridSearchCV(arm.estimator, arm.grid, cv=task.fold.inner)
    n_trainings = len(trainings(arm.estimator, ParameterGrid(arm.grid)))
    whole = n_trainings <= MOST_REFITS
    return fits_of_search(search, X, y, metadata, task.fold.inner, with_whole=whole)
