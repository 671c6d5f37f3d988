"""How far one and two threads lead apart: after one step in the last bits, later visibly.

A VAE with default parameters is fitted with one and with two threads on the same folds.
Reported are the largest difference of a feature, in its standard deviations, after one
step on all rows and after the whole fit, and the AUC of a logistic regression with each.
Writes ``results/thread_count.csv``.

    python benchmarks/thread_count.py $SKVAE_TEST_DATA/radmlbench
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from layer_features import RESULTS, auc, load_table
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from skvae import VAEFeatureExtractor


def features(rows, train, n_threads, **parameters):
    vae = VAEFeatureExtractor(16, random_state=0, n_threads=n_threads, **parameters)
    return vae.fit(rows[train]).transform(rows)


def difference(rows, train, **parameters):
    one, two = (features(rows, train, n, **parameters) for n in (1, 2))
    return float((np.abs(one - two) / one.std(axis=0)).max()), one, two


def compare(name, X, y, scale):
    splits = StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)
    for fold, (train, test) in enumerate(splits):
        rows = StandardScaler().fit(X[train]).transform(X) if scale else X
        first, *_ = difference(rows, train, max_iter=1, batch_size=len(train))
        last, one, two = difference(rows, train)
        yield {
            "data": name,
            "fold": fold,
            "after one step": first,
            "after the fit": last,
            "auc, 1 thread": auc(one, y, train, test),
            "auc, 2 threads": auc(two, y, train, test),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of radMLBench tables")
    arguments = parser.parse_args()
    digits = load_digits()
    rows = list(compare("digits", digits.data / 16, digits.target, False))
    for name in ("NSCLC-Radiogenomics", "Huang2023", "Dong2022"):
        X, y = load_table(arguments.folder / f"{name}.gz")
        rows += compare(name, X, y.to_numpy(), True)
    frame = pd.DataFrame(rows)
    frame.to_csv(RESULTS / "thread_count.csv", index=False)
    print(frame.drop(columns="fold").groupby("data").mean().to_string())


if __name__ == "__main__":
    main()
