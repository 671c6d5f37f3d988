"""Infected lungs that never were: X-rays with opacities, and how much they cover."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from sklearn.utils import Bunch, check_random_state

from skvae.arguments import check_number, check_shares
from skvae.datasets.xrays import draw_xray

__all__ = ["make_infected_lungs"]

# Of the smooth field whose highest places are lesions, as a share of the image's size.
LESION_WIDTH = 0.06
# An opacity is cloudy by so much of its contrast, and its edge soft over so many images.
CLOUDINESS, SOFTNESS = 0.3, 1 / 64

DESCRIPTION = """\
Synthetic infected lungs
------------------------

Chest X-rays as skvae.datasets.make_xrays draws them, with opacities in the lungs, made by
skvae.datasets.make_infected_lungs. Ribs that cross a lung are about as bright as opacities
are, and so is the heart that hides a part of it.
"""


def make_infected_lungs(
    n_samples: int = 100,
    *,
    size: int = 64,
    contrast: float = 0.15,
    noise: float = 0.03,
    fraction_range: Sequence[float] = (0.0, 0.5),
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Make chest X-rays with known lungs and lesions (segmentation in two stages).

    The lesions of an image are where a smooth random field is highest within the lungs;
    the share of the lungs that they cover is drawn uniformly. They are brighter than the
    lung, cloudy, and soft at their edges.

    Parameters
    ----------
    n_samples : int, default=100
        Number of X-rays.
    size : int, default=64
        Number of pixels along each edge, at least 32.
    contrast : float, default=0.15
        How much brighter a lesion is than the lung.
    noise : float, default=0.03
        Standard deviation of the noise of single pixels.
    fraction_range : sequence of 2 floats, default=(0.0, 0.5)
        Smallest and largest share of the lungs that lesions cover.
    random_state : int, RandomState instance or None, default=None
        Determines everything that is drawn. Pass an int for the same images each time.
        Contrast and noise only scale what is drawn.
    return_X_y : bool, default=False
        Return ``(images, masks)`` instead of a Bunch.

    Returns
    -------
    lungs : :class:`~sklearn.utils.Bunch`
        With the entries

        images : ndarray of float32, shape (n_samples, 1, size, size)
            Grey levels, mostly within [0, 1]; axes are channel, row and column.
        masks : ndarray of uint8, shape (n_samples, size, size)
            0 is background, 1 lung and 2 lesion.
        mask_names : list of str
            Names of these three.
        fraction : ndarray, shape (n_samples,)
            Area of the lesions as a share of the lungs'.
        DESCR : str
            Description of the X-rays.

    images, masks : tuple
        With ``return_X_y=True``.

    Examples
    --------
    >>> from skvae.datasets import make_infected_lungs
    >>> lungs = make_infected_lungs(10, random_state=0)
    >>> lungs.images.shape, lungs.masks.shape
    ((10, 1, 64, 64), (10, 64, 64))
    >>> lesion, lung = lungs.masks[0] == 2, lungs.masks[0] > 0
    >>> bool(lesion.sum() / lung.sum() == lungs.fraction[0])
    True
    """
    owner = "make_infected_lungs"
    check_number(owner, "n_samples", n_samples, whole=True, low=1)
    check_number(owner, "size", size, whole=True, low=32)
    check_number(owner, "contrast", contrast)
    check_number(owner, "noise", noise, low=0)
    low, high = check_shares(owner, "fraction_range", fraction_range)
    random = check_random_state(random_state)
    wanted = random.uniform(low, high, size=n_samples)
    seeds = random.randint(np.iinfo(np.int32).max, size=n_samples)
    images = np.empty((n_samples, 1, size, size), dtype=np.float32)
    masks = np.empty((n_samples, size, size), dtype=np.uint8)
    for i, seed in enumerate(seeds):
        # A generator each, so that an X-ray does not depend on how many there are.
        rng = np.random.default_rng(seed)
        image, lungs = draw_xray(rng, size)
        lesions = _draw_lesions(rng, lungs.astype(bool), wanted[i])
        cloud = 1 + CLOUDINESS * _field(rng, size, LESION_WIDTH / 2)
        opacity = ndimage.gaussian_filter(lesions * cloud, SOFTNESS * size)
        grain = rng.standard_normal((size, size))
        images[i, 0] = image + contrast * opacity + noise * grain
        masks[i] = lungs + lesions
    fraction = (masks == 2).sum(axis=(1, 2)) / (masks > 0).sum(axis=(1, 2))
    if return_X_y:
        return images, masks
    return Bunch(
        images=images,
        masks=masks,
        mask_names=["background", "lung", "lesion"],
        fraction=fraction,
        DESCR=DESCRIPTION,
    )


def _draw_lesions(rng: np.random.Generator, lungs: np.ndarray, share: float) -> np.ndarray:
    """Draw lesions that cover a share of the lungs, rounded to pixels."""
    height = np.where(lungs, _field(rng, len(lungs), LESION_WIDTH), -np.inf)
    n_pixels = round(share * int(lungs.sum()))
    lesions = np.zeros_like(lungs)
    lesions.flat[np.argsort(height, axis=None)[height.size - n_pixels :]] = True
    return lesions


def _field(rng: np.random.Generator, size: int, width: float) -> np.ndarray:
    """Draw a smooth field of variance 1 over the image."""
    field = ndimage.gaussian_filter(rng.standard_normal((size, size)), width * size)
    return field / field.std()
