"""A convolutional autoencoder that reads an image at several scales."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from skvae.networks.activity import RunningMean, unit_mean
from skvae.networks.blocks import ACTIVATIONS, CONVOLUTIONS, normalization_layers
from skvae.networks.staged import Noise, StagedAutoencoder, Stages

# By number of spatial axes.
AVERAGE_POOLINGS: dict[int, Any] = {
    1: nn.functional.avg_pool1d,
    2: nn.functional.avg_pool2d,
    3: nn.functional.avg_pool3d,
}
INTERPOLATIONS = {1: "linear", 2: "bilinear", 3: "trilinear"}


class MultiScaleAutoencoder(StagedAutoencoder):
    """Images, conv_1 ... conv_n, maps of the code, and back, at each of several scales.

    The same weights read the image and, averaged over blocks of ``scale`` pixels along
    each axis, smaller copies of it, whose stages have the name of theirs at the end:
    ``code_scale_2``. No layer changes the size of an image, so that a network trained on
    patches reads images. Rows are images of a single position: their layers are dense.

    Behind the codes come ``mean_activation``, the mean of each unit over the last rows,
    all positions and all scales (which count alike), and ``features``, the codes of all
    scales, interpolated to the size of the image and averaged around each pixel. Training
    leaves them out: no objective reads them, and they cost more than all else.

    Parameters
    ----------
    sample_shape : tuple of int
        ``(channels, *spatial)`` with up to three spatial axes.
    n_components : int
        Number of maps of the code.
    channels : tuple of int
        Channels of the layers between image and code; the decoder mirrors them.
    kernel_size : int
        Width of the kernels along every axis. Beyond the border, images go on as their
        mirror image.
    scales : tuple of int
        Factors by which the image is reduced; the first is 1.
    pool_size : int
        Width of the window over which ``features`` are averaged, odd, along every axis.
    activation : str
        A key of ``ACTIVATIONS``; of the layers between image and code.
    normalization : {"batch", "group"} or None
        Normalisation of the same layers.
    sigmoid_output : bool
        Whether the reconstruction is a probability.
    """

    def __init__(
        self,
        *,
        sample_shape: tuple[int, ...],
        n_components: int,
        channels: tuple[int, ...] = (),
        kernel_size: int = 7,
        scales: tuple[int, ...] = (1,),
        pool_size: int = 1,
        activation: str = "relu",
        normalization: str | None = None,
        sigmoid_output: bool = False,
    ) -> None:
        super().__init__()
        n_axes = len(sample_shape) - 1
        down = [sample_shape[0], *channels]
        up = [n_components, *reversed(channels)]

        def layer(n_in: int, n_out: int) -> nn.Module:
            if not n_axes:
                return nn.Linear(n_in, n_out)
            return MirroredConvolution(n_in, n_out, kernel_size, n_axes)

        def block(n_in: int, n_out: int) -> nn.Module:
            normalized = normalization_layers(normalization, n_out, n_axes)
            return nn.Sequential(layer(n_in, n_out), *normalized, ACTIVATIONS[activation]())

        self.scales = scales
        self.pool_size = pool_size
        self.reads_rows = not n_axes
        self.sigmoid_output = sigmoid_output
        self.down = nn.ModuleList(block(*sizes) for sizes in pairwise(down))
        self.to_code = layer(down[-1], n_components)
        self.activity = RunningMean((n_components,))
        self.up = nn.ModuleList(block(*sizes) for sizes in pairwise(up))
        self.to_image = layer(up[-1], sample_shape[0])

    @property
    def codes(self) -> tuple[str, ...]:
        return ("code", "features") if self.reads_rows else ("code",)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        for i, block in enumerate(self.down, start=1):
            yield f"conv_{i}", (x := block(x))
        yield "code", self.to_code(x).sigmoid()

    def decode(self, code: Tensor, noise: Noise | None = None) -> Stages:
        x = code
        for i, block in enumerate(self.up, start=1):
            yield f"decoded_{i}", (x := block(x))
        yield from self.output(self.to_image(x))

    def forward(self, x: Tensor, noise: Noise | None = None) -> dict[str, Tensor]:
        return dict(self.walk(x, with_features=False))

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield from self.walk(x, with_features=True)

    def walk(self, x: Tensor, *, with_features: bool) -> Stages:
        """Yield the stages, of which ``features`` can be left out."""
        codes = []
        for scale in self.scales:
            if scale > 1:
                yield at_scale("image", scale), reduced(x, scale)
            for name, value in self.encode(reduced(x, scale)):
                yield at_scale(name, scale), value
            codes.append(value)
        estimate = self.activity(mean_over_scales(codes), len(x))
        yield "mean_activation", estimate.expand(len(x), -1)
        if with_features:
            yield "features", smoothed(stacked(codes, self.scales), self.pool_size)
        for scale, code in zip(self.scales, codes, strict=True):
            for name, value in self.decode(code):
                yield at_scale(name, scale), value

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        codes = [trace[at_scale("code", scale)] for scale in self.scales]
        self.activity.remember(mean_over_scales(codes), len(codes[0]))


class MirroredConvolution(nn.Module):
    """A convolution that keeps the size of an image, mirrored at its borders.

    The outermost pixels are not repeated, so that an axis has to be longer than half the
    kernel. Flipping has, unlike torch's padding, the same gradient each time on a GPU.
    """

    def __init__(self, n_in: int, n_out: int, kernel_size: int, n_axes: int) -> None:
        super().__init__()
        before, odd = divmod(kernel_size - 1, 2)
        self.before, self.behind = before, before + odd
        self.convolution = CONVOLUTIONS[n_axes](n_in, n_out, kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        for axis in range(2, x.ndim):
            size = x.shape[axis]
            before = x.narrow(axis, 1, self.before).flip(axis)
            behind = x.narrow(axis, size - 1 - self.behind, self.behind).flip(axis)
            x = torch.cat([before, x, behind], dim=axis)
        y: Tensor = self.convolution(x)
        return y


def at_scale(name: str, scale: int) -> str:
    """Return the name of a stage at a scale; at full resolution it is the plain one."""
    return name if scale == 1 else f"{name}_scale_{scale}"


def reduced(x: Tensor, scale: int) -> Tensor:
    """Average an image over blocks of ``scale`` pixels; the last ones may be smaller."""
    if scale == 1:
        return x
    y: Tensor = AVERAGE_POOLINGS[x.ndim - 2](x, scale, ceil_mode=True)
    return y


def stacked(maps: Sequence[Tensor], scales: Sequence[int]) -> Tensor:
    """Interpolate maps of several scales to the size of the first, and stack them."""
    size = maps[0].shape[2:]
    crop: Any = (..., *(slice(n) for n in size))
    columns = [maps[0]]
    for value, scale in zip(maps[1:], scales[1:], strict=True):
        larger = nn.functional.interpolate(
            value, scale_factor=scale, mode=INTERPOLATIONS[len(size)], align_corners=False
        )
        columns.append(larger[crop])
    return torch.cat(columns, dim=1)


def smoothed(maps: Tensor, size: int) -> Tensor:
    """Average maps over a window around each pixel, which ends at the border."""
    for axis in range(2, maps.ndim) if size > 1 else ():
        lines = maps.movedim(axis, -1)
        means = nn.functional.avg_pool1d(
            lines.flatten(0, -2), size, 1, size // 2, count_include_pad=False
        )
        maps = means.view(lines.shape).movedim(-1, axis)
    return maps


def mean_over_scales(codes: Sequence[Tensor]) -> Tensor:
    """Mean activation of each unit over rows and positions, then over the scales."""
    return torch.stack([unit_mean(code) for code in codes]).mean(dim=0)
