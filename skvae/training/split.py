"""Rows held out for early stopping."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from skvae.statistics.grouping import numbered
from skvae.training.data import Data


def validation_split(
    data: Data, fraction: float | None, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return indices of training and validation rows; groups stay on one side.

    Which groups are held out depends on the order in which they first appear, not on
    their names.

    Raises
    ------
    ValueError
        If one side would be empty.
    """
    rows = data.weighing
    if fraction is None:
        return rows, None
    groups = None if data.groups is None else numbered(data.groups[rows])
    kind = ShuffleSplit if groups is None else GroupShuffleSplit
    try:
        splits = kind(n_splits=1, test_size=fraction, random_state=seed)
        train, valid = next(splits.split(rows, groups=groups))
    except ValueError as error:
        raise ValueError(
            f"Got early_stopping=True with validation_fraction={fraction}, but {len(rows)} "
            f"rows cannot be split so ({error})"
        ) from error
    return rows[np.sort(train)], rows[np.sort(valid)]
