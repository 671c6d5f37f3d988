"""Images of unequal sizes, and of other sizes than those of `fit`."""

from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite

from skvae.arguments import naming
from skvae.estimators.inputs import as_array, check_rows, refuse_non_numbers
from skvae.mask_layouts import is_listed


def ragged(X: Any) -> list[np.ndarray] | None:
    """Return images of unequal sizes as a list of arrays; of anything else, None."""
    if not is_listed(X) or not len(X):
        return None
    shapes = {tuple(getattr(x, "shape", ())) for x in X}
    if len(shapes) == 1 or min(map(len, shapes)) < 2:
        return None
    return [as_array(x) for x in X]


def refuse_other_axes(image: np.ndarray, shape: tuple[int, ...], i: int) -> None:
    """Refuse an image with other channels, or another number of axes, than expected."""
    if image.ndim != len(shape) or image.shape[0] != shape[0]:
        raise ValueError(
            f"Got X with the image {i} of shape {image.shape}, but expected {shape[0]} "
            f"channels and {len(shape) - 1} spatial axes."
        )


def images_of(estimator: Any, X: Any) -> np.ndarray | list[np.ndarray]:
    """Return images of the size of `fit` as an array, and others as a list.

    Parameters
    ----------
    estimator : TrainedTransformer or PixelClassifier
        The fitted estimator that takes X.
    X : array-like
        Images, or their flat rows; a list may have images of unequal sizes.

    Raises
    ------
    ValueError
        If an image has other channels, or another number of axes, than those of `fit`.
    """
    images, known = ragged(X), estimator.sample_shape_
    if images is None:
        X = as_array(X)
        same_axes = len(X.shape) == len(known) + 1 > 2
        if not same_axes or X.shape[1:] == known or not len(X):
            return check_rows(estimator, X, reset=False)
        images = list(X)
    for i, image in enumerate(images):
        refuse_non_numbers(image, type(estimator).__name__)
        refuse_other_axes(image, known, i)
    return images


@naming("X")
def as_image(image: np.ndarray) -> np.ndarray:
    """Return a finite image that torch can read."""
    if np.iscomplexobj(image):
        raise ValueError(f"Got X with an image of {image.dtype}, expected real numbers.")
    image = np.require(image, np.float32, ["C", "W"])
    assert_all_finite(image, input_name="X")
    return image


def middle_parts(images: list[np.ndarray]) -> np.ndarray:
    """Cut images of unequal sizes to the smallest size along each axis."""
    smallest = np.min([image.shape[1:] for image in images], axis=0)
    parts = []
    for image in images:
        first = (np.array(image.shape[1:]) - smallest) // 2
        inner = (slice(a, a + n) for a, n in zip(first, smallest, strict=True))
        parts.append(image[(..., *inner)])
    return np.stack(parts)
