"""Missing entries of radiomics tables: what networks fill in beside imputers.

Entries of two tables are taken away at random (10, 30 and 50 % of them), or by block: half
of the rows, each drawn alone, lack one family of columns (a sequence of Arita2018, a filter
of Dong2022). All is fitted on 70 % of the rows, with their own holes, and fills in those of
the others. The error is the root mean square of what is filled in minus what was there, in
standard deviations of the column over the training rows; of all columns, the median. One
row far from all others can decide it: the csv has the mean absolute error as well.
``IterativeImputer`` regresses each column on the 10 that correlate most, for 3 rounds:
with all columns, and its default of 10 rounds, it takes hours. Parameters of the networks
are their defaults, but that one denoises swapped entries and counts these alone. Writes
``results/imputation.csv``; takes about eight minutes of one core.

    python benchmarks/imputation.py $SKVAE_TEST_DATA/radmlbench [--seeds 3]
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from harness import one_thread, print_table, write_csv
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skvae import Autoencoder, DenoisingAutoencoder, VAEFeatureExtractor

TABLES = ("Arita2018", "Dong2022")
SHARES = {"10 %": 0.1, "30 %": 0.3, "50 %": 0.5}
BY_BLOCK = "by block"
SMALLEST_FAMILY, LACKING = 20, 0.5


def load_columns(path):
    """Return the columns of a table, and the family of each: the first word of its name."""
    table = pd.read_csv(path, compression="gzip").drop(columns=["ID", "Target"])
    families = np.array([name.partition("_")[0] for name in table.columns])
    return table.to_numpy(np.float64), families


def missing_entries(shape, how, families, rng):
    """Return where entries are taken away."""
    if how != BY_BLOCK:
        return rng.random(shape) < SHARES[how]
    gone = np.zeros(shape, dtype=bool)
    names, sizes = np.unique(families, return_counts=True)
    for row in np.flatnonzero(rng.random(len(gone)) < LACKING):
        gone[row, families == rng.choice(names[sizes >= SMALLEST_FAMILY])] = True
    return gone


def imputers(seed):
    """Return what fills in, by name."""
    shared = {"missing": "mask", "random_state": seed, "n_threads": 1, "device": "cpu"}
    swaps = {"corruption": "swapping", "counted": "corrupted"}
    return {
        "mean": SimpleImputer(),
        "nearest neighbours": KNNImputer(),
        "iterative": IterativeImputer(max_iter=3, n_nearest_features=10, random_state=seed),
        "Autoencoder": Autoencoder(**shared),
        "VAEFeatureExtractor": VAEFeatureExtractor(**shared),
        "DenoisingAutoencoder, swaps": DenoisingAutoencoder(**swaps, **shared),
    }


def filled_in(imputer, train, test):
    """Return the test rows, filled in by what is fitted on the training rows."""
    fill = imputer.fit(train)
    return fill.impute(test) if hasattr(fill, "impute") else fill.transform(test)


def errors(table, X, families, how, seed):
    """Yield a row per imputer."""
    train, test = train_test_split(np.arange(len(X)), test_size=0.3, random_state=seed)
    deviation = X[train].std(axis=0)
    varies = deviation > 0
    X, deviation, families = X[:, varies], deviation[varies], families[varies]
    gone = missing_entries(X.shape, how, families, np.random.default_rng(seed))
    holes = np.where(gone, np.nan, X)
    scaler = StandardScaler().fit(holes[train])
    scaled = scaler.transform(holes)
    for name, imputer in imputers(seed).items():
        start = time.process_time()
        found = scaler.inverse_transform(filled_in(imputer, scaled[train], scaled[test]))
        seconds = time.process_time() - start
        missed = np.abs(found - X[test]) / deviation
        missed = np.where(gone[test], missed, np.nan)
        rms = np.sqrt(np.nanmean(np.square(missed), axis=0))
        yield {
            "table": table,
            "missing": how,
            "seed": seed,
            "imputer": name,
            "error": round(float(np.nanmedian(rms)), 4),
            "absolute_error": round(float(np.nanmedian(np.nanmean(missed, axis=0))), 4),
            "seconds": round(seconds, 2),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of radMLBench tables")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    one_thread()
    warnings.simplefilter("ignore", ConvergenceWarning)
    # Columns without a hole in the test rows have no error.
    warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
    rows = []
    for table in TABLES:
        X, families = load_columns(arguments.folder / f"{table}.gz")
        for how in (*SHARES, BY_BLOCK):
            for seed in range(arguments.seeds):
                rows += errors(table, X, families, how, seed)
            print(table, how, flush=True)
    write_csv("imputation", rows)
    frame = pd.DataFrame(rows)
    order = list(imputers(0))
    mean = frame.pivot_table(
        index="imputer", columns=["table", "missing"], values="error", sort=False
    ).loc[order]
    seconds = frame.groupby("imputer")["seconds"].median()
    print_table(
        [
            {"imputer": name}
            | {" ".join(column): f"{value:.3f}" for column, value in mean.loc[name].items()}
            | {"CPU s": f"{seconds[name]:.1f}"}
            for name in order
        ]
    )


if __name__ == "__main__":
    main()
