"""Patches, drawn anew from the images of each batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from skvae.objectives.batch import Batch
from skvae.objectives.overlap import IGNORED
from skvae.training.recipe import Augment

# Pixels of a batch that are counted at once.
COUNTED_AT_ONCE = 2**20


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
        where = {"device": mask.device, "dtype": finest_float(mask.device)}
        draws = [torch.rand(shape, generator=generator, **where) for _ in range(2)]
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
    n_images, width = len(chosen), chosen.shape[-1]
    # First the line of pixels, then the place in it, since ranks of all pixels would take
    # eight times the memory of the mask. So do the integers that a sum makes of it.
    lines = chosen.reshape(n_images, -1, width)
    few = lines.split(max(1, COUNTED_AT_ONCE // (n_images * width)), dim=1)
    counts = torch.cat([part.sum(dim=2) for part in few], dim=1)
    rank = counts.cumsum(dim=1)
    n_chosen = rank[:, -1:]
    wanted = ((drawn * n_chosen).long() + 1).clamp(max=n_chosen)
    line = torch.searchsorted(rank, wanted)
    wanted = wanted - (rank - counts).gather(1, line)
    image = torch.arange(n_images, device=chosen.device).unsqueeze(1)
    rank_in_line = lines[image, line].cumsum(dim=2)
    place = torch.searchsorted(rank_in_line, wanted.unsqueeze(2)).squeeze(2)
    return line * width + place, n_chosen


def finest_float(device: torch.device) -> torch.dtype:
    """Return the float that tells the most places apart; MPS has no doubles.

    Of a volume with more than 2**24 pixels, a single draw in float32 cannot name each;
    the patches around those that it can still cover the volume.
    """
    return torch.float32 if device.type == "mps" else torch.float64


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
