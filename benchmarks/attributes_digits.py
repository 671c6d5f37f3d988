"""Real strokes: six measures of handwritten digits in latent units of their own.

4,000 digits of MNIST with the measures of Morpho-MNIST (Castro et al., 2019) to train
on, 1,000 to score; beside the same model without the term, and the published values of
AR-VAE on Morpho-MNIST (Pati & Lerch, 2021: the first of their runs, read off their
figures). ``--factor 2`` doubles the images. Writes ``results/attributes_digits.csv``.

    python benchmarks/attributes_digits.py $SKVAE_TEST_DATA/mnist [--epochs 100]
"""

from pathlib import Path

import numpy as np
import pandas as pd
from attribute_scores import arguments_of, fit, own_units, report, scores

NAMES = ["area", "length", "thickness", "slant", "width", "height"]
PUBLISHED = [
    {"model": "AR-VAE", "scc": 0.946, "interpretability": 0.839, "mig": 0.124,
     "sap_sampled": 0.529, "pixel_accuracy": 0.968},
    {"model": "beta-VAE(4)", "scc": 0.621, "interpretability": 0.407, "mig": 0.030,
     "sap_sampled": 0.288, "pixel_accuracy": 0.937},
]  # fmt: skip


def load(folder, factor):
    """Return shuffled images in [0, 1], digits and measures."""
    table = pd.read_csv(folder / "mnist_5k.csv.gz", header=None).to_numpy()
    measures = pd.read_csv(folder / "mnist_5k_morpho.csv.gz").set_index("index")
    images = (table[:, :784] / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    images = images.repeat(factor, axis=2).repeat(factor, axis=3)
    order = np.random.default_rng(0).permutation(len(images))
    A = measures.sort_index()[NAMES].to_numpy()
    return images[order], table[order, 784], A[order]


def main():
    parser = arguments_of(__doc__, epochs=100)
    parser.add_argument("folder", type=Path, help="folder of the digits")
    parser.add_argument("--factor", type=int, default=1, help="enlarge the images")
    parser.add_argument("--train", type=int, default=4000)
    arguments = parser.parse_args()
    X, digit, A = load(arguments.folder, arguments.factor)
    n = arguments.train
    rows = []
    for seed in range(arguments.seeds):
        for model, parameters in {
            "AttriVAE": {},
            "same without the term": {"gamma": 0.0},
        }.items():
            estimator, cost = fit(
                arguments, X[:n], digit[:n], A[:n], random_state=seed, **parameters
            )
            rows.append(
                {"model": model, "size": X.shape[-1], "seed": seed}
                | scores(estimator, X[n:], A[n:])
                | own_units(estimator, X[n:], A[n:], NAMES)
                | {"accuracy": round(estimator.score(X[n:], digit[n:]), 3)}
                | cost
            )
    ours, plain = rows[:2]
    bars = {
        "own-unit Spearman 0.97": ours["own_unit"] >= 0.97,
        "own-unit Spearman 0.985 (aim)": ours["own_unit"] >= 0.985,
        "pixel accuracy within 0.005": ours["pixel_accuracy"]
        >= plain["pixel_accuracy"] - 0.005,
        "MSE at most 1.10 times that without": ours["mse"] <= 1.10 * plain["mse"],
    }
    report("attributes_digits", rows, PUBLISHED, bars)


if __name__ == "__main__":
    main()
