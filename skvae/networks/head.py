"""A small dense network that predicts from the features of another."""

from typing import cast

import torch
from torch import Tensor, nn

from skvae.networks.blocks import dense_blocks, dropout, normalization_layers
from skvae.networks.builder import Builder
from skvae.networks.pooling import pooled
from skvae.networks.staged import Noise, StagedNetwork, Stages


class Head(nn.Module):
    """Features, head_1 ... head_n, and what is predicted, a linear map of the last.

    Parameters
    ----------
    n_features : int
        Number of features.
    n_outputs : int
        Number of predicted values.
    output : str
        Name of the last stage.
    hidden_layer_sizes : tuple of int
        Sizes of the hidden layers.
    normalization : {"batch", "group"} or None
        Normalisation of the features and of every hidden layer.
    dropout : float
        Share of the features and of each hidden layer that is dropped while training.
    """

    def __init__(
        self,
        *,
        n_features: int,
        n_outputs: int,
        output: str,
        hidden_layer_sizes: tuple[int, ...] = (),
        normalization: str | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.output = output
        sizes = [n_features, *hidden_layer_sizes]
        self.normalize = nn.Sequential(*normalization_layers(normalization, n_features, 0))
        self.hidden = dense_blocks(sizes, "relu", normalization)
        self.to_output = nn.Linear(sizes[-1], n_outputs)

    def stages(self, features: Tensor, noise: Noise | None = None) -> Stages:
        """Yield the stages from the features to the prediction."""
        x = dropout(self.normalize(features), self.dropout, noise, "features")
        for i, block in enumerate(self.hidden, start=1):
            x = dropout(block(x), self.dropout, noise, f"head_{i}")
            yield f"head_{i}", x
        yield self.output, self.to_output(x)

    def noise_kinds(self) -> dict[str, str]:
        """Stages that take noise while training, as ``StagedNetwork`` has it."""
        if not self.dropout:
            return {}
        numbers = range(1, len(self.hidden) + 1)
        return {"features": "uniform"} | {f"head_{i}": "uniform" for i in numbers}


class EncoderWithHead(StagedNetwork):
    """The stages of another network up to some of them, their features, and a head.

    The walk ends behind the head: what the other network computes later, such as its
    decoder, is never run. Its own noise belongs to its own training; here it gets none.
    While the other network is frozen, its features can be computed once.

    Parameters
    ----------
    encoder : Builder
        The other network.
    layers : tuple of str
        Stages of it that the head takes, side by side.
    pool : {"avg", "max"} or None
        How feature maps among them become features.
    head : Builder
        A ``Head``.
    """

    encoded = "features"

    def __init__(
        self, *, encoder: Builder, layers: tuple[str, ...], pool: str | None, head: Builder
    ) -> None:
        super().__init__()
        self.layers = layers
        self.pool = pool
        self.encoder = cast(StagedNetwork, encoder())
        self.head = cast(Head, head())
        self.nan_is = type(self).nan_is or self.encoder.nan_is

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        features = x
        for name, features in self.encode(x):
            yield name, features
        yield from self.stages_behind(features, noise)

    def stages_behind(self, encoded: Tensor, noise: Noise | None = None) -> Stages:
        yield from self.head.stages(encoded, noise)

    def encode(self, x: Tensor) -> Stages:
        """Yield the other network's stages, and behind them their features."""
        found: dict[str, Tensor] = {}
        for name, value in self.encoder.stages(x):
            yield name, value
            if name in self.layers:
                found[name] = pooled(value, self.pool)
                if len(found) == len(self.layers):
                    break
        yield "features", torch.cat([found[layer] for layer in self.layers], dim=1)

    def noise_kinds(self) -> dict[str, str]:
        return self.head.noise_kinds()
