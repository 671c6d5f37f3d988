"""A cohort of the user's own, from one npz file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.datasets import load_medmnist
from skvae.datasets.npz_file import open_npz

__all__ = ["npz_cohort"]

NAMES = ("X", "y", "groups")
_MOST_CHANNELS = 4


def npz_cohort(
    path: str | Path,
) -> tuple[
    NDArray[Any],
    NDArray[Any],
    NDArray[Any] | None,
    tuple[NDArray[Any], NDArray[Any]] | None,
]:
    """Read X, y and groups from an npz file, without unpickling anything.

    Parameters
    ----------
    path : str or Path
        File with the arrays `X`, a table (n_samples, n_features) or images
        (n_samples, channels, *spatial); `y`, the class of each row; and `groups`, the
        patient of each row. Images of 8-bit integers are scaled to at most 1, but for
        masks of zeros and ones, which stay as they are. Or a file of MedMNIST as it is.

    Returns
    -------
    X, y, groups : ndarray
        The arrays. Of MedMNIST the training and validation rows, each of which counts as
        a patient: `groups` is None.
    external : (X, y) or None
        The test rows of MedMNIST.

    Raises
    ------
    ValueError
        Where an array is missing or cannot be what it is named for.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Got data={str(path)!r}, which is not a file.")
    with open_npz(path, "data") as file:
        medmnist = "train_images" in file.names
        names = [name for name in NAMES if name in file.names and not medmnist]
        for name in names:
            refuse_objects(name, file.header(name).dtype)
        arrays = {name: file.read(name) for name in names}
    missing = [name for name in NAMES if name not in arrays and not medmnist]
    if missing:
        raise ValueError(
            f"Got data={str(path)!r} without {', '.join(missing)}, expected the arrays X, "
            "y and groups (the patient of each row; arange where each row is a patient)."
        )
    try:
        if medmnist:
            return _medmnist(path)
        X = checked_inputs(arrays["X"])
        for name in ("y", "groups"):
            refuse_no_column(name, arrays[name], len(X))
    except ValueError as error:
        raise ValueError(
            f"Got data={str(path)!r}, which cannot be used: {error}"
        ) from error
    return X, arrays["y"], arrays["groups"], None


def _medmnist(path: Path) -> Any:
    """Join what may be learned from, and keep the test part apart."""
    parts = {split: load_medmnist(path, split) for split in ("train", "val", "test")}
    if parts["train"].target.ndim > 1:
        raise ValueError("its images have several labels each; expected one.")
    inputs = {split: checked_inputs(part.images) for split, part in parts.items()}
    X = np.concatenate([inputs["train"], inputs["val"]])
    y = np.concatenate([parts["train"].target, parts["val"].target])
    return X, y, None, (inputs["test"], parts["test"].target)


def refuse_objects(name: str, dtype: np.dtype) -> None:
    """Refuse an array that numpy would unpickle, which may run anything."""
    if dtype.hasobject:
        cure = "X.astype(float), or np.stack(X)" if name == "X" else f"{name}.astype(str)"
        raise ValueError(
            f"the array {name} holds Python objects, as columns of pandas do; save {cure}."
        )


def refuse_no_column(name: str, column: NDArray[Any], n_rows: int) -> None:
    """Refuse what is no class, number or name of each row."""
    if column.shape != (n_rows,):
        raise ValueError(
            f"Got {name} of shape {column.shape}, expected an entry for each of {n_rows} "
            "rows of X."
        )
    if column.dtype.kind not in "biufSU":
        raise ValueError(
            f"Got {name} of dtype {column.dtype}, expected whole numbers or text."
        )
    if column.dtype.kind != "f":
        return
    if not np.isfinite(column).all():
        raise ValueError(f"Got {name} with entries that are missing, expected none.")
    if name == "groups" and (column % 1 != 0).any():
        raise ValueError("Got groups with fractions, expected whole numbers or text.")


def checked_inputs(X: NDArray[Any]) -> NDArray[Any]:
    """Return rows or images as the arms take them; refuse what is neither."""
    if not X.size:
        raise ValueError(f"Got X of shape {X.shape}, expected at least one row and entry.")
    if X.ndim not in (2, 4, 5) or (X.ndim > 3 and X.shape[1] > _MOST_CHANNELS):
        raise ValueError(
            f"Got X of shape {X.shape}, expected (n_samples, n_features) or (n_samples, "
            "channels, *spatial) with at most 4 channels; images without a channel axis "
            "are X[:, None]."
        )
    if X.dtype.kind not in "biuf" or not np.isfinite(X).all():
        raise ValueError(f"Got X of dtype {X.dtype}, expected finite real numbers.")
    if X.dtype == np.uint8 and X.max(initial=0) > 1:
        return X.astype(np.float32) / 255
    return X.astype(np.uint8) if X.dtype == bool else X
