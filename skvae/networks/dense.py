"""Autoencoders over rows of features."""

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from skvae.networks.blocks import Bottleneck, dense_blocks, dropout
from skvae.networks.builder import Builder
from skvae.networks.staged import Noise, StagedAutoencoder, Stages


class DenseAutoencoder(StagedAutoencoder):
    """Rows, hidden_1 ... hidden_n, the code, decoded_1 ... decoded_n, reconstruction.

    Parameters
    ----------
    n_features : int
        Size of a row.
    n_components : int
        Size of the code.
    bottleneck : Builder
        Called with the sizes of its input and of the code; yields the code's stages.
    hidden_layer_sizes : tuple of int
        Sizes of the encoder's hidden layers; the decoder mirrors them. With none, the
        network is linear.
    activation : str
        A key of ``ACTIVATIONS``.
    normalization : {"batch", "group"} or None
        Normalisation of the hidden layers.
    dropout : float
        Share of each hidden layer that is dropped while training.
    sigmoid_output : bool
        Whether the reconstruction is a probability.
    input_scale : float
        What a unit of the network is in those of x: the same data in other units make the
        same network. Not of probabilities.
    """

    def __init__(
        self,
        *,
        n_features: int,
        n_components: int,
        bottleneck: Builder,
        hidden_layer_sizes: tuple[int, ...] = (),
        activation: str = "relu",
        normalization: str | None = None,
        dropout: float = 0.0,
        sigmoid_output: bool = False,
        input_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.sigmoid_output = sigmoid_output
        self.input_scale = input_scale
        down = [n_features, *hidden_layer_sizes]
        up = [n_components, *reversed(hidden_layer_sizes)]
        self.hidden = dense_blocks(down, activation, normalization)
        self.bottleneck = cast(Bottleneck, bottleneck(down[-1], n_components))
        self.decoded = dense_blocks(up, activation, normalization)
        self.to_rows = nn.Linear(up[-1], n_features)

    @property
    def codes(self) -> tuple[str, ...]:
        return self.bottleneck.codes

    @property
    def from_code(self) -> nn.Linear:
        if not len(self.decoded):
            return self.to_rows
        return cast(nn.Linear, cast(nn.Sequential, self.decoded[0])[0])

    @property
    def linear_decoder(self) -> bool:
        parts = [part for block in self.decoded for part in cast(nn.Sequential, block)]
        linear = all(isinstance(part, nn.Linear | nn.Identity) for part in parts)
        return linear and not self.sigmoid_output

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        x = self.scaled(x)
        for i, block in enumerate(self.hidden, start=1):
            x = dropout(block(x), self.dropout, noise, f"hidden_{i}")
            yield f"hidden_{i}", x
        yield from self.bottleneck.stages(x, noise)

    def decode(self, code: Tensor, noise: Noise | None = None) -> Stages:
        x = code
        for i, block in enumerate(self.decoded, start=1):
            x = dropout(block(x), self.dropout, noise, f"decoded_{i}")
            yield f"decoded_{i}", x
        yield from self.output(self.to_rows(x))

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        self.bottleneck.remember(trace)

    def noise_kinds(self) -> dict[str, str]:
        kinds = self.bottleneck.noise_kinds()
        if self.dropout:
            numbers = range(1, len(self.hidden) + 1)
            kinds |= {f"hidden_{i}": "uniform" for i in numbers}
            kinds |= {f"decoded_{i}": "uniform" for i in numbers}
        return kinds
