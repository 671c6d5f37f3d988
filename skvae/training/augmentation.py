"""Random changes of the training images, drawn anew for each batch."""

import copy
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skvae.objectives.batch import Batch
from skvae.training.flips import flipped_axes
from skvae.training.random_fields import shadows, signed_uniform, smooth_fields, speckle
from skvae.training.recipe import Augment
from skvae.training.subjects import PerSubject, draws, of_torchio

# Further, a warp could fold an image over itself. Choi & Lee (2000), Injectivity conditions
# of 2D and 3D uniform cubic B-spline functions, Graphical Models 62, 411-427: 0.4 of the
# distance of the knots.
LARGEST_WARP = 0.1
SHARES = ("resampled", "gain", "speckle", "shadow")


@dataclass(frozen=True)
class RandomAugment:
    """Flip, move, turn, scale, warp and shade the images of a batch, each in its own way.

    All moves of an image are one map, sampled once (linearly; labels of pixels by the
    nearest neighbour), on the device of the batch. What comes into view from outside
    repeats the border. Brightness stays within the range of the batch, so that images in
    [0, 1] remain there.

    Parameters
    ----------
    flip : bool or tuple of int, default=(-1,)
        Spatial axes that are flipped, each in half of the images; ``True`` for all. The
        default is left and right of an image (height, width): few organs appear upside
        down. Axes count as in numpy, without samples and channels.
    shift : float, default=0.1
        Largest move along each axis, as a share of its size.
    rotate : float, default=15.0
        Largest rotation in each plane, in degrees, in steps of pixels along all axes.
    scale : float, default=0.1
        Largest relative change of size, below 1.
    intensity : float, default=0.1
        Largest relative change of contrast, and largest shift of brightness as a share
        of the batch's range.
    resampled : float, default=0.25
        Share of the images that are turned, scaled, warped and moved by parts of a pixel.
        The others are flipped and moved by whole pixels only, which keeps them as sharp
        as the images that are read later: sampled anew, small images are blurred, and a
        network that has seen no others reads sharp ones wrongly.
    warp : float, default=0.0
        Largest move of a pixel along each axis by an elastic warp, as a share of the
        axis' size: cubic B-splines with five knots along each edge [1]_. At most 0.1, so
        that no image folds over itself.
    gain : float, default=0.0
        Largest relative change of brightness by a smooth field, from 0 to 1: as of the
        coil of a scanner, or the depth gain of an ultrasound.
    speckle : float, default=0.0
        Largest strength of multiplicative speckle, from 0 to 1: with 1, a pixel is
        multiplied by a Rayleigh amplitude of mean 1, with a grain of three pixels.
    shadow : float, default=0.0
        Largest share of the brightness that a shadow takes, from 0 to 1. It begins at a
        random depth and goes on to the end of the first spatial axis, which is that of
        an ultrasound's beam.

    References
    ----------
    .. [1] Rueckert, D. et al. (1999). Nonrigid registration using free-form deformations:
       application to breast MR images. IEEE Transactions on Medical Imaging 18, 712-721.

    Examples
    --------
    Chest X-rays keep their left and right:

    >>> from skvae import RandomAugment
    >>> RandomAugment(flip=False, rotate=5).flip
    False

    For ultrasound, with warps and all that its beam does to an image:

    >>> augment = RandomAugment(warp=0.05, gain=0.3, speckle=0.5, shadow=0.7, resampled=1)
    """

    flip: bool | tuple[int, ...] = (-1,)
    shift: float = 0.1
    rotate: float = 15.0
    scale: float = 0.1
    intensity: float = 0.1
    resampled: float = 0.25
    warp: float = 0.0
    gain: float = 0.0
    speckle: float = 0.0
    shadow: float = 0.0

    def __post_init__(self) -> None:
        for name in ("shift", "rotate", "scale", "intensity"):
            if not getattr(self, name) >= 0:
                raise ValueError(
                    f"Got {name}={getattr(self, name)}, but expected a number >= 0."
                )
        if not self.scale < 1:  # Images would vanish, and then be mirrored.
            raise ValueError(
                f"Got scale={self.scale}, but expected a number from 0 to below 1."
            )
        if isinstance(self.flip, Real) and not isinstance(self.flip, bool):
            raise ValueError(
                f"Got flip={self.flip}, but expected a bool or a tuple of axes, such as "
                f"({self.flip},)."
            )
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"Got {name}={getattr(self, name)}, but expected a share from 0 to 1."
                )
        if not 0 <= self.warp <= LARGEST_WARP:
            raise ValueError(
                f"Got warp={self.warp}, but expected a number from 0 to {LARGEST_WARP}: "
                "further, images would fold over themselves."
            )

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with its images, and the labels of their pixels, changed.

        Parameters
        ----------
        batch : Batch
            Images of shape ``(n, channels, *spatial)``; a ``mask`` has the shape
            ``(n, *spatial)`` or ``(n, n_labels, *spatial)``.
        generator : torch.Generator
            Draws the changes; on the device of the batch.

        Returns
        -------
        batch : Batch
            A new one.
        """
        moves = self._moves(batch.x, generator)
        x = self._shaded(moved(batch.x, *moves, "bilinear"), generator)
        if batch.mask is None:
            return batch._replace(x=x)
        mask, without_channel = batch.mask, batch.mask.ndim < batch.x.ndim
        labels = mask.unsqueeze(1) if without_channel else mask
        labels = moved(labels.to(x.dtype), *moves, "nearest").to(mask.dtype)
        return batch._replace(x=x, mask=labels.squeeze(1) if without_channel else labels)

    def _moves(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Draw where the pixels of each image come from: an affine map, and a warp."""
        n_images, n_axes = len(x), x.ndim - 2
        sizes = x.new_tensor(x.shape[2:])

        def within(largest: float, *shape: int) -> Tensor:
            return signed_uniform(x, (n_images, *shape), generator) * largest

        matrix = torch.diag_embed((1 + within(self.scale, 1)).expand(-1, n_axes))
        for plane in combinations(range(n_axes), 2) if self.rotate else ():
            angle = within(math.radians(self.rotate))
            matrix = rotation(angle, plane, n_axes) @ matrix
        move = within(self.shift, n_axes) * sizes
        sharp = within(0.5, 1) + 0.5 >= self.resampled
        move = torch.where(sharp, move.round(), move)
        matrix = torch.where(sharp.unsqueeze(2), torch.eye(n_axes).to(x), matrix)
        if flipped := flipped_axes("flip", self.flip, n_axes):
            chosen = x.new_tensor([axis in flipped for axis in range(n_axes)])
            matrix = matrix * (1 - 2 * chosen * (within(1, n_axes) > 0)).unsqueeze(1)
        # From pixels to a unit in which every axis goes from -1 to 1.
        matrix = matrix * sizes / sizes.unsqueeze(1)
        affine = torch.cat([matrix, (2 * move / sizes).unsqueeze(2)], dim=2)
        if not self.warp:
            return affine, None
        fields = 2 * self.warp * smooth_fields(x, n_axes, generator)
        return affine, fields * ~sharp.view(n_images, *[1] * (n_axes + 1))

    def _shaded(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Change contrast and brightness of each image, as a whole and place by place."""
        low, high = x.aminmax()
        one_each = (len(x), *[1] * (x.ndim - 1))
        if self.intensity:
            centre = x.mean(dim=tuple(range(1, x.ndim)), keepdim=True)
            contrast = 1 + self.intensity * signed_uniform(x, one_each, generator)
            shift = self.intensity * signed_uniform(x, one_each, generator) * (high - low)
            x = (centre + contrast * (x - centre) + shift).clamp(low, high)
        factors = list(self._factors(x, one_each, generator))
        if not factors:
            return x
        return (low + math.prod(factors[1:], start=factors[0]) * (x - low)).clamp(max=high)

    def _factors(
        self, x: Tensor, one_each: tuple[int, ...], generator: torch.Generator
    ) -> Iterator[Tensor]:
        """Draw what the brightness of each place is multiplied by."""
        if self.gain:
            yield 1 + self.gain * smooth_fields(x, 1, generator)
        if self.speckle:
            strength = self.speckle * signed_uniform(x, one_each, generator).abs()
            yield 1 + strength * (speckle(x, generator) - 1)
        if self.shadow:
            strength = self.shadow * signed_uniform(x, one_each, generator).abs()
            yield 1 - strength * shadows(x, generator)


@dataclass(frozen=True)
class PerImage:
    """A random transform of MONAI, applied to one image after another.

    It works on the host, and takes an image ``(channels, *spatial)``, or, where the batch
    has masks, a dictionary of ``image`` and ``mask``, each with such an axis in front of
    its pixels: to MONAI, the first axis is never of space.
    """

    transform: Any

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with every image transformed."""
        # The user's object is a parameter, which training must not change.
        transform = copy.deepcopy(self.transform)
        seed = torch.randint(2**31, (), generator=generator, device=batch.x.device)
        transform.set_random_state(seed=int(seed))
        if batch.mask is None:
            return batch._replace(x=stacked([transform(x) for x in batch.x.cpu()], batch.x))
        without_channel = batch.mask.ndim < batch.x.ndim
        masks = batch.mask.unsqueeze(1) if without_channel else batch.mask
        pairs = zip(batch.x.cpu(), masks.cpu(), strict=True)
        changed = [self._pair(transform, x, mask) for x, mask in pairs]
        images, labels = zip(*changed, strict=True)
        mask = stacked(labels, masks)
        return batch._replace(
            x=stacked(images, batch.x), mask=mask.squeeze(1) if without_channel else mask
        )

    def _pair(self, transform: Any, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Transform an image with its mask."""
        try:
            changed = transform({"image": x, "mask": mask})
            image, labels = (torch.as_tensor(changed[name]) for name in ("image", "mask"))
        except Exception as error:
            raise ValueError(
                f"Got augment={self.transform!r}, which fails ({error}) on a dictionary of "
                f"an 'image' of shape {tuple(x.shape)} and a 'mask' of shape "
                f"{tuple(mask.shape)}; images with masks need a transform of dictionaries, "
                "such as RandFlipd(['image', 'mask'])."
            ) from error
        # Zeros come into view from outside.
        known = torch.cat([mask.unique().to(labels.dtype), labels.new_zeros(1)])
        if not torch.isin(labels, known).all():
            raise ValueError(
                f"Got augment={self.transform!r}, which makes labels between those of the "
                "mask; expected mode='nearest' for it, such as RandAffined(['image', "
                "'mask'], mode=('bilinear', 'nearest'))."
            )
        return image, labels


@dataclass(frozen=True)
class PerSequence:
    """An augmentation that changes all frames of a sequence alike.

    A sequence ``(time, channels, *spatial)`` is to it an image whose channels are those
    of all frames. Frames that are not there (NaN) stay so; meanwhile the mean of the
    others fills them, which changes neither the mean of a sequence nor its range.
    """

    augment: Augment

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with every sequence changed."""
        missing = batch.x.isnan()
        mean = batch.x.nanmean(dim=tuple(range(1, batch.x.ndim)), keepdim=True)
        images = batch.x.where(~missing, mean).flatten(1, 2)
        changed = self.augment(batch._replace(x=images), generator)
        x = changed.x.unflatten(1, batch.x.shape[1:3]).masked_fill(missing, torch.nan)
        return changed._replace(x=x)


def as_augment(augment: Any) -> Augment | None:
    """Return what a recipe applies for the value of a parameter ``augment``.

    Raises
    ------
    ValueError
        If it is a transform of MONAI or TorchIO without randomness.
    """
    if augment is None:
        return None
    if isinstance(augment, bool | np.bool_):
        return RandomAugment() if augment else None
    if hasattr(augment, "set_random_state"):
        return PerImage(augment)
    if of_torchio(augment) and draws(augment):
        return PerSubject(augment)
    of_monai = isinstance(augment, transforms_of_monai())
    if of_monai or of_torchio(augment):
        library, example = ("MONAI", "RandFlip") if of_monai else ("TorchIO", "RandomFlip")
        raise ValueError(
            f"Got augment={augment!r}, a transform of {library} that changes every image "
            f"alike; expected a random one, such as {example}."
        )
    return augment


def transforms_of_monai() -> tuple[type, ...]:
    """Return the class of MONAI's transforms, where MONAI, slow to import, already is."""
    transforms = sys.modules.get("monai.transforms")
    return () if transforms is None else (transforms.Transform,)


def rotation(angle: Tensor, plane: tuple[int, int], n_axes: int) -> Tensor:
    """Rotations by some angles in the plane of two axes."""
    a, b = plane
    turned = torch.eye(n_axes, dtype=angle.dtype, device=angle.device)
    turned = turned.repeat(len(angle), 1, 1)
    turned[:, a, a] = turned[:, b, b] = angle.cos()
    turned[:, a, b], turned[:, b, a] = -angle.sin(), angle.sin()
    return turned


def moved(x: Tensor, matrix: Tensor, warp: Tensor | None, mode: str) -> Tensor:
    """Sample images at the places that affine maps ``(n, n_axes, n_axes + 1)`` name.

    A warp ``(n, n_axes, *spatial)`` is added to these.
    """
    if x.ndim == 3:  # Torch samples images and volumes: a signal is an image of one row.
        matrix = nn.functional.pad(matrix, (1, 0, 1, 0))
        matrix[:, 0, 0] = 1
        if warp is not None:
            warp = nn.functional.pad(warp.unsqueeze(2), (0, 0, 0, 0, 1, 0))
        return moved(x.unsqueeze(2), matrix, warp, mode).squeeze(2)
    linear, offset = matrix.split([matrix.shape[1], 1], dim=2)
    # Torch counts the axes from the last to the first.
    theta = torch.cat([linear.flip(1, 2), offset.flip(1)], dim=2)
    grid = nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
    if warp is not None:
        grid = grid + warp.flip(1).movedim(1, -1)
    return nn.functional.grid_sample(
        x, grid, mode=mode, padding_mode="border", align_corners=False
    )


def stacked(images: Iterable[Any], like: Tensor) -> Tensor:
    """Join what a transform made of single images into a batch like the one before."""
    tensors = [torch.as_tensor(image).as_subclass(Tensor) for image in images]
    return torch.stack(tensors).to(like)
