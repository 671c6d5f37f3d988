"""How far a reconstruction is from its target, one value per sample."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skvae.objectives.batch import Batch, Trace
from skvae.objectives.weighting import quotient, weighted_mean

# Below this, a total variance divides by nothing that float32 can tell from zero.
SMALLEST_VARIANCE = 1e-8
# Stages that are 0 at entries which the reconstruction does not count: what is not known,
# and what a network says that it shall not.
OBSERVED, COUNTED = "observed", "counted"


def counted_in(trace: Trace) -> Tensor | None:
    """Return where entries count in the reconstruction; None where all do."""
    masks = [trace[stage] > 0 for stage in (OBSERVED, COUNTED) if stage in trace]
    return torch.stack(masks).all(dim=0) if masks else None


def left_out_by(counted: Tensor | None, error: Tensor) -> Tensor | None:
    """Return the share 1 - m/d of each sample's entries that do not count."""
    if counted is None:
        return None
    return (~counted).to(error.dtype).flatten(1).mean(dim=1)


def squared_error(
    prediction: Tensor, target: Tensor, counted: Tensor | None = None
) -> Tensor:
    """Sum of squares over the entries of a sample that count: sum_j (x_j - x̂_j)².

    The others may be NaN: they are taken to be as predicted, so that their error and its
    gradient are 0. (A weight of 0 would not do: 0 times NaN is NaN.)
    """
    if counted is not None:
        target = target.where(counted, prediction.detach())
    # Its gradient is one pass over the entries.
    error = nn.functional.mse_loss(prediction, target, reduction="none")
    return error.sum(dim=tuple(range(1, error.ndim)))


def gaussian_nll(
    error: Tensor,
    total_variance: Tensor | float,
    n_entries: int,
    left_out: Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of N(x̂, sigma² I): d/2 (e / t + log 2 pi t / d).

    ``error`` is e = ‖x - x̂‖², the squared error of each sample; ``n_entries`` is d and
    ``total_variance`` is t = d sigma², what the decoder expects e to be. Where m of the d
    entries count, the share 1 - m/d being ``left_out``, it is that of these alone, since
    they are independent given the code: e / (2 sigma²) + m/2 log 2 pi sigma². Mattei &
    Frellsen (2019), MIWAE: deep generative modelling and imputation of incomplete data
    sets, ICML; Nazabal et al. (2020), Handling incomplete heterogeneous data
    using VAEs, Pattern Recognition 107.
    """
    if not isinstance(total_variance, Tensor):
        total_variance = torch.tensor(
            total_variance, dtype=error.dtype, device=error.device
        )
    half = n_entries / 2
    constant = half * (total_variance.log() + math.log(2 * math.pi / n_entries))
    if left_out is not None:
        constant = constant * (1 - left_out)
    return error * (half / total_variance) + constant


def bernoulli_nll(logits: Tensor, target: Tensor, counted: Tensor | None = None) -> Tensor:
    """Negative log-likelihood of Bernoulli(sigmoid l): sum_j log(1 + e^l_j) - x_j l_j.

    The sum is over the entries that count; the others may be NaN.
    """
    if counted is not None:
        target = target.where(counted, 0.0)
    entropy = nn.functional.binary_cross_entropy_with_logits(
        logits, target, reduction="none"
    )
    if counted is not None:
        entropy = entropy.where(counted, 0.0)
    return entropy.sum(dim=tuple(range(1, entropy.ndim)))


def optimal_total_variance(
    error: Tensor, weight: Tensor | None = None, left_out: Tensor | None = None
) -> Tensor:
    """Most likely total variance of a Gaussian decoder: the (weighted) mean of ``error``.

    Rybkin, Daniilidis & Levine (2021), Simple and effective VAE training with
    calibrated decoders, ICML, eq. 5. Where a share of the entries is ``left_out``, the
    mean is over those that count: sigma² = sum_i e_i / sum_i m_i, so that each of them
    counts alike, and a sample as many times as it has of them.
    """
    total = weighted_mean(error.detach(), weight)
    if left_out is not None:
        total = quotient(total, 1 - weighted_mean(left_out, weight))
    return total.clamp(min=SMALLEST_VARIANCE)


@dataclass(frozen=True)
class SquaredError:
    """The squared error of each sample times a factor, by default half: ‖x - x̂‖² / 2."""

    factor: float = 0.5

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("reconstruction",)

    def __call__(self, trace: Trace, batch: Batch) -> Tensor:
        counted = counted_in(trace)
        return self.factor * squared_error(trace["reconstruction"], batch.x, counted)


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
        counted = counted_in(trace)
        error = squared_error(trace["reconstruction"], batch.x, counted)
        left_out = left_out_by(counted, error)
        n_entries = math.prod(batch.x.shape[1:])
        if self.variance is not None:
            return gaussian_nll(error, n_entries * self.variance, n_entries, left_out)
        total_variance = optimal_total_variance(error, batch.sample_weight, left_out)
        return gaussian_nll(error, total_variance, n_entries, left_out)


@dataclass(frozen=True)
class BernoulliLikelihood:
    """Negative log-likelihood of inputs in [0, 1] under the reconstructed probabilities."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("reconstruction_logits",)

    def __call__(self, trace: Trace, batch: Batch) -> Tensor:
        logits, counted = trace["reconstruction_logits"], counted_in(trace)
        return bernoulli_nll(logits, batch.x, counted)


Likelihood = SquaredError | GaussianLikelihood | BernoulliLikelihood

# By name, for networks whose code is no distribution: there, a Gaussian likelihood of any
# fixed variance has the same minimum as the squared error.
PLAIN_LIKELIHOODS: dict[str, Likelihood] = {
    "gaussian": SquaredError(),
    "bernoulli": BernoulliLikelihood(),
}
