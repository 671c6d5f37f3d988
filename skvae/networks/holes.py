"""Networks of rows in which some entries are not known."""

import torch
from torch import Tensor

from skvae.networks.builder import Builder
from skvae.networks.staged import Noise, StagedNetwork, Stages, WrappedAutoencoder

# The stage that says which entries are known, and the buffer that fills in the others.
OBSERVED, CENTRE = "observed", "centre"


class WithHoles(WrappedAutoencoder):
    """An autoencoder to which an entry that is not known (NaN) is the mean of its column.

    Its first stage, ``observed``, is 1 where an entry is known, else 0: the reconstruction
    counts these alone. Without holes it is what the other is, to the last bit.

    Parameters
    ----------
    body : Builder
        The autoencoder.
    sample_shape : tuple of int
        Shape of one row.
    """

    nan_is = "hole"
    centre: Tensor

    def __init__(self, *, body: Builder, sample_shape: tuple[int, ...]) -> None:
        super().__init__(body)
        # Set before training, to the means of what is known.
        self.register_buffer(CENTRE, torch.zeros(sample_shape))

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield OBSERVED, (~x.isnan()).to(x.dtype)
        yield from self.body.stages(self.filled(x), noise)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield from self.body.encode(self.filled(x), noise)

    def filled(self, x: Tensor) -> Tensor:
        """Return x with the centre where nothing is known."""
        filled = x.where(~x.isnan(), self.centre)
        # Images lie as they did: convolutions of another layout have other last bits.
        return filled if x.ndim == 2 else torch.empty_like(x).copy_(filled)


def holes_of(network: StagedNetwork, x: Tensor) -> dict[str, Tensor]:
    """Return the stage ``observed`` of rows, where a network has it."""
    return network.read(x, [OBSERVED]) if network.nan_is == "hole" else {}
