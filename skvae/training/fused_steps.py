"""Steps of Adam with torch's bits, without what its optimizer asks anew before each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Of an optimizer's group: what the kernel is told, by torch's own names.
PLAIN = {"fused": True, "amsgrad": False, "maximize": False, "differentiable": False}


@dataclass(eq=False)
class FoundGroup:
    """The tensors of one of an optimizer's groups, as the kernel takes them.

    Parameters
    ----------
    options : mapping of str to object
        The group itself, in which schedules change the learning rate.
    parameters, weights : list of Tensor
        What holds the gradients, and the same memory without them.
    moments, squares, counts : list of Tensor
        The optimizer's state.
    count : Tensor
        How many steps all of them have taken.
    """

    options: Mapping[str, Any]
    parameters: list[Tensor]
    weights: list[Tensor]
    moments: list[Tensor]
    squares: list[Tensor]
    counts: list[Tensor]
    count: Tensor

    def step(self, gradients: list[Any]) -> None:
        """Take a step by the kernel of ``torch.optim.Adam(fused=True)``."""
        beta1, beta2 = self.options["betas"]
        self.count += 1
        torch._fused_adam_(
            self.weights,
            gradients,
            self.moments,
            self.squares,
            [],
            [self.count] * len(self.weights),
            lr=self.options["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=self.options["weight_decay"],
            eps=self.options["eps"],
            amsgrad=False,
            maximize=False,
        )


class FusedSteps:
    """Steps of an optimizer; after the first, without all that it does around them.

    It finds its tensors, sorts them by device and dtype, counts for each of them and tells
    the profiler, at every step: for a small network that takes as long as its forward
    pass. Here they are found once an epoch, and one count is kept for all.

    Parameters
    ----------
    optimizer : Optimizer
        Whatever is not a fused Adam on a CPU takes all steps by itself.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.groups: list[FoundGroup] = []
        # The first is the optimizer's own: it makes its state, and schedules wait for it.
        self.begun = False

    def step(self) -> None:
        """Take a step with the gradients that the parameters have."""
        if self.begun and not self.groups:
            self.groups = found_groups(self.optimizer)
        each = [[p.grad for p in group.parameters] for group in self.groups]
        if not each or any(grad is None for grads in each for grad in grads):
            self.settle()
            self.optimizer.step()
            self.begun = True
            return
        for group, gradients in zip(self.groups, each, strict=True):
            group.step(gradients)

    def settle(self) -> None:
        """Hand the counts to the optimizer, as at the end of an epoch."""
        for group in self.groups:
            for count in group.counts:
                count.copy_(group.count)
        self.groups = []


def found_groups(optimizer: torch.optim.Optimizer) -> list[FoundGroup]:
    """Return the groups of an optimizer; none where its steps are its own affair."""
    if type(optimizer) is not torch.optim.Adam:
        return []
    found = [found_group(optimizer, group) for group in optimizer.param_groups]
    whole = [group for group in found if group is not None]
    return whole if len(whole) == len(found) else []


def found_group(
    optimizer: torch.optim.Optimizer, options: Mapping[str, Any]
) -> FoundGroup | None:
    """Return a group; None where the kernel is not all of its step."""
    parameters = options["params"]
    states = [optimizer.state.get(p) for p in parameters]
    if not all(states) or any(options[name] != value for name, value in PLAIN.items()):
        return None
    if any(p.device.type != "cpu" or p.dtype != torch.float32 for p in parameters):
        return None
    counts = [state["step"] for state in states]
    if len({float(count) for count in counts}) > 1:  # some have waited for a gradient
        return None
    return FoundGroup(
        options,
        parameters,
        [p.detach() for p in parameters],
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        counts,
        counts[0].clone(),
    )
