"""What variance should a Gaussian decoder have? Unit, learned by steps, or most likely.

The balance between reconstruction and divergence hangs on it. Compared are a unit
variance, one learned as a parameter of the network (its logarithm moves by the learning
rate), and the most likely variance of each batch, which is skvae's default (Rybkin et
al., 2021). Writes ``results/decoder_variance.csv`` and prints active units and the
cross-validated AUC of the latent means under logistic regression (L2, C = 0.1).

    python benchmarks/decoder_variance.py $SKVAE_TEST_DATA/radmlbench
"""

import argparse
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from layer_features import RESULTS, auc, load_table
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from skvae import VAEFeatureExtractor
from skvae.exceptions import PosteriorCollapseWarning
from skvae.networks.builder import Builder
from skvae.networks.dense import DenseAutoencoder
from skvae.objectives.elbo import BetaELBO
from skvae.objectives.reconstruction import GaussianLikelihood, squared_error


class WithLogVariance(DenseAutoencoder):
    """A dense network with the logarithm of its decoder's variance as a parameter."""

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self.log_variance = torch.nn.Parameter(torch.zeros(()))

    def decode(self, code, noise=None):
        yield from super().decode(code, noise)
        yield "log_variance", self.log_variance.expand(len(code), 1)


@dataclass(frozen=True)
class ParameterLikelihood:
    """Gaussian likelihood with the variance that the network holds."""

    def __call__(self, trace, batch):
        log_variance = trace["log_variance"][:, 0]
        error = squared_error(trace["reconstruction"], batch.x)
        d = math.prod(batch.x.shape[1:])
        return 0.5 * (
            error / log_variance.exp() + d * (log_variance + math.log(2 * math.pi))
        )


class UnitVariance(VAEFeatureExtractor):
    """beta-VAE as it is usually written: half the squared error."""

    def _objective(self, learned):
        return BetaELBO(self.beta, likelihood=GaussianLikelihood(1.0))


class ParameterVariance(VAEFeatureExtractor):
    """The variance moves with the other parameters."""

    def _network_builder(self, sample_shape, learned):
        dense = super()._network_builder(sample_shape, learned)
        return Builder(WithLogVariance, **dict(dense.kwargs))

    def _objective(self, learned):
        return BetaELBO(self.beta, likelihood=ParameterLikelihood())


KINDS = {
    "unit": UnitVariance,
    "parameter": ParameterVariance,
    "most likely": VAEFeatureExtractor,
}


def compare(name, X, y, n_components, scale):
    for fold, (train, test) in enumerate(
        StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)
    ):
        rows = StandardScaler().fit(X[train]).transform(X) if scale else X
        for variance, kind in KINDS.items():
            vae = kind(n_components, random_state=0, n_threads=1).fit(rows[train])
            yield {
                "data": name,
                "n_components": n_components,
                "fold": fold,
                "variance": variance,
                "active_units": vae.active_units_,
                "auc": auc(vae.transform(rows), y, train, test),
            }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of radMLBench tables")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", PosteriorCollapseWarning)
    digits = load_digits()
    rows = list(compare("digits", digits.data / 16, digits.target, 20, False))
    for name in ("NSCLC-Radiogenomics", "Arita2018", "Dong2022"):
        X, y = load_table(arguments.folder / f"{name}.gz")
        rows += compare(name, X, y.to_numpy(), 20, True)
    frame = pd.DataFrame(rows)
    frame.to_csv(RESULTS / "decoder_variance.csv", index=False)
    table = frame.pivot_table(
        index="data", columns="variance", values=["active_units", "auc"]
    )
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
