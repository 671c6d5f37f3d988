"""Windows of images, whitened: all directions of their values equally strong."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from skvae.networks.activity import RunningMean

# By number of spatial axes.
CORRELATIONS: dict[int, Any] = {
    1: nn.functional.conv1d,
    2: nn.functional.conv2d,
    3: nn.functional.conv3d,
}
OVERLAPS: dict[int, Any] = {
    1: nn.functional.conv_transpose1d,
    2: nn.functional.conv_transpose2d,
    3: nn.functional.conv_transpose3d,
}
# Of a variance: images without any contrast are divided by its root.
SMALLEST = 1e-12


class WhitenedWindows(nn.Module):
    """The window around each pixel as one vector v = (C + e tr(C)/d I)^-1/2 (x - mu).

    Pixels next to each other are alike, so that most of a window's variance is its mean
    and slow changes; of what is left, edges and fibres, a code of few units would tell
    little. ``mu`` and ``C`` are the mean and the covariance of the windows that training
    has seen, running means as of batch normalisation, and e is ``floor``: directions
    weaker than that share of the mean variance are noise and remain weak. The first step
    sees windows as they are. Without ``floor``, all do. Bell & Sejnowski (1997), The
    "independent components" of natural scenes are edge filters, Vision Research 37; Huang
    et al. (2018), Decorrelated batch normalization, CVPR.

    Parameters
    ----------
    n_channels : int
        Channels of the images.
    kernel_size : int
        Width of a window along every axis; beyond the border, images go on as their
        mirror image.
    n_axes : int
        Number of spatial axes.
    floor : float, optional
        What is added to the covariance, as a share of the mean variance.
    """

    center: Tensor
    matrix: Tensor
    inverse: Tensor

    def __init__(
        self, n_channels: int, kernel_size: int, n_axes: int, floor: float | None
    ) -> None:
        super().__init__()
        self.window_shape = (n_channels, *[kernel_size] * n_axes)
        self.n_values = n_values = math.prod(self.window_shape)
        self.kernel_size = kernel_size
        self.floor = floor
        self.mean = RunningMean((n_values,))
        self.second_moment = RunningMean((n_values, n_values))
        self.register_buffer("center", torch.zeros(n_values))
        self.register_buffer("matrix", torch.eye(n_values))
        self.register_buffer("inverse", torch.eye(n_values))

    def forward(self, x: Tensor) -> Tensor:
        """Return the window around each pixel, its values along the channels' axis."""
        kernel = self.matrix.view(-1, *self.window_shape)
        shift = self.matrix @ self.center
        x = mirrored(x, self.kernel_size)
        whitened: Tensor = CORRELATIONS[x.ndim - 2](x, kernel, -shift)
        return whitened

    def original(self, windows: Tensor) -> Tensor:
        """Undo the whitening of windows."""
        values = self.inverse @ windows.flatten(2)
        return (values + self.center.unsqueeze(1)).view(windows.shape)

    def overlapped(self, windows: Tensor) -> Tensor:
        """Return the image whose pixels are means over all windows that reach them."""
        overlap = OVERLAPS[windows.ndim - 2]
        identity = torch.eye(self.n_values, dtype=windows.dtype, device=windows.device)
        kernel = identity.view(-1, *self.window_shape)
        total = overlap(self.original(windows), kernel)
        count = overlap(torch.ones_like(windows[:1]), kernel)
        before = (self.kernel_size - 1) // 2
        for axis, size in enumerate(windows.shape[2:], start=2):
            total = total.narrow(axis, before, size)
            count = count.narrow(axis, before, size)
        y: Tensor = total / count
        return y

    def remember(self, scales: Sequence[Tensor]) -> None:
        """Take the (whitened) windows of a batch in, of several scales that count alike."""
        if self.floor is None or not self.training:
            return
        moments = [self.moments(windows.detach()) for windows in scales]
        means, seconds = (
            torch.stack(each).mean(dim=0) for each in zip(*moments, strict=True)
        )
        self.mean.remember(means, len(scales[0]))
        self.second_moment.remember(seconds, len(scales[0]))
        # In double precision, so that it matters little how the sums were rounded, and on
        # the CPU, which is as fast for so small a matrix (and MPS cannot do either).
        mean = (self.mean.total / self.mean.weight).cpu().double()
        second = (self.second_moment.total / self.second_moment.weight).cpu().double()
        covariance = second - mean.outer(mean)
        if not covariance.isfinite().all():
            # Of entries whose squares are infinite: a loss that is NaN tells the user.
            for buffer in (self.center, self.matrix, self.inverse):
                buffer.fill_(torch.nan)
            return
        variances, axes = torch.linalg.eigh(covariance)
        variances = variances.clamp(min=0)
        scale = (variances + self.floor * variances.mean()).clamp(min=SMALLEST).sqrt()
        self.center.copy_(mean)
        self.matrix.copy_(axes / scale @ axes.T)
        self.inverse.copy_(axes * scale @ axes.T)

    def moments(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the mean square of windows as they were before whitening."""
        rows = self.original(windows).movedim(1, -1).flatten(0, -2)
        return rows.mean(dim=0), rows.T @ rows / len(rows)


def mirrored(x: Tensor, kernel_size: int) -> Tensor:
    """Continue images beyond their borders, so that a kernel keeps their size.

    The outermost pixels are not repeated, so that an axis has to be longer than half the
    kernel. Flipping has, unlike torch's padding, the same gradient each time on a GPU.
    """
    before, odd = divmod(kernel_size - 1, 2)
    behind = before + odd
    for axis in range(2, x.ndim):
        size = x.shape[axis]
        first = x.narrow(axis, 1, before).flip(axis)
        last = x.narrow(axis, size - 1 - behind, behind).flip(axis)
        x = torch.cat([first, x, last], dim=axis)
    return x
