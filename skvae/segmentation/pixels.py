"""Features of pixels, a few images at a time, and which pixels to learn from."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_consistent_length

from skvae.mask_layouts import gathered
from skvae.objectives.overlap import IGNORED
from skvae.segmentation.masks import laid_out

# So many pixels have their features in memory at once, unless an image or window has more.
PIXELS_AT_ONCE = 2**17


class Place(NamedTuple):
    """A few images, and the pixels of them that are read."""

    images: range
    pixels: tuple[slice, ...]


class DrawnPixels(NamedTuple):
    """Features of some pixels, with the class and the image of each."""

    rows: np.ndarray
    index: np.ndarray
    image: np.ndarray


@dataclass(frozen=True, eq=False)
class PixelFeatures:
    """The features of all pixels of some images, of which few exist at a time.

    Small images are read several at once; of a large one, a window after the other.

    Parameters
    ----------
    transform_pixels : callable
        Makes maps ``(n, n_features, *spatial)`` of images ``(n, channels, *spatial)``.
    images : ndarray of shape (n_samples, channels, *spatial) or list of ndarray
        The images; those in a list may differ in size.
    window_size : int or None
        Pixels along each axis of a window; with None, images are taken whole.
    margin : int
        So many pixels around a window are seen as well, where the image has any.
    """

    transform_pixels: Callable[[np.ndarray], Any]
    images: Any
    window_size: int | None = None
    margin: int = 0

    def places(self) -> Iterator[Place]:
        """Go through all pixels."""
        at_once, images = 1, self.images
        if isinstance(images, np.ndarray):
            at_once = max(1, PIXELS_AT_ONCE // math.prod(images.shape[2:]))
        for start in range(0, len(images), at_once):
            block = range(start, min(start + at_once, len(images)))
            axes = []
            for n in images[start].shape[1:]:
                size = self.window_size or n
                axes.append([slice(a, min(a + size, n)) for a in range(0, n, size)])
            yield from (Place(block, pixels) for pixels in product(*axes))

    def read(self, place: Place) -> np.ndarray:
        """Return the features of a place, as maps of its pixels.

        Raises
        ------
        ValueError
            If ``transform_pixels`` gives maps that are not as large as the images.
        """
        some = self.images[place.images.start : place.images.stop]
        x = np.asarray(some)
        seen = [
            slice(max(0, each.start - self.margin), min(n, each.stop + self.margin))
            for each, n in zip(place.pixels, x.shape[2:], strict=True)
        ]
        x = x[(..., *seen)]
        maps = np.asarray(self.transform_pixels(x))
        if maps.shape[:1] + maps.shape[2:] != x.shape[:1] + x.shape[2:]:
            raise ValueError(
                f"Got features whose transform_pixels gives maps of shape {maps.shape} "
                f"for images of shape {x.shape}, but expected (n_samples, n_features, "
                "*spatial)."
            )
        inner = [
            slice(each.start - outer.start, each.stop - outer.start)
            for each, outer in zip(place.pixels, seen, strict=True)
        ]
        return maps[(..., *inner)]

    def drawn(
        self, index: Sequence[np.ndarray], drawn: Sequence[np.ndarray]
    ) -> DrawnPixels:
        """Return the pixels that were drawn; places without any are not read.

        Parameters
        ----------
        index : sequence of ndarray
            Class of each pixel of each image.
        drawn : sequence of ndarray of bool
            Whether it was drawn.
        """
        found = []
        for place in self.places():
            chosen = [drawn[i][place.pixels] for i in place.images]
            if not any(each.any() for each in chosen):
                continue
            for i, here, maps in zip(place.images, chosen, self.read(place), strict=True):
                rows, classes = maps[:, here].T, index[i][place.pixels][here]
                found.append(DrawnPixels(rows, classes, np.full(len(rows), i)))
        return DrawnPixels(*map(np.concatenate, zip(*found, strict=True)))

    def maps(
        self, answer: Callable[[np.ndarray], np.ndarray], n_maps: int, dtype: Any
    ) -> np.ndarray:
        """Return maps ``(n_maps, *spatial)`` of what a function says of rows of features.

        Of images of unequal sizes, they are an array of arrays.
        """
        maps: Any
        if isinstance(self.images, np.ndarray):
            n_images, _, *spatial = self.images.shape
            maps = np.empty((n_images, n_maps, *spatial), dtype)
        else:
            maps = [np.empty((n_maps, *image.shape[1:]), dtype) for image in self.images]
        for place in self.places():
            pixels = np.moveaxis(self.read(place), 1, -1)
            found = answer(pixels.reshape(-1, pixels.shape[-1]))
            found = np.moveaxis(found.reshape(*pixels.shape[:-1], n_maps), -1, 1)
            for i, each in zip(place.images, found, strict=True):
                maps[i][(slice(None), *place.pixels)] = each
        return maps if isinstance(maps, np.ndarray) else gathered(maps)

    def means(self) -> np.ndarray:
        """Return the mean of each feature over the pixels of an image, in float32."""
        sums: Any = [0.0] * len(self.images)
        for place in self.places():
            maps = self.read(place)
            found = maps.reshape(*maps.shape[:2], -1).sum(axis=2, dtype=np.float64)
            for i, each in zip(place.images, found, strict=True):
                sums[i] = sums[i] + each
        n_pixels = [math.prod(image.shape[1:]) for image in self.images]
        return np.divide(sums, np.array(n_pixels)[:, np.newaxis]).astype(np.float32)


def draw_pixels(
    index: Sequence[np.ndarray], n_pixels: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw pixels that count, the same share of each class of each image.

    Parameters
    ----------
    index : sequence of ndarray of uint8
        Class of each pixel of each image, 255 where it does not count.
    n_pixels : int
        How many to draw. The number is rounded up for each class of each image, so that
        none is left out; where there are fewer pixels that count, all are taken.
    rng : Generator
        What draws.

    Returns
    -------
    drawn : list of ndarray of bool
        Whether a pixel was drawn, for each image.
    """
    counts = [np.bincount(mask.ravel(), minlength=IGNORED)[:IGNORED] for mask in index]
    n_all = int(np.sum(counts))
    wanted = min(n_pixels, n_all)
    drawn = []
    for mask, n_of_class in zip(index, counts, strict=True):
        chosen = np.zeros(mask.shape, dtype=bool)
        for k in np.flatnonzero(n_of_class):
            n_drawn = -(-wanted * int(n_of_class[k]) // n_all)
            pixels = np.flatnonzero(mask == k)
            chosen.flat[rng.choice(pixels, n_drawn, replace=False)] = True
        drawn.append(chosen)
    return drawn


def share_of(label: int, masks: np.ndarray, region: Any = None) -> np.ndarray:
    """Return the share of a region that has a label, image by image; NaN without any.

    Parameters
    ----------
    label : int
        The label.
    masks : ndarray of shape (n_samples, *spatial)
        Labels; of images of unequal sizes, an array of arrays.
    region : array-like of shape (n_samples, *spatial), default=None
        Where it is not 0 the region is; by default, where a label is not 0.
    """
    if region is None:
        region = masks
    check_consistent_length(masks, region)
    if masks.dtype != object:
        spatial = masks.shape[1:]
        region, _, _ = laid_out(region, spatial if spatial != (1,) else ())
    shares = np.full(len(masks), np.nan)
    for i, (mask, where) in enumerate(zip(masks, region, strict=True)):
        inside = np.asarray(where) != 0
        if inside.shape != mask.shape:
            raise ValueError(
                f"Got a region of shape {inside.shape} for the image {i} of {mask.shape} "
                "pixels, but expected one of the same shape."
            )
        if inside.any():
            shares[i] = np.count_nonzero(inside & (mask == label)) / inside.sum()
    return shares
