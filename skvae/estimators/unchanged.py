"""An estimator whose `fit` fails stays as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def unchanged_on_error(estimator: Any, learned: str) -> Iterator[None]:
    """Undo what validation has set when a fit ends without a new result.

    Parameters
    ----------
    estimator : estimator
        What is fitted inside.
    learned : str
        Name of the attribute that holds the result.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        if vars(estimator).get(learned) is before.get(learned):
            vars(estimator).clear()
            vars(estimator).update(before)
        raise
