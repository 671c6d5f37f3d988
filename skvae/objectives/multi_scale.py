"""Sparse reconstruction of an image at several scales."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from skvae.objectives.batch import Batch, Terms, Trace
from skvae.objectives.reconstruction import PLAIN_LIKELIHOODS, Likelihood
from skvae.objectives.sparsity import QuietUnits, population_activity


@dataclass(frozen=True)
class SparseScales:
    """Reconstruction of each scale from a code with lifetime and population sparsity.

    Terms are means over positions and over the scales, which count alike, so that
    neither the size of the images nor of patches shifts the balance.

    Parameters
    ----------
    likelihood : Likelihood
        The reconstruction term.
    lifetime : QuietUnits, optional
        What units cost that are active too often.
    population_weight : float
        Weight of the share of the units that are active at a position.
    """

    likelihood: Likelihood = PLAIN_LIKELIHOODS["gaussian"]
    lifetime: QuietUnits | None = None
    population_weight: float = 0.0

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        scales = list(by_scale(trace, batch))
        terms = {"reconstruction": mean_of([self.per_position(*each) for each in scales])}
        if self.lifetime is not None:
            terms["lifetime"] = self.lifetime(trace)
        if self.population_weight:
            shares = [population_activity(stages["code"]) for stages, _ in scales]
            terms["population"] = self.population_weight * mean_of(shares)
        return terms

    def per_position(self, trace: Trace, batch: Batch) -> Tensor:
        """Return the reconstruction term of each sample, per position."""
        return self.likelihood(trace, batch) / batch.x[0, 0].numel()


def by_scale(trace: Trace, batch: Batch) -> Iterator[tuple[Trace, Batch]]:
    """Yield for each scale its stages, by their plain names, and its images."""
    yield trace, batch
    for image in trace:
        if image.startswith("image_"):
            end = image.removeprefix("image")
            stages = {s.removesuffix(end): trace[s] for s in trace if s.endswith(end)}
            yield stages, batch._replace(x=stages["image"])


def mean_of(terms: list[Tensor]) -> Tensor:
    """Mean of the terms of all scales."""
    return torch.stack(terms).mean(dim=0)
