"""Breast ultrasound that never was: lesions in speckle, benign and malignant."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skvae.arguments import check_number, check_shares

__all__ = ["make_ultrasound_lesions"]

ATTRIBUTES = ["area", "aspect", "irregularity", "contrast", "shadow"]
# Lowest and highest aspect, irregularity, contrast (dB) and shadow (dB).
BENIGN = (0.5, 0.0, 6.0, -8.0), (1.0, 0.35, 18.0, 6.0)
MALIGNANT = (0.8, 0.25, 6.0, -4.0), (1.6, 1.0, 18.0, 16.0)
# Mean echoes below the brightest, in dB: of skin, fat, gland and muscle.
SKIN, FAT, GLAND, MUSCLE = -12.0, -38.0, -29.0, -36.0
# Grey levels of a display cover so many dB.
DYNAMIC_RANGE = 60.0
# Standard deviations, in dB, of the echoes of tissue, and of the gain of rows and columns.
TISSUE, GAIN = 3.0, 2.0
# A pulse is wider across than along the beam. Of images of this size, in pixels.
GRAIN, REFERENCE_SIZE = (0.7, 1.3), 128
# Width of a border as a share of the lesion's radius.
UNCLEAR = 0.8
ANGLES = np.linspace(-np.pi, np.pi, 513)

DESCRIPTION = """\
Synthetic breast ultrasound
---------------------------

