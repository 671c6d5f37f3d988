"""Chest X-rays that never were: two lungs behind ribs, and their mask."""

import numpy as np
from scipy import ndimage
from sklearn.utils import Bunch, check_random_state

from skvae.arguments import check_number

__all__ = ["make_xrays"]

# Levels of what the ray has passed, from black (air outside) to white (the spine).
BODY, LUNG, HEART, RIB, SPINE = 0.5, 0.25, 0.15, 0.12, 0.15
N_RIBS = 7
# A rim that wobbles with the angle, as the sum of a few waves.
N_WAVES = 5

DESCRIPTION = """\
Synthetic chest X-rays
----------------------

A body before a black background, with spine, heart, ribs and two dark lungs, made by
skvae.datasets.make_xrays. The heart hides a part of the left lung, ribs cross both, and the
outside is as dark as they are, so that grey levels alone do not tell the lungs apart.
"""


def make_xrays(
    n_samples: int = 100,
    *,
    size: int = 64,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Make chest X-rays with known lungs (segmentation).

    Lungs are ellipses whose rims wobble, of a size, place and tilt that are drawn anew
    for each image, as are body, heart and the levels of all tissues. The mask is the area
    of both lungs but for what the heart hides.

    Parameters
    ----------
    n_samples : int, default=100
        Number of X-rays.
    size : int, default=64
        Number of pixels along each edge, at least 32.
    noise : float, default=0.1
        Standard deviation of the noise of single pixels.
    random_state : int, RandomState instance or None, default=None
        Determines everything that is drawn. Pass an int for the same images each time.
    return_X_y : bool, default=False
        Return ``(images, masks)`` instead of a Bunch.

    Returns
    -------
    xrays : :class:`~sklearn.utils.Bunch`
        With the entries

        images : ndarray of float32, shape (n_samples, 1, size, size)
            Grey levels, mostly within [0, 1]; axes are channel, row and column.
        masks : ndarray of uint8, shape (n_samples, size, size)
            1 is lung and 0 is not.
        mask_names : list of str
            Names of these two.
        DESCR : str
            Description of the X-rays.

    images, masks : tuple
        With ``return_X_y=True``.

    Examples
    --------
    >>> from skvae.datasets import make_xrays
    >>> images, masks = make_xrays(10, random_state=0, return_X_y=True)
    >>> images.shape, masks.shape
    ((10, 1, 64, 64), (10, 64, 64))
    """
    owner = "make_xrays"
    check_number(owner, "n_samples", n_samples, whole=True, low=1)
    check_number(owner, "size", size, whole=True, low=32)
    check_number(owner, "noise", noise, low=0)
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_samples)
    images = np.empty((n_samples, 1, size, size), dtype=np.float32)
    masks = np.empty((n_samples, size, size), dtype=np.uint8)
    for i, seed in enumerate(seeds):
        # A generator each, so that an X-ray does not depend on how many there are.
        rng = np.random.default_rng(seed)
        image, masks[i] = draw_xray(rng, size)
        images[i, 0] = image + noise * rng.standard_normal((size, size))
    if return_X_y:
        return images, masks
    return Bunch(
        images=images, masks=masks, mask_names=["background", "lung"], DESCR=DESCRIPTION
    )


def draw_xray(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw an X-ray without noise, and its lungs."""
    row, column = (np.indices((size, size)) + 0.5) / size - 0.5
    # The patient stands a little beside the middle.
    row, column = row - rng.uniform(-0.05, 0.05), column - rng.uniform(-0.05, 0.05)
    body = _blob(rng, row - 0.08, column, (0.62, rng.uniform(0.4, 0.46)), wobble=0.02)
    lungs = np.zeros((size, size), dtype=bool)
    for side in (-1, 1):
        middle = rng.uniform(-0.06, 0.0), side * rng.uniform(0.18, 0.21)
        axes = rng.uniform(0.24, 0.32), rng.uniform(0.1, 0.14)
        tilt = side * rng.uniform(-0.1, 0.25)
        y, x = row - middle[0], column - middle[1]
        turned = y * np.cos(tilt) - x * np.sin(tilt), y * np.sin(tilt) + x * np.cos(tilt)
        lungs |= _blob(rng, *turned, axes, wobble=0.12)
    heart = _blob(rng, row - 0.12, column - 0.07, (0.14, rng.uniform(0.11, 0.16)), 0.04)
    lungs &= body & ~heart
    spine = np.abs(column) < 0.035
    # Ribs run down towards the sides.
    phase = rng.uniform(0, 1)
    height = row - rng.uniform(0.3, 0.6) * np.abs(column)
    ribs = (N_RIBS * height + phase) % 1 < rng.uniform(0.25, 0.4)
    shade = rng.uniform(0.85, 1.1, size=4)
    image = BODY * shade[0] * body
    image = np.where(lungs, LUNG * shade[1], image)
    image += (
        HEART * shade[2] * heart + RIB * shade[3] * (ribs & body) + SPINE * (spine & body)
    )
    return ndimage.gaussian_filter(image, size / 128), lungs.astype(np.uint8)


def _blob(
    rng: np.random.Generator,
    row: np.ndarray,
    column: np.ndarray,
    axes: tuple[float, float],
    wobble: float,
) -> np.ndarray:
    """Draw an ellipse around the origin whose rim goes in and out by about a share."""
    y, x = row / axes[0], column / axes[1]
    angle = np.arctan2(y, x)
    waves = np.arange(1, N_WAVES + 1)
    height, phase = rng.standard_normal(N_WAVES), rng.uniform(0, 2 * np.pi, N_WAVES)
    rim = (height / N_WAVES**0.5 * np.cos(waves * angle[..., None] + phase)).sum(axis=-1)
    return np.hypot(y, x) < 1 + wobble * rim
