"""Objectives that two or more kinds share."""

from dataclasses import dataclass

from torch import Tensor

from skvae.objectives.batch import Batch, Terms, Trace
from skvae.objectives.divergence import free_bits_kl, gaussian_kl
from skvae.objectives.numbers import number
from skvae.objectives.reconstruction import GaussianLikelihood, Likelihood, SquaredError


@dataclass(frozen=True)
class Reconstruction:
    """Objective of a plain autoencoder: the reconstruction alone."""

    likelihood: Likelihood = SquaredError()

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return self.likelihood.stages

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        return {"reconstruction": self.likelihood(trace, batch)}


@dataclass(frozen=True)
class BetaELBO:
    """Negative ELBO with a weighted divergence: -log p(x|z) + beta KL(q(z|x) ‖ N(0, I)).

    Higgins et al. (2017), beta-VAE, ICLR, eq. 4; beta = 1 is Kingma & Welling (2014),
    eq. 3.

    Parameters
    ----------
    beta : float
        Weight of the divergence.
    kl_warmup : float
        Share of the training budget over which the weight rises linearly from zero.
    free_bits : float
        Nats that every latent unit has for free.
    likelihood : Likelihood
        The reconstruction term.
    counted_entries : int, optional
        A sample of more entries counts in the reconstruction as one of so many.
    """

    beta: float = number(1.0)
    kl_warmup: float = 0.0
    free_bits: float = 0.0
    likelihood: Likelihood = GaussianLikelihood()
    counted_entries: int | None = None

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("mean", "log_var", *self.likelihood.stages)

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        divergence = self.divergence(trace, batch.sample_weight)
        divergence = self.weight(batch.progress) * divergence
        reconstruction = self.likelihood(trace, batch)
        n_entries = batch.x[0].numel()
        if self.counted_entries is not None and n_entries > self.counted_entries:
            reconstruction = self.counted_entries / n_entries * reconstruction
        return {"reconstruction": reconstruction, "divergence": divergence}

    def divergence(self, trace: Trace, weight: Tensor | None = None) -> Tensor:
        """Return the unweighted divergence of each sample."""
        mean, log_var = trace["mean"], trace["log_var"]
        if self.free_bits:
            return free_bits_kl(mean, log_var, self.free_bits, weight)
        return gaussian_kl(mean, log_var)

    def weight(self, progress: Tensor | float) -> Tensor | float:
        """Return beta after its warm-up at ``progress``."""
        if not self.kl_warmup:
            return self.beta
        done = progress / self.kl_warmup
        return self.beta * (
            done.clamp(max=1.0) if isinstance(done, Tensor) else min(done, 1.0)
        )
