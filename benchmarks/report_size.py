"""The report of a large study: seconds, megabytes, peak memory.

    python benchmarks/report_size.py [--patients 1500] [--arms 8] [--repeats 5]

Frames of scores, predictions and losses are drawn at random, as a study of so many
patients would leave them, one row a patient; nothing is trained. What the page may not
exceed: 5 MB.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from skvae.study import NestedCVResult

N_FOLDS = 5
N_EPOCHS = 60
N_BLOCKS = 30


def synthetic(n_patients: int, n_arms: int, n_repeats: int) -> NestedCVResult:
    """Return the frames of a study of two classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n_patients)
    patients = np.array([f"P{i:05d}" for i in range(n_patients)])
    arms = ["pca", *(f"arm {k}" for k in range(1, n_arms))]
    folds = [rng.permutation(n_patients) % N_FOLDS for _ in range(n_repeats + 1)]
    scores, predictions, told = [], [], {"training": [], "units": [], "importance": []}
    for place, arm in enumerate(arms):
        for repeat in range(1, n_repeats + 1):
            for fold in range(1, N_FOLDS + 1):
                rows = np.flatnonzero(folds[repeat] == fold - 1)
                where = {"arm": arm, "repeat": repeat, "fold": fold}
                odds = 1.2 * (2 * y[rows] - 1) + rng.normal(0, 2 + 0.1 * place, len(rows))
                risk = 1 / (1 + np.exp(-odds))
                n_test = len(rows)
                scores.append(
                    where
                    | {
                        "score": roc_auc_score(y[rows], risk),
                        "inner_score": 0.7,
                        "n_train": n_patients - n_test,
                        "n_test": n_test,
                        "n_train_groups": n_patients - n_test,
                        "n_test_groups": n_test,
                        "n_configurations": 8,
                        "n_fits": 25,
                        "param_features__layer": rng.choice(["hidden_1", "mean"]),
                        "param_features__n_components": rng.choice([8, 16]),
                        "threshold": 0.5,
                    }
                )
                predictions.append(
                    pd.DataFrame(
                        where
                        | {
                            "sample": patients[rows],
                            "group": patients[rows],
                            "y": y[rows],
                            "prediction": (risk > 0.5).astype(int),
                            "score": risk,
                            "threshold": 0.5,
                        }
                    )
                )
                if repeat == 1:
                    explain(told, where, rng)
    frame = pd.DataFrame(scores)
    timings = frame[["arm", "repeat", "fold"]].assign(fit_seconds=60.0, n_trainings=7)
    explained = {name: pd.DataFrame(rows) for name, rows in told.items()}
    everything = pd.concat(predictions, ignore_index=True)
    empty = pd.DataFrame()
    known = (frame, everything, timings, "roc_auc", "pca", 1, "classes", empty, empty)
    return NestedCVResult(*known, **explained)


def explain(told: dict[str, list], where: dict, rng: np.random.Generator) -> None:
    """Add losses, units and importance of a fold."""
    loss = np.exp(-np.linspace(0, 3, N_EPOCHS)) + rng.normal(0, 0.01, N_EPOCHS)
    told["training"] += [
        where
        | {"network": "features", "phase": "", "epoch": i + 1}
        | {"train_loss": value, "valid_loss": value + 0.05}
        for i, value in enumerate(loss)
    ]
    units = {"network": "features", "layer": "mean", "n_units": 16, "n_active": 9}
    told["units"].append(where | units)
    told["importance"] += [
        where
        | {"block": f"block {i}", "columns": f"a{i}, b{i}", "n_columns": 2}
        | {"drop": rng.normal(0.01, 0.01), "n_repeats": 20, "n_rows": 300}
        for i in range(N_BLOCKS)
    ]


def main() -> None:
    """Write a report and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=1500)
    parser.add_argument("--arms", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", help="where the report stays; nowhere by default")
    arguments = parser.parse_args()
    result = synthetic(arguments.patients, arguments.arms, arguments.repeats)
    rng = np.random.default_rng(1)
    samples = pd.Index(pd.unique(result.predictions["sample"]), name="sample")
    columns = pd.DataFrame(
        {
            "volume": rng.lognormal(size=len(samples)),
            "age": rng.normal(60, 9, len(samples)),
            "site": rng.choice(list("ABC"), len(samples)),
        },
        index=samples,
    )
    before = peak()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(arguments.folder or name)
        start, used = time.perf_counter(), time.process_time()
        paths = result.report(folder, inputs=columns)
        seconds, used = time.perf_counter() - start, time.process_time() - used
        page = paths[0].stat().st_size / 1e6
        largest = max(p.stat().st_size for p in paths if p.suffix == ".svg") / 1e6
    print(
        f"{arguments.patients} patients x {arguments.arms} arms x {arguments.repeats} "
        "repeats"
    )
    print(f"report.html {page:.2f} MB, largest figure {largest:.2f} MB, {len(paths)} files")
    print(f"{seconds:.1f} s ({used:.1f} s of processor)")
    print(f"peak memory {peak():.0f} MB, of which {before:.0f} MB before the report")


def peak() -> float:
    """Return the peak memory of the process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
