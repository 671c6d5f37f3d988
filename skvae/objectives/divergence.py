"""How far a posterior is from its prior."""

import torch
from torch import Tensor

from skvae.objectives.weighting import weighted_mean


def gaussian_kl_per_unit(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL of each latent unit from N(0, 1): (mu_j² + sigma_j² - log sigma_j² - 1) / 2.

    Kingma & Welling (2014), Auto-encoding variational Bayes, appendix B.
    """
    return 0.5 * (mean.square() + log_var.exp() - log_var - 1)


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL of a diagonal Gaussian from N(0, I), one value per sample."""
    return gaussian_kl_per_unit(mean, log_var).sum(dim=1)


def free_bits_kl(
    mean: Tensor, log_var: Tensor, free_bits: float, weight: Tensor | None = None
) -> Tensor:
    """KL in which a unit costs at least ``free_bits`` nats: sum_j max(lambda, E KL_j).

    The expectation is over the (weighted) batch; a unit below lambda has no gradient.
    Kingma et al. (2016), Improved variational inference with inverse autoregressive flow,
    C.8.
    """
    kl = gaussian_kl_per_unit(mean, log_var)
    expected = weighted_mean(kl, weight)
    return torch.where(expected > free_bits, kl, free_bits).sum(dim=1)
