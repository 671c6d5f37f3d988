"""What hundreds of fits warn of, said once."""

import builtins
from collections import Counter

import numpy as np
import sklearn.exceptions

import skvae.exceptions
from skvae.exceptions import warn_caller, without_numbers
from skvae.study.evaluate import Finished

__all__ = ["warn_of_undefined", "warn_once"]


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
            first.setdefault((category, without_numbers(message)), message)
        for key in {
            (category, without_numbers(message)) for category, message in found.warned
        }:
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


def _category(name: str) -> type[Warning]:
    """Find a category of warning by its name, which alone survives on disk."""
    for module in (builtins, sklearn.exceptions, skvae.exceptions):
        found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, Warning):
            return found
    return UserWarning
