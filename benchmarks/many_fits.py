"""Many small networks side by side against one by one: fits, searches, studies.

    python benchmarks/many_fits.py [fits] [searches] [studies lidc --before ROOT]

`fits` takes K fits of one architecture, `searches` a grid over beta on five folds against
scikit-learn's own search and against the loops of skorch and, where it is installed,
pythae, `studies` the nested cross-validation of a table by this checkout
and by another, each in an interpreter of its own, with a memory as `skvae study` has one,
and `lidc` the quick study of lung nodules, with its report, in the same way.
CPU seconds of one thread. Peak memory is that of a process that does only this.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HIDDEN = (64, 32)
N_EPOCHS = 100
SHAPES = ((160, 100), (160, 850))
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def table(n_rows, n_columns, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns))
    return X, (X[:, 0] + rng.normal(size=n_rows) > 0).astype(int)


def timed(call):
    start = time.process_time()
    value = call()
    return time.process_time() - start, value


def peak_megabytes():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def jobs(n_rows, n_columns, n_nets):
    from skvae import VAEFeatureExtractor
    from skvae.estimators.collected_fits import collect

    X, _ = table(n_rows, n_columns)
    options = {"hidden_layer_sizes": HIDDEN, "max_iter": N_EPOCHS, "n_threads": 1}
    kinds = [VAEFeatureExtractor(random_state=k, **options) for k in range(n_nets)]
    return [collect(lambda kind=kind: kind.fit(X)).job for kind in kinds]


def one_size(n_rows, n_columns, n_nets):
    """Return the times of one size: alone, side by side, and once more when warm."""
    from skvae.training.fitting import train
    from skvae.training.stacking import train_many

    todo = jobs(n_rows, n_columns, n_nets)
    before = peak_megabytes()
    cold, found = timed(lambda: train_many(todo))
    peak = peak_megabytes()
    warm = [timed(lambda: train_many(todo))[0] for _ in range(3)]
    some = todo[: min(n_nets, 5)]
    rounds = [timed(lambda: [train(j.recipe, j.data) for j in some]) for _ in range(3)]
    alone = [seconds / len(some) for seconds, _ in rounds]
    equal = sum(
        all(np.array_equal(a.state[name], b.state[name]) for name in a.state)
        for a, b in zip(rounds[0][1], found, strict=False)
    )
    stacked = float(np.median(warm)) / n_nets
    return {
        "rows": n_rows,
        "columns": n_columns,
        "networks": n_nets,
        "seconds_alone": round(float(np.median(alone)), 4),
        "seconds_stacked": round(stacked, 4),
        "times_as_fast": round(float(np.median(alone)) / stacked, 2),
        "times_as_fast_cold": round(float(np.median(alone)) * n_nets / cold, 2),
        "equal_bits": f"{equal} of {len(some)}",
        "peak_megabytes": peak,
        "megabytes_before": before,
    }


def search(n_rows, n_columns):
    """Return the times of a search by scikit-learn and by stacks, the latter warm."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from skvae import VAEFeatureExtractor
    from skvae.search import StackedGridSearchCV

    X, y = table(n_rows, n_columns)
    options = {"hidden_layer_sizes": HIDDEN, "max_iter": N_EPOCHS, "n_threads": 1}
    vae = VAEFeatureExtractor(16, random_state=0, **options)
    pipe = make_pipeline(StandardScaler(), vae, LogisticRegression(max_iter=1000))
    grid = {"vaefeatureextractor__beta": [0.1, 0.5, 1.0, 4.0]}
    StackedGridSearchCV(pipe, grid, cv=5).fit(X, y)
    pairs = []
    for _ in range(3):
        plain, a = timed(lambda: GridSearchCV(pipe, grid, cv=5).fit(X, y))
        stacked, b = timed(lambda: StackedGridSearchCV(pipe, grid, cv=5).fit(X, y))
        pairs.append((plain, stacked, plain / stacked))
    plain, stacked, ratio = np.median(pairs, axis=0)
    names = [name for name in a.cv_results_ if "test_score" in name]
    same = all(np.array_equal(a.cv_results_[n], b.cv_results_[n]) for n in names)
    return {
        "rows": n_rows,
        "columns": n_columns,
        "networks": 21,
        "seconds_alone": round(plain, 2),
        "seconds_stacked": round(stacked, 2),
        "times_as_fast": round(ratio, 2),
        "equal_scores": same,
    }


