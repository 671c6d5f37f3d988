"""The same network again and again: by other seeds, on other rows, read on the same."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupKFold, GroupShuffleSplit
from sklearn.random_projection import GaussianRandomProjection

from skvae.estimators.held_estimators import with_seed
from skvae.inspection.network_step import NetworkStep
from skvae.inspection.probed_layers import Layer, fitted_on, read_layers

__all__ = [
    "OVER",
    "PlannedRepeat",
    "held_out",
    "layers_of_repeat",
    "plan_repeats",
    "reseeded",
    "seeded",
]

OVER = ("seed", "fold", "bootstrap")
LARGEST_SEED = 2**31 - 1


class PlannedRepeat(NamedTuple):
    """A fit: its training rows, and its seed, of None that which the estimator has."""

    train: np.ndarray
    seed: int | None = None


def plan_repeats(
    over: str,
    rows: np.ndarray,
    groups: np.ndarray,
    n_repeats: int,
    random_state: np.random.RandomState,
) -> list[PlannedRepeat]:
    """Return what differs from one fit to the next.

    Parameters
    ----------
    over : {"seed", "fold", "bootstrap"}
        All rows by other seeds; all rows but one part of several; or rows, with their
        groups, drawn with replacement.
    rows : ndarray of int
        Those that may be trained on.
    groups : ndarray of shape (n_rows,)
        Patient of each of them, kept together.
    n_repeats : int
        Number of fits.
    random_state : RandomState
        Draws seeds, parts and rows.
    """
    if over == "seed":
        first = int(random_state.randint(LARGEST_SEED - n_repeats))
        return [PlannedRepeat(rows, first + k) for k in range(n_repeats)]
    if over == "fold":
        parts = GroupKFold(n_repeats, shuffle=True, random_state=random_state)
        return [PlannedRepeat(rows[i]) for i, _ in parts.split(rows, groups=groups)]
    return [PlannedRepeat(rows[_drawn(groups, random_state)]) for _ in range(n_repeats)]


def _drawn(groups: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
    """Return places of rows whose groups are drawn with replacement."""
    names, of_row = np.unique(groups, return_inverse=True)
    drawn = random_state.randint(len(names), size=len(names))
    return np.concatenate([np.flatnonzero(of_row == name) for name in drawn])


def held_out(
    groups: np.ndarray, share: float, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that may be trained on, and those that no network sees."""
    split = GroupShuffleSplit(1, test_size=share, random_state=random_state)
    return next(split.split(groups, groups=groups))


def reseeded(estimator: Any, seed: int) -> Any:
    """Return a clone of an estimator whose seeds, and those of what it holds, are another.

    Raises
    ------
    ValueError
        If it has none.
    """
    names = [n for n in estimator.get_params() if n.rpartition("__")[2] == "random_state"]
    if not names:
        raise ValueError(
            f"Got over='seed', but {type(estimator).__name__} has no random_state; "
            "expected over='fold' or over='bootstrap'."
        )
    return clone(estimator).set_params(**dict.fromkeys(names, seed))


def seeded(found: NetworkStep, seed: int) -> NetworkStep:
    """Return a network whose seeds are settled where they are None: the same each time."""
    if found.step.is_frozen:
        return found
    network = with_seed(clone(found.estimator), seed)
    return found._replace(step=found.step._replace(estimator=network))


def layers_of_repeat(
    found: NetworkStep,
    inputs: Sequence[Any],
    y: Any,
    columns: dict[str, Any],
    repeat: PlannedRepeat,
    layers: Sequence[str] | None,
    most_components: int,
) -> list[dict[Layer, np.ndarray]]:
    """Fit a network as planned, and return the features of each input, layer by layer.

    Parameters
    ----------
    found : NetworkStep
        What is cloned.
    inputs : sequence of array-like
        The X that it is fitted to, and others of the same rows that it reads.
    y : array-like or None
        Targets of all rows.
    columns : dict of str to array-like
        Further columns, for each `fit` that takes them.
    repeat : PlannedRepeat
        Its rows and seed.
    layers : sequence of str or None
        The layers.
    most_components : int
        If not 0, as many principal components as each layer has features are added, but no
        more than these, and as many projections onto random directions.
    """
    if repeat.seed is not None:
        network = reseeded(found.estimator, repeat.seed)
        found = found._replace(step=found.step._replace(estimator=network))
    fitted = fitted_on(found, inputs[0], y, columns, repeat.train, layers)
    given = [fitted.given(X) for X in inputs]
    codes = [read_layers(fitted, each, layers) for each in given]
    if most_components:
        sizes = {min(part.shape[1], most_components) for part in codes[0].values()}
        wholes = [_as_rows(each) for each in given]
        for found_in, others in zip(codes, _linear(wholes, sizes, repeat), strict=True):
            found_in |= others
    return codes


def _as_rows(given: Any) -> np.ndarray:
    given = given.toarray() if hasattr(given, "toarray") else given
    return np.asarray(given, dtype=np.float64).reshape(len(given), -1)


def _linear(
    wholes: Sequence[np.ndarray], sizes: set[int], repeat: PlannedRepeat
) -> list[dict[Layer, np.ndarray]]:
    """Return principal components and random projections of the sizes that can be."""
    train = wholes[0][repeat.train]
    sizes = {min(size, train.shape[1]) for size in sizes}
    seed = int(repeat.train.sum() % LARGEST_SEED) if repeat.seed is None else repeat.seed
    pca = PCA(max(sizes), random_state=0).fit(train)
    random = GaussianRandomProjection(max(sizes), random_state=seed).fit(train)
    found = []
    for whole in wholes:
        kinds = {"PCA": pca.transform(whole), "random": random.transform(whole)}
        found.append(
            {
                Layer(name, True, size): codes[:, :size]
                for name, codes in kinds.items()
                for size in sorted(sizes)
            }
        )
    return found
