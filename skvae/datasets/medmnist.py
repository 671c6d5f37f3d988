"""Reading the files of MedMNIST."""

from os import PathLike, fspath
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skvae.arguments import check_choice
from skvae.datasets.npz_file import open_npz

__all__ = ["load_medmnist"]

SPLITS = ("train", "val", "test")

DESCRIPTION = """\
A data set in MedMNIST's layout
-------------------------------

The {split} split of {name}: {n_samples} images of shape {shape} (channels first). Licence
and source differ from set to set; see https://medmnist.com. Please cite the source, and

Yang, J. et al. (2023). MedMNIST v2 - a large-scale lightweight benchmark for 2D and 3D
biomedical image classification. Scientific Data, 10, 41.
https://doi.org/10.1038/s41597-022-01721-8
"""


def load_medmnist(
    path: str | PathLike[str], split: str = "train", *, return_X_y: bool = False
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Load a split of a data set of MedMNIST (classification).

    The file is not downloaded; get it from https://medmnist.com.

    Parameters
    ----------
    path : str or path-like
        An npz file with the arrays ``train_images``, ``train_labels`` and so forth for
        ``val`` and ``test``. Images are ``(n, height, width)`` (grey),
        ``(n, height, width, 3)`` (colour) or ``(n, depth, height, width)`` (volumes),
        labels ``(n, 1)``, or ``(n, n_labels)`` where each image has several.
    split : {"train", "val", "test"}, default="train"
        The part to load, as MedMNIST divided the patients.
    return_X_y : bool, default=False
        Return ``(images, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the entries

        images : ndarray, shape (n_samples, n_channels, *spatial)
            The images in the file's type (uint8), with one channel (grey images, volumes)
            or three (colour).
        target : ndarray of int, shape (n_samples,) or (n_samples, n_labels)
            The labels.
        DESCR : str
            What was read, and whom to cite.

    images, target : tuple
        With ``return_X_y=True``.

    References
    ----------
    Yang, J. et al. (2023). MedMNIST v2 - a large-scale lightweight benchmark for 2D and 3D
    biomedical image classification. Scientific Data, 10, 41.
    https://doi.org/10.1038/s41597-022-01721-8

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skvae.datasets import load_medmnist
    >>> arrays = {
    ...     "val_images": np.zeros((6, 28, 28), np.uint8),
    ...     "val_labels": np.ones((6, 1), np.uint8),
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "small.npz")
    ...     np.savez(path, **arrays)
    ...     data = load_medmnist(path, "val")
    >>> data.images.shape, data.target
    ((6, 1, 28, 28), array([1, 1, 1, 1, 1, 1]))
    """
    check_choice("load_medmnist", "split", split, SPLITS)
    images, labels = _read_split(path, split)
    if labels.ndim not in (1, 2) or images.ndim == 0 or not len(images):
        raise ValueError(
            f"Got path={fspath(path)!r} with images of shape {images.shape} and labels of "
            f"shape {labels.shape} in its {split} split, but load_medmnist takes at least "
            "one image, and labels (n,) or (n, n_labels)."
        )
    if len(labels) != len(images):
        raise ValueError(
            f"Got path={fspath(path)!r} with {len(images)} images and {len(labels)} labels "
            f"in its {split} split, but load_medmnist takes a label for each image."
        )
    images = _channels_first(images, path)
    target = _whole_numbers(labels, path)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if return_X_y:
        return images, target
    description = DESCRIPTION.format(
        split=split, name=Path(path).name, n_samples=len(images), shape=images.shape[1:]
    )
    return Bunch(images=images, target=target, DESCR=description)


def _read_split(path: str | PathLike[str], split: str) -> tuple[np.ndarray, np.ndarray]:
    wanted = [f"{split}_images", f"{split}_labels"]
    with open_npz(path, "path") as stored:
        names = stored.names
        arrays = {name: stored.read(name) for name in wanted if name in names}
    lacking = [name for name in wanted if name not in arrays]
    if lacking:
        raise ValueError(
            f"Got path={fspath(path)!r} with the arrays {', '.join(names)}, "
            f"but load_medmnist takes a file that has {' and '.join(lacking)} too."
        )
    images, labels = arrays.values()
    if images.dtype.kind not in "biuf":
        raise ValueError(
            f"Got path={fspath(path)!r} with images of type {images.dtype}, but "
            "load_medmnist takes real numbers."
        )
    return images, labels


def _whole_numbers(labels: np.ndarray, path: str | PathLike[str]) -> np.ndarray:
    """Return labels as integers; refuse what these would not be equal to."""
    whole = labels.dtype.kind in "biu"
    if labels.dtype.kind == "f" and np.isfinite(labels).all():
        whole = bool((labels % 1 == 0).all())
    if not whole or (labels.size and np.abs(labels.astype(np.float64)).max() > 2**53):
        raise ValueError(
            f"Got path={fspath(path)!r} with labels of type {labels.dtype} that are no "
            "classes, but load_medmnist takes whole numbers."
        )
    return labels.astype(np.int64)


def _channels_first(images: np.ndarray, path: str | PathLike[str]) -> np.ndarray:
    """Make the channel axis explicit and put it second."""
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4:
        # Volumes of MedMNIST have 28 or 64 slices along each axis, colours always three.
        if images.shape[-1] == 3:
            return np.ascontiguousarray(np.moveaxis(images, -1, 1))
        return images[:, None]
    raise ValueError(
        f"Got path={fspath(path)!r} with images of shape {images.shape}, but load_medmnist "
        "takes (n, height, width), (n, height, width, 3) or (n, depth, height, width)."
    )
