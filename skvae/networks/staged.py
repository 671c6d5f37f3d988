"""Networks that name what they compute: the trace, an ordered mapping of stages."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

import torch
from torch import Tensor, nn

from skvae.networks.builder import Builder

Stages = Iterator[tuple[str, Tensor]]
Noise = Mapping[str, Tensor]


class StagedNetwork(nn.Module):
    """A network written as a walk through named stages.

    The column of yields is the architecture, and the list of its readable layers.
    Stopping the walk early is how a layer is read: nothing behind it is computed.
    """

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        """Yield ``(name, tensor)`` in the order in which the stages are computed.

        Noise is an input, so that the network stays a function: ``noise[stage]`` has
        the shape of that stage, and without noise the walk is deterministic.
        """
        raise NotImplementedError

    def noise_kinds(self) -> dict[str, str]:
        """Stages that take noise while training, each ``"normal"`` or ``"uniform"``."""
        return {}

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        """Update estimates with a memory, which are buffers, from a training step's trace.

        The walk itself changes nothing; the training loop calls this after it.
        """

    def forward(self, x: Tensor, noise: Noise | None = None) -> dict[str, Tensor]:
        """Walk all stages and keep the whole trace, ready for an objective."""
        return dict(self.stages(x, noise))

    def read(self, x: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Walk no further than the last of ``layers`` and return these stages."""
        missing = set(layers)
        found = {}
        for name, value in self.stages(x):
            if name in missing:
                found[name] = value
                missing.discard(name)
                if not missing:
                    return found
        raise KeyError(*sorted(missing))


class StagedAutoencoder(StagedNetwork):
    """The encoder's stages, then the decoder's from the last of them, the code."""

    sigmoid_output: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        """Stages of the encoder that the decoder takes."""
        raise NotImplementedError

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        """Yield the stages from the input to the code."""
        raise NotImplementedError

    def decode(self, code: Tensor, noise: Noise | None = None) -> Stages:
        """Yield the stages from the code to ``reconstruction``."""
        raise NotImplementedError

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        value = x
        for name, value in self.encode(x, noise):
            yield name, value
        yield from self.decode(value, noise)

    def reconstruct(self, code: Tensor) -> Tensor:
        """Walk the decoder and return its last stage."""
        return dict(self.decode(code))["reconstruction"]

    def output(self, value: Tensor) -> Stages:
        """Yield the reconstruction; behind a sigmoid, its logits before it."""
        if self.sigmoid_output:
            yield "reconstruction_logits", value
            value = value.sigmoid()
        yield "reconstruction", value


@lru_cache(maxsize=256)
def stage_shapes(
    builder: Builder, sample_shape: tuple[int, ...]
) -> Mapping[str, tuple[int, ...]]:
    """Name and shape (of one sample) of every stage, from a weightless copy.

    The copy lives on torch's meta device: no memory, no randomness, no time.
    """
    with torch.device("meta"):
        network = builder().eval()
        assert isinstance(network, StagedNetwork)
        walk = network.stages(torch.empty(2, *sample_shape))
        return MappingProxyType({name: tuple(value.shape[1:]) for name, value in walk})
