"""Many tasks of a study on several cores, each kept as soon as it is finished."""

import multiprocessing
from collections.abc import Iterator
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs

from skvae.arguments import check_number
from skvae.study.checkpoints import Checkpoints
from skvae.study.cohort import Cohort
from skvae.study.evaluate import Finished, Task, evaluate
from skvae.study.folds_together import together, trained_ahead

__all__ = ["run_tasks"]


def run_tasks(
    tasks: list[Task],
    cohort: Cohort,
    external: Cohort | None,
    n_jobs: int | None,
    checkpoints: Checkpoints | None,
    timeout: float | None = None,
) -> Iterator[tuple[int, Finished]]:
    """Yield each outcome with its number as soon as it is there.

    Parameters
    ----------
    tasks : list of Task
        What to do.
    cohort, external : Cohort
        The rows.
    n_jobs : int or None
        Processes.
    checkpoints : Checkpoints or None
        Where finished tasks are kept, and read again.
    timeout : float, default=None
        Seconds in which none is finished, after which it is given up.

    Yields
    ------
    number : int
        Which task.
    finished : Finished
        What came of it.

    Raises
    ------
    TimeoutError
        If no task was finished for that long.
    """
    if timeout is not None:
        check_number("nested_cv", "task_timeout", timeout, low=0, above_low=True)
    missing = []
    for number, task in enumerate(tasks):
        found = None if checkpoints is None else checkpoints.load(task)
        if found is None:
            missing.append((number, task))
        else:
            yield number, found
    # Worker processes share one memory map of the cohort: joblib knows equal arrays.
    parallel = _parallel(n_jobs, timeout)
    n_workers = effective_n_jobs(n_jobs)
    groups = together(missing, n_workers)
    shared = (cohort, external, checkpoints)
    if n_workers == 1 and timeout is None:  # here, each is seen at once
        for group in groups:
            yield from _numbered(group, *shared)
        return
    try:
        for several in parallel(delayed(_listed)(group, *shared) for group in groups):
            yield from several
    except (TimeoutError, multiprocessing.TimeoutError) as error:
        raise TimeoutError(
            f"Got task_timeout={timeout}, in which no task of the study was finished; "
            "expected workers that stay alive, or a longer time."
        ) from error


def _parallel(n_jobs: int | None, timeout: float | None) -> Parallel:
    """Return what hands on results as they come, or all at the end, as on ray."""
    try:
        return Parallel(n_jobs=n_jobs, timeout=timeout, return_as="generator_unordered")
    except ValueError:
        return Parallel(n_jobs=n_jobs, timeout=timeout)


def _listed(*group: Any) -> list[tuple[int, Finished]]:
    return list(_numbered(*group))


def _numbered(
    tasks: list[tuple[int, Task]],
    cohort: Cohort,
    external: Cohort | None,
    checkpoints: Checkpoints | None,
) -> Iterator[tuple[int, Finished]]:
    numbers = [number for number, _ in tasks]
    with trained_ahead([task for _, task in tasks], cohort) as prepared:
        for number, (task, ahead) in zip(numbers, prepared, strict=True):
            finished = evaluate(task, cohort, external)
            finished.timing["fit_seconds"] += ahead.seconds
            finished.timing["n_trainings"] += ahead.n_trainings
            if checkpoints is not None:
                checkpoints.save(task, finished)
                # What a resumed study would read, so that both are the same to the last
                # byte.
                finished = checkpoints.load(task) or finished
            yield number, finished
