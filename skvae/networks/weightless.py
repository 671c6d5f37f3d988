"""Networks without weights: names and shapes of what will be there, or is put in place."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from skvae.networks.builder import Builder

_INITIALISERS = {
    nn.init.uniform_,
    nn.init.normal_,
    nn.init.constant_,
    nn.init.kaiming_uniform_,
    torch.Tensor.uniform_,
    torch.Tensor.normal_,
}


class Uninitialised(TorchFunctionMode):
    """Leave new weights as they are.

    On the meta device nothing is drawn, but each initialiser goes through a
    decomposition in Python, which takes as long as the drawing would.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _INITIALISERS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def weightless(builder: Builder) -> nn.Module:
    """Build a network on torch's meta device: no memory, no randomness, little time."""
    with torch.device("meta"), Uninitialised():
        return builder()
