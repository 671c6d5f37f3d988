"""U-Nets and SegNets: an encoder, a decoder, and what leads from one to the other."""

import math
import operator
import re
from itertools import accumulate, islice, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from skvae.networks.blocks import (
    ACTIVATIONS,
    CONVOLUTIONS,
    MAX_POOLINGS,
    TRANSPOSED_CONVOLUTIONS,
    normalization_layers,
)
from skvae.networks.level_factors import Factors, Spacing, level_factors
from skvae.networks.staged import Noise, StagedNetwork, Stages

_AUTOENCODER_BLOCK = re.compile(
    r"(?:^|\.)down\.(?P<block>\d+)\.(?P<part>[01])\.(?:convolution\.)?(?P<tensor>\w+)$"
)
# The widest level has so many times the channels of the first, as in VGG-16.
LARGEST_FACTOR = 8


class UNet(StagedNetwork):
    """down_1 ... down_n, bottleneck, up_n ... up_1, mask_logits, and the mask itself.

    Maxima over two pixels along each axis halve the maps (odd sizes round up), and the
    decoder returns to the very same sizes, so that images of any size will do; one
    network takes them all. Ronneberger, Fischer & Brox (2015), U-Net: convolutional
    networks for biomedical image segmentation, MICCAI.

    With ``up="unpool"``, ``skip=None`` and no convolution in the bottleneck, it is a
    SegNet: each value returns to the place of the maximum that it came from, and nothing
    else passes from encoder to decoder. Badrinarayanan, Kendall & Cipolla (2017), SegNet:
    a deep convolutional encoder-decoder architecture for image segmentation, IEEE TPAMI.

    Convolutions are named ``encoder.block1_conv1``, as those of VGG-16 often are.

    Parameters
    ----------
    in_channels : int
        Channels of the images.
    n_axes : int
        Spatial axes of the images; rows (0) are images of a single pixel.
    n_outputs : int
        Number of classes, or of labels.
    multilabel : bool
        Whether labels may overlap: a sigmoid each, where classes share a softmax.
    depth : int
        Number of times that the image is halved.
    width : int
        Channels of the first level; each level has twice as many, up to 8 times.
    n_convolutions : tuple of int
        Convolutions of each level and of the bottleneck; the decoder mirrors them.
    normalization : {"batch", "instance", "group"} or None
        Normalisation behind every convolution.
    activation : str
        Activation behind every convolution.
    first_stride : {1, 2}
        With 2, the first convolution halves the maps of all levels, and a transposed
        convolution makes the mask as large as the image.
    skip : {"concat", "add"} or None
        How a level of the encoder joins that of the decoder.
    up : {"transpose", "resize", "unpool"}
        Transposed convolution; nearest neighbour and convolution (Odena, Dumoulin & Olah,
        2016); or the places of the maxima.
    spacing : tuple of float, optional
        Distance between pixels along each axis, see
        :func:`~skvae.networks.level_factors.level_factors`: a level halves some axes, and
        convolves across these alone. By default, all axes are alike.
    deep_supervision : bool
        Whether there are logits of every coarser level of the decoder as well,
        ``mask_logits_n`` behind ``up_n``. Dou et al. (2017), 3D deeply supervised network
        for automated segmentation of volumetric medical images, Medical Image Analysis.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        n_axes: int,
        n_outputs: int,
        multilabel: bool = False,
        depth: int = 4,
        width: int = 16,
        n_convolutions: tuple[int, ...] = (2, 2, 2, 2, 2),
        normalization: str | None = "batch",
        activation: str = "relu",
        first_stride: int = 1,
        skip: str | None = "concat",
        up: str = "transpose",
        spacing: Spacing | None = None,
        deep_supervision: bool = False,
    ) -> None:
        super().__init__()
        self.rows = n_axes == 0
        self.multilabel = multilabel
        self.n_convolutions = n_convolutions
        self.skip = skip
        self.unpools = up == "unpool"
        n_axes = max(n_axes, 1)
        widths = [width * min(2**level, LARGEST_FACTOR) for level in range(depth + 1)]
        if self.unpools or not n_convolutions[-1]:
            widths[-1] = widths[-2]  # as many maps as were pooled

        first, factors = unet_factors(depth, first_stride, spacing or (1.0,) * n_axes)

        def add(part: nn.ModuleDict, level: int, sizes: list[int]) -> None:
            for j, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
                strided = part is self.encoder and level == j == 1 and first_stride == 2
                part[f"block{level}_conv{j}"] = convolution(
                    n_in, n_out, first if strided else factors[level - 1], strided
                )
                layers = normalization_layers(normalization, n_out, n_axes)
                part[f"block{level}_norm{j}"] = layers[0] if layers else nn.Identity()

        self.activation = ACTIVATIONS[activation]()
        self.pools = [
            MAX_POOLINGS[n_axes](each, ceil_mode=True, return_indices=True)
            for each in factors[:depth]
        ]
        self.encoder = nn.ModuleDict()
        for level, n_in in enumerate([in_channels, *widths[:-1]]):
            add(self.encoder, level + 1, [n_in, *[widths[level]] * n_convolutions[level]])
        self.up = nn.ModuleDict()
        self.decoder = nn.ModuleDict()
        self.to_coarse_mask = nn.ModuleDict()
        n_in = widths[-1]
        for level in reversed(range(depth)):
            n_maps = widths[level]
            self.up[f"up{level + 1}"] = upsampling(up, n_in, n_maps, factors[level])
            n_joined = 2 * n_maps if skip == "concat" else n_maps
            # What is unpooled next must have as many maps as were pooled there.
            n_in = widths[max(level - 1, 0)] if self.unpools else n_maps
            sizes = [n_joined, *[n_maps] * (n_convolutions[level] - 1), n_in]
            add(self.decoder, level + 1, sizes)
            if deep_supervision and level > 0:
                head = CONVOLUTIONS[n_axes](n_in, n_outputs, 1)
                self.to_coarse_mask[f"level{level + 1}"] = head
        self.to_mask = (
            CONVOLUTIONS[n_axes](n_in, n_outputs, 1)
            if first_stride == 1
            else TRANSPOSED_CONVOLUTIONS[n_axes](n_in, n_outputs, first, stride=first)
        )

    @property
    def encoder_stages(self) -> tuple[str, ...]:
        """Names of the stages of the encoder."""
        n_levels = len(self.n_convolutions) - 1
        return (*(f"down_{level}" for level in range(1, n_levels + 1)), "bottleneck")

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        if self.rows:
            x = x.unsqueeze(2)
        size = x.shape[2:]
        levels = []
        *downs, bottleneck = self.encoder_stages
        for level, name in enumerate(downs, start=1):
            maps = self._convolved(self.encoder, level, x)
            yield name, maps
            x, places = self.pools[level - 1](maps)
            levels.append((level, maps, places))
        x = self._convolved(self.encoder, len(downs) + 1, x)
        yield bottleneck, x
        for level, maps, places in reversed(levels):
            x = self._raised(level, x, places, maps.shape[2:])
            x = self._convolved(self.decoder, level, joined(maps, x, self.skip))
            yield f"up_{level}", x
            if f"level{level}" in self.to_coarse_mask:
                yield f"mask_logits_{level}", self.to_coarse_mask[f"level{level}"](x)
        yield "mask_logits", (logits := cropped(self.to_mask(x), size))
        yield "mask", logits.sigmoid() if self.multilabel else logits.softmax(dim=1)

    def _convolved(self, part: nn.ModuleDict, level: int, x: Tensor) -> Tensor:
        for j in range(1, self.n_convolutions[level - 1] + 1):
            x = part[f"block{level}_conv{j}"](x)
            x = self.activation(part[f"block{level}_norm{j}"](x))
        return x

    def _raised(
        self, level: int, x: Tensor, places: Tensor, size: tuple[int, ...]
    ) -> Tensor:
        if self.unpools:
            return unpooled(x, places, size)
        return cropped(self.up[f"up{level}"](x), size)


def unet_factors(
    depth: int, first_stride: int, spacing: Spacing
) -> tuple[Factors, tuple[Factors, ...]]:
    """Return how a `UNet` shrinks images at once, and how maps at each level.

    The last is that of the bottleneck, which shrinks nothing, but convolves.
    """
    if first_stride == 1:
        return (1,) * len(spacing), level_factors(spacing, depth + 1)
    first, *factors = level_factors(spacing, depth + 2)
    return first, tuple(factors)


def coarse_steps(
    depth: int, first_stride: int, spacing: Spacing = (1.0,)
) -> tuple[Factors, ...]:
    """Pixels along each axis per pixel of the maps of levels 2, 3, ... of a `UNet`.

    A single axis stands for all of them.
    """
    first, factors = unet_factors(depth, first_stride, spacing)
    steps = accumulate([first, *factors], lambda a, b: tuple(map(operator.mul, a, b)))
    return tuple(islice(steps, 1, depth))


def convolution(n_in: int, n_out: int, factors: Factors, strided: bool) -> nn.Module:
    """Return a convolution across the axes that shrink, which it may shrink itself."""
    kernel = tuple(2 * each - 1 for each in factors)
    padding = tuple(each - 1 for each in factors)
    layer: nn.Module = CONVOLUTIONS[len(factors)](
        n_in, n_out, kernel, stride=factors if strided else 1, padding=padding
    )
    return layer


def cropped(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return the first pixels along each axis, as many as a size says."""
    crop: Any = (..., *(slice(n) for n in size))
    return maps[crop]


