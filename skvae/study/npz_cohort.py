"""A cohort of the user's own, from one npz file."""

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from skvae.datasets import load_medmnist

__all__ = ["npz_cohort"]

_MOST_CHANNELS = 4


class _NotPlainError(ValueError):
    """What is wrong with a file, in words for its owner."""


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
    try:
        with path.open("rb") as opened:  # which numpy would leave open on an error
            file = np.load(opened, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise _NotPlainError("it holds a single array.")
            if "train_images" in file:
                return _medmnist(path)
            names = [name for name in ("X", "y", "groups") if name in file]
            arrays = {name: _plain(file, name) for name in names}
    except (ValueError, OSError, EOFError, BadZipFile, zlib.error) as error:
        own = str(error) if isinstance(error, _NotPlainError) else "it is none, or cut off."
        raise ValueError(
            f"Got data={str(path)!r}, expected an npz file of plain arrays: {own}"
        ) from error
    missing = [name for name in ("X", "y", "groups") if name not in arrays]
    if missing:
        raise ValueError(
            f"Got data={str(path)!r} without {', '.join(missing)}, expected the arrays X, "
            "y and groups (the patient of each row; arange where each row is a patient)."
        )
    return _checked_inputs(arrays["X"]), arrays["y"], arrays["groups"], None


def _medmnist(path: Path) -> Any:
    """Join what may be learned from, and keep the test part apart."""
    parts = {split: load_medmnist(path, split) for split in ("train", "val", "test")}
    if parts["train"].target.ndim > 1:
        raise _NotPlainError("its images have several labels each; expected one.")
    inputs = {split: _checked_inputs(part.images) for split, part in parts.items()}
    X = np.concatenate([inputs["train"], inputs["val"]])
    y = np.concatenate([parts["train"].target, parts["val"].target])
    return X, y, None, (inputs["test"], parts["test"].target)


def _plain(file: Any, name: str) -> NDArray[Any]:
    try:
        return file[name]
    except ValueError as error:
        # numpy would unpickle an array of objects, which may run anything.
        if "Object arrays" not in str(error):
            raise
        cure = "X.astype(float), or np.stack(X)" if name == "X" else f"{name}.astype(str)"
        raise _NotPlainError(
            f"the array {name} holds Python objects, as columns of pandas do; save {cure}."
        ) from error


def _checked_inputs(X: NDArray[Any]) -> NDArray[Any]:
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
