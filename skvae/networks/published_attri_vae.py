"""The network of Attri-VAE, as published.

Cetin et al. (2023), Attri-VAE: attribute-based interpretable representations of medical
images with variational autoencoders, Computerized Medical Imaging and Graphics 104.
"""

import math
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from skvae.networks.blocks import (
    BATCH_NORMS,
    CONVOLUTIONS,
    TRANSPOSED_CONVOLUTIONS,
    GaussianCode,
    dropout,
)
from skvae.networks.head import Head
from skvae.networks.staged import Noise, StagedAutoencoder, Stages

CHANNELS = (8, 16, 32, 64)
NARROW = 2
HIDDEN = (128, 96)


class PublishedHead(Head):
    """The head of Attri-VAE: batch normalisation in its hidden layers, not before them."""

    def __init__(self, *, n_features: int, n_outputs: int, output: str) -> None:
        super().__init__(
            n_features=n_features,
            n_outputs=n_outputs,
            output=output,
            hidden_layer_sizes=(max(1, n_features // 2), max(1, n_features // 4)),
            normalization="batch",
        )
        self.normalize = nn.Sequential()
        initialize(self)


class PublishedAttriVAE(StagedAutoencoder):
    """conv_1 ... conv_5, flat, hidden_1, hidden_2, the code, decoded_1 ... reconstruction.

    With 64 latent units and its head, 340,676 weights for images of 1 x 80 x 80 x 80.
    Sizes that cannot be halved four times are cropped on the way back.

    Parameters
    ----------
    image_shape : tuple of int
        ``(channels, *spatial)`` with one to three spatial axes.
    n_components : int
        Size of the code.
    dropout : float
        Share of the flat feature map that is dropped while training; published: 0.25.
    """

    def __init__(
        self, *, image_shape: tuple[int, ...], n_components: int, dropout: float
    ) -> None:
        super().__init__()
        n_channels, *spatial = image_shape
        n_axes = len(spatial)
        sizes = [tuple(spatial)]
        for _ in CHANNELS:
            sizes.append(tuple(-(-n // 2) for n in sizes[-1]))
        self.dropout = dropout
        self.sigmoid_output = True
        self.map_shape = (NARROW, *sizes[-1])
        self.crops: list[Any] = [(..., *map(slice, s)) for s in reversed(sizes[:-1])]

        def block(kind: Any, n_in: int, n_out: int, **options: Any) -> nn.Sequential:
            convolution = kind(n_in, n_out, 3, padding=1, **options)
            return nn.Sequential(convolution, BATCH_NORMS[n_axes](n_out), nn.ReLU())

        same, up = CONVOLUTIONS[n_axes], TRANSPOSED_CONVOLUTIONS[n_axes]
        down = [block(same, *n, stride=2) for n in pairwise((n_channels, *CHANNELS))]
        self.down = nn.ModuleList([*down, block(same, CHANNELS[-1], NARROW)])
        sizes_of_dense = pairwise((math.prod(self.map_shape), *HIDDEN))
        self.hidden = nn.ModuleList(
            nn.Sequential(nn.Linear(*n), nn.ReLU()) for n in sizes_of_dense
        )
        self.bottleneck = GaussianCode(HIDDEN[-1], n_components)
        self.to_map = nn.Sequential(
            nn.Linear(n_components, math.prod(self.map_shape)), nn.ReLU()
        )
        self.widen = block(same, NARROW, CHANNELS[-1])
        widths = pairwise((CHANNELS[-1], *reversed(CHANNELS)))
        self.up = nn.ModuleList(block(up, *n, stride=2, output_padding=1) for n in widths)
        self.refine = block(same, CHANNELS[0], 4)
        self.to_image = same(4, n_channels, 3, padding=1)
        # Never applied, there as here; without it the weights were not theirs.
        self.unused = BATCH_NORMS[n_axes](n_channels)
        initialize(self)

    @property
    def codes(self) -> tuple[str, ...]:
        return self.bottleneck.codes

    def encode(self, x: Tensor, noise: Noise | None = None) -> Stages:
        for i, block in enumerate(self.down, start=1):
            yield f"conv_{i}", (x := block(x))
        yield "flat", (x := dropout(x.flatten(start_dim=1), self.dropout, noise, "flat"))
        for i, block in enumerate(self.hidden, start=1):
            yield f"hidden_{i}", (x := block(x))
        yield from self.bottleneck.stages(x, noise)

    def decode(self, code: Tensor, noise: Noise | None = None) -> Stages:
        yield "decoded_1", (x := self.to_map(code).unflatten(1, self.map_shape))
        yield "decoded_2", (x := self.widen(x))
        steps = zip(self.up, self.crops, strict=True)
        for i, (block, crop) in enumerate(steps, start=3):
            yield f"decoded_{i}", (x := block(x)[crop])
        yield "decoded_7", (x := self.refine(x))
        yield from self.output(self.to_image(x))

    def noise_kinds(self) -> dict[str, str]:
        flat = {"flat": "uniform"} if self.dropout else {}
        return self.bottleneck.noise_kinds() | flat


def initialize(network: nn.Module) -> None:
    """Set convolutions and linear layers to Xavier's weights, as the authors' code does.

    Transposed convolutions keep PyTorch's.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            nn.init.xavier_uniform_(module.weight)
            assert module.bias is not None
            nn.init.constant_(module.bias, 0.0 if isinstance(module, nn.Linear) else 0.01)
