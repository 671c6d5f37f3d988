"""What the three attribute benchmarks share: scores of a fitted estimator, and controls."""

import argparse
import time
from collections.abc import Mapping, Sequence

import numpy as np
from harness import print_table, write_csv

from skvae import AttriVAE
from skvae.inspection import (
    interpretability,
    mutual_information_gap,
    separated_attribute_predictability,
    spearman_correlation_score,
)

Row = dict[str, object]


def arguments_of(doc: str, *, epochs: int | None) -> argparse.ArgumentParser:
    """Return a parser of what every attribute benchmark takes."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--seeds", type=int, default=1)
    for name in ("gamma", "delta", "beta", "alpha"):
        parser.add_argument(f"--{name}", type=float, help="instead of the default")
    return parser


def fit(
    arguments: argparse.Namespace,
    X: np.ndarray,
    y: np.ndarray | None,
    attributes: np.ndarray | None,
    n_settling: int = 0,
    **parameters: object,
) -> tuple[AttriVAE, Row]:
    """Fit with what the command line asks for; return the estimator and its seconds.

    ``n_settling`` epochs more have a tenth of the learning rate.
    """
    asked = {
        name: getattr(arguments, name)
        for name in ("gamma", "delta", "beta", "alpha")
        if getattr(arguments, name) is not None
    }
    fixed = {"max_iter": arguments.epochs, "n_threads": 1, "device": "cpu"}
    estimator = AttriVAE(**fixed | asked | parameters, warm_start=n_settling > 0)
    start = time.process_time()
    estimator.fit(X, y, attributes=attributes)
    if n_settling:
        rate = estimator.learning_rate_init / 10
        estimator.set_params(max_iter=n_settling, learning_rate_init=rate)
        estimator.fit(X, y, attributes=attributes)
    return estimator, {"fit_seconds": round(time.process_time() - start, 1)}


def scores(estimator: AttriVAE, X: np.ndarray, A: np.ndarray) -> Row:
    """Score the means, and by SAP the samples, of unseen images."""
    mean = estimator.transform(X)
    sampled = estimator.sample_posterior(X, random_state=0)
    rebuilt = estimator.reconstruct(X)
    own = range(A.shape[1])
    found = {
        "own_unit": spearman_correlation_score(mean, A, units=own),
        "scc": spearman_correlation_score(mean, A),
        "interpretability": interpretability(mean, A, mutual_info="ksg"),
        "mig": mutual_information_gap(mean, A, mutual_info="ksg"),
        "sap_sampled": separated_attribute_predictability(sampled, A),
        "pixel_accuracy": np.mean((rebuilt > 0.5) == (X > 0.5)),
        "mse": np.mean(np.square(rebuilt - X)),
    }
    return {name: round(float(value), 4 + (name == "mse")) for name, value in found.items()}


def own_units(estimator: AttriVAE, X: np.ndarray, A: np.ndarray, names: list[str]) -> Row:
    """Spearman's correlation of each attribute with its own unit."""
    values = spearman_correlation_score(
        estimator.transform(X), A, units=range(A.shape[1]), average=False
    )
    return {
        f"own_{name}": round(float(v), 3) for name, v in zip(names, values, strict=True)
    }


def report(
    name: str, rows: Sequence[Row], published: Sequence[Row], bars: Mapping[str, bool]
) -> None:
    """Write the csv, print it beside what was published, and say what was reached."""
    write_csv(name, rows)
    print_table(rows)
    if published:
        print("\npublished (ar-vae, other networks, and their own data):")
        print_table(published)
    print()
    for bar, reached in bars.items():
        print(f"{bar}: {'reached' if reached else 'not reached'}")
