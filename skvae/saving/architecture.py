"""What arrays a network has, found without any memory for them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from skvae.networks.builder import Builder
from skvae.networks.densenet import DenseNet
from skvae.networks.vgg import VGG
from skvae.networks.weightless import weightless
from skvae.tensor_file import ArrayEntry
from skvae.torch_settings import own_settings

__all__ = ["check_arrays", "rebuilt_by"]

# Calls of torch that making a network takes for each of its arrays, and for none.
CALLS_PER_ARRAY = 50
LEAST_CALLS = 1000
DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class _Bounded(TorchFunctionMode):
    """Stop what would make more tensors than there is any use for."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("the network is larger than its arrays")
        return func(*args, **(kwargs or {}))


@own_settings()
def check_arrays(build: Callable[[], nn.Module], entries: Mapping[str, ArrayEntry]) -> None:
    """Compare the arrays of a network with what a file says of its own.

    Parameters
    ----------
    build : callable
        Makes the network; here on torch's meta device, in next to no memory.
    entries : mapping of str to ArrayEntry
        What the file has, by the names of the network.

    Raises
    ------
    ValueError
        If a name, a shape or a type of number is another.
    """
    with _Bounded(LEAST_CALLS + CALLS_PER_ARRAY * len(entries)):
        network = weightless(build)  # type: ignore[arg-type]
    expected = {
        name: (DTYPES.get(value.dtype), tuple(value.shape))
        for name, value in network.state_dict().items()
    }
    for name in sorted(expected.keys() ^ entries.keys()):
        has, lacks = ("network", "file") if name in expected else ("file", "network")
        raise ValueError(f"the {has} has an array {name}, which the {lacks} has not")
    for name, entry in entries.items():
        if (entry.dtype, entry.shape) != expected[name]:
            raise ValueError(
                f"the array {name} is {entry.dtype} of shape {entry.shape}, where the "
                f"network has {expected[name][0]} of shape {expected[name][1]}"
            )


def rebuilt_by(module: nn.Module) -> Builder | None:
    """Return what makes a network of ours again, by its arrays; None for all others."""
    if type(module) is DenseNet:
        first, last = module.features.conv0, module.classifier
        options: dict[str, Any] = {}
    elif type(module) is VGG:
        first, last = module.features[0], module.classifier[-1]
        options = {"batch_norm": isinstance(module.features[1], nn.BatchNorm2d)}
    else:
        return None
    shape = {"in_channels": first.in_channels, "n_classes": last.out_features}
    return Builder(type(module), **shape, **options)
