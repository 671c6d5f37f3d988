"""How far a reconstruction is from its target, one value per sample."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skvae.objectives.batch import Batch, Trace
from skvae.objectives.weighting import weighted_mean

# Below this, a total variance divides by nothing that float32 can tell from zero.
SMALLEST_VARIANCE = 1e-8


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Sum of squares over all entries of a sample: sum_j (x_j - x̂_j)²."""
    # Its gradient is one pass over the entries.
    error = nn.functional.mse_loss(prediction, target, reduction="none")
    return error.sum(dim=tuple(range(1, error.ndim)))


def gaussian_nll(error: Tensor, total_variance: Tensor | float, n_entries: int) -> Tensor:
    """Negative log-likelihood of N(x̂, sigma² I): d/2 (e / t + log 2 pi t / d).

    ``error`` is e = ‖x - x̂‖², the squared error of each sample; ``n_entries`` is d and
    ``total_variance`` is t = d sigma², what the decoder expects e to be.
    """
    if not isinstance(total_variance, Tensor):
        total_variance = torch.tensor(
            total_variance, dtype=error.dtype, device=error.device
        )
    half = n_entries / 2
    constant = half * (total_variance.log() + math.log(2 * math.pi / n_entries))
    return error * (half / total_variance) + constant


def bernoulli_nll(logits: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of Bernoulli(sigmoid l): sum_j log(1 + e^l_j) - x_j l_j."""
    entropy = nn.functional.binary_cross_entropy_with_logits(
        logits, target, reduction="none"
    )
    return entropy.sum(dim=tuple(range(1, entropy.ndim)))


def optimal_total_variance(error: Tensor, weight: Tensor | None = None) -> Tensor:
    """Most likely total variance of a Gaussian decoder: the (weighted) mean of ``error``.

    Rybkin, Daniilidis & Levine (2021), Simple and effective VAE training with
    calibrated decoders, ICML, eq. 5.
    """
    return weighted_mean(error.detach(), weight).clamp(min=SMALLEST_VARIANCE)


@dataclass(frozen=True)
class SquaredError:
    """The squared error of each sample times a factor, by default half: ‖x - x̂‖² / 2."""

    factor: float = 0.5

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("reconstruction",)

    def __call__(self, trace: Trace, batch: Batch) -> Tensor:
        return self.factor * squared_error(trace["reconstruction"], batch.x)


@dataclass(frozen=True)
class GaussianLikelihood:
    """Negative log-likelihood of a Gaussian around the reconstruction.

    Parameters
    ----------
    variance : float, optional
        The decoder's variance sigma²; without it, the one under which the batch is
        most likely, so that neither the number of inputs nor their scale shifts the
        balance between reconstruction and divergence.
    """

    variance: float | None = None

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("reconstruction",)

    def __call__(self, trace: Trace, batch: Batch) -> Tensor:
        error = squared_error(trace["reconstruction"], batch.x)
        n_entries = math.prod(batch.x.shape[1:])
        if self.variance is not None:
            return gaussian_nll(error, n_entries * self.variance, n_entries)
        total_variance = optimal_total_variance(error, batch.sample_weight)
        return gaussian_nll(error, total_variance, n_entries)


@dataclass(frozen=True)
class BernoulliLikelihood:
    """Negative log-likelihood of inputs in [0, 1] under the reconstructed probabilities."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("reconstruction_logits",)

    def __call__(self, trace: Trace, batch: Batch) -> Tensor:
        return bernoulli_nll(trace["reconstruction_logits"], batch.x)


Likelihood = SquaredError | GaussianLikelihood | BernoulliLikelihood

# By name, for networks whose code is no distribution: there, a Gaussian likelihood of any
# fixed variance has the same minimum as the squared error.
PLAIN_LIKELIHOODS: dict[str, Likelihood] = {
    "gaussian": SquaredError(),
    "bernoulli": BernoulliLikelihood(),
}
