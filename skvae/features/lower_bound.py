"""How likely a fitted VAE finds rows: the lower bound, by draws that all rows share."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from skvae.networks.holes import holes_of
from skvae.networks.staged import StagedAutoencoder
from skvae.objectives.batch import Batch
from skvae.objectives.divergence import gaussian_kl
from skvae.objectives.reconstruction import (
    GaussianLikelihood,
    Likelihood,
    counted_in,
    gaussian_nll,
    left_out_by,
    squared_error,
)

N_DRAWS = 16


def antithetic_draws(n_draws: int, n_components: int, random_state: Any) -> Tensor:
    """Draw standard normal codes in pairs e, -e; of an odd number, the last stands alone.

    Returns
    -------
    draws : Tensor of shape (n_draws, n_components)
        The draws.
    """
    size = (-(-n_draws // 2), n_components)
    draws = check_random_state(random_state).standard_normal(size)
    pairs = np.stack([draws, -draws], axis=1).reshape(-1, n_components)
    return torch.from_numpy(pairs[:n_draws]).float()


def of_unit_variance(draws: Tensor) -> Tensor:
    """Scale the draws so that the mean square of each component is 1, as it should be.

    Rows share them, so that their errors do not average out over the rows: of a decoder
    that is nearly linear, this takes most of the error away. Barraquand (1995), Numerical
    valuation of high dimensional multivariate European securities, Management Science 41.
    """
    return draws / draws.square().mean(dim=0).sqrt()


def posterior(module: StagedAutoencoder, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log-variance of q(z|x)."""
    trace = module.read(x, ["mean", "log_var"])
    return trace["mean"], trace["log_var"]


def codes(mean: Tensor, log_var: Tensor, draws: Tensor) -> Iterator[Tensor]:
    """Yield a code of each row for each draw: z = mean + sigma e."""
    deviation = (log_var / 2).exp()
    for draw in draws.to(mean):
        yield mean + deviation * draw


def expected_error(
    module: StagedAutoencoder, x: Tensor, mean: Tensor, log_var: Tensor, draws: Tensor
) -> Tensor:
    """Mean squared error of each row under q(z|x): E ‖x - x̂(z)‖², of what is known of x.

    Where the decoder is linear, with columns w_j, it is ‖x - x̂(mean)‖² + sum_j sigma_j²
    ‖w_j‖², and no draw is needed.
    """
    counted = counted_in(holes_of(module, x))
    if module.linear_decoder:
        units = torch.eye(mean.shape[1], dtype=mean.dtype, device=mean.device)
        columns = module.reconstruct(units) - module.reconstruct(torch.zeros_like(units))
        lengths = columns.square()
        if counted is None:
            spread = log_var.exp() @ lengths.sum(dim=1)
        else:  # of what counts in each row
            spread = (log_var.exp() * (counted.to(lengths) @ lengths.T)).sum(dim=1)
        return squared_error(module.reconstruct(mean), x, counted) + spread
    found = codes(mean, log_var, of_unit_variance(draws))
    errors = [squared_error(module.reconstruct(z), x, counted) for z in found]
    return torch.stack(errors).mean(dim=0)


@torch.enable_grad()  # Decoders take the faster path that they have in training.
def mean_errors(module: StagedAutoencoder, draws: Tensor, x: Tensor) -> Tensor:
    """Return the expected error of each row, of which a mean will be taken."""
    return expected_error(module, x, *posterior(module, x), draws)


def lower_bound(
    module: StagedAutoencoder, likelihood: Likelihood, x: Tensor, draws: Tensor
) -> Tensor:
    """Evidence lower bound of each row: E_q log p(x|z) - KL(q(z|x) ‖ N(0, I)), in nats.

    Kingma & Welling (2014), Auto-encoding variational Bayes, eq. 3. Where entries of a row
    are missing, it is that of the others: Nazabal et al. (2020), Handling incomplete
    heterogeneous data using VAEs, Pattern Recognition 107.
    """
    mean, log_var = posterior(module, x)
    holes = holes_of(module, x)
    if isinstance(likelihood, GaussianLikelihood):
        error = expected_error(module, x, mean, log_var, draws)
        n_entries = x[0].numel()
        assert likelihood.variance is not None
        left_out = left_out_by(counted_in(holes), error)
        nll = gaussian_nll(error, n_entries * likelihood.variance, n_entries, left_out)
    else:
        found = codes(mean, log_var, of_unit_variance(draws))
        losses = [likelihood(dict(module.decode(z)) | holes, Batch(x)) for z in found]
        nll = torch.stack(losses).mean(dim=0)
    return -nll - gaussian_kl(mean, log_var)


def importance_weighted_bound(
    module: StagedAutoencoder, likelihood: Likelihood, x: Tensor, draws: Tensor
) -> Tensor:
    """Return log 1/K sum_k p(x, z_k) / q(z_k|x) of each row, in nats.

    Between the lower bound and log p(x), which it reaches with ever more draws. Burda,
    Grosse & Salakhutdinov (2016), Importance weighted autoencoders, ICLR, eq. 8.
    """
    mean, log_var = posterior(module, x)
    holes = holes_of(module, x)
    log_weights = []
    for draw, z in zip(draws.to(mean), codes(mean, log_var, draws), strict=True):
        # The constants of prior and posterior are the same.
        log_ratio = 0.5 * (draw.square() - z.square() + log_var).sum(dim=1)
        nll = likelihood(dict(module.decode(z)) | holes, Batch(x))
        log_weights.append(log_ratio - nll)
    return torch.logsumexp(torch.stack(log_weights), dim=0) - math.log(len(draws))
