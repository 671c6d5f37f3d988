"""Mammograms that never were: dense and fatty tissue, told apart by their texture."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skvae.arguments import check_number, check_shares
from skvae.datasets.frames import to_series

__all__ = ["make_mammograms"]

GRADES = ["1", "2", "3", "4"]
# Of the pixels of fat: what is left and right of it is for contrast, texture and noise.
FATTY_LEVEL = 0.4
# Lengths below are for images of this size, and grow with the image.
REFERENCE_SIZE = 96
# Standard deviations of the Gaussians that smooth white noise, in pixels, along and
# across the fibres: dense tissue is drawn out, fat is round.
FIBRES, LOBULES = (4.0, 0.6), (1.5, 1.5)
BLOBS, SHADING = (10.0, 10.0), (12.0, 12.0)
# Fibres point from the chest wall to the nipple, give or take so many degrees.
MAX_TILT = 30.0
# Height and depth of the breast, as shares of the image's edges.
HALF_HEIGHTS, DEPTHS = (0.38, 0.48), (0.6, 0.9)
# How much likelier the middle of the breast is dense than its rim, in standard deviations.
CENTRE_PULL = 1.5

DESCRIPTION = """\
Synthetic mammograms
--------------------

A breast on a black background, its chest wall at the left edge, made by
skvae.datasets.make_mammograms. A share of its area, the density, is dense tissue in blobs;
the rest is fat. Both have a texture of the same strength, drawn out in dense tissue and
round in fat, so that their grey levels overlap. The target is the grade of the density, in
quarters, as in the fourth edition of BI-RADS.
"""


def make_mammograms(
    n_samples: int = 100,
    *,
    size: int = 96,
    contrast: float = 0.095,
    texture: float = 0.1,
    shading: float = 0.025,
    noise: float = 0.03,
    density_range: Sequence[float] = (0.05, 0.95),
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[np.ndarray, Any]:
    r"""Make mammograms with known dense tissue (segmentation, classification).

    The breast is half an ellipse against the left edge. Dense tissue is where a smooth
    random field, pulled up in the middle of the breast, is largest; the rest is fat. A
    pixel is the sum of its tissue's level, of a texture (Gaussian noise, smoothed along
    fibres in dense tissue and alike in all directions in fat), of a slow shading of the
    whole image and of the noise of single pixels.

    All three have mean 0 and the same variance in both tissues, so that the grey level of
    a single pixel tells them apart with an area under the ROC curve of

    .. math:: \Phi\left( \frac{c}{\sqrt{2 (t^2 + s^2 + n^2)}} \right)

    where :math:`c, t, s, n` are contrast, texture, shading and noise: 0.73 by default.

    Parameters
    ----------
    n_samples : int, default=100
        Number of mammograms.
    size : int, default=96
        Number of pixels along each edge, at least 32. All structures grow with it.
    contrast : float, default=0.095
        How much brighter dense tissue is than fat (whose level is 0.4).
    texture : float, default=0.1
        Standard deviation of the texture.
    shading : float, default=0.025
        Standard deviation of the shading.
    noise : float, default=0.03
        Standard deviation of the noise; the background has it as well.
    density_range : sequence of 2 floats, default=(0.05, 0.95)
        Smallest and largest share of the breast that is dense.
    random_state : int, RandomState instance or None, default=None
        Determines everything that is drawn. Pass an int for the same images each time.
        Contrast and the three standard deviations only scale what is drawn.
    return_X_y : bool, default=False
        Return ``(images, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give target and density as Series (needs pandas).

    Returns
    -------
    mammograms : :class:`~sklearn.utils.Bunch`
        With the entries

        images : ndarray of float32, shape (n_samples, 1, size, size)
            Grey levels, mostly within [0, 1]; axes are channel, row and column.
        masks : ndarray of uint8, shape (n_samples, size, size)
            0 is background, 1 fat and 2 dense tissue.
        mask_names : list of str
            Names of these three.
        density : ndarray, shape (n_samples,), or Series
            Area of the dense tissue as a share of the breast's.
        target : ndarray of int, shape (n_samples,), or Series
            Grade: 0 below a density of 0.25, 1 below 0.5, 2 below 0.75, else 3.
        target_names : list of str
            Names of the grades.
        DESCR : str
            Description of the mammograms.

    images, target : tuple
        With ``return_X_y=True``.

    Examples
    --------
    >>> from skvae.datasets import make_mammograms
    >>> mammograms = make_mammograms(10, size=48, random_state=0)
    >>> mammograms.images.shape, mammograms.masks.shape
    ((10, 1, 48, 48), (10, 48, 48))
    >>> dense, breast = mammograms.masks[0] == 2, mammograms.masks[0] > 0
    >>> bool(dense.sum() / breast.sum() == mammograms.density[0])
    True
    """
    owner = "make_mammograms"
    check_number(owner, "n_samples", n_samples, whole=True, low=1)
    check_number(owner, "size", size, whole=True, low=32)
    check_number(owner, "contrast", contrast)
    for name, value in (("texture", texture), ("shading", shading), ("noise", noise)):
        check_number(owner, name, value, low=0)
    low, high = check_shares(owner, "density_range", density_range)

    rng = check_random_state(random_state)
    wanted = rng.uniform(low, high, size=n_samples)
    seeds = rng.randint(np.iinfo(np.int32).max, size=n_samples)
    images = np.empty((n_samples, 1, size, size), dtype=np.float32)
    masks = np.empty((n_samples, size, size), dtype=np.uint8)
    for i, seed in enumerate(seeds):
        # A generator each, so that a mammogram does not depend on how many there are.
        draw = np.random.default_rng(seed)
        masks[i] = _draw_tissue(draw, size, wanted[i])
        tilt = np.radians(draw.uniform(-MAX_TILT, MAX_TILT))
        lobules, fibres = (_draw_field(draw, size, w, tilt) for w in (LOBULES, FIBRES))
        level = np.array([0, FATTY_LEVEL, FATTY_LEVEL + contrast])[masks[i]]
        structure = texture * np.where(masks[i] == 2, fibres, lobules)
        structure += shading * _draw_field(draw, size, SHADING)
        grain = noise * draw.standard_normal((size, size))
        images[i, 0] = level + (masks[i] > 0) * structure + grain

    density = (masks == 2).sum(axis=(1, 2)) / (masks > 0).sum(axis=(1, 2))
    target = np.searchsorted([0.25, 0.5, 0.75], density, side="right")
    if as_frame:
        target = to_series(target, "target")
    if return_X_y:
        return images, target
    return Bunch(
        images=images,
        masks=masks,
        mask_names=["background", "fat", "dense"],
        density=to_series(density, "density") if as_frame else density,
        target=target,
        target_names=list(GRADES),
        DESCR=DESCRIPTION,
    )


def _draw_tissue(rng: np.random.Generator, size: int, density: float) -> np.ndarray:
    """Draw a breast of which a share, rounded to pixels, is dense."""
    half_height, depth = rng.uniform(*HALF_HEIGHTS), rng.uniform(*DEPTHS)
    row, column = (np.indices((size, size)) + 0.5) / size
    radius = np.hypot((row - 0.5) / half_height, column / depth)
    breast = radius < 1
    rank = _draw_field(rng, size, BLOBS) - CENTRE_PULL * radius**2
    rank[~breast] = -np.inf
    mask = breast.astype(np.uint8)
    n_dense = round(density * int(breast.sum()))
    mask.flat[np.argsort(rank, axis=None)[mask.size - n_dense :]] = 2
    return mask


def _draw_field(
    rng: np.random.Generator, size: int, widths: tuple[float, float], tilt: float = 0.0
) -> np.ndarray:
    """Draw white noise, smoothed by a tilted Gaussian, with variance 1 over all draws.

    ``widths`` are its standard deviations along and across the tilt, which is counted
    from the rows' direction.
    """
    along, across = np.array(widths) * size / REFERENCE_SIZE
    down, right = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)
    u = right * np.cos(tilt) + down * np.sin(tilt)
    v = down * np.cos(tilt) - right * np.sin(tilt)
    # The Fourier transform of a Gaussian.
    transfer = np.exp(-2 * np.pi**2 * ((along * u) ** 2 + (across * v) ** 2))
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * transfer
    # Parseval: columns of the half spectrum count twice but for the first (and last).
    counts = np.full(right.size, 2.0)
    counts[0] = 1
    if size % 2 == 0:
        counts[-1] = 1
    power = (transfer**2 * counts).sum() / size**2
    return np.fft.irfft2(spectrum, s=(size, size)) / np.sqrt(power)
