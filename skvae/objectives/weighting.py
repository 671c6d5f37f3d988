"""Means over the samples of a batch."""

from torch import Tensor


def quotient(total: Tensor, weight: Tensor) -> Tensor:
    """Return ``total / weight``, and 0 where nothing weighs: there, so is its gradient.

    A weight kept from 0 by a tiny bound gives the same value, but a gradient of 0 times
    infinity.
    """
    weighs = weight > 0
    return total.where(weighs, 0.0) / weight.where(weighs, 1.0)


def shares(weight: Tensor) -> Tensor:
    """Share of each sample in a weighted mean: w_i / sum_k w_k, and 0 where all are 0."""
    # By the largest first, since a sum of the smallest floats has lost their digits.
    relative = quotient(weight, weight.amax(dim=0))
    return quotient(relative, relative.sum(dim=0))


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over the first axis, weighted where there is a weight."""
    if weight is None:
        return values.mean(dim=0)
    return (values * shares(weight).reshape(-1, *[1] * (values.ndim - 1))).sum(dim=0)
