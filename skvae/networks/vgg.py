"""VGG-16, under the names that published weights have."""

from torch import Tensor, nn

# Convolutions and channels of each block; a maximum over 2x2 pixels ends it.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


class VGG(nn.Module):
    """VGG-16: five blocks of 3x3 convolutions, and three dense layers.

    Simonyan, K. & Zisserman, A. (2015). Very deep convolutional networks for
    large-scale image recognition. ICLR, table 1, column D.

    Parameters
    ----------
    in_channels : int
        Channels of the images.
    n_classes : int
        Number of outputs.
    batch_norm : bool
        Whether a batch norm follows every convolution.
    """

    def __init__(
        self, in_channels: int = 3, n_classes: int = 1000, batch_norm: bool = False
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = in_channels
        for n_convolutions, channels in BLOCKS:
            for _ in range(n_convolutions):
                layers.append(nn.Conv2d(width, channels, 3, padding=1))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(channels))
                layers.append(nn.ReLU(inplace=True))
                width = channels
            layers.append(nn.MaxPool2d(2, stride=2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(width * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, n_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of each class."""
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


def vgg16(in_channels: int = 3, n_classes: int = 1000, batch_norm: bool = False) -> VGG:
    """VGG-16 without weights; its 32 tensors are named as in torchvision.

    Parameters
    ----------
    in_channels : int, default=3
        Channels of the images.
    n_classes : int, default=1000
        Number of outputs.
    batch_norm : bool, default=False
        Whether a batch norm follows every convolution (torchvision's ``vgg16_bn``).

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
    Simonyan, K. & Zisserman, A. (2015). Very deep convolutional networks for
    large-scale image recognition. ICLR.

    Examples
    --------
    >>> import torch
    >>> with torch.device("meta"):  # 138 million weights, none of them allocated
    ...     network = vgg16(in_channels=1)
    >>> network.features[0]
    Conv2d(1, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    >>> len(network.state_dict())
    32
    """
    return VGG(in_channels, n_classes, batch_norm)


def block_names(*, batch_norm: bool = False) -> dict[int, str]:
    """Name each convolution of ``features`` by its block, as in ``block1_conv1``."""
    names = {}
    index = 0
    for block, (n_convolutions, _) in enumerate(BLOCKS, start=1):
        for i in range(1, n_convolutions + 1):
            names[index] = f"block{block}_conv{i}"
            index += 3 if batch_norm else 2
        index += 1
    return names