Skin, fat, gland and muscle in speckle, with a lesion in most images, made by
skvae.datasets.make_ultrasound_lesions. Lesions are darker than the tissue around them, as
fat is. Benign ones are mostly smooth ellipses that lie, malignant ones mostly stand, with
corners, lobules and spicules, and throw a shadow; the ranges of both overlap. Echoes come
from random scatterers, blurred by the pulse (fully developed speckle, of which amplitudes
are Rayleigh's), and are shown on a scale of 60 dB.
"""


class Lesion(NamedTuple):
    """What is drawn of a lesion before its image."""

    area: float
    aspect: float
    irregularity: float
    contrast: float
    shadow: float
    unclear: bool


def make_ultrasound_lesions(
    n_samples: int = 100,
    *,
    size: int = 128,
    area_range: Sequence[float] = (0.01, 0.2),
    malignant: float = 0.4,
    unclear: float = 0.2,
    without: float = 0.15,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    r"""Make breast ultrasound with known lesions (segmentation, classification).

    Scatterers whose strength is that of the tissue are blurred by the pulse, and their
    amplitude is shown in decibels: with complex white noise :math:`w`, the pulse :math:`h`
    (of norm 1) and the level :math:`l` of the tissue in dB, a pixel is

    .. math:: 1 + \frac{20}{60} \log_{10} \left| h * (10^{l / 20} w) \right|,

    cut to [0, 1]. Where tissue is homogeneous, amplitudes follow Rayleigh's distribution,
    of which the mean is 1.91 times the standard deviation [1]_; pixels are their logarithm,
    with a standard deviation of 5.57 dB. A fifth of the images have a lesion whose border
    is unclear: tissue gives way to it little by little, around the outline of the mask.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    size : int, default=128
        Number of pixels along each edge, at least 32. All structures grow with it.
    area_range : sequence of 2 floats, default=(0.01, 0.2)
        Smallest and largest share of the image that a lesion covers, drawn uniformly on
        the scale of its logarithm; at most 0.25.
    malignant : float, default=0.4
        Share of the lesions that are malignant.
    unclear : float, default=0.2
        Share of the lesions whose border is unclear.
    without : float, default=0.15
        Share of the images that have no lesion. All three shares are exact but for
        rounding.
    random_state : int, RandomState instance or None, default=None
        Determines everything that is drawn. Pass an int for the same images each time.
    return_X_y : bool, default=False
        Return ``(images, masks)`` instead of a Bunch.

    Returns
    -------
    ultrasound : :class:`~sklearn.utils.Bunch`
        With the entries

        images : ndarray of float32, shape (n_samples, 1, size, size)
            Grey levels in [0, 1]; axes are channel, depth and column.
        masks : ndarray of uint8, shape (n_samples, size, size)
            1 within the lesion.
        target : ndarray of int, shape (n_samples,)
            0 for a benign lesion, 1 for a malignant one, -1 where there is none.
        target_names : list of str
            Names of the first two.
        unclear : ndarray of bool, shape (n_samples,)
            Whether there is a lesion whose border is unclear.
        attributes : ndarray, shape (n_samples, 5)
            Area as a share of the image; aspect, height to width of the ellipse that the
            lesion is without its corners; irregularity, 0 for an ellipse to 1 for long
            spicules; contrast, how many dB darker it is than the tissue in its place would
            be; shadow, how many dB darker it is behind its thickest part (below 0:
            brighter). Where there is no lesion, the area is 0, and all others are NaN.
        attribute_names : list of str
            Names of the attributes.
        DESCR : str
            Description of the images.

    images, masks : tuple
        With ``return_X_y=True``.

    References
    ----------
    .. [1] Wagner, R. F., Smith, S. W., Sandrik, J. M. & Lopez, H. (1983). Statistics of
       speckle in ultrasound B-scans. IEEE Transactions on Sonics and Ultrasonics 30,
       156-163.

    Examples
    --------
    >>> from skvae.datasets import make_ultrasound_lesions
    >>> ultrasound = make_ultrasound_lesions(20, size=64, random_state=0)
    >>> ultrasound.images.shape, ultrasound.masks.shape
    ((20, 1, 64, 64), (20, 64, 64))
    >>> (ultrasound.target == -1).sum(), ultrasound.unclear.sum()
    (np.int64(3), np.int64(3))
    >>> bool((ultrasound.masks.mean(axis=(1, 2)) == ultrasound.attributes[:, 0]).all())
    True
    """
    owner = "make_ultrasound_lesions"
    check_number(owner, "n_samples", n_samples, whole=True, low=1)
    check_number(owner, "size", size, whole=True, low=32)
    for name, share in (
        ("malignant", malignant),
        ("unclear", unclear),
        ("without", without),
    ):
        check_number(owner, name, share, low=0, high=1)
    smallest, largest = check_shares(owner, "area_range", area_range)
    check_number(owner, "area_range[0]", smallest, low=0, above_low=True)
    check_number(owner, "area_range[1]", largest, high=0.25)

    random = check_random_state(random_state)
    there = ~_some(random, np.ones(n_samples, bool), without)
    is_malignant = _some(random, there, malignant)
    is_unclear = _some(random, there, unclear)
    area = np.exp(random.uniform(np.log(smallest), np.log(largest), n_samples))
    area = np.round(area * size**2) / size**2
    low, high = (
        np.where(is_malignant[:, None], b, a)
        for a, b in zip(BENIGN, MALIGNANT, strict=True)
    )
    attributes = np.column_stack([area, random.uniform(low, high)])
    seeds = random.randint(np.iinfo(np.int32).max, size=n_samples)
    images = np.empty((n_samples, 1, size, size), dtype=np.float32)
    masks = np.zeros((n_samples, size, size), dtype=np.uint8)
    canvas = Canvas(size)
    for i, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        level = canvas.tissue(rng)
        if there[i]:
            lesion = Lesion(*attributes[i].tolist(), unclear=bool(is_unclear[i]))
            level, masks[i] = canvas.with_lesion(rng, level, lesion)
        images[i, 0] = canvas.shown(rng, level)
    if return_X_y:
        return images, masks
    attributes[~there] = [0, *[np.nan] * 4]
    return Bunch(
        images=images,
        masks=masks,
        target=np.where(there, is_malignant, -1),
        target_names=["benign", "malignant"],
        unclear=is_unclear,
        attributes=attributes,
        attribute_names=list(ATTRIBUTES),
        DESCR=DESCRIPTION,
    )


class Canvas:
    """Images of one size, and what all of them share.

    Fields are white noise at knots, spread by Gaussians around these: two small products
    of matrices, of any width.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.row, self.column = (np.indices((size, size)) + 0.5).astype("f4") / size
        self.pulse = [_spread(size, size, width * size / REFERENCE_SIZE) for width in GRAIN]
        # Tissue lies in layers: its structures are wider than they are high.
        self.coarse = [_spread(size, n) for n in (12, 5)]
        self.fine = [_spread(size, n) for n in (32, 14)]
        self.round = [_spread(size, n) for n in (8, 8)]

    def field(self, rng: np.random.Generator, spreads: list[np.ndarray]) -> np.ndarray:
        """Draw a smooth field of variance 1."""
        down, across = spreads
        knots = rng.standard_normal((down.shape[1], across.shape[1]), dtype="f4")
        return down @ knots @ across.T

    def tissue(self, rng: np.random.Generator) -> np.ndarray:
        """Draw layers of tissue: their level in dB."""
        waves = [0.03 * self.field(rng, self.round)[:1] for _ in range(3)]
        depths = rng.uniform([0.04, 0.18, 0.72], [0.07, 0.4, 1.0]).tolist()
        scales = 0.1, 1.0, 1.0
        below = [
            _ramp(self.row - depth - scale * wave, 0.03)
            for depth, scale, wave in zip(depths, scales, waves, strict=True)
        ]
        in_fat = below[0] * (1 - below[1])
        level = SKIN + below[0] * (FAT - SKIN) + below[1] * (GLAND - FAT)
        level += below[2] * (MUSCLE - GLAND)
        # Between lobules of fat are bright septa; muscle has fibres.
        septa = np.exp(-np.square(self.field(rng, self.coarse) / 0.15))
        level += in_fat * 9 * septa
        level += below[2] * 4 * np.sin(150 * (self.row - waves[2]))
        level += TISSUE * (self.field(rng, self.coarse) + 0.7 * self.field(rng, self.fine))
        gain = rng.normal(0, 3) + GAIN * self.field(rng, self.round)[:1]
        return level + gain - rng.uniform(0, 10) * self.row

    def with_lesion(
        self, rng: np.random.Generator, level: np.ndarray, lesion: Lesion
    ) -> tuple[np.ndarray, np.ndarray]:
        """Put a lesion into tissue; return the level in dB, and the lesion's mask."""
        height = self._outline(rng, lesion)
        n_pixels = round(lesion.area * height.size)
        edge = np.partition(height, n_pixels - 1, axis=None)[n_pixels - 1]
        mask = height <= edge
        radius = self.size * math.sqrt(lesion.area / math.pi)
        beyond = (height / edge - 1) * radius
        width = 1.5 * self.size / REFERENCE_SIZE
        if lesion.unclear:
            width = UNCLEAR * radius
            beyond += width / 4 * self.field(rng, self.round)
        inside = _ramp(-beyond, width)
        inner = TISSUE * (0.3 + 0.7 * lesion.irregularity) * self.field(rng, self.fine)
        dark = level[mask].mean() - lesion.contrast + inner - inner[mask].mean()
        path = inside.cumsum(axis=0)
        behind = (1 - inside) * path / path.max()
        return level + inside * (dark - level) - lesion.shadow * behind, mask

    def _outline(self, rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
        """Return a height over the image, of which a lesion is the lowest part."""
        rim = _draw_rim(rng, lesion.irregularity)
        tilt = rng.uniform(-0.25, 0.25)
        width = math.sqrt(lesion.area / (math.pi * lesion.aspect * np.square(rim).mean()))
        axes = width * lesion.aspect, width
        x, y = axes[1] * rim * np.cos(ANGLES), axes[0] * rim * np.sin(ANGLES)
        down, across = _turned(y, x, -tilt)
        top, left = (_placed(rng, each, low) for each, low in ((down, 0.1), (across, 0.02)))
        y, x = _turned(self.row - top, self.column - left, tilt)
        y, x = y / axes[0], x / axes[1]
        reach = np.interp(np.arctan2(y, x), ANGLES, rim)
        return np.hypot(y, x) / reach.astype("f4")

    def shown(self, rng: np.random.Generator, level: np.ndarray) -> np.ndarray:
        """Return grey levels of what a pulse tells of tissue of some level."""
        waves = rng.standard_normal((2, self.size, self.size), dtype="f4")
        waves *= np.exp(level * (math.log(10) / 20)) / math.sqrt(2)
        real, imaginary = self.pulse[0] @ waves @ self.pulse[1].T
        power = np.maximum(real * real + imaginary * imaginary, 1e-12)
        return np.clip(1 + 10 / DYNAMIC_RANGE * np.log10(power), 0, 1)


def _some(random: np.random.RandomState, among: np.ndarray, share: float) -> np.ndarray:
    """Choose a share of those that are among the True."""
    chosen = np.zeros(len(among), dtype=bool)
    index = random.permutation(np.flatnonzero(among))
    chosen[index[: round(share * len(index))]] = True
    return chosen


def _ramp(x: np.ndarray, width: float) -> np.ndarray:
    """Return 0 below 0 and 1 above it, with a straight line between of some width."""
    return np.clip(x / width + 0.5, 0, 1)


def _spread(size: int, n_knots: int, width: float | None = None) -> np.ndarray:
    """Return Gaussians around knots, at each pixel with a sum of squares of 1."""
    pixel = np.arange(size)[:, None] + 0.5
    knots = (np.arange(n_knots) + 0.5) * size / n_knots
    spread = np.exp(-np.square((pixel - knots) / (width or 0.7 * size / n_knots)) / 2)
    return (spread / np.linalg.norm(spread, axis=1, keepdims=True)).astype("f4")


def _draw_rim(rng: np.random.Generator, irregularity: float) -> np.ndarray:
    """Draw how far a rim lies from the middle, by angle: 1 for an ellipse."""
    waves = np.arange(2, 7)[:, None]
    heights, phases = rng.standard_normal((5, 1)), rng.uniform(-np.pi, np.pi, (5, 1))
    amount = 0.02 + 0.05 * irregularity
    rim = 1 + amount * (heights * np.cos(waves * ANGLES + phases)).sum(axis=0)
    # Corners point outwards, lobules have theirs inwards; no two are alike.
    bent = ANGLES + 0.6 * np.sin(ANGLES + rng.uniform(-np.pi, np.pi))
    bumps = np.abs(np.sin(rng.integers(5, 11) / 2 * (bent + rng.uniform(-np.pi, np.pi))))
    rim += rng.choice([-1, 1]) * 0.25 * irregularity * bumps
    places = rng.uniform(-np.pi, np.pi, (12, 1))
    lengths = rng.uniform(0, 1.2, (12, 1)) * max(irregularity - 0.4, 0)
    return rim + (lengths * np.exp(80 * (np.cos(ANGLES - places) - 1))).sum(axis=0)


def _turned(
    down: np.ndarray, across: np.ndarray, tilt: float
) -> tuple[np.ndarray, np.ndarray]:
    cosine, sine = math.cos(tilt), math.sin(tilt)
    return down * cosine - across * sine, across * cosine + down * sine


def _placed(rng: np.random.Generator, outline: np.ndarray, low: float) -> float:
    """Draw where the middle lies, so that the outline is within the image."""
    first, last = low - outline.min(), 0.98 - outline.max()
    return float(rng.uniform(first, last) if first < last else (first + last) / 2)
