"""Simple shapes whose factors of variation are known, after dSprites."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skvae.arguments import check_choice, check_number
from skvae.datasets.distances import ellipsoid_distance, heart_distance, square_distance
from skvae.datasets.frames import to_frame, to_series

__all__ = ["make_sprites"]

FACTORS = ["shape", "scale", "rotation", "position_x", "position_y"]
SHAPES = ("square", "ellipse", "heart")
# Number of values of each factor but the shape, as in dSprites.
N_LEVELS = {"scale": 6, "rotation": 40, "position_x": 32, "position_y": 32}
# Half the edge of a square at scale 1, as a share of the image. Its corners, sqrt(2) times
# as far from the centre, stay within the image at every position.
HALF_EDGE = 0.16
# Height of the centre of mass of the heart, whose tip is at 0 and whose notch at 1.
_HALF_DISCS = np.pi / 8
HEART_CENTRE = (0.25 + _HALF_DISCS * 0.75 + 1 / 24) / (0.5 + _HALF_DISCS)
# Pixels are drawn for so many samples at once, to keep memory small.
CHUNK = 256

DESCRIPTION = """\
Sprites
-------

White shapes on black, made by skvae.datasets.make_sprites after dSprites (Matthey et al.,
2017, https://github.com/google-deepmind/dsprites-dataset): no image is copied from there.
All factors are independent: shape, scale (0.5 to 1), rotation (radians, counter-clockwise;
a square repeats after a quarter of a turn, an ellipse after half), position_x (0 left, 1
right) and position_y (0 top, 1 bottom) of the centre of mass.
"""


def make_sprites(
    n_samples: int = 1000,
    *,
    size: int = 64,
    shapes: Sequence[str] = SHAPES,
    discrete: bool = True,
    antialias: bool = True,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[np.ndarray, Any]:
    """Make images of simple shapes with independent factors (classification).

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images.
    size : int, default=64
        Number of pixels along each edge.
    shapes : sequence of {"square", "ellipse", "heart"}, default=all three
        The shapes to draw from.
    discrete : bool, default=True
        Draw from 6 scales, 40 rotations and 32 x 32 positions at equal distances, as in
        dSprites; else from all values in between. Unlike there, a full turn is not counted
        beside no turn.
    antialias : bool, default=True
        Soften edges over one pixel, so that the sum over the pixels is the area of the
        shape; else pixels are 0 or 1.
    random_state : int, RandomState instance or None, default=None
        Determines the factors. Pass an int for the same images each time.
    return_X_y : bool, default=False
        Return ``(images, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give the factors as a DataFrame and the target as a Series (needs pandas).

    Returns
    -------
    sprites : :class:`~sklearn.utils.Bunch`
        With the entries

        images : ndarray of float32, shape (n_samples, 1, size, size)
            0 is background, 1 is within a shape; axes are channel, row and column.
        target : ndarray of int, shape (n_samples,), or Series
            Index of the shape in `target_names`.
        target_names : list of str
            The shapes.
        factors : ndarray, shape (n_samples, 5), or DataFrame
            Shape (as `target`), scale (0.5 to 1), rotation (radians, counter-clockwise),
            and position of the centre of mass (0 to 1, rightwards and downwards).
        factor_names : list of str
            Names of the factors.
        DESCR : str
            Description of the images.

    images, target : tuple
        With ``return_X_y=True``.

    References
    ----------
    Matthey, L., Higgins, I., Hassabis, D. and Lerchner, A. (2017). dSprites:
    disentanglement testing sprites dataset.
    https://github.com/google-deepmind/dsprites-dataset

    Examples
    --------
    >>> from skvae.datasets import make_sprites
    >>> sprites = make_sprites(10, random_state=0)
    >>> sprites.images.shape, sprites.factors.shape
    ((10, 1, 64, 64), (10, 5))
    >>> sprites.factor_names
    ['shape', 'scale', 'rotation', 'position_x', 'position_y']
    """
    owner = "make_sprites"
    check_number(owner, "n_samples", n_samples, whole=True, low=1)
    check_number(owner, "size", size, whole=True, low=8)
    if isinstance(shapes, str) or len(shapes) == 0:
        raise ValueError(f"Got shapes={shapes!r}, but {owner} takes a list of shapes.")
    for shape in shapes:
        check_choice(owner, "shapes", shape, SHAPES)

    rng = check_random_state(random_state)
    target = rng.randint(len(shapes), size=n_samples)
    factors = np.column_stack([target, _draw_factors(rng, n_samples, discrete)])
    images = np.empty((n_samples, 1, size, size), dtype=np.float32)
    for index, shape in enumerate(shapes):
        of_shape = np.flatnonzero(target == index)
        for start in range(0, len(of_shape), CHUNK):
            rows = of_shape[start : start + CHUNK]
            distance = _distance_in_pixels(DISTANCES[shape], factors[rows, 1:], size)
            images[rows, 0] = np.clip(0.5 - distance, 0, 1) if antialias else distance < 0
    if as_frame:
        factors, target = to_frame(factors, FACTORS), to_series(target, "target")
    if return_X_y:
        return images, target
    return Bunch(
        images=images,
        target=target,
        target_names=list(shapes),
        factors=factors,
        factor_names=list(FACTORS),
        DESCR=DESCRIPTION,
    )


def _draw_factors(rng: np.random.RandomState, n_samples: int, discrete: bool) -> np.ndarray:
    """Scale, rotation and position, shape (n_samples, 4)."""
    shares = {name: rng.uniform(size=n_samples) for name in N_LEVELS}
    if discrete:
        for name, n_levels in N_LEVELS.items():
            # A full turn is no turn, so that the last rotation lies one step before it.
            last = n_levels if name == "rotation" else n_levels - 1
            shares[name] = np.floor(shares[name] * n_levels) / last
    scale = 0.5 + 0.5 * shares["scale"]
    rotation = 2 * np.pi * shares["rotation"]
    return np.column_stack([scale, rotation, shares["position_x"], shares["position_y"]])


def _distance_in_pixels(
    unit_distance: Callable[[np.ndarray, np.ndarray], np.ndarray],
    factors: np.ndarray,
    size: int,
) -> np.ndarray:
    """Turn the pixels into the shape's own coordinates, and its distances into pixels."""
    scale, rotation, position_x, position_y = factors.T.astype(np.float32)[..., None, None]
    # Centres of mass fill the middle half of the image.
    rows, columns = np.indices((size, size), dtype=np.float32)
    right = columns - ((size - 1) / 2 + (position_x - 0.5) * size / 2)
    up = ((size - 1) / 2 + (position_y - 0.5) * size / 2) - rows
    unit = HALF_EDGE * size * scale
    x = (right * np.cos(rotation) + up * np.sin(rotation)) / unit
    y = (up * np.cos(rotation) - right * np.sin(rotation)) / unit
    return unit_distance(x, y) * unit


def _ellipse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return ellipsoid_distance((x, y), (1.25, 0.75))


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # Twice as large, about the area of the square, and turning about its centre of mass.
    return 2 * heart_distance(x / 2, y / 2 + HEART_CENTRE)


DISTANCES = {"square": square_distance, "ellipse": _ellipse, "heart": _heart}
