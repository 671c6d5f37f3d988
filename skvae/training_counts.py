"""How many networks are trained while something runs; what a memory gives back is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["TrainingCount", "count_training", "counted_trainings"]


@dataclass
class TrainingCount:
    """A number that grows with each training."""

    n: int = 0


_current: ContextVar[TrainingCount | None] = ContextVar("trainings", default=None)


@contextmanager
def counted_trainings() -> Iterator[TrainingCount]:
    """Count what is trained inside of the block, by its own thread.

    Yields
    ------
    TrainingCount
        The count so far.

    Examples
    --------
    >>> from skvae.training_counts import count_training, counted_trainings
    >>> with counted_trainings() as count:
    ...     count_training()
    >>> count.n
    1
    """
    count = TrainingCount()
    token = _current.set(count)
    try:
        yield count
    finally:
        _current.reset(token)


def count_training() -> None:
    """Add one training to the count, if somebody counts."""
    count = _current.get()
    if count is not None:
        count.n += 1
