"""What the units of a code know of attributes that are not theirs.

Phantoms (16 voxels along each edge) have the attributes volume and age: age goes with
volume and is else not in the image, so that its unit can know nothing but the volume.
40, 150 or 600 are trained on, and 300 others are scored. Of lung nodules (LIDC-IDRI, masks
at 2.5 mm) those of 60 % of the patients are trained on and the others scored, with
log-volume and four ratings as attributes. Everything is default, but for the size of the
code and the epochs of nodules and 600 phantoms (20). ``leakage_weight=0`` has no such term.

Printed is the mean absolute Spearman correlation of each attribute with its own unit,
with units that have no attribute, with other attributes' units, and with all that are not
its own; beside the latter what other attributes themselves have, and what chance has.
Writes ``results/attribute_leakage.csv``.

    python benchmarks/attribute_leakage.py $SKVAE_TEST_DATA [--data 40 150 600 lidc]
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from attributes_real import lidc
from harness import print_table, write_csv
from scipy.stats import rankdata

from skvae import AttriVAE
from skvae.datasets import make_lesions

N_UNSEEN = 300
WEIGHTS = (0.0, AttriVAE().leakage_weight)
NODULES = {"n_components": 16, "max_iter": 20}
PHANTOMS = {"n_components": 8, "max_iter": 100}
EPOCHS = {600: 20}  # of so many phantoms, an epoch has more steps


def of_phantoms(n):
    """Return the parameters for so many phantoms."""
    return PHANTOMS | {"max_iter": EPOCHS.get(n, PHANTOMS["max_iter"])}


def phantoms(n, seed):
    """Return images, labels, and volume and age, which goes with it (about .6)."""
    made = make_lesions(n + N_UNSEEN, size=16, random_state=seed)
    volume = made.attributes[:, 0]
    noise = np.random.default_rng(seed).normal(size=len(volume))
    age = 60 + 10 * (0.65 * (volume - volume.mean()) / volume.std() + 0.76 * noise)
    table = pd.DataFrame({"volume": volume, "age": age})
    rows = np.arange(n + N_UNSEEN)
    return made.images, made.target, table, rows[:n], rows[n:]


def nodules(folder):
    """Return masks, malignancy, attributes, patients, rows to train on and to score."""
    images, y, attributes, patients = lidc(folder)
    shape = (len(images), 1, 16, 2, 16, 2, 16, 2)
    small = images.reshape(shape).mean(axis=(3, 5, 7), dtype=np.float32)
    names = np.random.default_rng(0).permutation(np.unique(patients))
    train = np.isin(patients, names[: int(0.6 * len(names))])
    return small, y, attributes, patients, *map(np.flatnonzero, (train, ~train))


def correlations(left, right):
    """Absolute Spearman correlations of columns; those of a constant one are 0."""
    one, other = (rankdata(values, axis=0) for values in (left, right))
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    length = np.outer(np.linalg.norm(one, axis=0), np.linalg.norm(other, axis=0))
    return np.abs(one.T @ other) / np.where(length > 0, length, 1)


def scored(estimator, X, attributes):
    """Return what units know of each attribute of unseen rows, one row for each."""
    names, values = list(attributes), attributes.to_numpy()
    n_attributes = len(names)
    found = correlations(values, estimator.transform(X))
    among = correlations(values, values)
    error = np.square(estimator.reconstruct(X) - X).mean()
    rows = []
    for k, name in enumerate(names):
        others = np.delete(found[k], k)
        numbers = {
            "own": found[k, k],
            "free": found[k, n_attributes:].mean(),
            "others": others[: n_attributes - 1].mean(),
            "off": others.mean(),
            "among": np.delete(among[k], k).mean(),
            "chance": np.sqrt(2 / np.pi / (len(X) - 1)),
        }
        shown = {key: round(float(number), 4) for key, number in numbers.items()}
        rows.append({"attribute": name} | shown | {"error": round(float(error), 6)})
    return rows


def fitted(estimator, X, y, attributes, train):
    """Return a fitted estimator, and its seconds."""
    start = time.process_time()
    estimator.set_params(n_threads=1, device="cpu")
    estimator.fit(X[train], y[train], attributes=attributes.iloc[train])
    return estimator, round(time.process_time() - start, 1)


def run(name, cohort, seeds, parameters):
    rows = []
    for seed in range(seeds):
        X, y, attributes, train, test = cohort(seed)
        for weight in WEIGHTS:
            vae = AttriVAE(leakage_weight=weight, random_state=seed, **parameters)
            vae, seconds = fitted(vae, X, y, attributes, train)
            head = {"data": name, "seed": seed, "leakage_weight": weight}
            rows += [
                head | row | {"fit_seconds": seconds}
                for row in scored(vae, X[test], attributes.iloc[test])
            ]
        print(f"{name}: seed {seed + 1} of {seeds}", flush=True)
    return rows


def summary(rows):
    """Return the means over the seeds, and which bars they reach."""
    keys = ["data", "attribute", "leakage_weight"]
    means = pd.DataFrame(rows).groupby(keys, sort=False).mean().drop(columns="seed")
    table = []
    for (data, attribute), found in means.groupby(level=[0, 1], sort=False):
        before, after = (found.loc[(data, attribute, weight)] for weight in WEIGHTS)
        row = {"data": data, "attribute": attribute}
        for name in ("own", "free", "others", "off"):
            row |= {f"{name}, 0": round(before[name], 3), name: round(after[name], 3)}
        row |= {name: round(after[name], 3) for name in ("among", "chance")}
        row["error / today's"] = round(after["error"] / before["error"], 3)
        row["half"] = "yes" if after["off"] <= before["off"] / 2 else "no"
        row["own .02"] = "yes" if after["own"] >= before["own"] - 0.02 else "no"
        row["error 2 %"] = "yes" if row["error / today's"] <= 1.02 else "no"
        table.append(row)
    return table


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the real data")
    parser.add_argument("--data", nargs="*", default=["40", "150", "600", "lidc"])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.data:
        if name == "lidc":
            X, y, attributes, _, train, test = nodules(arguments.folder)
            cohort = X, y, attributes, train, test
            rows += run("nodules", lambda seed, c=cohort: c, arguments.seeds, NODULES)
        else:
            n = int(name)
            cohort, given = partial(phantoms, n), of_phantoms(n)
            rows += run(f"phantoms, n = {n}", cohort, arguments.seeds, given)
        write_csv("attribute_leakage", rows)
    print_table(summary(rows))


if __name__ == "__main__":
    main()
