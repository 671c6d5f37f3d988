"""The gradient of many networks at once, as one function of their stacked weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from skvae.networks.builder import Builder
from skvae.networks.staged import StagedNetwork
from skvae.networks.weightless import weightless
from skvae.objectives.batch import Batch, Objective, Terms
from skvae.objectives.numbers import with_numbers
from skvae.objectives.weighting import shares
from skvae.training.stacked_linear import StackedLinearLayers
from skvae.training.traced_graph import traced

Tensors = dict[str, Tensor]
# A trace takes half a second, as long as fifty steps without one take longer.
PAYS_FROM = 50


@dataclass
class Inputs:
    """What a step depends on, each with the networks along its first axis.

    Parameters
    ----------
    weights, buffers : dict of str to Tensor
        Of the networks; buffers are changed in place.
    numbers : dict of str to Tensor
        Of the objective, and of the networks' modules (``"module.path:attribute"``).
    columns : dict of str to Tensor
        Of the batches.
    noise : dict of str to Tensor or None
        By stage; None is no noise.
    share : Tensor of shape (k, n) or None
        Share of each row in a mean, where all count alike.
    progress : Tensor of shape (k,)
        Share of the training budget that is done.
    """

    weights: Tensors
    buffers: Tensors
    numbers: Tensors
    columns: Tensors
    noise: Tensors | None
    share: Tensor | None
    progress: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """Numbers of networks, and of rows of each."""
        n_networks, n_rows, *_ = self.columns["x"].shape
        return n_networks, n_rows


def cut(value: Any, first: int, stop: int) -> Any:
    """Return rows of a tensor, or of each in a mapping."""
    if isinstance(value, Mapping):
        return {name: tensor[first:stop] for name, tensor in value.items()}
    return None if value is None else value[first:stop]


class Walk(nn.Module):
    """A network's trace, and what it remembers of it, in one call."""

    def __init__(self, network: StagedNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, noise: Tensors | None, training: bool) -> Tensors:
        trace = self.network(x, noise)
        if training:
            self.network.remember(trace)
        return trace