def peers(n_rows, n_columns):
    """Return the times of the search's networks by the loops of others, one by one."""
    from importlib.util import find_spec

    import pythae_peer
    import skorch_peer
    import torch
    from sklearn.model_selection import KFold

    torch.set_num_threads(1)
    X, _ = table(n_rows, n_columns)
    X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    parts = [X[rows] for rows, _ in KFold(5).split(X)]
    trains = {"skorch": skorch_peer.train}
    if find_spec("pythae"):
        trains["pythae"] = pythae_peer.train
    found = {}
    for name, train in trains.items():
        train(X, HIDDEN, 16, 32, 1)
        seconds, _ = timed(lambda t=train: [t(x, HIDDEN, 16, 32, N_EPOCHS) for x in parts])
        found[name] = 4 * seconds  # for each of four beta
    return found


def study(n_rows, n_columns, n_repeats):
    """Return the CPU seconds of a nested cross-validation, and the mean of each arm."""
    from skvae.study import default_arms, nested_cv

    X, y = table(n_rows, n_columns)
    with tempfile.TemporaryDirectory() as memory:
        names = ["pca", "autoencoder", "vae"]
        arms = default_arms(X, names, n_components=(8, 16), memory=memory)
        seconds, result = timed(lambda: nested_cv(arms, X, y, outer=(5, n_repeats)))
    summary = result.summary().set_index("arm")["mean"].round(4).to_dict()
    of_arms = result.timings.groupby("arm")["fit_seconds"].sum().round(1).to_dict()
    folds = result.scores.set_index(["arm", "repeat", "fold"])
    chosen = folds.filter(like="param_").map(str).agg(" ".join, axis=1)
    chosen.index = ["{} {} {}".format(*each) for each in chosen.index]
    found = {"seconds": seconds, "means": summary, "wall_seconds": of_arms}
    return found | {"chosen": chosen.to_dict()}


def lidc():
    """CPU seconds of the quick study of nodules, by the command line."""
    from skvae.cli import main as skvae

    with tempfile.TemporaryDirectory() as folder:
        start = os.times()
        skvae(["study", "--quick", "--jobs", "1", "--output", folder])
        stop = os.times()
    seconds = sum(stop[:4]) - sum(start[:4])  # of this process and of its children
    return {"seconds": round(seconds, 1)}


def elsewhere(root, what, *numbers):
    """Run a function of this file in an interpreter of its own, with another package."""
    code = (
        f"import runpy, json; f = runpy.run_path({__file__!r})[{what!r}]; "
        f"print(json.dumps(f(*{numbers!r})))"
    )
    paths = [str(root), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        # The folder that this runs in may have a package of its own.
        [sys.executable, "-P", "-W", "ignore", "-c", code],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["fits", "searches"])
    parser.add_argument("--before", type=Path)
    parser.add_argument("--networks", type=int, nargs="+", default=[1, 5, 20, 100])
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args()
    here = Path(__file__).resolve().parent.parent
    from harness import print_table, write_csv

    if "fits" in given.what:
        sizes = [(*shape, n) for shape in SHAPES for n in given.networks]
        rows = [elsewhere(here, "one_size", *size) for size in sizes]
        write_csv("many_fits", rows)
        print_table(rows)
    if "searches" in given.what:
        rows = [elsewhere(here, "search", *shape) for shape in SHAPES]
        for row, shape in zip(rows, SHAPES, strict=True):
            for name, seconds in elsewhere(here, "peers", *shape).items():
                row[f"seconds_{name}"] = round(seconds, 1)
                row[f"share_of_{name}"] = round(row["seconds_stacked"] / seconds, 3)
        write_csv("many_fits_searches", rows)
        print_table(rows)
    if "studies" in given.what:
        rows = []
        for n_columns in (100, 850):
            size = (150, n_columns, given.repeats)
            before = elsewhere(given.before.resolve(), "study", *size)
            after = elsewhere(here, "study", *size)
            far = max(abs(before["means"][a] - after["means"][a]) for a in after["means"])
            chosen = after["chosen"]
            others = sum(before["chosen"][fold] != chosen[fold] for fold in chosen)
            rows.append(
                {
                    "columns": n_columns,
                    "seconds_before": round(before["seconds"], 1),
                    "seconds_after": round(after["seconds"], 1),
                    "times_as_fast": round(before["seconds"] / after["seconds"], 2),
                    "largest_difference_of_means": round(far, 5),
                    "folds_with_another_choice": round(others / len(chosen), 4),
                    "fits_before": str(before["wall_seconds"]),
                    "fits_after": str(after["wall_seconds"]),
                }
            )
        write_csv("many_fits_studies", rows)
        print_table(rows)
    if "lidc" in given.what:
        roots = {"before": given.before.resolve(), "after": here}
        found = {name: elsewhere(root, "lidc")["seconds"] for name, root in roots.items()}
        ratio = round(found["before"] / found["after"], 2)
        rows = [found | {"times_as_fast": ratio}]
        write_csv("many_fits_lidc", rows)
        print_table(rows)


if __name__ == "__main__":
    main()
