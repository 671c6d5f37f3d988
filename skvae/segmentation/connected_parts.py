"""Which connected parts of predicted masks are kept."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from skvae.mask_layouts import gathered


@dataclass(frozen=True)
class PartRule:
    """Keep the largest part of each label in each image, or parts of some size.

    Pixels that touch by an edge or a corner are of one part.

    Parameters
    ----------
    largest : bool
        Whether the largest part alone is kept.
    min_size : int
        Fewest pixels of a part that is kept.
    """

    largest: bool
    min_size: int

    @property
    def removes(self) -> bool:
        """Whether it may remove anything."""
        return self.largest or self.min_size > 1

    def kept(self, region: np.ndarray) -> np.ndarray:
        """Return what is kept of the region of one label in one image."""
        parts, _ = ndimage.label(region, np.ones((3,) * region.ndim))
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0  # outside
        kept = sizes >= max(self.min_size, 1)
        if self.largest:
            kept &= np.arange(len(sizes)) == sizes.argmax()
        return kept[parts]

    def of_labels(self, masks: np.ndarray) -> np.ndarray:
        """Return masks whose pixels have 0 where a part of their label is not kept."""
        return gathered(self._of_image(mask) for mask in masks) if self.removes else masks

    def of_overlapping(self, masks: np.ndarray) -> np.ndarray:
        """Return masks of 0 and 1, label by label, without the parts that are not kept."""
        return gathered(self.of_labels(mask) for mask in masks) if self.removes else masks

    def _of_image(self, mask: np.ndarray) -> np.ndarray:
        kept = mask.copy()
        for label in np.unique(mask[mask != 0]):
            region = mask == label
            kept[region & ~self.kept(region)] = 0
        return kept
