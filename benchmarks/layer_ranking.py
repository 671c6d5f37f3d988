"""Layers chosen without labels against a search by labels, on tables and X-rays.

On the four tables that choose defaults, and on training rows of PneumoniaMNIST, each
fold of a cross-validation has one default VAE. Every layer's features are standardised
and classified (logistic regression, L2, C = 0.1); a row of the csv is the ROC AUC of one
arm on one fold: each layer alone, all layers side by side, what `rank_layers` chooses
(its first layer, and its set, by either criterion), the two layers that label-free LOES
takes (isotropy less half the largest redundancy), the layer that an inner search by
labels takes (three folds of the training rows, a VAE in each), and as many principal
components as the code has. ``cpu_seconds`` are those of the choice: of the search, its
inner fits; of the rankings, what comes on top of the one fit. Writes
``results/layer_ranking.csv``; takes about four minutes of one core.
The figures in the guide are of four folds.

    python benchmarks/layer_ranking.py $SKVAE_TEST_DATA [--folds 5]
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from harness import one_thread, write_csv
from layer_features import auc, load_table
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from skvae import VAEFeatureExtractor
from skvae.datasets import load_medmnist
from skvae.inspection import rank_layers

TABLES = ("Arita2018", "Dong2022", "Huang2023", "LGG-1p19qDeletion")
N_IMAGES = 300
N_INNER = 3


def cohorts(folder):
    """Yield the name, X and y of each data set, and the network for it."""
    vae = VAEFeatureExtractor(16, random_state=0, n_threads=1, device="cpu")
    for name in TABLES:
        X, y = load_table(folder / "radmlbench" / f"{name}.gz")
        yield name, X, y.to_numpy(), vae
    rays = load_medmnist(folder / "pneumoniamnist" / "pneumoniamnist.npz", "train")
    X, y = rays.images.astype(np.float32) / 255, rays.target.ravel()
    some = np.random.default_rng(0).permutation(len(X))[:N_IMAGES]
    images = vae.set_params(max_iter=40)
    yield "PneumoniaMNIST", X[some], y[some], images


def codes_of(vae, X, train):
    """Return a VAE fitted to training rows, what it was given, and all its layers."""
    if X.ndim == 2:
        X = StandardScaler().fit(X[train]).transform(X)
    vae = clone(vae).fit(X[train])
    names = [row.name for row in vae.list_layers() if row.name != "z"]  # z is the mean
    codes = {name: read(vae, name, X) for name in names}
    return vae, X, codes


def read(vae, layer, X):
    features = vae.set_params(layer=layer).transform(X)
    vae.set_params(layer="mean")
    return features


def loes(codes, k=2, gamma=0.5):
    """Return the layers that Batra et al. (2026) take without labels."""
    centred = {name: x - x.mean(axis=0) for name, x in codes.items()}

    def unevenness(x):
        variances = np.linalg.svd(x, compute_uv=False) ** 2 / len(x)
        variances = np.pad(variances, (0, max(0, x.shape[1] - len(variances))))
        return 1 - variances.mean() / (variances.std() + 1e-6)

    def redundancy(a, b):
        return np.linalg.norm(a.T @ b) / (np.linalg.norm(a) * np.linalg.norm(b))

    cost = {name: unevenness(x) for name, x in centred.items()}
    chosen = [min(cost, key=cost.get)]
    while len(chosen) < k:
        left = {
            name: cost[name]
            + gamma * max(redundancy(codes[name], codes[other]) for other in chosen)
            for name in cost
            if name not in chosen
        }
        chosen.append(min(left, key=left.get))
    return chosen


def searched(vae, X, y, train):
    """Return the layer that is best by labels in inner folds of the training rows."""
    folds = StratifiedKFold(N_INNER, shuffle=True, random_state=0)
    scores = {}
    for inner, left_out in folds.split(train, y[train]):
        codes = codes_of(vae, X, train[inner])[2]
        for name, code in codes.items():
            score = auc(code, y, train[inner], train[left_out])
            scores.setdefault(name, []).append(score)
    return max(scores, key=lambda name: np.mean(scores[name]))


def arms(vae, X, y, train):
    """Yield each arm: its name, layers, features and the seconds of its choice."""
    fitted, given, codes = codes_of(vae, X, train)
    side_by_side = np.hstack(list(codes.values()))
    for name, code in codes.items():
        yield f"layer {name}", [name], code, 0.0
    yield "all layers", list(codes), side_by_side, 0.0
    for criterion in ("effective_rank", "isotropy"):
        start = time.process_time()
        asked = {"layers": list(codes), "criterion": criterion, "n_layers": None}
        ranking = rank_layers(fitted, given[train], **asked)
        seconds = time.process_time() - start
        first = ranking.table()["layer"].iloc[:1].tolist()
        for what, chosen in (("first", first), ("set", ranking.chosen)):
            code = np.hstack([codes[name] for name in chosen])
            yield f"{criterion} {what}", chosen, code, seconds
    start = time.process_time()
    chosen = loes({name: code[train] for name, code in codes.items()})
    seconds = time.process_time() - start
    yield "LOES of two", chosen, np.hstack([codes[name] for name in chosen]), seconds
    start = time.process_time()
    best = searched(vae, X, y, train)
    yield "search by labels", [best], codes[best], time.process_time() - start
    flat = given.reshape(len(given), -1)
    pca = PCA(vae.n_components, random_state=0).fit(flat[train])
    yield "PCA", [], pca.transform(flat), 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the data")
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    rows = []
    for data, X, y, vae in cohorts(arguments.folder):
        folds = StratifiedKFold(arguments.folds, shuffle=True, random_state=0)
        for fold, (train, test) in enumerate(folds.split(X.reshape(len(X), -1), y)):
            for arm, chosen, code, seconds in arms(vae, X, y, train):
                rows.append(
                    {
                        "data": data,
                        "fold": fold,
                        "seed": 0,
                        "arm": arm,
                        "layers": "+".join(chosen),
                        "n_features": code.shape[1],
                        "auc": round(auc(code, y, train, test), 4),
                        "cpu_seconds": round(seconds, 3),
                    }
                )
    write_csv("layer_ranking", rows)
    frame = pd.DataFrame(rows)
    mean = frame.pivot_table(index="arm", columns="data", values="auc", sort=False)
    mean["mean"] = mean.mean(axis=1)
    mean["cpu_seconds"] = frame.groupby("arm")["cpu_seconds"].mean()
    print(mean.round(3).to_string())
    wide = frame.pivot_table(index=["data", "fold"], columns="arm", values="auc")
    less = wide.sub(wide["search by labels"], axis=0)
    folds = less.groupby("data").mean().agg(["mean", "std"]).T
    print("\nless the search by labels, over the data sets\n" + folds.round(3).to_string())


if __name__ == "__main__":
    main()
