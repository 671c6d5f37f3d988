"""Autoencoders over images with one, two or three spatial axes."""

import math
from collections.abc import Mapping
from itertools import pairwise

from torch import Tensor, nn

from skvae.networks.blocks import (
    ACTIVATIONS,
    MAX_POOLINGS,
    SameConvolution,
    UpConvolution,
    dropout,
    normalization_layers,
)
from skvae.networks.builder import Builder
from skvae.networks.dense import DenseAutoencoder
from skvae.networks.staged import Noise, StagedAutoencoder, Stages

Size = tuple[int, ...]


class ConvAutoencoder(StagedAutoencoder):
    """Images, conv_1 ... conv_n, a dense autoencoder of the last map, and back.

    Each convolutional block halves the image (an odd size rounds up, a size of one
    stays), so that any size is possible; the decoder returns to the very same sizes.

    Parameters
    ----------
    image_shape : tuple of int
        ``(channels, *spatial)`` with one to three spatial axes.
    channels : tuple of int
        Number of channels of each block.
    kernel_size : int
        Width of the kernels along every axis; even ones are padded to 'same' size.
    downsampling : {"stride", "max"}
        Whether the convolution itself strides, or a maximum is taken behind it.
    **dense : see DenseAutoencoder
        The dense autoencoder between encoder and decoder.
    input_scale : float
        What a unit of the network is in those of x: the same data in other units make the
        same network. Not of probabilities.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, ...],
        n_components: int,
        bottleneck: Builder,
        channels: tuple[int, ...] = (8, 16, 32),
        kernel_size: int = 3,
        downsampling: str = "stride",
        hidden_layer_sizes: tuple[int, ...] = (),
        activation: str = "relu",
        normalization: str | None = None,
        dropout: float = 0.0,
        sigmoid_output: bool = False,
        input_scale: float = 1.0,
    ) -> None:
        super().__init__()
        n_channels, *spatial = image_shape
        sizes: list[Size] = [tuple(spatial)]
        for _ in channels:
            sizes.append(tuple(-(-n // 2) for n in sizes[-1]))

        self.dropout = dropout
        self.sigmoid_output = sigmoid_output
        self.input_scale = input_scale
        self.activation = ACTIVATIONS[activation]()
        self.map_shape = (channels[-1], *sizes[-1])

        def finish(n_out: int) -> list[nn.Module]:
            layers = normalization_layers(normalization, n_out, n_axes=len(spatial))
            return [*layers, ACTIVATIONS[activation]()]

        def down(n_in: int, n_out: int, size: Size, target: Size) -> nn.Module:
            scale = tuple(1 if a == b else 2 for a, b in zip(size, target, strict=True))
            if downsampling == "stride":
                return nn.Sequential(
                    SameConvolution(n_in, n_out, kernel_size, stride=scale), *finish(n_out)
                )
            return nn.Sequential(
                SameConvolution(n_in, n_out, kernel_size, stride=(1,) * len(scale)),
                *finish(n_out),
                MAX_POOLINGS[len(scale)](scale, ceil_mode=True),
            )

        def up(n_in: int, n_out: int, size: Size, target: Size) -> nn.Module:
            return nn.Sequential(UpConvolution(n_in, n_out, size, target), *finish(n_out))

        wide = [n_channels, *channels]
        self.down = nn.ModuleList(
            down(*n, *size) for n, size in zip(pairwise(wide), pairwise(sizes), strict=True)
        )
        self.dense = DenseAutoencoder(
            n_features=math.prod(self.map_shape),
            n_components=n_components,
            bottleneck=bottleneck,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
        )
        *blocks, last = zip(
            pairwise(reversed(wide)), pairwise(reversed(sizes)), strict=True
        )
        self.up = nn.ModuleList(up(*n, *size) for n, size in blocks)
        self.to_image = UpConvolution(*last[0], *last[1])

    @property
    def codes(self) -> tuple[str, ...]:
        return self.dense.codes

    @property
    def from_code(self) -> nn.Linear:
        return self.dense.from_code

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        x = self.scaled(x)
        for i, block in enumerate(self.down, start=1):
            x = dropout(block(x), self.dropout, noise, f"conv_{i}")
            yield f"conv_{i}", x
        yield from self.dense.encode(x.flatten(start_dim=1), noise)

    def decode(self, code: Tensor, noise: Noise | None = None) -> Stages:
        x = code
        for name, x in self.dense.decode(code, noise):
            if name != "reconstruction":
                yield name, x
        x = self.activation(x).unflatten(1, self.map_shape)
        n_dense = len(self.dense.decoded)
        yield f"decoded_{n_dense + 1}", x
        for i, block in enumerate(self.up, start=n_dense + 2):
            x = dropout(block(x), self.dropout, noise, f"decoded_{i}")
            yield f"decoded_{i}", x
        yield from self.output(self.to_image(x))

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        self.dense.remember(trace)

    def noise_kinds(self) -> dict[str, str]:
        kinds = self.dense.noise_kinds()
        if self.dropout:
            first = len(self.dense.decoded) + 2
            kinds |= {f"conv_{i}": "uniform" for i in range(1, len(self.down) + 1)}
            kinds |= {f"decoded_{first + i}": "uniform" for i in range(len(self.up))}
        return kinds
