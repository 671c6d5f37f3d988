"""Features of each layer of the default VAE against PCA, on digits and radiomics tables.

The same patient-free folds for all; scaler, features and a logistic regression (L2,
C = 0.1) are fitted inside the fold. Writes ``results/layer_features.csv`` (a row per
data set, fold and features) and prints the mean AUC of each.

    python benchmarks/layer_features.py $SKVAE_TEST_DATA/radmlbench [--components 20]
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import Autoencoder, VAEFeatureExtractor

RESULTS = Path(__file__).parent / "results"
# Meningioma-SEG-CLASS and NSCLC-Radiogenomics were used to choose the defaults.
TABLES = (
    "Arita2018",
    "Dong2022",
    "Huang2023",
    "LGG-1p19qDeletion",
    "Veeraraghavan2020",
    "Zhang2024B",
)


def load_table(path):
    table = pd.read_csv(path, compression="gzip")
    return table.drop(columns=["ID", "Target"]).to_numpy(np.float32), table["Target"]


def auc(features, y, train, test):
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))
    probability = classifier.fit(features[train], y[train]).predict_proba(features[test])
    if probability.shape[1] == 2:
        return roc_auc_score(y[test], probability[:, 1])
    return roc_auc_score(y[test], probability, multi_class="ovr")


def features_of_fold(X, train, n_components, scale, **parameters):
    """Yield the name, the features of all rows and the number of active units."""
    X = StandardScaler().fit(X[train]).transform(X) if scale else X
    yield "raw", X, np.nan
    yield "pca", PCA(n_components, random_state=0).fit(X[train]).transform(X), np.nan
    vae = VAEFeatureExtractor(n_components, random_state=0, n_threads=1, **parameters)
    vae.fit(X[train])
    for layer in ("mean", "hidden_1"):
        yield f"vae {layer}", vae.set_params(layer=layer).transform(X), vae.active_units_
    autoencoder = Autoencoder(n_components, random_state=0, n_threads=1, **parameters)
    yield "autoencoder code", autoencoder.fit(X[train]).transform(X), np.nan


def compare(name, X, y, n_components, n_repeats, scale, **parameters):
    rows = []
    splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=n_repeats, random_state=0)
    for fold, (train, test) in enumerate(splits.split(X, y)):
        for features, Z, active in features_of_fold(
            X, train, n_components, scale, **parameters
        ):
            rows.append(
                {
                    "data": name,
                    "n_components": n_components,
                    "fold": fold,
                    "features": features,
                    "auc": auc(Z, y, train, test),
                    "active_units": active,
                }
            )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of radMLBench tables")
    parser.add_argument("--components", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    arguments = parser.parse_args()

    digits = load_digits()
    rows = []
    for n_components in (8, 20):
        rows += compare("digits", digits.data / 16, digits.target, n_components, 1, False)
    for name in arguments.tables:
        X, y = load_table(arguments.folder / f"{name}.gz")
        rows += compare(
            name, X, y.to_numpy(), arguments.components, arguments.repeats, True
        )
    frame = pd.DataFrame(rows)
    RESULTS.mkdir(exist_ok=True)
    frame.to_csv(RESULTS / "layer_features.csv", index=False)

    mean = frame.pivot_table(
        index=["data", "n_components"], columns="features", values="auc"
    )
    mean["active units"] = frame.groupby(["data", "n_components"]).active_units.mean()
    print(mean.round(3).to_string())
    print("\nmean over data sets\n" + mean.mean().round(3).to_string())


if __name__ == "__main__":
    main()
