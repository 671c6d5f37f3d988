"""Patches, drawn anew from the images of each batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from skvae.objectives.batch import Batch
from skvae.objectives.overlap import IGNORED
from skvae.training.recipe import Augment


@dataclass(frozen=True)
class RandomPatches:
    """Take patches of the images of a batch, at places that are drawn uniformly.

    Only the patches of one batch exist at a time, whatever the number of images. They
    have the weight of their image; labels of pixels are left out.

    Parameters
    ----------
    size : int
        Pixels along each axis; a shorter axis is taken whole.
    n_patches : int
        Patches of each image.
    augment : callable, optional
        Applied to the images before.
    """

    size: int
    n_patches: int
    augment: Augment | None = None

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return a batch of patches; those of an image are neighbours."""
        if self.augment is not None:
            batch = self.augment(batch, generator)
        weight = batch.sample_weight
        if weight is not None:
            weight = weight.repeat_interleave(self.n_patches)
        return Batch(self._cut(batch.x, generator), sample_weight=weight)

    def _cut(self, x: Tensor, generator: torch.Generator) -> Tensor:
        n_all = len(x) * self.n_patches
        first = []
        for n_pixels in x.shape[2:]:
            drawn = torch.rand(n_all, generator=generator, device=x.device)
            n_places = n_pixels - min(self.size, n_pixels) + 1
            first.append((drawn * n_places).long())
        return windows(x, first, self.size)


@dataclass(frozen=True)
class MaskPatches:
    """Take patches of images and of their masks, a share of them around the foreground.

    A patch lies around a pixel that is drawn uniformly from those of the foreground, or
    else from all that count, and is moved inside where it would leave the image. An image
    without foreground gives patches of the other sort.

    Parameters
    ----------
    size : int
        Pixels along each axis; a shorter axis is taken whole.
    n_patches : int
        Patches of each image.
    foreground_fraction : float
        Share of the patches that lie around a pixel of the foreground.
    first_foreground : int
        Class indices from here on are foreground; of overlapping labels, this is 1.
    multilabel : bool
        Whether masks have an axis of labels.
    augment : callable, optional
        Applied to the patches.
    """

    size: int
    n_patches: int
    foreground_fraction: float
    first_foreground: int = 1
    multilabel: bool = False
    augment: Augment | None = None

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return a batch of patches; those of an image are neighbours."""
        assert batch.mask is not None
        mask = batch.mask if self.multilabel else batch.mask.unsqueeze(1)
        first = self._places(mask, generator)
        cut = windows(mask, first, self.size)
        weight = batch.sample_weight
        if weight is not None:
            weight = weight.repeat_interleave(self.n_patches)
        patches = Batch(
            windows(batch.x, first, self.size),
            mask=cut if self.multilabel else cut.squeeze(1),
            sample_weight=weight,
        )
        return patches if self.augment is None else self.augment(patches, generator)

    def _places(self, mask: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Draw the first pixel of each patch, along each axis."""
        shape, spatial = (len(mask), self.n_patches), mask.shape[2:]
        counted = mask != IGNORED
        foreground = counted & (mask >= self.first_foreground)
        draws = [
            torch.rand(shape, generator=generator, device=mask.device, dtype=torch.float64)
            for _ in range(2)
        ]
        inside, n_inside = drawn_pixels(foreground.any(dim=1), draws[0])
        anywhere, _ = drawn_pixels(counted.any(dim=1), draws[0])
        wanted = (draws[1] < self.foreground_fraction) & (n_inside > 0)
        pixel = torch.where(wanted, inside, anywhere).flatten()
        middles = torch.unravel_index(pixel, spatial)
        sizes = [min(self.size, n_pixels) for n_pixels in spatial]
        return [
            (middle - size // 2).clamp(0, n_pixels - size)
            for middle, size, n_pixels in zip(middles, sizes, spatial, strict=True)
        ]


def drawn_pixels(chosen: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Draw from the pixels that are chosen in each mask, by numbers from [0, 1).

    Returns
    -------
    pixel : Tensor of int64, shape (n, n_drawn)
        Flat index of each drawn pixel; without any that is chosen, the first.
    n_chosen : Tensor of int64, shape (n, 1)
        Number of chosen pixels.
    """
    rank = chosen.flatten(1).cumsum(dim=1)
    n_chosen = rank[:, -1:]
    wanted = (drawn * n_chosen).long() + 1
    pixel = torch.searchsorted(rank, wanted.clamp(max=n_chosen))
    return pixel, n_chosen


def windows(x: Tensor, first: list[Tensor], size: int) -> Tensor:
    """Cut windows out of images, equally many of each, where their first pixels say."""
    n_all = len(first[0])
    image = torch.arange(len(x), device=x.device).repeat_interleave(n_all // len(x))
    index = [image.view(-1, *[1] * len(first))]
    for axis, (start, n_pixels) in enumerate(zip(first, x.shape[2:], strict=True)):
        length = min(size, n_pixels)
        pixels = start.unsqueeze(1) + torch.arange(length, device=x.device)
        shape = [1] * len(first)
        shape[axis] = length
        index.append(pixels.view(n_all, *shape))
    return x.movedim(1, -1)[tuple(index)].movedim(-1, 1).contiguous()
