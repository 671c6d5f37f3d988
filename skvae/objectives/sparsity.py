"""How far the units of a code are from being quiet."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from skvae.objectives.batch import Batch, Terms, Trace
from skvae.objectives.numbers import number, times
from skvae.objectives.reconstruction import Likelihood

# Mean activations are kept this far from 0 and 1, where the divergence is infinite.
MARGIN = 1e-6


def bernoulli_kl(target: float, mean_activation: Tensor) -> Tensor:
    """KL of each unit's mean activation from its target, rho log rho / rho_hat + ...

    KL(rho ‖ rho_hat_j) = rho log(rho / rho_hat_j) + (1 - rho) log((1 - rho) / (1 -
    rho_hat_j)), which is 0 where rho_hat_j is rho. Ng (2011), Sparse autoencoder, CS294A
    lecture notes, section 3.
    """
    p = mean_activation.clamp(MARGIN, 1 - MARGIN)
    entropy = target * math.log(target) + (1 - target) * math.log(1 - target)
    return entropy - target * p.log() - (1 - target) * torch.log1p(-p)


def decoded_magnitude(code: Tensor, decoder_norm: Tensor) -> Tensor:
    """L1 norm of each sample's code as the decoder sees it: sum_j |z_j| ‖w_j‖.

    ``decoder_norm`` has the norm of the weights w_j of each unit, so that a small code
    with large weights is not cheaper. Conerly et al. (2024), Update on how we train
    SAEs, Transformer Circuits, April 2024.
    """
    return code.abs() @ decoder_norm


def count_deviation(active: Tensor, target: float) -> Tensor:
    """How far the mean number of active units is from its target: (L0 - k)² / k.

    ``active`` is 1 where a unit is active, and differentiable in its threshold. After
    Rajamanoharan et al. (2024), Jumping ahead, appendix, with the mean over the batch.
    """
    return (active.sum(dim=1).mean() - target).square() / target


def pull(pre_activation: Tensor, dead: Tensor) -> Tensor:
    """Wake dead units: minus the sum of their pre-activations, -sum_j d_j a_j.

    Nothing else moves a unit that is never active, so that a tiny weight is enough. A
    linear form of the pre-activation loss of Conerly et al. (2025), Dictionary learning
    optimization techniques, Transformer Circuits, January 2025.
    """
    return -(pre_activation @ dead)


def population_activity(code: Tensor) -> Tensor:
    """Share of the units that are active at a time: (sum_j z_j)² / (K sum_j z_j²).

    From 1 / K, where one of the K units is active, to 1, where all are alike; the scale
    of the code does not matter. In a feature map it is the mean over the positions.
    Treves & Rolls (1991), What determines the capacity of autoassociative memories in
    the brain?, Network 2; Willmore & Tolhurst (2001), Characterizing the sparseness of
    neural codes, Network 12, tell it from lifetime sparseness, that of one unit.
    """
    squares = code.square().sum(dim=1).clamp(min=MARGIN**2)
    share = code.sum(dim=1).square() / (code.shape[1] * squares)
    return share.flatten(1).mean(dim=1) if share.ndim > 1 else share


@dataclass(frozen=True)
class QuietUnits:
    """Every unit is to have a given mean activation: beta sum_j KL(rho ‖ rho_hat_j)."""

    target: float
    weight: float = number()

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("mean_activation",)

    def __call__(self, trace: Trace) -> Tensor:
        divergence = bernoulli_kl(self.target, trace["mean_activation"][0])
        return times(self.weight, divergence.sum())


@dataclass(frozen=True)
class SmallActivations:
    """Activations are to be small, as the decoder sees them."""

    weight: float = number()

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("code", "decoder_norm")

    def __call__(self, trace: Trace) -> Tensor:
        return self.weight * decoded_magnitude(trace["code"], trace["decoder_norm"][0])


@dataclass(frozen=True)
class FewActive:
    """A given number of units is to be active, on average over the batch."""

    target: int
    weight: float = number()

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("active",)

    def __call__(self, trace: Trace) -> Tensor:
        return times(self.weight, count_deviation(trace["active"], self.target))


Penalty = QuietUnits | SmallActivations | FewActive


@dataclass(frozen=True)
class SparseReconstruction:
    """Reconstruction from a sparse code, in which dead units are woken.

    Parameters
    ----------
    likelihood : Likelihood
        The reconstruction term.
    penalty : Penalty, optional
        What keeps the code sparse, if its network does not.
    revival_weight : float
        Weight with which the pre-activations of dead units are pulled up.
    """

    likelihood: Likelihood
    penalty: Penalty | None = None
    revival_weight: float = 0.0

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        penalty = () if self.penalty is None else self.penalty.stages
        revival = ("pre_activation", "dead") if self.revival_weight else ()
        return (*self.likelihood.stages, *penalty, *revival)

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        terms = {"reconstruction": self.likelihood(trace, batch)}
        if self.penalty is not None:
            terms["sparsity"] = self.penalty(trace)
        if self.revival_weight:
            terms["revival"] = self.revival_weight * pull(
                trace["pre_activation"], trace["dead"][0]
            )
        return terms
