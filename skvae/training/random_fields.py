"""Random fields over the images of a batch: smooth ones, speckle and shadows."""

import math

import torch
from torch import Tensor

# Along each axis, between the knots of what varies smoothly.
N_CELLS = 4


def signed_uniform(x: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw uniformly from [-1, 1), with the dtype and on the device of x."""
    drawn = torch.rand(shape, generator=generator, device=x.device, dtype=x.dtype)
    return 2 * drawn - 1


def smooth_fields(x: Tensor, n_fields: int, generator: torch.Generator) -> Tensor:
    """Draw fields ``(n, n_fields, *spatial)`` in [-1, 1] for a batch of images.

    Cubic B-splines with knots that are drawn uniformly, as the free-form deformations of
    Rueckert et al. (1999), Nonrigid registration using free-form deformations, IEEE
    Transactions on Medical Imaging 18, 712-721, eq. 1.
    """
    n_axes = x.ndim - 2
    fields = signed_uniform(x, (len(x), n_fields, *[N_CELLS + 3] * n_axes), generator)
    for axis, n_pixels in enumerate(x.shape[2:], start=2):
        weights = spline_weights(n_pixels).to(x.dtype).to(x.device)
        fields = (fields.movedim(axis, -1) @ weights).movedim(-1, axis)
    return fields


def spline_weights(n_pixels: int) -> Tensor:
    """Weight of each knot at each pixel; those of a pixel sum to 1."""
    place = (torch.arange(n_pixels, dtype=torch.float64) + 0.5) / n_pixels * N_CELLS
    distance = (place - torch.arange(-1, N_CELLS + 2).unsqueeze(1)).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp(min=0) ** 3 / 6
    return torch.where(distance < 1, near, far)


def speckle(x: Tensor, generator: torch.Generator) -> Tensor:
    """Draw amplitudes ``(n, 1, *spatial)`` of fully developed speckle, of mean 1.

    The length of a complex Gaussian, which is Rayleigh's, with a grain of three pixels:
    Wagner et al. (1983), Statistics of speckle in ultrasound B-scans, IEEE Transactions on
    Sonics and Ultrasonics 30, 156-163.
    """
    larger = (2, len(x), 1, *(n_pixels + 2 for n_pixels in x.shape[2:]))
    waves = torch.randn(larger, generator=generator, device=x.device, dtype=x.dtype)
    for axis, n_pixels in enumerate(x.shape[2:], start=3):
        parts = [waves.narrow(axis, first, n_pixels) for first in range(3)]
        waves = (parts[0] + parts[1] + parts[2]) / math.sqrt(3)
    return waves.square().sum(dim=0).sqrt() * math.sqrt(2 / math.pi)


def shadows(x: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a shadow ``(n, 1, *spatial)`` for each image, from 0 to 1 in its middle.

    It begins somewhere along the first axis, which the beam goes along, and is narrow
    along all others.
    """
    n_images, n_axes = len(x), x.ndim - 2
    start = (signed_uniform(x, (n_images, n_axes), generator) + 1) / 2
    width = 0.1 + 0.06 * signed_uniform(x, (n_images, n_axes), generator)
    shadow = x.new_ones(())
    for axis, n_pixels in enumerate(x.shape[2:]):
        place = (torch.arange(n_pixels, device=x.device, dtype=x.dtype) + 0.5) / n_pixels
        shape = [n_images, 1, *[1] * n_axes]
        shape[2 + axis] = n_pixels
        beyond = ((place - start[:, axis, None]) / width[:, axis, None]).view(shape)
        edge = (4 * beyond).sigmoid() if axis == 0 else (-beyond.square() / 2).exp()
        shadow = shadow * edge
    return shadow
