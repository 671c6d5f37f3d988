"""Which term keeps units from attributes that are not theirs, and at which weight.

Candidates, each at some factors of gamma: the squared correlation of units with ranks
(`attribute_leakage`), the normalised HSIC of units and ranks under Gaussian kernels
(Gretton et al., 2005; Cortes et al., 2012, centred alignment), and the total correlation
of the code by minibatch-weighted sampling (Chen et al., 2018, beta-TCVAE). Phantoms are
others than in ``attribute_leakage.py``, with an age that goes with volume and grey level;
nodules are those of its training patients, in three folds. Scores are of rows that a
network has not seen: means over attributes and seeds or folds. Writes
``results/leakage_candidates.csv``.

    python benchmarks/leakage_candidates.py $SKVAE_TEST_DATA [--data 40 150 600 lidc]
"""

import argparse
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
from attribute_leakage import N_UNSEEN, NODULES, fitted, nodules, of_phantoms, scored
from harness import print_table, write_csv
from sklearn.model_selection import GroupKFold
from torch.nn.functional import pad

from skvae import AttriVAE
from skvae.datasets import make_lesions
from skvae.objectives.attributes import AttributeELBO

CASES = (
    ("none", 0.0),
    *(("correlation", weight) for weight in (0.0025, 0.005, 0.01, 0.02)),
    *(("hsic", weight) for weight in (0.005, 0.02)),
    ("total", 0.5),
)
# Of each number of phantoms; the largest take minutes.
SEEDS = {"40": 3, "150": 2, "600": 1}
FIRST_SEED = 100


def ranks(attributes):
    """Return the centred ranks of complete attributes."""
    return (attributes[:, None] - attributes[None]).sign().sum(dim=1)


def kernels(columns):
    """Return a centred Gaussian kernel of the rows, for each standardised column."""
    columns = (columns - columns.mean(dim=0)) / (columns.var(dim=0) + 1e-4).sqrt()
    kernel = torch.exp(-0.5 * (columns[:, None] - columns[None]).square())
    means = kernel.mean(dim=0, keepdim=True), kernel.mean(dim=1, keepdim=True)
    return kernel - means[0] - means[1] + kernel.mean(dim=(0, 1))


def dependence(units, attributes):
    """Return the normalised HSIC of each attribute with all units but its own."""
    known, of_units = kernels(ranks(attributes)), kernels(units)
    crossed = torch.einsum("ijk,ijd->kd", known, of_units)
    lengths = known.square().sum(dim=(0, 1)), of_units.square().sum(dim=(0, 1))
    aligned = crossed / (lengths[0][:, None] * lengths[1] + 1e-8).sqrt()
    own = torch.eye(attributes.shape[1])
    return (aligned * (1 - pad(own, (0, units.shape[1] - len(own))))).sum()


def total_correlation(trace):
    """Return log q(z) - sum_j log q(z_j), up to a constant, averaged over a batch."""
    z, mean, log_var = (trace[name] for name in ("z", "mean", "log_var"))
    squares = (z[:, None] - mean[None]).square() / log_var.exp()[None]
    densities = -0.5 * (squares + log_var[None] + math.log(2 * math.pi))
    joint = densities.sum(dim=2).logsumexp(dim=1)
    return (joint - densities.logsumexp(dim=1).sum(dim=1)).mean()


@dataclass(frozen=True)
class OtherLeakage(AttributeELBO):
    """The objective with another leakage term.

    Parameters
    ----------
    candidate : {"correlation", "hsic", "total"}
        The term.
    """

    candidate: str = "correlation"

    def known_elsewhere(self, trace, batch):
        if self.candidate == "hsic":
            return self.gamma * self.leakage * dependence(trace["mean"], batch.attributes)
        if self.candidate == "total":
            return self.gamma * self.leakage * total_correlation(trace)
        return super().known_elsewhere(trace, batch)


class Candidate(AttriVAE):
    """AttriVAE with another leakage term.

    Parameters
    ----------
    candidate : {"correlation", "hsic", "total"}, default="correlation"
        The term.
    """

    candidate: Annotated[Any, str] = "correlation"

    def _objective(self, learned):
        given = super()._objective(learned)
        values = {field.name: getattr(given, field.name) for field in fields(given)}
        return OtherLeakage(**values, candidate=self.candidate)


def visible_age(n, seed):
    """Return phantoms whose age shows in volume and grey level, but for noise."""
    made = make_lesions(n + N_UNSEEN, size=16, random_state=seed)
    volume, _, grey, _ = (made.attributes / made.attributes.std(axis=0)).T
    noise = np.random.default_rng(seed).normal(size=len(volume))
    age = 60 + 10 * (0.4 * volume + 0.7 * grey + 0.6 * noise)
    table = pd.DataFrame({"volume": volume, "age": age})
    rows = np.arange(n + N_UNSEEN)
    return made.images, made.target, table, rows[:n], rows[n:]


def trials(name, folder):
    """Yield a seed, and the data with rows to train on and rows to score."""
    if name != "lidc":
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS[name]):
            yield seed, visible_age(int(name), seed)
        return
    X, y, attributes, patients, train, _ = nodules(folder)
    folds = GroupKFold(3, shuffle=True, random_state=0)
    for seed, (some, others) in enumerate(folds.split(train, groups=patients[train])):
        yield seed, (X, y, attributes, train[some], train[others])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the real data")
    parser.add_argument("--data", nargs="*", default=["40", "150", "600", "lidc"])
    arguments = parser.parse_args()
    rows = []
    for name in arguments.data:
        parameters = NODULES if name == "lidc" else of_phantoms(int(name))
        found = trials(name, arguments.folder)
        for seed, (X, y, attributes, train, test) in found:
            for candidate, weight in CASES:
                vae = Candidate(
                    candidate=candidate.replace("none", "correlation"),
                    leakage_weight=weight,
                    random_state=seed,
                    **parameters,
                )
                vae, seconds = fitted(vae, X, y, attributes, train)
                head = {"data": name, "term": candidate, "weight": weight, "seed": seed}
                rows += [
                    head | row | {"fit_seconds": seconds}
                    for row in scored(vae, X[test], attributes.iloc[test])
                ]
            print(f"{name}: {seed}", flush=True)
        write_csv("leakage_candidates", rows)
    keys = ["data", "term", "weight"]
    means = pd.DataFrame(rows).drop(columns=["attribute", "seed"])
    means = means.groupby(keys, sort=False).mean().round(4).reset_index()
    print_table(means.to_dict("records"))


if __name__ == "__main__":
    main()