class StackedStep:
    """The terms of an objective and their gradients, for stacked networks.

    The gradient is traced once for each number of networks and of rows: what is then run
    has neither ``vmap`` nor autograd in it.

    Parameters
    ----------
    builder : Builder
        Of any of the networks: they differ in numbers alone.
    objective : Objective
        What each minimises, but for its numbers.
    n_epochs : int
        Passes over the rows, and so the least number of calls of each size.
    """

    def __init__(self, builder: Builder, objective: Objective, n_epochs: int) -> None:
        network = weightless(builder)
        assert isinstance(network, StagedNetwork)
        self.walk = Walk(network)
        # Until a stack has had other bits than single networks.
        self.exact = True
        self.objective = objective
        # The first call, which may measure what is exact, is never a traced one.
        self.traced_from = 2 if n_epochs >= PAYS_FROM else PAYS_FROM
        self.n_calls: dict[tuple[int, ...], int] = {}
        self.traced: dict[tuple[int, ...], Callable[..., Any]] = {}

    def gradients(self, inputs: Inputs) -> tuple[list[Tensor], Terms]:
        """Return gradients in the order of the weights, and terms; buffers change."""
        return self.call(self.differentiated, inputs)

    def terms(self, inputs: Inputs) -> Terms:
        """Return the terms without noise, in evaluation mode."""
        with torch.no_grad():
            found: Terms = self.call(self.evaluated, inputs)
        return found

    def next_call(self, inputs: Inputs) -> tuple[int, int, bool]:
        """Numbers of networks and rows, and whether the gradient will be a traced one."""
        n_calls = self.n_calls.get((True, *inputs.size), 0)
        return *inputs.size, n_calls + 1 >= self.traced_from

    def call(self, function: Callable[..., Any], inputs: Inputs) -> Any:
        """Run a function, after some calls by its trace."""
        key = (function == self.differentiated, *inputs.size)
        self.n_calls[key] = self.n_calls.get(key, 0) + 1
        values = [getattr(inputs, name) for name in inputs.__dataclass_fields__]
        if key not in self.traced:
            if self.n_calls[key] < self.traced_from:
                return function(*values)
            # Tracing runs the function, which would remember twice.
            unchanged = {name: value.clone() for name, value in inputs.buffers.items()}
            self.traced[key] = traced(function, values[0], unchanged, *values[2:])
        with torch.no_grad():
            return self.traced[key](*values)

    def differentiated(
        self, weights: Tensors, buffers: Tensors, *others: Any
    ) -> tuple[list[Tensor], Terms]:
        """Return the gradients and the terms of a training step."""
        self.walk.train()
        leaves = {n: w.detach().requires_grad_() for n, w in weights.items()}
        with torch.enable_grad(), StackedLinearLayers():
            means, terms = self.stacked(leaves, buffers, *others)
            gradients = torch.autograd.grad(means.sum(), list(leaves.values()))
        detached = {name: term.detach() for name, term in terms.items()}
        return [gradient.contiguous() for gradient in gradients], detached

    def evaluated(self, weights: Tensors, buffers: Tensors, *others: Any) -> Terms:
        """Return the terms of an evaluation."""
        self.walk.eval()
        with StackedLinearLayers():
            return self.stacked(weights, buffers, *others)[1]

    def stacked(self, *values: Any) -> tuple[Tensor, Terms]:
        """Return the sum of the terms' means, and the terms, of each network."""
        dims = tuple(None if value is None else 0 for value in values)
        found: tuple[Tensor, Terms] = vmap(self.one, in_dims=dims)(*values)
        return found

    def one(
        self,
        weights: Tensors,
        buffers: Tensors,
        numbers: Tensors,
        columns: Tensors,
        noise: Tensors | None,
        share: Tensor | None,
        progress: Tensor,
    ) -> tuple[Tensor, Terms]:
        """Return the sum of the terms' means, and the terms, of one network."""
        objective = with_numbers(self.objective, numbers)
        state = {f"network.{name}": value for name, value in (weights | buffers).items()}
        with self.module_numbers(numbers):
            call = columns["x"], noise, self.walk.training
            trace = functional_call(self.walk, state, call)
            terms = objective(trace, Batch(**columns, progress=progress))
        if "sample_weight" in columns:
            share = shares(columns["sample_weight"])
        assert share is not None
        means = [(term * share).sum() if term.ndim else term for term in terms.values()]
        return torch.stack(means).sum(), terms

    def module_numbers(self, numbers: Tensors) -> "ModuleNumbers":
        """Set the numbers that modules hold, for a while."""
        return ModuleNumbers(self.walk.network, numbers)


class ModuleNumbers:
    """Numbers of a network's modules, others for a while.

    Parameters
    ----------
    network : StagedNetwork
        The network.
    numbers : mapping of str to Tensor
        By module and attribute, ``"body:input_scale"``; others are left out.
    """

    def __init__(self, network: StagedNetwork, numbers: Mapping[str, Any]) -> None:
        self.values = []
        for name, value in numbers.items():
            path, colon, attribute = name.rpartition(":")
            if colon:
                self.values.append((network.get_submodule(path), attribute, value))

    def __enter__(self) -> None:
        self.before = [getattr(module, name) for module, name, _ in self.values]
        for module, name, value in self.values:
            setattr(module, name, value)

    def __exit__(self, *exception: Any) -> None:
        for (module, name, _), value in zip(self.values, self.before, strict=True):
            setattr(module, name, value)


def module_numbers_of(network: nn.Module) -> dict[str, float]:
    """Return the numbers that a network's modules declare, by module and attribute."""
    return {
        f"{path}:{name}": float(getattr(module, name))
        for path, module in network.named_modules()
        for name in getattr(module, "numbers", ())
        if not isinstance(module, nn.ModuleDict)
    }
