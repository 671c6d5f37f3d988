"""Values of layers that seem to have their features on the last axis, as tokens have."""

from typing import Any

from torch import nn

# What works along the last axis, and along the second; how many features it gives there.
LAST: dict[type[nn.Module], str] = {
    nn.Linear: "out_features",
    nn.Embedding: "embedding_dim",
    nn.RNNBase: "hidden_size",
    nn.LayerNorm: "normalized_shape",
    nn.RMSNorm: "normalized_shape",
}
SECOND: dict[type[nn.Module], str] = {
    nn.modules.conv._ConvNd: "out_channels",
    nn.modules.batchnorm._BatchNorm: "num_features",
    nn.modules.instancenorm._InstanceNorm: "num_features",
    nn.GroupNorm: "num_channels",
}


def features_last(module: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether a sample of this shape has its features last, by the parts of its module."""
    if len(shape) < 2:
        return False
    sizes = _sizes(module, LAST), _sizes(module, SECOND)
    return shape[-1] in sizes[0] and shape[0] not in sizes[1]


def _sizes(module: nn.Module, kinds: dict[type[nn.Module], str]) -> set[int]:
    """Return the numbers of features that modules of some kinds give."""
    found = set()
    for part in module.modules():
        for kind, name in kinds.items():
            if isinstance(part, kind):
                size: Any = getattr(part, name)
                if not isinstance(size, int):
                    # A layer norm over several axes has features on none alone.
                    size = size[0] if len(size) == 1 else 0
                found.add(size)
    return found
