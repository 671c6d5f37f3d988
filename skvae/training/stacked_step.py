"""The gradient of many networks at once, as one function of their stacked weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from skvae.training.traced_graph import Stays, Traced

Tensors = dict[str, Tensor]
# A trace takes half a second, as long as fifty steps without one take longer.
PAYS_FROM = 50


@dataclass(eq=False)
class Standing:
    """What a step of some networks depends on and finds in one place, epoch after epoch.

    Parameters
    ----------
    weights, buffers : dict of str to Tensor
        Of the networks, which lie along the first axis of each; changed in place.
    numbers : dict of str to Tensor
        Of the objective, and of the networks' modules (``"module.path:attribute"``).
    share : Tensor of shape (k, n) or None
        Share of each row in a mean, where all count alike.
    """

    weights: Tensors
    buffers: Tensors
    numbers: Tensors
    share: Tensor | None
    prepared: dict[Any, list[Tensor]] = field(default_factory=dict)


@dataclass
class Inputs:
    """What a step depends on, each with the networks along its first axis.

    Parameters
    ----------
    standing : Standing
        What is the same for every batch of a size.
    columns : dict of str to Tensor
        Of the batches.
    noise : dict of str to Tensor or None
        By stage; None is no noise.
    progress : Tensor of shape (k,)
        Share of the training budget that is done.
    """

    standing: Standing
    columns: Tensors
    noise: Tensors | None
    progress: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """Numbers of networks, and of rows of each."""
        n_networks, n_rows, *_ = self.columns["x"].shape
        return n_networks, n_rows

    def groups(self) -> tuple[list[Any], list[Stays]]:
        """Return the inputs of ``StackedStep.stacked``, and what stays of each."""
        kept = self.standing
        stays: list[Stays] = ["memory", "values", "values"]
        values = [kept.weights, kept.numbers, kept.share]
        values += [kept.buffers, self.columns, self.noise, self.progress]
        return values, [*stays, *["nothing"] * 4]


def tensors_of(groups: Sequence[Any]) -> list[Tensor]:
    """Return the tensors of mappings, of tensors and of None, in a row."""
    found: list[Tensor] = []
    for group in groups:
        if isinstance(group, Mapping):
            found += group.values()
        elif group is not None:
            found.append(group)
    return found


def in_groups(tensors: Sequence[Tensor], like: Sequence[Any]) -> list[Any]:
    """Return tensors as ``tensors_of`` has found them."""
    each = iter(tensors)
    found: list[Any] = []
    for group in like:
        if isinstance(group, Mapping):
            found.append({name: next(each) for name in group})
        else:
            found.append(None if group is None else next(each))
    return found


def cut(tensors: Tensors, first: int, stop: int) -> Tensors:
    """Return rows of each tensor."""
    return {name: tensor[first:stop] for name, tensor in tensors.items()}


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
    has neither ``vmap`` nor autograd in it, nor what is the same for every batch.

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
        self.traced: dict[tuple[int, ...], tuple[Traced, list[str]]] = {}

    def gradients(self, inputs: Inputs) -> tuple[list[Tensor], Terms]:
        """Return gradients in the order of the weights, and terms; buffers change."""
        return self.call(self.differentiated, inputs)

    def terms(self, inputs: Inputs) -> Terms:
        """Return the terms without noise, in evaluation mode."""
        with torch.no_grad():
            return self.call(self.evaluated, inputs)[1]

    def next_call(self, inputs: Inputs) -> tuple[int, int, bool]:
        """Numbers of networks and rows, and whether the gradient will be a traced one."""
        n_calls = self.n_calls.get((True, *inputs.size), 0)
        return *inputs.size, n_calls + 1 >= self.traced_from

    def call(
        self, function: Callable[..., tuple[list[Tensor], Terms]], inputs: Inputs
    ) -> tuple[list[Tensor], Terms]:
        """Run a function, after some calls by its trace."""
        key = (function == self.differentiated, *inputs.size)
        self.n_calls[key] = self.n_calls.get(key, 0) + 1
        if key not in self.traced:
            if self.n_calls[key] < self.traced_from:
                return function(*inputs.groups()[0])
            self.traced[key] = self.trace(function, inputs)
        trace, names = self.traced[key]
        kept = inputs.standing
        with torch.no_grad():
            if key not in kept.prepared:
                standing = tensors_of([kept.weights, kept.numbers, kept.share])
                kept.prepared[key] = trace.prepare(standing)
            moving = [kept.buffers, inputs.columns, inputs.noise, inputs.progress]
            found = trace.run(kept.prepared[key], tensors_of(moving))
        n_gradients = len(found) - len(names)
        return found[:n_gradients], dict(zip(names, found[n_gradients:], strict=True))

    def trace(
        self, function: Callable[..., tuple[list[Tensor], Terms]], inputs: Inputs
    ) -> tuple[Traced, list[str]]:
        """Return the trace of a function of tensors, and the names of its terms."""
        groups, stays = inputs.groups()
        names: list[str] = []

        def flat(*tensors: Tensor) -> list[Tensor]:
            gradients, terms = function(*in_groups(tensors, groups))
            names[:] = terms
            return [*gradients, *terms.values()]

        # Tracing runs the function, which would remember twice.
        copies = {n: value.clone() for n, value in inputs.standing.buffers.items()}
        given = [copies if group is inputs.standing.buffers else group for group in groups]
        each = [
            (tensor, stay)
            for group, stay in zip(given, stays, strict=True)
            for tensor in tensors_of([group])
        ]
        tensors, stay_of = zip(*each, strict=True)
        return Traced(flat, tensors, stay_of), names

    def differentiated(self, weights: Tensors, *others: Any) -> tuple[list[Tensor], Terms]:
        """Return the gradients and the terms of a training step."""
        self.walk.train()
        leaves = {n: w.detach().requires_grad_() for n, w in weights.items()}
        with torch.enable_grad(), StackedLinearLayers():
            means, terms = self.stacked(leaves, *others)
            gradients = torch.autograd.grad(means.sum(), list(leaves.values()))
        detached = {name: term.detach() for name, term in terms.items()}
        return [gradient.contiguous() for gradient in gradients], detached

    def evaluated(self, *values: Any) -> tuple[list[Tensor], Terms]:
        """Return no gradient, and the terms of an evaluation."""
        self.walk.eval()
        with StackedLinearLayers():
            return [], self.stacked(*values)[1]

    def stacked(self, *values: Any) -> tuple[Tensor, Terms]:
        """Return the sum of the terms' means, and the terms, of each network."""
        dims = tuple(None if value is None else 0 for value in values)
        found: tuple[Tensor, Terms] = vmap(self.one, in_dims=dims)(*values)
        return found

    def one(
        self,
        weights: Tensors,
        numbers: Tensors,
        share: Tensor | None,
        buffers: Tensors,
        columns: Tensors,
        noise: Tensors | None,
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
