"""Randomness that belongs to one fit and leaves the global generators alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

# Added to a fit's seed: initialisation, noise and order draw from streams of their own.
NOISE_STREAM = 1
ORDER_STREAM = 2

_DRAWS = {
    nn.init.uniform_,
    nn.init.normal_,
    nn.init.trunc_normal_,
    nn.init.xavier_uniform_,
    nn.init.xavier_normal_,
    nn.init.kaiming_uniform_,
    nn.init.kaiming_normal_,
    nn.init.orthogonal_,
    nn.init.sparse_,
    torch.rand,
    torch.randn,
    torch.randint,
    torch.randperm,
    torch.normal,
    torch.bernoulli,
    torch.multinomial,
    torch.poisson,
    torch.Tensor.uniform_,
    torch.Tensor.normal_,
    torch.Tensor.bernoulli_,
    torch.Tensor.exponential_,
    torch.Tensor.random_,
    torch.Tensor.cauchy_,
    torch.Tensor.log_normal_,
    torch.Tensor.geometric_,
}


class PrivateRandomness(TorchFunctionMode):
    """Hand ``generator`` to every random function of torch that runs inside.

    Forking and reseeding the global generator, as is usual, is not safe in threads; a
    function mode belongs to the thread that entered it.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _DRAWS and kwargs.get("generator") is None:
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)


def generator(seed: int, device: str = "cpu") -> torch.Generator:
    """Return a new generator; the same seed gives the same draws."""
    return torch.Generator(device=device).manual_seed(seed)
