"""Adam on the weights of many networks, each with its own rate, decay and steps."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

# The fused kernel takes so many numbers at a time, at most, and rounds what is left over
# at the end of a tensor in another way: only tensors without a rest can lie end to end.
LANES = 16


class StackedAdam:
    """The moments of stacked weights, and steps with the bits of single networks.

    The kernel reads the memory of its tensors whatever their strides are, so gradients
    have to lie as the weights do.

    Parameters
    ----------
    weights : mapping of str to Tensor of shape (k, ...)
        The weights of k networks, changed in place.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.weights = list(weights.values())
        self.moments = [torch.zeros_like(w) for w in self.weights]
        self.squares = [torch.zeros_like(w) for w in self.weights]
        n_nets = len(self.weights[0])
        self.n_steps = [0] * n_nets
        whole = [w[0].numel() % LANES == 0 for w in self.weights]
        self.whole = [i for i, yes in enumerate(whole) if yes]
        self.ragged = [i for i, yes in enumerate(whole) if not yes]
        # Made once: a view takes as long as the step of a small bias.
        self.parts: dict[tuple[int, int], list[list[Tensor]]] = {}

    def of(self, first: int, stop: int) -> list[list[Tensor]]:
        """Return some networks' weights and moments as the kernel takes them."""
        if (first, stop) not in self.parts:
            every = (self.weights, self.moments, self.squares)
            self.parts[first, stop] = [
                self.pieces([tensor[first:stop] for tensor in each]) for each in every
            ]
        return self.parts[first, stop]

    def pieces(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return tensors end to end over the networks, or network by network."""
        each = [tensors[i] for i in self.whole]
        for i in self.ragged:
            each += tensors[i].split(1)
        return each

    def step(
        self, first: int, stop: int, gradients: Sequence[Tensor], rate: float, decay: float
    ) -> None:
        """Take a step of networks that have taken equally many.

        Parameters
        ----------
        first, stop : int
            Which networks.
        gradients : sequence of Tensor of shape (stop - first, ...)
            Theirs, each contiguous.
        rate, decay : float
            Learning rate and weight decay.
        """
        for net in range(first, stop):
            self.n_steps[net] += 1
        step = torch.tensor(float(self.n_steps[first]))
        fused_adam(self.of(first, stop), self.pieces(gradients), step, rate, decay)

    def keep(self, nets: Sequence[int], weights: Mapping[str, Tensor]) -> "StackedAdam":
        """Return the same for some of the networks, whose weights were taken out."""
        kept = StackedAdam(weights)
        index = torch.tensor(nets)
        for ours, theirs in zip(kept.moments, self.moments, strict=True):
            ours.copy_(theirs[index])
        for ours, theirs in zip(kept.squares, self.squares, strict=True):
            ours.copy_(theirs[index])
        kept.n_steps = [self.n_steps[net] for net in nets]
        return kept


def clip(gradients: Sequence[Tensor], net: int, max_norm: float) -> None:
    """Scale the gradient of one network down to a norm, in place."""
    own = [gradient[net] for gradient in gradients]
    norm = nn.utils.get_total_norm(own)
    torch._foreach_mul_(own, (max_norm / (norm + 1e-6)).clamp(max=1.0))


def fused_adam(
    kept: list[list[Tensor]],
    gradients: Sequence[Tensor],
    step: Tensor,
    rate: float,
    decay: float,
) -> None:
    """Take a step as ``torch.optim.Adam(fused=True)`` does."""
    weights, moments, squares = kept
    torch._fused_adam_(
        weights,
        list(gradients),
        moments,
        squares,
        [],
        [step] * len(weights),
        lr=rate,
        beta1=0.9,
        beta2=0.999,
        weight_decay=decay,
        eps=1e-8,
        amsgrad=False,
        maximize=False,
    )
