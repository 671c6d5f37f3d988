"""Short sequences of images in which a blob moves at a speed that is known."""

from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skvae.arguments import check_number
from skvae.datasets.frames import to_frame, to_series

__all__ = ["make_moving_blobs"]

FACTORS = ["speed", "direction", "row", "column"]
# Standard deviation of the blob, and distance of its centre from the border, as shares
# of the image.
WIDTH = 1 / 16
MARGIN = 1 / 8

DESCRIPTION = """\
Moving blobs
------------

A Gaussian blob moves over black frames in a straight line, at a constant speed, made by
skvae.datasets.make_moving_blobs. Speed (pixels per frame), direction (radians, clockwise
from rightwards, as rows count downwards) and place are drawn independently, but for the
place being such that the blob stays within the image. No single frame tells the speed.
"""


def make_moving_blobs(
    n_samples: int = 200,
    *,
    n_frames: int | tuple[int, int] = 8,
    size: int = 24,
    noise: float = 0.05,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Make sequences of images of a moving blob (regression of its speed).

    Parameters
    ----------
    n_samples : int, default=200
        Number of sequences.
    n_frames : int or tuple of two int, default=8
        Number of images of each sequence; of two numbers, each sequence draws its own
        from the first to the second.
    size : int, default=24
        Number of pixels along each edge.
    noise : float, default=0.05
        Standard deviation of the noise that is added to each pixel.
    random_state : int, RandomState instance or None, default=None
        Determines the sequences. Pass an int for the same ones each time.
    return_X_y : bool, default=False
        Return ``(images, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give the factors as a DataFrame and the target as a Series (needs pandas).

    Returns
    -------
    blobs : :class:`~sklearn.utils.Bunch`
        With the entries

        images : ndarray of float32, shape (n_samples, n_frames, 1, size, size), or list
            0 is background, 1 the centre of the blob, before noise; axes are time,
            channel, row and column. With two numbers of frames, a list of arrays.
        target : ndarray, shape (n_samples,), or Series
            Speed in pixels per frame, uniform from 0 to the largest at which the blob
            stays within the image over the longest sequence.
        factors : ndarray, shape (n_samples, 4), or DataFrame
            Speed, direction (radians, clockwise from rightwards), and row and column of
            the centre in the first frame (pixels).
        factor_names : list of str
            Names of the factors.
        DESCR : str
            Description of the images.

    images, target : tuple
        With ``return_X_y=True``.

    Examples
    --------
    >>> from skvae.datasets import make_moving_blobs
    >>> blobs = make_moving_blobs(10, random_state=0)
    >>> blobs.images.shape, blobs.target.shape
    ((10, 8, 1, 24, 24), (10,))
    >>> unequal = make_moving_blobs(10, n_frames=(3, 8), random_state=0).images
    >>> sorted({len(images) for images in unequal})
    [3, 4, 5, 6, 7, 8]
    """
    owner = "make_moving_blobs"
    check_number(owner, "n_samples", n_samples, whole=True, low=1)
    check_number(owner, "size", size, whole=True, low=8)
    check_number(owner, "noise", noise, low=0)
    shortest, longest = _bounds(owner, n_frames)

    rng = check_random_state(random_state)
    lengths = rng.randint(shortest, longest + 1, size=n_samples)
    room = size - 1 - 2 * MARGIN * size
    speed = rng.uniform(0, room / (longest - 1), size=n_samples)
    direction = rng.uniform(0, 2 * np.pi, size=n_samples)
    # Rows and columns per frame; a sequence that ends early had the room to go on.
    step = speed[:, np.newaxis] * np.column_stack([np.sin(direction), np.cos(direction)])
    way = step * (longest - 1)
    low, high = np.minimum(way, 0), np.maximum(way, 0)
    free = rng.uniform(size=(n_samples, 2)) * (room - (high - low))
    start = MARGIN * size + free - low
    images = [
        _draw(start[i] + step[i] * np.arange(length)[:, np.newaxis], size, noise, rng)
        for i, length in enumerate(lengths)
    ]
    if isinstance(n_frames, int | np.integer):
        images = np.stack(images)

    factors, target = np.column_stack([speed, direction, start]), speed
    if as_frame:
        factors, target = to_frame(factors, FACTORS), to_series(target, "speed")
    if return_X_y:
        return images, target
    return Bunch(
        images=images,
        target=target,
        factors=factors,
        factor_names=list(FACTORS),
        DESCR=DESCRIPTION,
    )


def _bounds(owner: str, n_frames: int | tuple[int, int]) -> tuple[int, int]:
    bounds = n_frames if isinstance(n_frames, tuple | list) else (n_frames, n_frames)
    if len(bounds) != 2:
        raise ValueError(
            f"Got n_frames={n_frames!r}, but {owner} takes one or two numbers."
        )
    shortest, longest = bounds
    check_number(owner, "n_frames", shortest, whole=True, low=2)
    check_number(owner, "n_frames", longest, whole=True, low=shortest)
    return shortest, longest


def _draw(
    centres: np.ndarray, size: int, noise: float, rng: np.random.RandomState
) -> np.ndarray:
    """Draw a blob around each centre, shape (n_frames, 1, size, size)."""
    pixels = np.indices((size, size))
    offset = pixels - centres[:, :, np.newaxis, np.newaxis]
    blob = np.exp(-np.square(offset / (WIDTH * size)).sum(axis=1, keepdims=True) / 2)
    return (blob + noise * rng.standard_normal(blob.shape)).astype(np.float32)
