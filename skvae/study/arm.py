"""One arm of a study: a pipeline, and the grid that is searched inside each fold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.utils.metadata_routing import get_routing_for_object

from skvae.exceptions import warn_caller
from skvae.study.input_blocks import Blocks, SelectBlock

__all__ = ["Arm", "named_arms"]

_TAKES_ANYTHING = (DummyClassifier, DummyRegressor)


@dataclass(frozen=True, eq=False)
class Arm:
    """A named estimator with its grid.

    Attributes
    ----------
    name : str
        Name in the tables.
    estimator : estimator
        A clone of what the user gave, its thread counts pinned.
    grid : dict, list of dict or None
        Grid for `GridSearchCV`; None where there is nothing to search.
    """

    name: str
    estimator: BaseEstimator
    grid: Any

    @property
    def n_configurations(self) -> int:
        """Number of configurations that each fold tries."""
        return 1 if self.grid is None else len(ParameterGrid(self.grid))

    def search(self, inner: list[Any], scoring: Any) -> BaseEstimator:
        """Return what one outer fold fits."""
        if self.grid is None:
            return clone(self.estimator)
        return GridSearchCV(
            clone(self.estimator), self.grid, scoring=scoring, cv=inner, error_score="raise"
        )

    def wants(self, names: set[str]) -> set[str]:
        """Names of the metadata that some step requests for `fit`."""
        return set(get_routing_for_object(self.estimator).consumes("fit", names))

    def warn_of_blind_cv(self) -> None:
        """Warn of a cross-validation inside the arm that does not see the groups."""
        for key, value in self.blind_cv().items():
            warn_caller(
                f"Got arms[{self.name!r}] with {key}={value!r}, which splits patients: "
                "the study's groups do not reach it. Give (estimator, param_grid) "
                "for a search, or a splitter that uses groups.",
            )

    def blind_cv(self) -> dict[str, Any]:
        """Return what splits rows inside of the arm, and does not see the groups.

        Returns
        -------
        dict of str to object
            By the names of the parameters.
        """
        return {
            key: value
            for key, value in self.estimator.get_params().items()
            if (key == "cv" or key.endswith("__cv"))
            and value != "prefit"
            and not _sees_groups(value)
        }

    def check_blocks(self, X: Any) -> None:
        """Raise where X is of blocks and the arm takes none, or one that is not there.

        Parameters
        ----------
        X : Blocks or array
            The inputs of the study.
        """
        steps = self.estimator.get_params().values()
        taken = [step for step in steps if isinstance(step, SelectBlock)]
        if not isinstance(X, Blocks):
            if taken:
                raise ValueError(
                    f"Got arms[{self.name!r}] with SelectBlock({taken[0].block!r}), but X "
                    "has no named blocks; expected a mapping."
                )
            return
        for step in taken:
            if step.block not in X:
                raise ValueError(
                    f"Got arms[{self.name!r}] with SelectBlock({step.block!r}), but X has "
                    f"the blocks {', '.join(X)}."
                )
        if not taken and not isinstance(self.estimator, _TAKES_ANYTHING):
            raise ValueError(
                f"Got arms[{self.name!r}], which takes none of the blocks {', '.join(X)}; "
                f"expected a pipeline that begins with SelectBlock({X.names[0]!r})."
            )


def named_arms(arms: Any, reference: str, n_threads: int | None) -> list[Arm]:
    """Check the arms that a user gave and pin their threads.

    Parameters
    ----------
    arms : mapping of str to estimator or (estimator, param_grid)
        The arms.
    reference : str
        Name of the arm that the others are compared with.
    n_threads : int or None
        Value for each parameter called `n_threads`; None leaves them alone.

    Returns
    -------
    list of Arm
        In the order given.
    """
    if not isinstance(arms, Mapping) or not arms:
        raise TypeError(
            f"Got arms={arms!r}, expected a mapping from names to estimators or to "
            "(estimator, param_grid)."
        )
    if reference not in arms:
        raise ValueError(
            f"Got reference={reference!r}, but the arms are {', '.join(map(str, arms))}."
        )
    return [_arm(str(name), value, n_threads) for name, value in arms.items()]


def _arm(name: str, value: Any, n_threads: int | None) -> Arm:
    estimator, grid = (
        value if isinstance(value, tuple) and len(value) == 2 else (value, None)
    )
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise TypeError(
            f"Got arms[{name!r}]={value!r}, expected an estimator or (estimator, "
            "param_grid)."
        )
    if isinstance(grid, Mapping):
        grid = [grid]
    if grid is not None:
        grid = [
            {key: [_pinned(v, n_threads) for v in values] for key, values in part.items()}
            for part in grid
        ]
        _check_keys(name, estimator, grid)
    return Arm(name, _pinned(estimator, n_threads), grid or None)


def _check_keys(name: str, estimator: BaseEstimator, grid: list[dict[str, Any]]) -> None:
    """Raise for a misspelt key before hours of training, not after them."""
    known = estimator.get_params()
    keys = {key for part in grid for key in part}
    for key in keys - set(known):
        # Below an estimator that the grid itself exchanges, keys are known only later.
        if not any(key.startswith(f"{other}__") for other in keys):
            raise ValueError(
                f"Got {key!r} in the grid of arms[{name!r}], but its parameters are "
                f"{', '.join(sorted(known))}."
            )


def _pinned(value: Any, n_threads: int | None) -> Any:
    """Return a clone whose steps use so many threads; other values as they are."""
    if not hasattr(value, "get_params") or isinstance(value, type):
        return value
    pinned = clone(value)
    keys = [k for k in pinned.get_params() if k == "n_threads" or k.endswith("__n_threads")]
    if n_threads is not None:
        pinned.set_params(**dict.fromkeys(keys, n_threads))
    return pinned


def _sees_groups(cv: Any) -> bool:
    if not hasattr(cv, "get_metadata_routing"):
        return False
    return bool(get_routing_for_object(cv).consumes("split", {"groups"}))
