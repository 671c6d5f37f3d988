"""A linear autoencoder against PCA: whether it spans the same subspace.

Without hidden layers the best reconstruction is PCA's (Baldi & Hornik, 1989, Neural
networks and principal component analysis), so the decoder's columns should span the
principal subspace. Rows are solvers, ``lbfgs``, and ``adam`` with its default budget and
ten times that; columns the largest principal angle to PCA's components (degrees), the
mean squared error as a share of PCA's, the epochs and the CPU seconds of one thread.
``gap`` is the first eigenvalue left out as a share of the last one kept: the nearer to
1, the harder the subspace is to find, and the less it matters for the error.

Digits are scaled to [0, 1] and not centred: the decoder's bias does what PCA's mean does.
Tables, if a folder is given, are standardised.

Writes ``results/linear_pca.csv`` and ``results/linear_pca.png``.

    python benchmarks/linear_pca.py [$SKVAE_TEST_DATA/radmlbench] [--max-iter 3000]
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import Panel, cpu_seconds, one_thread, plot, print_table, write_csv
from layer_features import load_table
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skvae import Autoencoder

ADAM_EPOCHS = (100, 1000)
TABLES = ("NSCLC-Radiogenomics", "Huang2023")
ANGLE_MARK = 2.0


def data_sets(folder: Path | None) -> Iterator[tuple[str, np.ndarray]]:
    yield "digits", (load_digits().data / 16).astype(np.float32)
    for name in TABLES if folder is not None else ():
        X, _ = load_table(folder / f"{name}.gz")
        yield name, StandardScaler().fit_transform(X).astype(np.float32)


def decoder_columns(autoencoder: Autoencoder) -> np.ndarray:
    """Images of the code's unit vectors, without the bias: one per column."""
    n = autoencoder.n_components
    bias = autoencoder.inverse_transform(np.zeros((1, n)))
    columns = autoencoder.inverse_transform(np.eye(n)) - bias
    return columns.T.astype(np.float64)


def compare(X: np.ndarray, n_components: int, solver: str, max_iter: int) -> dict:
    pca = PCA(n_components, svd_solver="full").fit(X)
    variances = PCA(n_components + 1, svd_solver="full").fit(X).explained_variance_
    autoencoder = Autoencoder(
        n_components,
        hidden_layer_sizes=(),
        solver=solver,
        max_iter=max_iter,
        device="cpu",
        random_state=0,
    )
    seconds = cpu_seconds(lambda: autoencoder.fit(X))
    angles = subspace_angles(decoder_columns(autoencoder), pca.components_.T)
    errors = [
        np.square(reconstruction - X, dtype=np.float64).mean()
        for reconstruction in (
            autoencoder.reconstruct(X),
            pca.inverse_transform(pca.transform(X)),
        )
    ]
    return {
        "gap": round(float(variances[-1] / variances[-2]), 4),
        "max_angle": round(float(np.rad2deg(angles.max())), 4),
        "mse_ratio": round(float(errors[0] / errors[1]), 6),
        "n_epochs": autoencoder.n_iter_,
        "cpu_seconds": round(seconds, 2),
    }


def panel(rows: list[dict], n_components: int) -> Panel:
    rows = [row for row in rows if row["n_components"] == n_components]
    return Panel(
        f"Linear autoencoder of {n_components} components",
        [f"{row['data']}, {row['solver']}, {row['n_epochs']} epochs" for row in rows],
        [row["max_angle"] for row in rows],
        "largest principal angle to PCA's subspace (degrees)",
        ANGLE_MARK,
        log=True,
        ours="lbfgs",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="folder of radMLBench tables")
    parser.add_argument("--max-iter", type=int, default=3000, help="epochs of lbfgs")
    arguments = parser.parse_args()
    one_thread()
    budgets = [("lbfgs", arguments.max_iter), *(("adam", n) for n in ADAM_EPOCHS)]
    rows = []
    for name, X in data_sets(arguments.folder):
        for n_components in (8, 20):
            for solver, max_iter in budgets:
                row = {"data": name, "n_rows": X.shape[0], "n_features": X.shape[1]}
                row |= {"n_components": n_components, "solver": solver}
                rows.append(row | compare(X, n_components, solver, max_iter))
    print_table(rows)
    write_csv("linear_pca", rows)
    plot("linear_pca", [panel(rows, n_components) for n_components in (8, 20)])


if __name__ == "__main__":
    main()
