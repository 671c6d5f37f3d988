"""Networks that name what they compute: the trace, an ordered mapping of stages."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor, nn

from skvae.networks.builder import Builder
from skvae.networks.pooling import pooled
from skvae.networks.weightless import weightless
from skvae.torch_settings import own_settings

Stages = Iterator[tuple[str, Tensor]]
Noise = Mapping[str, Tensor]


class StagedNetwork(nn.Module):
    """A network written as a walk through named stages.

    The column of yields is the architecture, and the list of its readable layers.
    Stopping the walk early is how a layer is read: nothing behind it is computed.
    """

    # What entries of x that are NaN say: that there is nothing ("padding"), or that a value
    # is not known ("hole"). Empty where there may be none.
    nan_is: str = ""
    # The stage from which `stages_behind` goes on, where a network can.
    encoded: str = ""
    # Whether each of its logits is of a label of its own, of which several may be there.
    multilabel: bool = False
    # Attributes of it and its parts that hold numbers which may differ between networks
    # trained side by side; there, they are 0-d tensors.
    numbers: tuple[str, ...] = ()

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        """Yield ``(name, tensor)`` in the order in which the stages are computed.

        Noise is an input, so that the network stays a function: ``noise[stage]`` has
        the shape of that stage, and without noise the walk is deterministic.
        """
        raise NotImplementedError

    def stages_behind(self, encoded: Tensor, noise: Noise | None = None) -> Stages:
        """Yield the stages behind the one called ``encoded``, given its value."""
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

    def features(self, x: Tensor, layers: Sequence[str], pool: str | None) -> Tensor:
        """Return the pooled features of some layers side by side, one row per sample."""
        trace = self.read(x, layers)
        columns = [pooled(trace[layer], pool) for layer in layers]
        return columns[0] if len(columns) == 1 else torch.cat(columns, dim=1)


class StagedAutoencoder(StagedNetwork):
    """The encoder's stages, then the decoder's from the last of them, the code."""

    sigmoid_output: bool = False
    numbers = ("input_scale",)
    # The network sees x in units of this, and gives reconstructions in those of x. Of
    # networks trained side by side it is a tensor.
    input_scale: float | Tensor = 1.0

    @property
    def codes(self) -> tuple[str, ...]:
        """Stages of the encoder that the decoder takes."""
        raise NotImplementedError

    @property
    def from_code(self) -> nn.Linear:
        """The first layer of the decoder."""
        raise NotImplementedError

    @property
    def linear_decoder(self) -> bool:
        """Whether the reconstruction is a linear map of the code, but for a constant."""
        return False

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
        elif not is_one(self.input_scale):
            value = value * self.input_scale
        yield "reconstruction", value

    def scaled(self, x: Tensor) -> Tensor:
        """Return x in the units of the network."""
        return x if is_one(self.input_scale) else x / self.input_scale


def is_one(scale: float | Tensor) -> bool:
    """Whether a scale is a number that changes nothing."""
    return not isinstance(scale, Tensor) and scale == 1.0


class WrappedAutoencoder(StagedAutoencoder):
    """An autoencoder around another, which it is but for what a subclass changes."""

    def __init__(self, body: Builder) -> None:
        super().__init__()
        self.body = cast(StagedAutoencoder, body())

    @property
    def codes(self) -> tuple[str, ...]:
        return self.body.codes

    @property
    def from_code(self) -> nn.Linear:
        return self.body.from_code

    @property
    def linear_decoder(self) -> bool:
        return self.body.linear_decoder

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield from self.body.encode(x, noise)

    def decode(self, code: Tensor, noise: Noise | None = None) -> Stages:
        yield from self.body.decode(code, noise)

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        self.body.remember(trace)

    def noise_kinds(self) -> dict[str, str]:
        return self.body.noise_kinds()


@lru_cache(maxsize=256)
@own_settings()
def modules_behind(
    builder: Builder, sample_shape: tuple[int, ...], stages: tuple[str, ...]
) -> frozenset[str]:
    """Names of the modules with weights of their own that some stages depend on.

    Found by asking for the gradient of these stages on a weightless copy.
    """
    network = weightless(builder).eval()
    with torch.device("meta"):
        assert isinstance(network, StagedNetwork)
        trace = network.read(torch.empty(2, *sample_shape), stages) if stages else {}
        values = [value.sum() for value in trace.values() if value.requires_grad]
        if not values:
            return frozenset()
        names, weights = zip(*network.named_parameters(), strict=True)
        gradients = torch.autograd.grad(values, weights, allow_unused=True)
    used = [n for n, g in zip(names, gradients, strict=True) if g is not None]
    return frozenset(name.rpartition(".")[0] for name in used)


def modules_with_weights(builder: Builder) -> frozenset[str]:
    """Names of all modules with weights of their own."""
    return frozenset(name.rpartition(".")[0] for name in names_of_weights(builder))


def names_of_weights(builder: Builder) -> list[str]:
    """Names of all weights, from a weightless copy."""
    return [name for name, _ in weightless(builder).named_parameters()]


def names_of_state(builder: Builder) -> list[str]:
    """Names of all weights and buffers, from a weightless copy."""
    return list(weightless(builder).state_dict())


@lru_cache(maxsize=256)
def stage_shapes(
    builder: Builder, sample_shape: tuple[int, ...]
) -> Mapping[str, tuple[int, ...]]:
    """Name and shape (of one sample) of every stage, from a weightless copy.

    The copy lives on torch's meta device: no memory, no randomness, no time.
    """
    network = weightless(builder).eval()
    with torch.device("meta"):
        assert isinstance(network, StagedNetwork)
        walk = network.stages(torch.empty(2, *sample_shape))
        return MappingProxyType({name: tuple(value.shape[1:]) for name, value in walk})
