"""DenseNet-121, under the names that published weights have."""

import torch
from torch import Tensor, nn
from torch.nn import functional

N_LAYERS = (6, 12, 24, 16)
GROWTH = 32
BOTTLENECK = 4 * GROWTH


class DenseBlock(nn.Sequential):
    """Layers of which each sees the input and the outputs of all before it."""

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class DenseNet(nn.Module):
    """DenseNet-121: four dense blocks with transitions that halve the maps.

    Huang, G. et al. (2017). Densely connected convolutional networks. CVPR, table 1.

    Parameters
    ----------
    in_channels : int
        Channels of the images.
    n_classes : int
        Number of outputs.
    """

    def __init__(self, in_channels: int = 3, n_classes: int = 1000) -> None:
        super().__init__()
        width = 2 * GROWTH
        self.features = nn.Sequential()
        self.features.add_module(
            "conv0", nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        )
        self.features.add_module("norm0", nn.BatchNorm2d(width))
        self.features.add_module("relu0", nn.ReLU(inplace=True))
        self.features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        for block, n_layers in enumerate(N_LAYERS, start=1):
            layers = DenseBlock()
            for i in range(1, n_layers + 1):
                layers.add_module(f"denselayer{i}", dense_layer(width))
                width += GROWTH
            self.features.add_module(f"denseblock{block}", layers)
            if block < len(N_LAYERS):
                self.features.add_module(f"transition{block}", transition(width))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of each class."""
        maps = functional.relu(self.features(x), inplace=True)
        pooled = functional.adaptive_avg_pool2d(maps, 1).flatten(1)
        logits: Tensor = self.classifier(pooled)
        return logits


def dense_layer(width: int) -> nn.Sequential:
    """Return a bottleneck of 1x1 and the convolution of 3x3 that adds its channels."""
    layer = nn.Sequential()
    layer.add_module("norm1", nn.BatchNorm2d(width))
    layer.add_module("relu1", nn.ReLU(inplace=True))
    layer.add_module("conv1", nn.Conv2d(width, BOTTLENECK, 1, bias=False))
    layer.add_module("norm2", nn.BatchNorm2d(BOTTLENECK))
    layer.add_module("relu2", nn.ReLU(inplace=True))
    layer.add_module("conv2", nn.Conv2d(BOTTLENECK, GROWTH, 3, padding=1, bias=False))
    return layer


def transition(width: int) -> nn.Sequential:
    """Return what halves the channels and the maps between two blocks."""
    layer = nn.Sequential()
    layer.add_module("norm", nn.BatchNorm2d(width))
    layer.add_module("relu", nn.ReLU(inplace=True))
    layer.add_module("conv", nn.Conv2d(width, width // 2, 1, bias=False))
    layer.add_module("pool", nn.AvgPool2d(2, stride=2))
    return layer


def densenet121(in_channels: int = 3, n_classes: int = 1000) -> DenseNet:
    """DenseNet-121 without weights; its 727 tensors are named as in torchvision.

    Parameters
    ----------
    in_channels : int, default=3
        Channels of the images.
    n_classes : int, default=1000
        Number of outputs.

    Returns
    -------
    network : torch.nn.Module
        Maps images (n, in_channels, height, width) to logits (n, n_classes).

    See Also
    --------
    skvae.transfer_weights : Fills it from a weight file.
    skvae.LayerExtractor : Reads any of its layers.

    References
    ----------
    Huang, G., Liu, Z., van der Maaten, L. & Weinberger, K. Q. (2017). Densely connected
    convolutional networks. CVPR.

    Examples
    --------
    >>> network = densenet121(in_channels=1, n_classes=2)
    >>> network.classifier
    Linear(in_features=1024, out_features=2, bias=True)
    >>> len(network.state_dict())
    727
    """
    return DenseNet(in_channels, n_classes)
