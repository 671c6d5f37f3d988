"""Codes of many units, few of which are active at a time."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from skvae.networks.activity import RunningMean, Silence, unit_mean
from skvae.networks.blocks import Bottleneck
from skvae.networks.builder import Builder
from skvae.networks.staged import Noise, Stages, WrappedAutoencoder


class SigmoidCode(Bottleneck):
    """A code in [0, 1], with the mean activation of each unit over the last rows."""

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.to_code = nn.Linear(n_features, n_components)
        self.activity = RunningMean((n_components,))

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        code = self.to_code(x).sigmoid()
        estimate = self.activity(unit_mean(code), len(x))
        yield "mean_activation", estimate.expand(len(x), -1)
        yield "code", code

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        code = trace["code"]
        self.activity.remember(unit_mean(code), len(code))


class ReluCode(Bottleneck):
    """A code of units that are silent below zero."""

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.to_code = nn.Linear(n_features, n_components)

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield "pre_activation", (pre := self.to_code(x))
        yield "code", pre.relu()


class TopKCode(Bottleneck):
    """A code of which only the k largest units of each sample are not zero.

    Makhzani & Frey (2014), k-sparse autoencoders, ICLR.
    """

    def __init__(self, n_features: int, n_components: int, k: int) -> None:
        super().__init__()
        self.to_code = nn.Linear(n_features, n_components)
        self.k = k

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield "pre_activation", (pre := self.to_code(x))
        largest = pre.topk(self.k, dim=1, sorted=False)
        yield "code", torch.zeros_like(pre).scatter(1, largest.indices, largest.values)


class BatchTopKCode(Bottleneck):
    """A code of which the k n largest activations of a batch of n samples are kept.

    So a sample may use more units than another. Outside training a threshold takes the
    place of the batch: the running mean of the smallest activation that was kept.
    Bussmann, Leask & Nanda (2024), BatchTopK sparse autoencoders, section 3.
    """

    def __init__(self, n_features: int, n_components: int, k: int) -> None:
        super().__init__()
        self.to_code = nn.Linear(n_features, n_components)
        self.threshold = RunningMean(())
        self.k = k

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield "pre_activation", (pre := self.to_code(x))
        code = pre.relu()
        if self.training:
            flat = code.flatten()
            largest = flat.topk(self.k * len(x), sorted=False)
            kept = torch.zeros_like(flat).scatter(0, largest.indices, largest.values)
            yield "code", kept.view_as(code)
        else:
            yield "code", code * (code > self.threshold(pre.new_zeros(()), len(x)))

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        code = trace["code"].detach()
        smallest = torch.where(code > 0, code, torch.inf).amin()
        # Where not a single unit is active, every activation counts.
        self.threshold.remember(smallest.nan_to_num(posinf=0.0), len(code))


class JumpReLUCode(Bottleneck):
    """A code of units that are silent below a threshold of their own, which is learned.

    A parameter is a tenth of its logarithm: Adam moves a parameter by about the learning
    rate per step, and small cohorts have few steps. Rajamanoharan et al. (2024), Jumping
    ahead: improving reconstruction fidelity with JumpReLU sparse autoencoders, eq. 5.
    """

    # Of the kernel that estimates how many activations a moving threshold lets through.
    bandwidth = 0.1
    initial_threshold = 0.1
    speed = 10.0

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.to_code = nn.Linear(n_features, n_components)
        initial = math.log(self.initial_threshold) / self.speed
        self.slow_log_threshold = nn.Parameter(torch.full((n_components,), initial))

    @property
    def threshold(self) -> Tensor:
        """The threshold of each unit."""
        return (self.speed * self.slow_log_threshold).exp()

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield "pre_activation", (pre := self.to_code(x))
        threshold = self.threshold
        yield "active", (active := step(pre, threshold, self.bandwidth))
        yield "code", jump_relu(pre, threshold, active)


def step(x: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
    """H(x - theta), whose gradient in theta is that of its mean over x.

    A rectangle of width epsilon estimates the density of x at theta: d/dtheta =
    -[|x - theta| < epsilon / 2] / epsilon. Rajamanoharan et al. (2024), eq. 12.
    """
    moved = threshold - threshold.detach()  # zero, but for its gradient
    near = ((x - threshold).abs() < bandwidth / 2).to(x.dtype)
    return (x > threshold).to(x.dtype) - near * moved / bandwidth


def jump_relu(x: Tensor, threshold: Tensor, open_: Tensor) -> Tensor:
    """Return x H(x - theta), with d/dtheta = -theta [|x - theta| < epsilon / 2] / epsilon.

    Rajamanoharan et al. (2024), eq. 11: at the threshold, x is theta. ``open_`` is
    ``step`` of the same x and threshold.
    """
    passed = (x > threshold).to(x.dtype)
    return x * passed + threshold.detach() * (open_ - open_.detach())


class WatchedAutoencoder(WrappedAutoencoder):
    """An autoencoder that also yields what sparsity depends on beside the code.

    ``decoder_norm`` is the norm of the weights with which the decoder takes each unit,
    and ``dead`` is 1 for units that have been silent for long.
    """

    def __init__(self, *, body: Builder, n_components: int) -> None:
        super().__init__(body)
        self.silence = Silence(n_components)

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield from self.body.stages(x, noise)
        yield "decoder_norm", self.body.from_code.weight.norm(dim=0).expand(len(x), -1)
        yield "dead", self.silence.dead.to(x.dtype).expand(len(x), -1)

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        super().remember(trace)
        self.silence.remember(trace["code"])
