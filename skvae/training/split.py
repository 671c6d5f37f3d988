"""Rows held out for early stopping."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from skvae.training.data import Data


def validation_split(
    data: Data, fraction: float | None, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return indices of training and validation rows; groups stay on one side.

    Raises
    ------
    ValueError
        If one side would be empty.
    """
    n_rows = len(data)
    if fraction is None:
        return np.arange(n_rows), None
    kind = ShuffleSplit if data.groups is None else GroupShuffleSplit
    try:
        splits = kind(n_splits=1, test_size=fraction, random_state=seed)
        train, valid = next(splits.split(np.empty(n_rows), groups=data.groups))
    except ValueError as error:
        raise ValueError(
            f"Got early_stopping=True with validation_fraction={fraction}, but {n_rows} "
            f"rows cannot be split so ({error})"
        ) from error
    return np.sort(train), np.sort(valid)