def upsampling(kind: str, n_in: int, n_out: int, factors: Factors) -> nn.Module:
    """Return what makes maps larger again, or, of places, nothing that is learned."""
    if kind == "transpose":
        layer: nn.Module = TRANSPOSED_CONVOLUTIONS[len(factors)](
            n_in, n_out, factors, stride=factors
        )
        return layer
    if kind == "resize":
        larger = nn.Upsample(scale_factor=tuple(map(float, factors)))
        return nn.Sequential(larger, convolution(n_in, n_out, factors, strided=False))
    return nn.Identity()


def joined(maps: Tensor, x: Tensor, skip: str | None) -> Tensor:
    """Join what the encoder saw at a level with what the decoder makes of it."""
    if skip is None:
        return x
    return torch.cat([maps, x], dim=1) if skip == "concat" else maps + x


def unpooled(x: Tensor, places: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return maxima to the places that they were taken from, among zeros.

    Badrinarayanan et al. (2017), section 3. This is ``max_unpool`` for windows without
    overlap, but deterministic (no place is written twice), and for maps of any size.

    Parameters
    ----------
    x : Tensor of shape (n, n_maps, *pooled_size)
        A value for each maximum.
    places : Tensor of int64, of the same shape
        Where it was, as pooling with ``return_indices=True`` says.
    size : tuple of int
        Spatial size of the maps before pooling.
    """
    empty = x.new_zeros(*x.shape[:2], math.prod(size))
    filled = empty.scatter(2, places.flatten(2), x.flatten(2))
    return filled.view(*x.shape[:2], *size)


def encoder_name(name: str) -> str | None:
    """Name of the counterpart, in a `UNet`, of a tensor of a `ConvAutoencoder`.

    Each block of its encoder is a convolution, perhaps a normalisation, and what follows.
    """
    found = _AUTOENCODER_BLOCK.search(name)
    if found is None:
        return None
    kind = "norm" if int(found["part"]) else "conv"
    return f"encoder.block{int(found['block']) + 1}_{kind}1.{found['tensor']}"
