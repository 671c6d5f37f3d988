"""Several networks of one fit: what 1, 3, 10 and 30 give and cost.

On the tables on which defaults are chosen; 30, which cost the most, on the first alone.
Scaler, a VAE of as many networks as the table has at most and a logistic regression (L2,
C = 0.1) are fitted inside the fold; k networks are the first k of them: side by side,
averaged once turned to the first, or each with a regression of its own whose probabilities
are averaged. Writes ``results/ensembles.csv`` (a row per table, fold, layer, number and
way) and ``results/ensembles_cost.csv``; takes about ten minutes of one core.

    python benchmarks/ensembles.py $SKVAE_TEST_DATA/radmlbench [--repeats 1]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from harness import one_thread
from layer_features import RESULTS, load_table
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler

from skvae import VAEFeatureExtractor
from skvae.statistics.averaged_codes import aligned_mean, turns_to_first
from skvae.study import corrected_interval

CHOSEN_ON = ("Arita2018", "Dong2022", "Huang2023", "LGG-1p19qDeletion")
NUMBERS = (1, 3, 10)
MORE = {"Arita2018": (1, 3, 10, 30)}
N_COMPONENTS = 20


def probability(features, y, train, test):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))
    return model.fit(features[train], y[train]).predict_proba(features[test])[:, 1]


def ways(codes, numbers, y, train, test):
    """Yield the number of networks, the way and the probability."""
    for k in numbers:
        first = codes[:k]
        yield k, "concatenate", probability(np.concatenate(first, axis=1), y, train, test)
        turns = turns_to_first(first[:, train])
        yield k, "average", probability(aligned_mean(first, *turns), y, train, test)
        each = [probability(code, y, train, test) for code in first]
        yield k, "mean probability", np.mean(each, axis=0)


def compare(name, X, y, n_repeats):
    numbers = MORE.get(name, NUMBERS)
    splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=n_repeats, random_state=0)
    for fold, (train, test) in enumerate(splits.split(X, y)):
        Z = StandardScaler().fit(X[train]).transform(X)
        row = {"data": name, "fold": fold, "seed": fold}

        def scored(p, test=test):
            return {"auc": roc_auc_score(y[test], p)}

        pca = PCA(N_COMPONENTS, random_state=0).fit(Z[train]).transform(Z)
        for what, features in (("all columns", Z), ("pca", pca)):
            p = probability(features, y, train, test)
            yield row | {"layer": what, "n_networks": 0, "way": ""} | scored(p)
        vae = VAEFeatureExtractor(
            N_COMPONENTS, n_networks=max(numbers), random_state=fold, n_threads=1
        ).fit(Z[train])
        for layer in ("mean", "hidden_1"):
            columns = vae.set_params(layer=layer).transform(Z)
            codes = np.stack(np.split(columns, max(numbers), axis=1)).astype(float)
            for k, way, p in ways(codes, numbers, y, train, test):
                yield row | {"layer": layer, "n_networks": k, "way": way} | scored(p)


def costs(name, X):
    """Yield CPU seconds of a fit and a reading for each number."""
    Z = StandardScaler().fit_transform(X)
    for k in MORE.get(name, NUMBERS):
        vae = VAEFeatureExtractor(N_COMPONENTS, n_networks=k, random_state=0, n_threads=1)
        begin = time.process_time()
        vae.fit(Z)
        fitted = time.process_time()
        vae.transform(Z)
        yield {
            "n_rows": len(X),
            "n_columns": X.shape[1],
            "n_networks": k,
            "fit_cpu_s": round(fitted - begin, 3),
            "transform_cpu_s": round(time.process_time() - fitted, 4),
        }


def gains(frame):
    """Yield the number and the way, and what they give over one network."""
    networks = frame[frame["n_networks"].isin(NUMBERS)]
    index = ["layer", "way", "repeats", "fold"]
    wide = networks.pivot_table(index=index, columns=["n_networks", "data"], values="auc")
    for k in NUMBERS[1:]:
        less = (wide[k] - wide[1]).mean(axis=1)
        for (layer, way), part in less.groupby(["layer", "way"]):
            # Five folds: four times as many training rows as test rows.
            yield (k, layer, way), corrected_interval(part, 4, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of radMLBench tables")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--tables", nargs="*", default=CHOSEN_ON)
    arguments = parser.parse_args()
    one_thread()
    VAEFeatureExtractor(2, max_iter=1).fit(np.eye(9))  # so that the first fit is as others
    rows, cost = [], []
    for name in arguments.tables:
        X, target = load_table(arguments.folder / f"{name}.gz")
        y = LabelEncoder().fit_transform(target)
        cost += [{"data": name} | found for found in costs(name, X)]
        rows += compare(name, X, y, arguments.repeats)
        frame = pd.DataFrame(rows).assign(repeats=arguments.repeats)
        frame.round(6).to_csv(RESULTS / "ensembles.csv", index=False)
        pd.DataFrame(cost).to_csv(RESULTS / "ensembles_cost.csv", index=False)
    cost = pd.DataFrame(cost)
    index = ["layer", "way", "n_networks"]
    shown = frame.pivot_table(index=index, columns="data", values="auc")
    shown["mean"] = shown.mean(axis=1)
    print(shown.round(3).to_string())
    for name, found in gains(frame):
        print(*name, "less one: {:.3f} [{:.3f}, {:.3f}]".format(*found))
    first = cost.groupby("data")[["fit_cpu_s", "transform_cpu_s"]].transform("first")
    print(cost.assign(times=(cost.fit_cpu_s / first.fit_cpu_s).round(1)).to_string())


if __name__ == "__main__":
    main()
