"""How far the units of a code are from being quiet."""

import math

import torch
from torch import Tensor

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
