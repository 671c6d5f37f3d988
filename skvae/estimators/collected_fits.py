"""Fits that stop before they train, so that many can be trained side by side."""

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from skvae.training.fitting import Job

COLLECTING: ContextVar[bool] = ContextVar("collecting", default=False)


class CollectedFitError(Exception):
    """What a fit would have trained; it goes through the pipelines that the fit is in.

    Parameters
    ----------
    job : Job or None
        The training; None where its result is not to be kept.
    memory : str, joblib.Memory or None
        Where it is to be kept.
    """

    def __init__(self, job: Job | None, memory: Any) -> None:
        super().__init__(job, memory)
        self.job = job
        self.memory = memory


@contextmanager
def collecting() -> Any:
    """Let no fit train: the first whose network is in no memory raises what it would."""
    token = COLLECTING.set(True)
    try:
        yield
    finally:
        COLLECTING.reset(token)


def collect(fit: Callable[[], Any]) -> CollectedFitError | None:
    """Run a fit until it would train, and return what; None where there is nothing."""
    try:
        with collecting():
            fit()
    except CollectedFitError as collected:
        return collected
    return None


def is_collecting() -> bool:
    """Whether no fit trains."""
    return COLLECTING.get()


def stop_if_collecting(job: Job | None, memory: Any) -> None:
    """Stop a fit that would now train, where such are collected."""
    if COLLECTING.get():
        raise CollectedFitError(job, memory)
