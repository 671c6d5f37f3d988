"""Which features are found again, and what a filter for stable ones is worth.

On the four tables that choose defaults. Part ``stability``: `feature_stability` of the
default VAE over seeds, folds and bootstrap samples, and of the default autoencoder over
seeds, 16 units each; a row is a layer, or as many principal components or random
projections. Part ``filter``: `StableFeatures` in outer folds, with the code and with
the layer before it; a row is the ROC AUC of a logistic regression (L2, C = 0.1) behind one
threshold, beside no filter (-1), as many columns by their variance in place of their
stability, and PCA. ``icc_promised`` is the mean stability of the columns that are kept, as
the filter has it of the training rows; ``icc_kept`` that of the same columns on the test
rows of the fold, between the network that is kept and one of another seed, of the same
training rows. The figures in the guide are of four folds. Writes
``results/feature_stability.csv`` and
``results/stable_features.csv``; takes about four minutes of one core.

    python benchmarks/feature_stability.py $SKVAE_TEST_DATA/radmlbench [--folds 5]
"""

import argparse
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from harness import one_thread, write_csv
from layer_features import auc, load_table
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import Autoencoder, StableFeatures, VAEFeatureExtractor
from skvae.inspection import feature_stability
from skvae.statistics.code_alignment import aligned_agreement

TABLES = ("Arita2018", "Dong2022", "Huang2023", "LGG-1p19qDeletion")
THRESHOLDS = (-1.0, 0.5, 0.75, 0.9)
N_REPEATS = 3
# Each network is trained once, whatever is read of it and however it is compared.
KEPT = TemporaryDirectory()
HOW = {"random_state": 0, "n_threads": 1, "device": "cpu", "memory": KEPT.name}
VAE, AUTOENCODER = VAEFeatureExtractor(16, **HOW), Autoencoder(16, **HOW)


def stability(data, X):
    """Yield a row per network, way of repeating, and layer or reference."""
    asked = [(VAE, over) for over in ("seed", "fold", "bootstrap")]
    for network, over in [*asked, (AUTOENCODER, "seed")]:
        for align in ("orthogonal", "matching") if over == "seed" else ("orthogonal",):
            found = feature_stability(
                make_pipeline(StandardScaler(), network),
                X,
                over=over,
                align=align,
                n_repeats=N_REPEATS,
                layers=["hidden_1", network.layer],
            )
            about = {
                "data": data,
                "network": type(network).__name__,
                "over": over,
                "align": align,
                "random_state": 0,
                "n_repeats": N_REPEATS,
            }
            for row in found.table().round(4).to_dict("records"):
                yield about | row


def on_test_rows(layer, kept, X, train, test, seed=1):
    """Return the ICC of each column with a network of another seed, on rows of neither."""
    network = clone(VAE).set_params(layer=layer, random_state=seed)
    other = make_pipeline(StandardScaler(), network).fit(X[train]).transform(X)
    rows = np.concatenate([train, test])
    codes = kept.transform(X)
    return aligned_agreement(codes[rows], other[rows], len(train), "orthogonal")


def filtered(data, X, y, n_folds):
    """Yield a row per fold, layer and way of choosing columns."""
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(folds.split(X, y)):
        for layer in ("mean", "hidden_1"):
            held = make_pipeline(StandardScaler(), clone(VAE).set_params(layer=layer))
            stable = StableFeatures(
                held, threshold=-1, n_repeats=N_REPEATS, random_state=0
            ).fit(X[train])
            promised = stable.stability_
            kept = on_test_rows(layer, stable.estimator_, X, train, test)
            code = stable.transform(X)
            variance = code[train].var(axis=0)
            about = {"data": data, "fold": fold, "layer": layer, "seed": 0}
            for threshold in THRESHOLDS:
                chosen = promised >= threshold
                n = int(chosen.sum())
                if not n:
                    yield about | {"columns": "stable", "threshold": threshold, "n": 0}
                    continue
                yield about | {
                    "columns": "stable",
                    "threshold": threshold,
                    "n": n,
                    "auc": round(auc(code[:, chosen], y, train, test), 4),
                    "icc_promised": round(float(promised[chosen].mean()), 4),
                    "icc_kept": round(float(np.nanmean(kept[chosen])), 4),
                }
                largest = np.argsort(-variance)[:n]
                yield about | {
                    "columns": "of largest variance",
                    "threshold": threshold,
                    "n": n,
                    "auc": round(auc(code[:, largest], y, train, test), 4),
                }
        scaled = StandardScaler().fit(X[train]).transform(X)
        pca = PCA(16, random_state=0).fit(scaled[train]).transform(scaled)
        score = round(auc(pca, y, train, test), 4)
        yield {
            "data": data,
            "fold": fold,
            "layer": "",
            "columns": "PCA",
            "n": 16,
            "auc": score,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of radMLBench tables")
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    found, chosen = [], []
    for data in TABLES:
        X, y = load_table(arguments.folder / f"{data}.gz")
        found += stability(data, X)
        chosen += filtered(data, X, y.to_numpy(), arguments.folds)
    write_csv("feature_stability", found)
    write_csv("stable_features", chosen)
    frame = pd.DataFrame(found)
    by = ["network", "over", "align", "is_reference", "layer"]
    # References of the code's size alone: those of the wider layer have other sizes.
    frame = frame[~frame["is_reference"] | (frame["n_features"] == 16)]
    numbers = ["icc", "chance", "n_good", "cka", "angle", "angle_by_chance"]
    print(frame.groupby(by, sort=False)[numbers].mean().round(3).to_string())
    frame = pd.DataFrame(chosen).fillna({"threshold": -9})
    by = ["layer", "columns", "threshold"]
    numbers = ["n", "auc", "icc_promised", "icc_kept"]
    means = frame.groupby([*by, "data"], sort=False)[numbers].mean()
    print("\n" + means.groupby(by, sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
