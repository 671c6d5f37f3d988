"""Several networks of one architecture that are read as one."""

import math
from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from skvae.networks.builder import Builder
from skvae.networks.holes import OBSERVED
from skvae.networks.staged import Noise, StagedAutoencoder, Stages

# What is of the input's own shape is averaged, as predictions are; features stand side by
# side.
AVERAGED = (
    OBSERVED,
    "corrupted",
    "counted",
    "reconstruction_logits",
    "reconstruction",
    "prediction",
    "mask",
)


class SideBySide(StagedAutoencoder):
    """Networks whose stages stand side by side, and whose outputs are averaged.

    Of autoencoders these are reconstructions, of predictors numbers, or the probabilities
    that their logits stand for, of segmenters those of the masks. Column j of a stage with
    d columns belongs to network j // d. It is read alone: each network was trained for
    itself.

    Parameters
    ----------
    network : Builder
        One of them.
    n_networks : int
        How many.
    """

    def __init__(self, *, network: Builder, n_networks: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(network() for _ in range(n_networks))
        self.nan_is = self.first.nan_is

    @property
    def each(self) -> list[StagedAutoencoder]:
        """The networks, for type checkers."""
        return [cast(StagedAutoencoder, network) for network in self.networks]

    @property
    def first(self) -> StagedAutoencoder:
        """Any of them: all have the same stages."""
        return self.each[0]

    @property
    def codes(self) -> tuple[str, ...]:
        return self.first.codes

    @property
    def linear_decoder(self) -> bool:
        return self.first.linear_decoder

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        walks = (network.stages(x) for network in self.each)
        yield from together(walks, self.first.multilabel)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield from together(network.encode(x) for network in self.each)

    def decode(self, code: Tensor, noise: Noise | None = None) -> Stages:
        codes = code.chunk(len(self.networks), dim=1)
        pairs = zip(self.each, codes, strict=True)
        yield from together(network.decode(part) for network, part in pairs)


def together(walks: Iterable[Stages], multilabel: bool = False) -> Stages:
    """Walk through several networks at once, stage by stage.

    Logits are of labels of which each may be there, or of one that must be.
    """
    logits = None
    for found in zip(*walks, strict=True):
        (name, _), values = found[0], [value for _, value in found]
        if name in ("logits", "mask_logits"):
            yield name, logits_of_mean(torch.stack(values), multilabel)
            continue
        if name not in AVERAGED:
            yield name, torch.cat(values, dim=1)
            continue
        value = torch.stack(values).mean(dim=0)
        if name == "reconstruction" and logits is not None:
            value = logits.sigmoid()  # so that both say the same
        logits = value if name == "reconstruction_logits" else logits
        yield name, value


def logits_of_mean(logits: Tensor, multilabel: bool = False) -> Tensor:
    """Return the logits of the mean of probabilities.

    Parameters
    ----------
    logits : Tensor of shape (n_networks, n_samples, n_outputs, *spatial)
        One output is the logit of the second of two classes.
    multilabel : bool, default=False
        Whether each output is a logit of its own.
    """
    if logits.shape[2] > 1 and not multilabel:
        return logits.log_softmax(dim=2).logsumexp(dim=0) - math.log(len(logits))
    sigmoid = nn.functional.logsigmoid
    return sigmoid(logits).logsumexp(dim=0) - sigmoid(-logits).logsumexp(dim=0)


def states_together(states: Iterable[Mapping[str, object]]) -> Mapping[str, object]:
    """Return the weights of several networks by the names that they have side by side.

    One alone is what it is.
    """
    first, *others = states
    if not others:
        return first
    return {
        f"networks.{number}.{name}": value
        for number, state in enumerate([first, *others])
        for name, value in state.items()
    }
