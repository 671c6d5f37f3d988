"""An autoencoder whose code also predicts."""

from collections.abc import Mapping
from typing import cast

from torch import Tensor

from skvae.networks.builder import Builder
from skvae.networks.head import Head
from skvae.networks.staged import Noise, StagedAutoencoder, Stages


class SupervisedAutoencoder(StagedAutoencoder):
    """The stages of an autoencoder, with those of a head behind the code.

    Parameters
    ----------
    autoencoder : Builder
        Gives the code, and decodes it.
    head : Builder
        A ``Head`` on the code.
    detached : bool
        Whether what the head learns, while training, leaves the code as it is.
    """

    def __init__(self, *, autoencoder: Builder, head: Builder, detached: bool) -> None:
        super().__init__()
        self.autoencoder = cast(StagedAutoencoder, autoencoder())
        self.head = cast(Head, head())
        self.detached = detached

    @property
    def codes(self) -> tuple[str, ...]:
        return self.autoencoder.codes

    @property
    def linear_decoder(self) -> bool:
        return self.autoencoder.linear_decoder

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield from self.autoencoder.encode(x, noise)

    def decode(self, code: Tensor, noise: Noise | None = None) -> Stages:
        yield from self.autoencoder.decode(code, noise)

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        code = x
        for name, code in self.encode(x, noise):
            yield name, code
        detached = self.detached and self.training
        yield from self.head.stages(code.detach() if detached else code, noise)
        yield from self.decode(code, noise)

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        self.autoencoder.remember(trace)

    def noise_kinds(self) -> dict[str, str]:
        return self.autoencoder.noise_kinds() | self.head.noise_kinds()
