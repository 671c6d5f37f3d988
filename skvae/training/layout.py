"""How images lie in memory."""

import torch
from torch import Tensor

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def channels_last(x: Tensor) -> Tensor:
    """Return the same images, on a CPU with the channels of each pixel side by side.

    The maps of a network then lie likewise: a step of a U-Net is 1.2 times as fast, of
    volumes 1.3 times, and of an autoencoder whose convolutions stride as fast as before
    (``benchmarks/channels_last.py``).
    """
    layout = CHANNELS_LAST.get(x.ndim)
    return x if layout is None or x.device.type != "cpu" else x.to(memory_format=layout)
