"""An autoencoder of windows that reads an image at several scales."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from skvae.networks.activity import RunningMean, unit_mean
from skvae.networks.blocks import (
    ACTIVATIONS,
    CONVOLUTIONS,
    INTERPOLATIONS,
    normalization_layers,
)
from skvae.networks.staged import Noise, StagedAutoencoder, Stages
from skvae.networks.whitening import WhitenedWindows

# By number of spatial axes.
AVERAGE_POOLINGS: dict[int, Any] = {
    1: nn.functional.avg_pool1d,
    2: nn.functional.avg_pool2d,
    3: nn.functional.avg_pool3d,
}


class MultiScaleAutoencoder(StagedAutoencoder):
    """An autoencoder of the window around each pixel, applied at each of several scales.

    The code of a pixel alone reconstructs its window: were windows to share the work, it
    would do to pass pixels through. The same weights read the image and, averaged over
    blocks of ``scale`` pixels along each axis, smaller copies of it, whose stages have the
    name of theirs at the end: ``code_scale_2``. No layer changes the size of an image, so
    that a network trained on patches reads images. Rows are images of a single position,
    and their own window.

    Stages are ``window``, hidden_1 ... hidden_n, ``code``, decoded_1 ... decoded_n,
    ``window_reconstruction``, and ``reconstruction``, the mean of the windows that overlap
    at a pixel. Behind the codes come ``mean_activation``, the mean of each unit over the
    last rows, all positions and all scales (which count alike), and ``features``, the codes
    of all scales, interpolated to the size of the image and averaged around each pixel.
    Training leaves features and images out: no objective reads them, and they cost much.

    Parameters
    ----------
    sample_shape : tuple of int
        ``(channels, *spatial)`` with up to three spatial axes.
    n_components : int
        Number of maps of the code.
    hidden_layer_sizes : tuple of int
        Sizes of the layers between window and code; the decoder mirrors them.
    kernel_size : int
        Width of a window along every axis. Beyond the border, images go on as their
        mirror image.
    scales : tuple of int
        Factors by which the image is reduced; the first is 1.
    pool_size : int
        Width of the window over which ``features`` are averaged, odd, along every axis.
    whitening : float, optional
        Windows of images are whitened, with this share of the mean variance as the
        floor; see ``WhitenedWindows``.
    initial_activity : float
        Activation of units without input before training: those that start quiet become
        selective, and those that are silenced later may only become weak.
    activation : str
        A key of ``ACTIVATIONS``; of the layers between window and code.
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
        hidden_layer_sizes: tuple[int, ...] = (),
        kernel_size: int = 7,
        scales: tuple[int, ...] = (1,),
        pool_size: int = 1,
        whitening: float | None = None,
        initial_activity: float = 0.5,
        activation: str = "relu",
        normalization: str | None = None,
        sigmoid_output: bool = False,
    ) -> None:
        super().__init__()
        n_axes = len(sample_shape) - 1
        self.windows = (
            WhitenedWindows(sample_shape[0], kernel_size, n_axes, whitening)
            if n_axes
            else None
        )
        n_values = self.windows.n_values if self.windows else sample_shape[0]
        down = [n_values, *hidden_layer_sizes]
        up = [n_components, *reversed(hidden_layer_sizes)]

        def layer(n_in: int, n_out: int) -> nn.Module:
            if not n_axes:
                return nn.Linear(n_in, n_out)
            convolution: nn.Module = CONVOLUTIONS[n_axes](n_in, n_out, kernel_size=1)
            return convolution

        def block(n_in: int, n_out: int) -> nn.Module:
            normalized = normalization_layers(normalization, n_out, n_axes)
            return nn.Sequential(layer(n_in, n_out), *normalized, ACTIVATIONS[activation]())

        self.scales = scales
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.sigmoid_output = sigmoid_output
        self.down = nn.ModuleList(block(*sizes) for sizes in pairwise(down))
        self.to_code = layer(down[-1], n_components)
        logit = math.log(initial_activity / (1 - initial_activity))
        nn.init.constant_(cast(Tensor, self.to_code.bias), logit)
        self.activity = RunningMean((n_components,))
        self.up = nn.ModuleList(block(*sizes) for sizes in pairwise(up))
        self.to_window = layer(up[-1], n_values)

    @property
    def codes(self) -> tuple[str, ...]:
        return ("code",) if self.windows else ("code", "features")

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield "window", (x := self.windows(x) if self.windows else x)
        for i, block in enumerate(self.down, start=1):
            yield f"hidden_{i}", (x := block(x))
        yield "code", self.to_code(x).sigmoid()

    def decode_window(self, code: Tensor) -> Stages:
        """Yield the stages from the code of each pixel to its window."""
        x = code
        for i, block in enumerate(self.up, start=1):
            yield f"decoded_{i}", (x := block(x))
        for name, value in self.output(self.to_window(x)):
            yield f"window_{name}", value

    def decode(self, code: Tensor, noise: Noise | None = None) -> Stages:
        value = code
        for name, value in self.decode_window(code):
            yield name, value
        yield "reconstruction", self.windows.overlapped(value) if self.windows else value

    def forward(self, x: Tensor, noise: Noise | None = None) -> dict[str, Tensor]:
        return dict(self.walk(x, only_windows=True))

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield from self.walk(x, only_windows=False)

    def walk(self, x: Tensor, *, only_windows: bool) -> Stages:
        """Yield the stages; features and reconstructed images can be left out."""
        codes = []
        for scale in self.scales:
            for name, value in self.encode(reduced(x, scale)):
                yield at_scale(name, scale), value
            codes.append(value)
        estimate = self.activity(mean_over_scales(codes), len(x))
        yield "mean_activation", estimate.expand(len(x), -1)
        if not only_windows:
            yield "features", smoothed(stacked(codes, self.scales), self.pool_size)
        decode = self.decode_window if only_windows else self.decode
        for scale, code in zip(self.scales, codes, strict=True):
            for name, value in decode(code):
                yield at_scale(name, scale), value

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        codes = [trace[at_scale("code", scale)] for scale in self.scales]
        self.activity.remember(mean_over_scales(codes), len(codes[0]))
        if self.windows:
            self.windows.remember([trace[at_scale("window", s)] for s in self.scales])


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
