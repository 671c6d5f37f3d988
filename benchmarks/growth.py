"""How seconds and memory grow with rows, columns and networks, one at a time.

Rows from 100 to 1e6 at 100 columns, columns from 10 to 1e5 at 1,000 rows, networks from 1
to 300 at 1,000 x 100 side by side: a VAE with hidden layers (64, 32), one epoch of rows
and columns (ten of the networks, which one epoch would not tell from their set-up). Each in
a process of its own; seconds of `fit` and of `transform` are CPU seconds of one thread, and
memory is the peak above what the imports take.

Writes ``results/growth.csv`` and ``results/growth.png``; takes ten minutes.

    python benchmarks/growth.py [--most-rows 1000000] [--most-networks 300]
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np
from harness import OTHERS, OURS, RESULTS, print_table, write_csv
from matplotlib.figure import Figure

ROWS = (100, 1_000, 10_000, 100_000, 1_000_000)
COLUMNS = (10, 100, 1_000, 10_000, 100_000)
NETWORKS = (1, 3, 10, 30, 100, 300)
HIDDEN = (64, 32)


def peak_megabytes() -> float:
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def one(n_rows: int, n_columns: int, n_networks: int) -> dict:
    """Return what one size costs; in a process that does only this."""
    import torch

    from skvae import VAEFeatureExtractor
    from skvae.estimators.collected_fits import collect
    from skvae.training.stacking import train_many

    torch.set_num_threads(1)

    def vae(seed: int, n_epochs: int) -> VAEFeatureExtractor:
        options = {"hidden_layer_sizes": HIDDEN, "batch_size": 128, "n_threads": 1}
        return VAEFeatureExtractor(
            8, max_iter=n_epochs, random_state=seed, device="cpu", **options
        )

    rng = np.random.default_rng(0)
    vae(0, 1).fit(rng.random((50, 4), dtype=np.float32))  # what the first fit imports
    X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    # The kernel's count of the peak begins anew.
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    before = peak_megabytes()
    start = time.process_time()
    if n_networks == 1:
        fitted = vae(0, 1).fit(X)
    else:
        kinds = [vae(k, 10) for k in range(n_networks)]
        train_many([collect(lambda kind=kind: kind.fit(X)).job for kind in kinds])
    fit = time.process_time() - start
    peak = peak_megabytes() - before
    start = time.process_time()
    if n_networks == 1:
        fitted.transform(X)
    transform = time.process_time() - start
    return {
        "rows": n_rows,
        "columns": n_columns,
        "networks": n_networks,
        "fit_seconds": round(fit, 3),
        "transform_seconds": round(transform, 4) if n_networks == 1 else "",
        "peak_megabytes": round(peak, 1),
        "data_megabytes": round(X.nbytes / 2**20, 3),
    }


def elsewhere(*size: int) -> dict:
    command = [sys.executable, "-W", "ignore", __file__, "--one", *map(str, size)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])


def draw(rows: list[dict]) -> None:
    """Draw seconds and memory over each axis, all scales logarithmic."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots(2, 3, sharex="col", sharey="row")
    for place, axis in enumerate(("rows", "columns", "networks")):
        some = [row for row in rows if row["axis"] == axis]
        sizes = [row[axis] for row in some]
        above, below = axes[:, place]
        above.loglog(sizes, [row["fit_seconds"] for row in some], "o-", color=OURS)
        above.set_title(f"{axis}", fontsize="medium")
        if axis != "networks":
            seconds = [row["transform_seconds"] for row in some]
            above.loglog(sizes, seconds, "s--", color=OTHERS)
        peaks = [max(row["peak_megabytes"], 0.1) for row in some]
        below.loglog(sizes, peaks, "o-", color=OURS, label="peak of fit")
        data = [row["data_megabytes"] for row in some]
        below.loglog(sizes, data, ":", color=OTHERS, label="X itself")
        below.set_xlabel(f"number of {axis}")
        for each in (above, below):
            each.grid(color="0.9")
            each.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("CPU seconds")
    axes[0, 0].legend(["fit", "transform"], frameon=False, fontsize="small")
    axes[1, 0].set_ylabel("MB above the imports")
    axes[1, 0].legend(frameon=False, fontsize="small")
    figure.savefig(RESULTS / "growth.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most-rows", type=int, default=ROWS[-1])
    parser.add_argument("--most-networks", type=int, default=NETWORKS[-1])
    parser.add_argument("--one", type=int, nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(*given.one)))
        return
    sizes = [("rows", n, 100, 1) for n in ROWS if n <= given.most_rows]
    sizes += [("columns", 1_000, n, 1) for n in COLUMNS]
    sizes += [("networks", 1_000, 100, n) for n in NETWORKS if n <= given.most_networks]
    rows = [{"axis": axis} | elsewhere(*size) for axis, *size in sizes]
    print_table(rows)
    write_csv("growth", rows)
    draw(rows)


if __name__ == "__main__":
    main()
