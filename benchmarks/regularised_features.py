"""Features of sparse and denoising autoencoders beside PCA and VAE at equal size.

Six radiomics tables, the same stratified folds for all; scaler, features and a logistic
regression (L2, C = 0.1) are fitted inside the fold, with default parameters but for the
size. Writes ``results/regularised_features.csv`` (a row per table, fold and features)
and prints the mean AUC of each, and how often it is above PCA's.

    python benchmarks/regularised_features.py $SKVAE_TEST_DATA/radmlbench
"""

import argparse
from pathlib import Path

import pandas as pd
from layer_features import RESULTS, TABLES, auc, load_table
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.preprocessing import StandardScaler

from skvae import DenoisingAutoencoder, SparseAutoencoder, VAEFeatureExtractor


def kinds(n_components: int) -> dict[str, BaseEstimator]:
    """Return what is compared, all of the same size."""
    shared = {"n_components": n_components, "random_state": 0, "n_threads": 1}
    sparse = {
        sparsity: SparseAutoencoder(sparsity=sparsity, k=n_components // 4, **shared)
        for sparsity in ("kl", "l1", "topk", "batch_topk", "jumprelu")
    }
    return {
        "pca": PCA(n_components, random_state=0),
        "vae": VAEFeatureExtractor(**shared),
        **{f"sparse {name}": estimator for name, estimator in sparse.items()},
        "denoising": DenoisingAutoencoder(**shared),
        "denoising, masking": DenoisingAutoencoder(corruption="masking", **shared),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of radMLBench tables")
    parser.add_argument("--components", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    rows = []
    for table in TABLES:
        X, y = load_table(arguments.folder / f"{table}.gz")
        y = y.to_numpy()
        splits = RepeatedStratifiedKFold(
            n_splits=5, n_repeats=arguments.repeats, random_state=0
        )
        for fold, (train, test) in enumerate(splits.split(X, y)):
            scaled = StandardScaler().fit(X[train]).transform(X)
            for name, kind in kinds(arguments.components).items():
                Z = kind.fit(scaled[train]).transform(scaled)
                score = auc(Z, y, train, test)
                rows.append({"data": table, "fold": fold, "features": name, "auc": score})
        print(table, flush=True)
    frame = pd.DataFrame(rows)
    frame.to_csv(RESULTS / "regularised_features.csv", index=False)
    names = list(kinds(arguments.components))
    mean = frame.pivot_table(index="data", columns="features", values="auc")[names]
    print(mean.round(3).T.to_string())
    summary = pd.DataFrame({"mean AUC": mean.mean()})
    summary["tables above PCA"] = mean.gt(mean["pca"], axis=0).sum()
    print(summary.round(3).to_string())


if __name__ == "__main__":
    main()
