"""The denoising autoencoder: a corrupted input, a clean target."""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from torch import Tensor

from skvae._compat import StrOptions
from skvae.estimators.declared import NonNegative
from skvae.features.base import BaseAutoencoder
from skvae.networks.builder import Builder
from skvae.networks.staged import Noise, Stages, WrappedAutoencoder

BLOCK_SIZE = 4


def gaussian(x: Tensor, noise: Tensor, level: float) -> Tensor:
    """Add normal noise with the standard deviation ``level``."""
    return x + level * noise


def masking(x: Tensor, noise: Tensor, level: float) -> Tensor:
    """Set a share of ``level`` of the entries to zero."""
    return x * (noise >= level)


def salt_and_pepper(x: Tensor, noise: Tensor, level: float) -> Tensor:
    """Set a share of ``level`` of the entries to the batch's minimum or maximum."""
    x = x.where(noise >= level / 2, x.amin())
    return x.where(noise < 1 - level / 2, x.amax())


def dropout_blocks(x: Tensor, noise: Tensor, level: float) -> Tensor:
    """Set a share of ``level`` of the blocks of 4 neighbours along each axis to zero.

    An image is masked alike in all channels, so that no channel gives a block away.
    """
    image_axes = range(2, x.ndim) if x.ndim > 2 else range(1, x.ndim)
    if x.ndim > 2:
        noise = noise[:, :1].expand_as(x)
    for axis in image_axes:
        size = x.shape[axis]
        first = noise[(slice(None),) * axis + (slice(None, None, BLOCK_SIZE),)]
        noise = first.repeat_interleave(BLOCK_SIZE, dim=axis).narrow(axis, 0, size)
    return x * (noise >= level)


# Name -> the kind of noise that it takes, and how that corrupts.
CORRUPTIONS: dict[str, tuple[str, Callable[[Tensor, Tensor, float], Tensor]]] = {
    "gaussian": ("normal", gaussian),
    "masking": ("uniform", masking),
    "salt_and_pepper": ("uniform", salt_and_pepper),
    "dropout_blocks": ("uniform", dropout_blocks),
}


class Corrupted(WrappedAutoencoder):
    """An autoencoder that sees a corrupted input while there is noise."""

    def __init__(self, *, body: Builder, corruption: str, level: float) -> None:
        super().__init__(body)
        self.kind, self.corrupt = CORRUPTIONS[corruption]
        self.level = level

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        if noise is not None:
            x = self.corrupt(x, noise["corrupted"], self.level)
        yield "corrupted", x
        yield from self.body.encode(x, noise)

    def noise_kinds(self) -> dict[str, str]:
        return {"corrupted": self.kind} | self.body.noise_kinds()


class DenoisingAutoencoder(BaseAutoencoder):
    """Features of an autoencoder that has learned to undo a corruption of its input.

    While training, the network sees a corrupted input, drawn anew for each batch, and
    has to reconstruct the clean one; `transform` and `denoise` corrupt nothing.

    Parameters
    ----------
    corruption : {"gaussian", "masking", "salt_and_pepper", "dropout_blocks"}, \
default="gaussian"
        Normal noise; entries set to zero; entries set to the smallest or largest value
        of the batch; blocks of four neighbours along every axis set to zero.
    corruption_level : float, default=0.3
        Standard deviation of the normal noise, in units of X; for the others the share
        of entries or blocks.

    See Also
    --------
    Autoencoder : Without corruption.

    References
    ----------
    Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. & Manzagol, P.-A. (2010).
    Stacked denoising autoencoders. Journal of Machine Learning Research 11, 3371-3408.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data / 16
    >>> denoiser = DenoisingAutoencoder(32, max_iter=20, random_state=0).fit(X)
    >>> noisy = X + 0.3 * np.random.default_rng(0).normal(size=X.shape)
    >>> bool(np.square(denoiser.denoise(noisy) - X).mean() < 0.4 * 0.3**2)
    True
    """

    corruption: Annotated[str, StrOptions(set(CORRUPTIONS))] = "gaussian"
    corruption_level: NonNegative = 0.3

    def _network_builder(self, sample_shape: tuple[int, ...], learned: Any) -> Builder:
        if self.corruption != "gaussian" and self.corruption_level > 1:
            raise ValueError(
                f"Got corruption_level={self.corruption_level}, but with "
                f"corruption={self.corruption!r} it is a share; expected at most 1."
            )
        return Builder(
            Corrupted,
            body=super()._network_builder(sample_shape, learned),
            corruption=self.corruption,
            level=float(self.corruption_level),
        )

    def denoise(self, X: Any) -> np.ndarray:
        """Reconstruct X, which may be corrupted as the network has learned to undo.

        Returns
        -------
        denoised : ndarray of the shape of X, float32
            The same as `reconstruct`.
        """
        return self.reconstruct(X)
