"""Lesions that never were: 3-D phantoms whose attributes are known exactly."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import expit
from sklearn.utils import Bunch, check_random_state

from skvae.arguments import check_choice, check_number
from skvae.datasets.distances import ellipsoid_distance
from skvae.datasets.frames import to_frame, to_series

__all__ = ["make_lesions"]

ATTRIBUTES = ["volume", "elongation", "intensity", "texture"]
# Radii of spheres as large as the smallest and the largest lesion, as shares of `size`:
# two lesions, side by side, tilted and shifted by default, stay in their halves.
RADII = (0.11, 0.19)
# Lowest and highest elongation, intensity and texture.
LOW, HIGH = (1.0, 0.5, 0.02), (2.0, 1.0, 0.25)
# Samples that are drawn at once; results depend on it, so it is no parameter.
CHUNK = 64

DESCRIPTION = """\
Phantoms of lesions
-------------------

Spheroids on an empty background, made by skvae.datasets.make_lesions. Four attributes are
drawn independently and uniformly: volume (voxels), elongation (longest over shortest
diameter), intensity (mean within the lesion) and texture (standard deviation within it).
With z, the attributes scaled to mean 0 and variance 1, and the coefficients c, the label
is 1 with the probability 1 / (1 + exp(-c.z)): nothing can predict it better than that.
"""


def make_lesions(
    n_samples: int = 300,
    *,
    size: int = 32,
    layout: str = "single",
    noise: float = 0.1,
    missing: float = 0.0,
    coef: Sequence[float] = (2.0, 1.0, 2.0, 1.0),
    max_shift: float = 1.0,
    max_tilt: float = 15.0,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[np.ndarray, Any]:
    r"""Make 3-D phantoms of lesions with known attributes (classification).

    A lesion is a spheroid of volume :math:`V` and elongation :math:`e`, with the half-axes
    :math:`r e^{2/3}, r e^{-1/3}, r e^{-1/3}` where :math:`V = \frac{4}{3} \pi r^3`. Within,
    its values have the mean *intensity* and the standard deviation *texture*, smooth over
    about ``size / 32`` voxels; outside, the background is 0. Then edges are softened over
    one voxel and noise is added everywhere.

    The label follows a logistic model of the attributes,

    .. math:: P(y = 1) = \frac{1}{1 + \exp(-\sum_j c_j z_j)},
              \quad z_j = \sqrt{12} \, \frac{a_j - (l_j + h_j) / 2}{h_j - l_j},

    where :math:`a_j`, uniform between :math:`l_j` and :math:`h_j`, is an attribute and
    :math:`z_j` the same with mean 0 and variance 1. Both labels are equally frequent.

    Parameters
    ----------
    n_samples : int, default=300
        Number of phantoms.
    size : int, default=32
        Number of voxels along each edge, at least 16.
    layout : {"single", "pair"}, default="single"
        One lesion in the middle that has all four attributes; or two lesions side by side,
        of which the left one (first half of the last axis) has the volume and the
        elongation, and the right one the intensity and the texture, while all else about
        them is constant. A pair tells whether an attribute is found where it is.
    noise : float, default=0.1
        Standard deviation of the noise that is added to each voxel.
    missing : float, default=0.0
        Share of the attributes that are replaced by NaN, at random.
    coef : sequence of 4 floats, default=(2.0, 1.0, 2.0, 1.0)
        Coefficients of volume, elongation, intensity and texture in the label's model.
    max_shift : float, default=1.0
        Lesions are shifted by up to as many voxels along each axis.
    max_tilt : float, default=15.0
        Long axes are tilted by up to as many degrees, 90 at most, from the first axis.
    random_state : int, RandomState instance or None, default=None
        Determines everything that is drawn. Pass an int for the same phantoms each time.
        Noise and missing values do not change the phantoms beneath.
    return_X_y : bool, default=False
        Return ``(images, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give the attributes as DataFrames and the target as a Series (needs pandas).

    Returns
    -------
    lesions : :class:`~sklearn.utils.Bunch`
        With the entries

        images : ndarray of float32, shape (n_samples, 1, size, size, size)
            The phantoms.
        masks : ndarray of uint8, shape (n_samples, n_lesions, size, size, size)
            1 where a voxel's centre lies within the lesion: one lesion, or left and right.
        target : ndarray of int, shape (n_samples,), or Series
            The label, 0 or 1.
        probability : ndarray, shape (n_samples,)
            Probability that the label is 1: the best possible prediction.
        attributes : ndarray, shape (n_samples, 4), or DataFrame
            Volume in voxels, elongation, intensity and texture; NaN where missing.
        attributes_complete : ndarray, shape (n_samples, 4), or DataFrame
            The same, with nothing missing.
        attribute_names : list of str
            Names of the attributes.
        DESCR : str
            Description of the phantoms.

    images, target : tuple
        With ``return_X_y=True``.

    Examples
    --------
    >>> from skvae.datasets import make_lesions
    >>> lesions = make_lesions(20, size=16, missing=0.2, random_state=0)
    >>> lesions.images.shape, lesions.attribute_names
    ((20, 1, 16, 16, 16), ['volume', 'elongation', 'intensity', 'texture'])
    >>> pair = make_lesions(20, size=16, layout="pair", random_state=0)
    >>> pair.masks.shape
    (20, 2, 16, 16, 16)
    """
    owner = "make_lesions"
    check_number(owner, "n_samples", n_samples, whole=True, low=1)
    check_number(owner, "size", size, whole=True, low=16)
    check_choice(owner, "layout", layout, ["single", "pair"])
    check_number(owner, "noise", noise, low=0)
    check_number(owner, "missing", missing, low=0, high=1)
    check_number(owner, "max_shift", max_shift, low=0)
    check_number(owner, "max_tilt", max_tilt, low=0, high=90)
    weights = np.asarray(coef, dtype=float)
    if weights.shape != (4,) or not np.isfinite(weights).all():
        raise ValueError(f"Got coef={coef!r}, but {owner} takes four finite numbers.")

    rng = check_random_state(random_state)
    low, high = _attribute_ranges(size)
    shares = rng.uniform(size=(n_samples, 4))
    complete = low + shares * (high - low)
    probability = expit(np.sqrt(12) * (shares - 0.5) @ weights)
    target = (rng.uniform(size=n_samples) < probability).astype(np.int64)
    lesions = _split_attributes(complete, (low + high) / 2, layout)
    centres, axes = _draw_poses(rng, lesions.shape[:2], size, max_shift, max_tilt)
    # A generator each, so that neither noise nor missing values change what else is drawn.
    seeds = rng.randint(np.iinfo(np.int32).max, size=3)
    for_texture, for_noise, for_missing = map(np.random.default_rng, seeds)

    images = np.empty((n_samples, 1, size, size, size), dtype=np.float32)
    masks = np.empty((*lesions.shape[:2], size, size, size), dtype=np.uint8)
    for start in range(0, n_samples, CHUNK):
        rows = slice(start, start + CHUNK)
        images[rows, 0], masks[rows] = _draw_lesions(
            lesions[rows], centres[rows], axes[rows], size, for_texture
        )
        if noise > 0:
            added = for_noise.standard_normal(images[rows].shape, dtype=np.float32)
            images[rows] += np.float32(noise) * added

    if return_X_y:
        return images, to_series(target, "target") if as_frame else target
    is_missing = for_missing.uniform(size=complete.shape) < missing
    attributes = np.where(is_missing, np.nan, complete)
    if as_frame:
        attributes, complete = (to_frame(a, ATTRIBUTES) for a in (attributes, complete))
        target = to_series(target, "target")
    return Bunch(
        images=images,
        masks=masks,
        target=target,
        probability=probability,
        attributes=attributes,
        attributes_complete=complete,
        attribute_names=list(ATTRIBUTES),
        DESCR=DESCRIPTION,
    )


def _attribute_ranges(size: int) -> tuple[np.ndarray, np.ndarray]:
    smallest, largest = 4 / 3 * np.pi * (np.array(RADII) * size) ** 3
    return np.array([smallest, *LOW]), np.array([largest, *HIGH])


def _split_attributes(
    attributes: np.ndarray, middle: np.ndarray, layout: str
) -> np.ndarray:
    """Attributes of each lesion, shape (n_samples, n_lesions, 4)."""
    if layout == "single":
        return attributes[:, None]
    left, right = attributes.copy(), attributes.copy()
    left[:, 2:] = middle[2], 0
    right[:, :2] = middle[0], 1
    return np.stack([left, right], axis=1)


def _draw_poses(
    rng: np.random.RandomState,
    shape: tuple[int, int],
    size: int,
    max_shift: float,
    max_tilt: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Centre and long axis of each lesion, both of shape (n_samples, n_lesions, 3)."""
    centres = (size - 1) / 2 + rng.uniform(-max_shift, max_shift, size=(*shape, 3))
    if shape[1] == 2:
        centres[:, :, 2] += np.array([-size / 4, size / 4])
    tilt = np.radians(rng.uniform(0, max_tilt, size=shape))
    turn = rng.uniform(0, 2 * np.pi, size=shape)
    axes = [np.cos(tilt), np.sin(tilt) * np.sin(turn), np.sin(tilt) * np.cos(turn)]
    return centres, np.stack(axes, axis=2)


def _draw_lesions(
    lesions: np.ndarray,
    centres: np.ndarray,
    axes: np.ndarray,
    size: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, size, size, size) without noise, and masks (n, n_lesions, ...)."""
    volume, elongation, intensity, texture = np.moveaxis(lesions, 2, 0)[
        ..., None, None, None
    ]
    radius = np.cbrt(3 * volume / (4 * np.pi))
    shape = (len(lesions), size, size, size)
    grid = np.indices(shape[1:], dtype=np.float32)

    offsets = grid - centres[..., None, None, None].astype(np.float32)
    along = np.einsum("nlazyx,nla->nlzyx", offsets, axes.astype(np.float32))
    across = np.sqrt(np.maximum((offsets**2).sum(axis=2) - along**2, 0))
    halves = radius * elongation ** (2 / 3), radius * elongation ** (-1 / 3)
    distance = ellipsoid_distance(
        (along, across), [half.astype(np.float32) for half in halves]
    )
    masks = distance < 0
    coverage = np.clip(0.5 - distance, 0, 1)

    field = rng.standard_normal(shape, dtype=np.float32)
    field = gaussian_filter(field, (0, *[size / 32] * 3), mode="wrap")
    field = _standardize(np.broadcast_to(field[:, None], masks.shape), masks)
    values = intensity.astype(np.float32) + texture.astype(np.float32) * field
    return (coverage * values).sum(axis=1), masks


def _standardize(field: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Give the voxels of each lesion exactly mean 0 and variance 1, however few."""
    within = {"axis": (2, 3, 4), "keepdims": True, "where": masks}
    return (field - field.mean(**within)) / field.std(**within)
