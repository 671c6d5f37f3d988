"""Sparse reconstruction of the windows of an image at several scales."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from skvae.objectives.batch import Batch, Terms, Trace
from skvae.objectives.reconstruction import PLAIN_LIKELIHOODS, Likelihood
from skvae.objectives.sparsity import QuietUnits, population_activity


@dataclass(frozen=True)
class SparseScales:
    """Reconstruction of windows from a code with lifetime and population sparsity.

    Terms are means over a window's values, over positions and over the scales, which
    count alike, so that the size of neither windows, patches nor images shifts the
    balance.

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

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("code", "window", *(f"window_{stage}" for stage in self.likelihood.stages))

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        scales = list(by_scale(trace))
        terms = {"reconstruction": mean_of([self.per_value(each) for each in scales])}
        if self.lifetime is not None:
            terms["lifetime"] = self.lifetime(trace)
        if self.population_weight:
            shares = [population_activity(stages["code"]) for stages in scales]
            terms["population"] = self.population_weight * mean_of(shares)
        return terms

    def per_value(self, trace: Trace) -> Tensor:
        """Return the reconstruction term of each sample, per value of its windows."""
        window = trace["window"]
        return self.likelihood(trace, Batch(window)) / window[0].numel()


def by_scale(trace: Trace) -> Iterator[Trace]:
    """Yield the code, the windows and their reconstruction of each scale."""
    names = {
        "code": "code",
        "window": "window",
        "window_reconstruction": "reconstruction",
        "window_reconstruction_logits": "reconstruction_logits",
    }
    for stage in trace:
        if stage.partition("_scale_")[0] == "window":
            end = stage.removeprefix("window")
            yield {names[s]: trace[s + end] for s in names if s + end in trace}


def mean_of(terms: list[Tensor]) -> Tensor:
    """Mean of the terms of all scales."""
    return torch.stack(terms).mean(dim=0)
