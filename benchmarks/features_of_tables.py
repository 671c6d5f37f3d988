"""Latent features of tables against PCA and all columns; chosen here, told there.

What is tried was chosen on four radiomics tables of radMLBench, which are read by default;
``--final`` reads the four others, once. In each outer fold, what learns without labels
(scaler, networks, PCA) is fitted to the training rows; what is chosen by labels is chosen
in inner folds of these rows, by ROC AUC, PCA having more candidates than networks; a
logistic regression (L2) classifies the test rows:

- ``latent``: the codes of ten VAEs side by side, rescaled or not, strength C;
- ``single``: the code of the first;
- ``latent, all chosen``: one or ten, and on the tables that choose ``mean`` or
  ``hidden_1``, is chosen as well;
- ``PCA``: 5 to 80 components, rescaled or not, C;
- ``PCA, as many``: as many components as ``latent`` has columns (or as there are);
- ``all columns``: C.

Differences are of the same folds, their intervals Nadeau and Bengio's; those of the mean
are of the means of the tables, split by split. Writes ``results/features_of_tables.csv``,
and before that, of the tables that choose, ``results/features_of_tables_chosen_on.csv``.

    python benchmarks/features_of_tables.py $SKVAE_TEST_DATA/radmlbench [--repeats 1]
    python benchmarks/features_of_tables.py $SKVAE_TEST_DATA/radmlbench --final --repeats 5
"""

import argparse
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from harness import one_thread, write_csv
from layer_features import load_table
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold
from sklearn.preprocessing import LabelEncoder, StandardScaler

from skvae import VAEFeatureExtractor
from skvae.study import corrected_interval

CHOSEN_ON = ("Arita2018", "Dong2022", "Huang2023", "LGG-1p19qDeletion")
TOLD = ("Meningioma-SEG-CLASS", "NSCLC-Radiogenomics", "Veeraraghavan2020", "Zhang2024B")
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
N_COMPONENTS = (5, 10, 20, 40, 80)
NETWORK = VAEFeatureExtractor(
    16, hidden_layer_sizes=(64,), n_networks=10, n_threads=1, device="cpu"
)
# Frozen by the tables that choose, on which these layers were tried.
TRIED, LAYERS = ("mean", "hidden_1"), ("mean",)
LATENT, SINGLE = "10 x mean", "1 x mean"
N_INNER = 3


def rotated(features, train):
    """Return features within the space of the training rows: the same to any L2 model."""
    centred = features - features[train].mean(axis=0)
    _, s, axes = np.linalg.svd(centred[train], full_matrices=False)
    return centred @ axes[s > 1e-9 * s[0]].T


def both_scales(features, train):
    """Yield features as they are, and rescaled."""
    yield "as they are", rotated(features, train)
    varies = features[train].std(axis=0) > 1e-6
    known = features[:, varies]
    yield "rescaled", rotated(StandardScaler().fit(known[train]).transform(known), train)


def auc(features, y, train, test, strength):
    model = LogisticRegression(C=strength, solver="newton-cholesky")
    values = model.fit(features[train], y[train]).decision_function(features[test])
    return roc_auc_score(y[test], values)


def tried(candidates, y, train, folds):
    """Return a row per candidate and strength, with its mean score in inner folds."""
    return [
        {
            "inner_auc": np.mean(
                [auc(features, y, train[a], train[b], strength) for a, b in folds]
            ),
            "chosen": name,
            "strength": strength,
            "features": features,
        }
        for (name, features), strength in product(candidates, STRENGTHS)
    ]


def best(found, y, train, test):
    """Return the test score of what is best in inner folds, and what that is."""
    first = max(found, key=lambda each: each["inner_auc"])
    score = auc(first["features"], y, train, test, first["strength"])
    row = {name: value for name, value in first.items() if name != "features"}
    row["inner_auc"] = round(float(row["inner_auc"]), 4)
    return {"auc": round(score, 4), "n_candidates": len(found)} | row


