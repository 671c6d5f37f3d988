"""What hundreds of fits warn of, said once."""

import builtins
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import sklearn.exceptions

import skvae.exceptions
from skvae.exceptions import warn_caller
from skvae.study.evaluate import Finished

__all__ = ["once_for_all_runs", "warn_of_undefined", "warn_once"]

# Numbers and lists of them, which differ from fold to fold in what is the same warning.
_NUMBERS = re.compile(r"\[[^\[\]]*\]|[-+]?\d+(\.\d+)?(e[-+]?\d+)?")


def warn_once(finished: list[Finished], n_folds: int) -> None:
    """Pass on what the fits warned of: once in all, with the arms that it is of.

    Texts that differ in numbers alone are the same warning, of which the first is passed
    on.

    Parameters
    ----------
    finished : list of Finished
        What came of the tasks.
    n_folds : int
        Tasks of each arm.
    """
    first: dict[tuple[str, str], str] = {}
    where: dict[tuple[str, str], Counter[str]] = {}
    for found in finished:
        for category, message in found.warned:
            first.setdefault((category, _alike(message)), message)
        for key in {(category, _alike(message)) for category, message in found.warned}:
            where.setdefault(key, Counter())[found.row["arm"]] += 1
    for key, message in first.items():
        arms = "; ".join(
            f"arm {arm!r}, {count} of {n_folds} outer folds"
            for arm, count in where[key].items()
        )
        warn_caller(f"{message} ({arms})", _category(key[0]))


def warn_of_undefined(finished: list[Finished], scoring: str) -> None:
    """Say in one warning in how many folds the score of which arms is undefined.

    Parameters
    ----------
    finished : list of Finished
        What came of the tasks.
    scoring : str
        Name of the score.
    """
    undefined = [f.row["arm"] for f in finished if np.isnan(f.row["score"])]
    if undefined:
        counts = ", ".join(f"{n} of arm {arm!r}" for arm, n in Counter(undefined).items())
        warn_caller(
            f"The score {scoring!r} is undefined in {len(undefined)} of {len(finished)} "
            f"outer folds ({counts}): means and tests are of the others. Fewer folds have "
            "larger test parts.",
            sklearn.exceptions.UndefinedMetricWarning,
        )


@contextmanager
def once_for_all_runs() -> Iterator[None]:
    """Let what several studies warn of, one after another, be said once."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    found = {(w.category, _alike(str(w.message))): w for w in reversed(caught)}
    count = Counter((w.category, _alike(str(w.message))) for w in caught)
    for key, first in reversed(found.items()):
        runs = f" (the first of {count[key]} runs)" if count[key] > 1 else ""
        warn_caller(f"{first.message}{runs}", first.category)


def _alike(message: str) -> str:
    return _NUMBERS.sub("#", message)


def _category(name: str) -> type[Warning]:
    """Find a category of warning by its name, which alone survives on disk."""
    for module in (builtins, sklearn.exceptions, skvae.exceptions):
        found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, Warning):
            return found
    return UserWarning
