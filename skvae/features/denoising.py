"""The denoising autoencoder: a corrupted input, a clean target."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skvae._compat import StrOptions
from skvae.estimators.declared import Count, NonNegative
from skvae.features.base import BaseAutoencoder
from skvae.networks.builder import Builder
from skvae.networks.staged import Noise, Stages, WrappedAutoencoder
from skvae.objectives.reconstruction import COUNTED

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


def by_block(noise: Tensor, size: int = BLOCK_SIZE) -> Tensor:
    """Give neighbours along each axis, ``size`` at a time, the noise of the first of them.

    That of an image is alike in all channels, so that no channel gives a block away.
    """
    axes = range(2, noise.ndim) if noise.ndim > 2 else range(1, noise.ndim)
    if noise.ndim > 2:
        noise = noise[:, :1].expand_as(noise)
    for axis in axes:
        length = noise.shape[axis]
        first = noise[(slice(None),) * axis + (slice(None, None, size),)]
        noise = first.repeat_interleave(size, dim=axis).narrow(axis, 0, length)
    return noise


def swapping(x: Tensor, noise: Tensor, level: float) -> Tensor:
    """Set a share of ``level`` of the entries to that of another row of the batch.

    x̃ = m x̄ + (1 - m) x, where m is 1 with the probability ``level`` and x̄_j is drawn
    from the values of the column j. Yoon, Zhang, Jordon & van der Schaar (2020), VIME:
    extending the success of self- and semi-supervised learning to tabular domain,
    NeurIPS, section 4.1; Bahri, Jiang, Tay & Metzler (2022), SCARF: self-supervised
    contrastive learning using random feature corruption, ICLR, algorithm 1.
    """
    # Of an entry that is swapped, noise / level is uniform as well, and says for which.
    place = (noise / max(level, torch.finfo(noise.dtype).tiny)).clamp(max=1.0) * len(x)
    others = x.gather(0, place.long().clamp(max=len(x) - 1))
    return x.where(noise >= level, others)


def all_entries(noise: Tensor, level: float) -> Tensor:
    """Every entry is corrupted."""
    return torch.ones_like(noise)


def below_level(noise: Tensor, level: float) -> Tensor:
    """Corrupted are the entries whose noise is below the level."""
    return (noise < level).to(noise.dtype)


def at_both_ends(noise: Tensor, level: float) -> Tensor:
    """Corrupted are the entries whose noise is the lowest or the highest."""
    return ((noise < level / 2) | (noise >= 1 - level / 2)).to(noise.dtype)


class Corruption(NamedTuple):
    """A way to corrupt: the kind of noise, what becomes of x, and where, by the noise."""

    kind: str
    corrupt: Callable[[Tensor, Tensor, float], Tensor]
    touched: Callable[[Tensor, float], Tensor]
    in_blocks: bool = False


CORRUPTIONS = {
    "gaussian": Corruption("normal", gaussian, all_entries),
    "masking": Corruption("uniform", masking, below_level),
    "salt_and_pepper": Corruption("uniform", salt_and_pepper, at_both_ends),
    "dropout_blocks": Corruption("uniform", masking, below_level, in_blocks=True),
    "swapping": Corruption("uniform", swapping, below_level),
}


class Corrupted(WrappedAutoencoder):
    """An autoencoder that sees a corrupted input while there is noise.

    Parameters
    ----------
    body : Builder
        The autoencoder.
    corruption : str
        A key of ``CORRUPTIONS``.
    level : float
        How much of it.
    block_size : int
        Width of the blocks that are corrupted as one, where blocks are.
    only_corrupted : bool
        Whether the reconstruction counts the corrupted entries alone, which the stage
        ``counted`` says. Without noise it counts all.
    """

    def __init__(
        self,
        *,
        body: Builder,
        corruption: str,
        level: float,
        block_size: int = BLOCK_SIZE,
        only_corrupted: bool = False,
    ) -> None:
        super().__init__(body)
        self.corruption = CORRUPTIONS[corruption]
        self.level = level
        self.block_size = block_size
        self.only_corrupted = only_corrupted

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        counted = torch.ones_like(x)
        if noise is not None:
            own = noise["corrupted"]
            if self.corruption.in_blocks:
                own = by_block(own, self.block_size)
            counted = self.corruption.touched(own, self.level)
            x = self.corruption.corrupt(x, own, self.level)
        yield "corrupted", x
        if self.only_corrupted:
            yield COUNTED, counted
        yield from self.body.encode(x, noise)

    def noise_kinds(self) -> dict[str, str]:
        return {"corrupted": self.corruption.kind} | self.body.noise_kinds()


class DenoisingAutoencoder(BaseAutoencoder):
    """Features of an autoencoder that has learned to undo a corruption of its input.

    While training, the network sees a corrupted input, drawn anew for each batch, and
    has to reconstruct the clean one; `transform` and `denoise` corrupt nothing.

    Parameters
    ----------
    corruption : {"gaussian", "masking", "salt_and_pepper", "dropout_blocks", \
"swapping"}, default="gaussian"
        Normal noise; entries set to zero; entries set to the smallest or largest value
        of the batch; blocks of neighbours along every axis set to zero (columns of a
        table, patches of an image); entries set to that of another row of the batch.
    corruption_level : float, default=0.3
        Standard deviation of the normal noise, in units of X; for the others the share
        of entries or blocks.
    block_size : int, default=4
        Width of the blocks of ``corruption="dropout_blocks"`` along every axis: of a
        table whose neighbouring columns say much the same, that of such a group.
    counted : {"all", "corrupted"}, default="all"
        Entries that the reconstruction counts while training. With ``"corrupted"``, as
        masked autoencoders do, what the network is shown need not come back: `score`,
        `reconstruct` and early stopping, which corrupt nothing, then say little.

    See Also
    --------
    Autoencoder : Without corruption.

    References
    ----------
    Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. & Manzagol, P.-A. (2010).
    Stacked denoising autoencoders. Journal of Machine Learning Research 11, 3371-3408.

    He, K., Chen, X., Xie, S., Li, Y., Dollar, P. & Girshick, R. (2022). Masked
    autoencoders are scalable vision learners. CVPR.

    Yoon, J., Zhang, Y., Jordon, J. & van der Schaar, M. (2020). VIME: extending the
    success of self- and semi-supervised learning to tabular domain. NeurIPS.

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
    block_size: Count = BLOCK_SIZE
    counted: Annotated[str, StrOptions({"all", "corrupted"})] = "all"

    def _network_builder(self, sample_shape: tuple[int, ...], learned: Any) -> Builder:
        if self.corruption != "gaussian" and self.corruption_level > 1:
            raise ValueError(
                f"Got corruption_level={self.corruption_level}, but with "
                f"corruption={self.corruption!r} it is a share; expected at most 1."
            )
        options: dict[str, Any] = {}
        if CORRUPTIONS[self.corruption].in_blocks and self.block_size != BLOCK_SIZE:
            options["block_size"] = int(self.block_size)
        if self.counted == "corrupted":
            options["only_corrupted"] = True
        return Builder(
            Corrupted,
            body=super()._network_builder(sample_shape, learned),
            corruption=self.corruption,
            level=float(self.corruption_level),
            **options,
        )

    def denoise(self, X: Any) -> np.ndarray:
        """Reconstruct X, which may be corrupted as the network has learned to undo.

        Returns
        -------
        denoised : ndarray of the shape of X, float32
            The same as `reconstruct`.
        """
        return self.reconstruct(X)
