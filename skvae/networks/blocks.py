"""The small parts that networks are made of."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from skvae.networks.staged import Noise, Stages

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}

# By number of spatial axes; the one place that knows them apart.
CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED_CONVOLUTIONS: dict[int, Any] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
FUNCTIONS: dict[int, Any] = {
    1: nn.functional.conv1d,
    2: nn.functional.conv2d,
    3: nn.functional.conv3d,
}
FEW_MAPS = 3
INTERPOLATIONS = {1: "linear", 2: "bilinear", 3: "trilinear"}
MAX_POOLINGS: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
BATCH_NORMS: dict[int, Any] = {
    0: nn.BatchNorm1d,
    1: nn.BatchNorm1d,
    2: nn.BatchNorm2d,
    3: nn.BatchNorm3d,
}


class StableGroupNorm(nn.GroupNorm):
    """Group normalisation that keeps its digits whatever the layout of its maps.

    On a CPU, torch's own loses the variance of maps in ``channels_last``, as training has
    them, whose mean is large (``findings/torch-groupnorm-channels-last.sh``).
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.contiguous() if x.device.type == "cpu" else x)


def normalization_layers(kind: str | None, n_channels: int, n_axes: int) -> list[nn.Module]:
    """Batch, instance or group normalisation of ``n_channels`` over spatial axes."""
    if kind is None:
        return []
    if kind == "instance":  # Ulyanov, Vedaldi & Lempitsky (2016): a group per channel.
        return [StableGroupNorm(n_channels, n_channels)]
    if kind == "batch":
        return [BATCH_NORMS[n_axes](n_channels)]
    # A group of one channel at one pixel is constant; of a few values, little more than
    # their signs. Dense layers are one group: layer normalisation (Ba et al., 2016).
    fitting = [n for n in range(2, 9) if n_channels % n == 0 and n_channels // n >= 4]
    return [StableGroupNorm(max(fitting) if fitting and n_axes else 1, n_channels)]


def dense_blocks(
    sizes: Sequence[int], activation: str, normalization: str | None
) -> nn.ModuleList:
    """One linear layer, normalisation and activation per consecutive pair of sizes."""
    return nn.ModuleList(
        nn.Sequential(
            nn.Linear(n_in, n_out),
            *normalization_layers(normalization, n_out, n_axes=0),
            ACTIVATIONS[activation](),
        )
        for n_in, n_out in pairwise(sizes)
    )


def dropout(x: Tensor, rate: float, noise: Noise | None, stage: str) -> Tensor:
    """Inverted dropout with the uniform noise of ``stage``; without noise the identity.

    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from
    overfitting, JMLR 15.
    """
    if noise is None or not rate:
        return x
    return x * (noise[stage] >= rate).to(x.dtype) / (1 - rate)


class SameConvolution(nn.Module):
    """A convolution whose output has ``ceil(size / stride)`` entries along each axis.

    PyTorch pads alike on both sides, which cannot do this for an even kernel: there
    the missing column is padded explicitly, behind.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel_size: int, stride: tuple[int, ...]
    ) -> None:
        super().__init__()
        before, odd = divmod(kernel_size - 1, 2)
        self.behind = (0, 1) * len(stride) if odd else ()
        self.convolution = CONVOLUTIONS[len(stride)](
            n_in, n_out, kernel_size, stride=stride, padding=before
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.behind:
            x = nn.functional.pad(x, self.behind)
        y: Tensor = self.convolution(x)
        return y


class UpConvolution(nn.Module):
    """A transposed convolution that doubles an image and crops it to a given size.

    Its kernel is twice its stride, so that every pixel is reached equally often: no
    checkerboard (Odena, Dumoulin & Olah, 2016, Deconvolution and checkerboard artifacts).
    """

    def __init__(
        self, n_in: int, n_out: int, size: tuple[int, ...], target: tuple[int, ...]
    ) -> None:
        super().__init__()
        doubled = tuple(int(a != b) for a, b in zip(size, target, strict=True))
        self.crop: Any = (..., *(slice(n) for n in target))
        self.convolution = TRANSPOSED_CONVOLUTIONS[len(size)](
            n_in,
            n_out,
            kernel_size=tuple(4 if double else 1 for double in doubled),
            stride=tuple(2 if double else 1 for double in doubled),
            padding=doubled,
        )

    def forward(self, x: Tensor) -> Tensor:
        # For training alone: what a fitted decoder makes of a code keeps its last bits.
        if not (torch.is_grad_enabled() and x.device.type == "cpu"):
            y: Tensor = self.convolution(x)[self.crop]
            return y
        few = self.convolution.out_channels <= FEW_MAPS
        x = pixels_first(x)
        y = of_phases(x, self.convolution) if few else self.convolution(x)
        return y[self.crop]


def pixels_first(x: Tensor) -> Tensor:
    """Return the same maps with the channels of each pixel side by side.

    As ``x.contiguous(memory_format=torch.channels_last)`` for any number of axes, and
    where networks are mapped over.
    """
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def of_phases(x: Tensor, transposed: Any) -> Tensor:
    """Return a transposed convolution whose kernel is twice its stride, or 1.

    Pixels of one phase, that is, of one place within a stride, all read two neighbours
    along an axis: each phase is a channel of one plain convolution, and the channels are
    then laid out as pixels (Shi et al., 2016, Is the deconvolution layer the same as a
    convolutional layer?). Of few maps, on a CPU, it takes a third of the time.
    """
    n_axes, stride, padding = x.ndim - 2, transposed.stride, transposed.padding
    axes = range(n_axes)
    reach = [k // s for k, s in zip(transposed.kernel_size, stride, strict=True)]
    # (in, out, reach, phase, reach, phase, ...), then (out, phases, in, reaches)
    taps = transposed.weight.unflatten(2, (reach[0], stride[0]))
    for axis in axes[1:]:
        taps = taps.unflatten(2 + 2 * axis, (reach[axis], stride[axis]))
    taps = taps.flip([2 + 2 * axis for axis in axes])
    taps = taps.permute(
        1, *(3 + 2 * axis for axis in axes), 0, *(2 + 2 * axis for axis in axes)
    )
    kernel = taps.flatten(0, n_axes).contiguous()
    bias = transposed.bias.repeat_interleave(math.prod(stride))
    y = FUNCTIONS[n_axes](x, kernel, bias, padding=padding)
    y = y.unflatten(1, (-1, *stride))
    y = y.permute(0, 1, *(i + axis for axis in axes for i in (2 + n_axes, 2)))
    for axis in axes:
        y = y.flatten(2 + axis, 3 + axis)
    # One pixel stands over at each end of an axis that grows.
    return nn.functional.pad(y, [-p for p in reversed(padding) for _ in range(2)])


class Bottleneck(nn.Module):
    """The part of an autoencoder that makes the code; its last stage is the code.

    ``codes`` names the stages that can be decoded.
    """

    codes: ClassVar[tuple[str, ...]] = ("code",)

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        """Yield the stages of the code."""
        raise NotImplementedError

    def noise_kinds(self) -> dict[str, str]:
        """Stages that take noise while training, each ``"normal"`` or ``"uniform"``."""
        return {}

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        """Update estimates with a memory, as ``StagedNetwork.remember`` does."""


class LinearCode(Bottleneck):
    """The bottleneck of a plain autoencoder: ``code``, a linear map."""

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.to_code = nn.Linear(n_features, n_components)

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield "code", self.to_code(x)


class GaussianCode(Bottleneck):
    """The bottleneck of a VAE: ``mean`` and ``log_var`` of q(z|x), and a ``z`` of it.

    Both heads are linear: a ReLU here would force mean >= 0 and sigma >= 1. Given
    standard normal noise, z = mean + sigma * noise (Kingma & Welling, 2014, section
    2.4); without noise, z is the mean.
    """

    codes = ("mean", "z")

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.to_mean = nn.Linear(n_features, n_components)
        self.to_log_var = nn.Linear(n_features, n_components)

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield "mean", (mean := self.to_mean(x))
        yield "log_var", (log_var := self.to_log_var(x))
        yield "z", mean if noise is None else mean + (log_var / 2).exp() * noise["z"]

    def noise_kinds(self) -> dict[str, str]:
        return {"z": "normal"}