def latent(Z, train, layers, seed):
    """Return the candidates of networks, with the number of columns of each."""
    several = NETWORK.set_params(random_state=seed).fit(Z[train])
    found, sizes = [], {}
    for layer in layers:
        columns = several.set_params(layer=layer).transform(Z).astype(float)
        for n in (1, several.n_networks):
            size = columns.shape[1] // several.n_networks * n
            for scale, features in both_scales(columns[:, :size], train):
                name = f"{n} x {layer}, {scale}"
                found.append((name, features))
                sizes[name] = size
    return found, sizes


def components(Z, train, sizes):
    """Return the candidates of PCA of some sizes."""
    most = min(len(train) - 1, Z.shape[1])
    sizes = sorted({min(size, most) for size in sizes})
    columns = PCA(sizes[-1], random_state=0).fit(Z[train]).transform(Z)
    return [
        (f"{size}, {scale}", features)
        for size in sizes
        for scale, features in both_scales(columns[:, :size], train)
    ]


def arms(Z, y, train, test, layers, seed):
    """Yield each arm with its score."""
    inner = StratifiedKFold(N_INNER, shuffle=True, random_state=seed)
    folds = list(inner.split(train, y[train]))
    begin = time.process_time()
    candidates, sizes = latent(Z, train, layers, seed)
    networks = tried(candidates, y, train, folds)
    seconds = round(time.process_time() - begin, 2)
    several = [each for each in networks if each["chosen"].startswith(LATENT)]
    found = best(several, y, train, test)
    n_columns = sizes[found["chosen"]]
    yield {"arm": "latent", "n_columns": n_columns, "cpu_seconds": seconds} | found
    alone = [each for each in networks if each["chosen"].startswith(SINGLE)]
    yield {"arm": "single"} | best(alone, y, train, test)
    yield {"arm": "latent, all chosen"} | best(networks, y, train, test)
    for name, _ in candidates:  # with nothing but C to choose
        one = [each for each in networks if each["chosen"] == name]
        yield {"arm": name} | best(one, y, train, test)
    others = {
        "PCA": components(Z, train, N_COMPONENTS),
        "PCA, as many": components(Z, train, [n_columns]),
        "all columns": [("all", rotated(Z, train))],
    }
    for arm, given in others.items():
        yield {"arm": arm} | best(tried(given, y, train, folds), y, train, test)


def compare(data, X, y, n_repeats, layers, seed=0):
    """Yield a row per outer fold and arm."""
    splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=n_repeats, random_state=seed)
    for number, (train, test) in enumerate(splits.split(X, y)):
        Z = StandardScaler().fit(X[train]).transform(X)
        split = {"data": data, "repeat": number // 5, "fold": number % 5, "seed": seed}
        for found in arms(Z, y, train, test, layers, number):
            yield split | found


def told(rows):
    """Return the mean of each arm, and its differences with their intervals."""
    frame = pd.DataFrame(rows)
    by = ["data", "repeat", "fold"]
    wide = frame.pivot_table(index=by, columns="arm", values="auc", sort=False)
    means = wide.groupby("data").mean()
    parts = {data: part.droplevel("data") for data, part in wide.groupby("data")}
    parts["mean"] = sum(parts.values()) / len(parts)
    means.loc["mean"] = means.mean()
    lines = []
    for name, part in parts.items():
        for other in part.columns.drop("latent"):
            # Five folds: four times as many training rows as test rows.
            found = corrected_interval(part["latent"] - part[other], 4, 1)
            lines.append({"data": name, "latent less": other} | found._asdict())
    return means, pd.DataFrame(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of radMLBench tables")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--final", action="store_true", help="the four other tables")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    name = "features_of_tables" + ("" if arguments.final else "_chosen_on")
    tables, layers = (TOLD, LAYERS) if arguments.final else (CHOSEN_ON, TRIED)
    rows = []
    for data in tables:
        X, target = load_table(arguments.folder / f"{data}.gz")
        y = LabelEncoder().fit_transform(target)
        rows += compare(data, X, y, arguments.repeats, layers)
        write_csv(name, rows)
    means, differences = told(rows)
    print(means.round(3).to_string())
    print(differences.round(3).to_string(index=False))
    chosen = pd.DataFrame(rows).query("arm in ('latent', 'latent, all chosen', 'PCA')")
    print(chosen.groupby("arm")["chosen"].value_counts().to_string())


if __name__ == "__main__":
    main()
