"""Training rows read by networks that have not seen them: what it gives and costs.

On the tables on which defaults are chosen, in outer folds. A network (16 units) and a
logistic regression (L2, C = 0.1) are fitted to the training rows; a row of the csv is one
way of reading those rows for the regression, and the score on the test rows, which the
network of all training rows reads in each:

- ``plain``: that network reads them as well;
- ``cross_fit=5``: networks of the other folds, turned to it;
- ``not turned``: the same networks, as they come;
- ``warm start``: networks that begin with its weights and go on for 20 epochs on the other
  folds, turned. They have seen the rows: what they forget in 20 epochs is the question.

``spread`` is the standard deviation of the features in units of that of the plain ones,
``spread_test`` that of the test rows: what the regression was fitted to should vary as what
it is asked for. ``agreement`` is the correlation with the plain features. Writes
``results/cross_fitting.csv``; takes about eight minutes of one core.

    python benchmarks/cross_fitting.py $SKVAE_TEST_DATA/radmlbench [--folds 5]
"""

import argparse
import copy
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from harness import one_thread, write_csv
from layer_features import load_table
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler

from skvae import Autoencoder, VAEFeatureExtractor
from skvae.estimators.cross_fitting import folds_for, turned
from skvae.study import corrected_interval

TABLES = ("Arita2018", "Dong2022", "Huang2023", "LGG-1p19qDeletion")
# Each network is trained once, whatever is read of it.
KEPT = TemporaryDirectory()
HOW = {"random_state": 0, "n_threads": 1, "device": "cpu", "memory": KEPT.name}
READ = (
    (VAEFeatureExtractor(16, **HOW), ("mean", "hidden_1")),
    (Autoencoder(16, **HOW), ("code",)),
)
N_FOLDS = 5
N_EPOCHS = 20


def warm_started(fitted, Z, folds):
    """Return networks that go on from a fitted one, each without a fold."""
    networks = []
    for known, _ in folds:
        going = copy.deepcopy(fitted).set_params(warm_start=True, max_iter=N_EPOCHS)
        networks.append(going.fit(Z[known]))
    return networks


def read_by(networks, Z, folds, target):
    """Return the features of each fold by its network, turned."""
    found = np.empty_like(target)
    for network, (known, unseen) in zip(networks, folds, strict=True):
        codes = network.transform(Z[known]), network.transform(Z[unseen])
        whole = [slice(0, target.shape[1])]
        found[unseen] = turned(*codes, target[known], whole)
    return found


def ways(network, layers, Z):
    """Yield layer, way, CPU seconds of the fit and features of the training rows."""
    begin = time.process_time()
    fitted = clone(network).fit(Z)
    alone = time.process_time() - begin
    crossed = clone(network).set_params(cross_fit=N_FOLDS)
    folds = folds_for(crossed, Z, {})
    begin = time.process_time()
    crossed.fit_transform(Z)
    together = time.process_time() - begin
    begin = time.process_time()
    going = warm_started(fitted, Z, folds)
    longer = time.process_time() - begin
    for layer in layers:
        for each in (network, fitted, crossed, *going):
            each.set_params(layer=layer)
        plain = fitted.transform(Z)
        yield layer, "plain", alone, plain, fitted
        yield layer, "cross_fit=5", alone + together, crossed.fit_transform(Z), fitted
        apart = np.empty_like(plain)
        for known, unseen in folds:
            apart[unseen] = clone(network).fit(Z[known]).transform(Z[unseen])
        yield layer, "not turned", alone + together, apart, fitted
        yield layer, "warm start", alone + longer, read_by(going, Z, folds, plain), fitted


def compare(data, X, y, n_folds):
    """Yield a row per fold, network, layer and way."""
    splits = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(splits.split(X, y)):
        Z = StandardScaler().fit(X[train]).transform(X)
        for network, layers in READ:
            plain = None
            for layer, way, seconds, code, fitted in ways(network, layers, Z[train]):
                plain = code if way == "plain" else plain
                new = fitted.transform(Z[test])
                model = make_pipeline(
                    StandardScaler(), LogisticRegression(C=0.1, max_iter=5000)
                )
                p = model.fit(code, y[train]).predict_proba(new)[:, 1]
                pairs = zip(code.T, plain.T, strict=True)
                agreement = [np.corrcoef(a, b)[0, 1] for a, b in pairs if a.std() > 0]
                row = {
                    "auc": roc_auc_score(y[test], p),
                    "log_loss": log_loss(y[test], p),
                    "spread": code.std(axis=0).mean() / plain.std(axis=0).mean(),
                    "spread_test": new.std(axis=0).mean() / plain.std(axis=0).mean(),
                    "agreement": np.nanmean(agreement),
                    "cpu_seconds": seconds,
                }
                yield {
                    "data": data,
                    "fold": fold,
                    "seed": 0,
                    "network": type(network).__name__,
                    "layer": layer,
                    "way": way,
                } | {name: round(float(value), 4) for name, value in row.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of radMLBench tables")
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    rows = []
    for data in TABLES:
        X, target = load_table(arguments.folder / f"{data}.gz")
        y = LabelEncoder().fit_transform(target)
        rows += compare(data, X, y, arguments.folds)
        write_csv("cross_fitting", rows)
    tell(pd.DataFrame(rows))


def tell(frame):
    """Print means (of the spread, medians: some test rows lie far out), and differences."""
    by, folds = ["network", "layer", "way"], ["data", "fold"]
    how = {"auc": "mean", "log_loss": "mean", "spread": "median", "spread_test": "median"}
    how |= {"agreement": "mean", "cpu_seconds": "mean"}
    print(frame.groupby(by, sort=False).agg(how).round(3).to_string())
    wide = frame.pivot_table(index=by, columns="data", values="auc", sort=False)
    print("\n" + wide.round(3).to_string())
    scores = frame.pivot_table(index=[*by[:2], *folds], columns="way", values="auc")
    less = scores["cross_fit=5"] - scores["plain"]
    for name, part in less.groupby(by[:2]):
        # Five folds: four times as many training rows as test rows.
        found = corrected_interval(part.groupby("fold").mean(), 4, 1)
        print(name, "cross_fit=5 less plain: {:.3f} [{:.3f}, {:.3f}]".format(*found))


if __name__ == "__main__":
    main()
