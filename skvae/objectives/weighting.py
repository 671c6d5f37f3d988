"""Means over the samples of a batch."""

import torch
from torch import Tensor


def shares(weight: Tensor) -> Tensor:
    """Share of each sample in a weighted mean: w_i / sum_k w_k, and 0 where all are 0."""
    return weight / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over the first axis, weighted where there is a weight."""
    if weight is None:
        return values.mean(dim=0)
    return (values * shares(weight).reshape(-1, *[1] * (values.ndim - 1))).sum(dim=0)
