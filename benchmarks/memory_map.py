"""Memory of one epoch over a float32 file that is larger than it should take.

A file of random numbers is written into a temporary folder and trained on for one epoch
by skvae, as a read-only memory map and as `LazyRows`, and, as a peer, by a bare PyTorch
loop that shuffles all rows of the map; each in a process of its own. Beside it:

- skvae on 1,000 rows in memory, the level that a fit of any file is held against;
- `transform` and `cross_validate` (2 folds) of the lazy rows, and `cross_validate` of the
  memory map, of which scikit-learn copies each fold;
- a zarr and an HDF5 array of the same rows, in chunks of 8 rows, where they are
  installed;
- a sequential read of the file, for its seconds.

Reported are the anonymous memory (RssAnon, sampled), in GB above the level after the
imports, the same above the fit of 1,000 rows, the peak of all resident memory (VmHWM,
which counts the file's pages in use), and seconds. Linux only. A sparse file has no
blocks on disk and reads as zeros.

Writes ``results/memory_map.csv`` and ``results/memory_map.png``.

    python benchmarks/memory_map.py [--gigabytes 4] [--folder /tmp] [--sparse]
"""

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Panel, one_thread, plot, print_table, write_csv
from numpy.lib.format import open_memmap
from sklearn.model_selection import cross_validate
from torch import nn

from skvae import VAEFeatureExtractor
from skvae.datasets import LazyRows

N_FEATURES, N_HIDDEN, N_COMPONENTS, BATCH_SIZE = 4096, 64, 16, 256
FEW_ROWS = 1000
ROWS_AT_ONCE = 4096  # when the file is written
ANONYMOUS_MARK, PEAK_MARK = 1.5, 2.0


def extractor() -> VAEFeatureExtractor:
    return VAEFeatureExtractor(
        N_COMPONENTS,
        hidden_layer_sizes=(N_HIDDEN,),
        batch_size=BATCH_SIZE,
        max_iter=1,
        device="cpu",
        random_state=0,
    )


def mapped(folder: Path) -> np.ndarray:
    return np.load(folder / "rows.npy", mmap_mode="r")


def fit_few(folder: Path) -> None:
    # Random: of the zeros of a sparse file a worker would have nothing to page in.
    rng = np.random.default_rng(0)
    extractor().fit(rng.random((FEW_ROWS, N_FEATURES), dtype=np.float32))


def fit_mapped(folder: Path) -> None:
    extractor().fit(mapped(folder))


def fit_lazy(folder: Path) -> None:
    extractor().fit(LazyRows(folder / "rows.npy"))


def fit_zarr(folder: Path) -> None:
    extractor().fit(LazyRows(folder / "rows.zarr"))


def fit_hdf5(folder: Path) -> None:
    extractor().fit(LazyRows(folder / "rows.h5", "rows"))


def transform_lazy(folder: Path) -> None:
    X = LazyRows(folder / "rows.npy")
    extractor().fit(X[:FEW_ROWS]).transform(X)


def cross_validate_lazy(folder: Path) -> None:
    cross_validate(extractor(), LazyRows(folder / "rows.npy"), cv=2, error_score="raise")


def cross_validate_mapped(folder: Path) -> None:
    cross_validate(extractor(), mapped(folder), cv=2, error_score="raise")


def read_file(folder: Path) -> None:
    with (folder / "rows.npy").open("rb", buffering=0) as file:
        buffer = bytearray(2**24)
        while file.readinto(buffer):
            pass


def fit_bare(folder: Path) -> None:
    X = mapped(folder)
    encoder = nn.Sequential(nn.Linear(N_FEATURES, N_HIDDEN), nn.ReLU())
    heads = nn.Linear(N_HIDDEN, 2 * N_COMPONENTS)
    decoder = nn.Sequential(
        nn.Linear(N_COMPONENTS, N_HIDDEN), nn.ReLU(), nn.Linear(N_HIDDEN, N_FEATURES)
    )
    network = nn.ModuleList([encoder, heads, decoder])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    order = np.random.default_rng(0).permutation(len(X))
    for start in range(0, len(X), BATCH_SIZE):
        x = torch.from_numpy(X[order[start : start + BATCH_SIZE]])
        mean, log_var = heads(encoder(x)).chunk(2, dim=1)
        z = mean + (log_var / 2).exp() * torch.randn_like(mean)
        kl = (mean.square() + log_var.exp() - log_var - 1).sum(1)
        loss = (0.5 * (decoder(z) - x).square().sum(1) + 0.5 * kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


FEW = "skvae, 1,000 rows in memory"
WORKS = {
    FEW: fit_few,
    "skvae": fit_mapped,
    "skvae, LazyRows": fit_lazy,
    "skvae, zarr": fit_zarr,
    "skvae, HDF5": fit_hdf5,
    "bare loop": fit_bare,
    "transform, LazyRows": transform_lazy,
    "cross_validate, LazyRows": cross_validate_lazy,
    "cross_validate": cross_validate_mapped,
    "sequential read": read_file,
}
NEEDS = {"skvae, zarr": "zarr", "skvae, HDF5": "h5py"}


def resident(field: str) -> float:
    """Return a field of this process's memory status in GB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e9
    raise KeyError(field)


class Sampler(threading.Thread):
    """Samples the anonymous memory until stopped, and keeps the largest value."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest = 0.0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.01):
            self.largest = max(self.largest, resident("RssAnon"))


def measure(name: str, folder: Path) -> None:
    """Work in this process and print what it took as JSON."""
    anonymous, level = resident("RssAnon"), resident("VmRSS")
    sampler = Sampler()
    sampler.start()
    start, cpu = time.perf_counter(), time.process_time()
    WORKS[name](folder)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    sampler.done.set()
    sampler.join()
    row = {
        "competitor": name,
        "file_gb": round((folder / "rows.npy").stat().st_size / 1e9, 2),
        "anonymous_gb": round(sampler.largest - anonymous, 3),
        "peak_gb": round(resident("VmHWM") - level, 3),
        "import_gb": round(level, 3),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
    }
    print(json.dumps(row))


def write_rows(folder: Path, gigabytes: float, sparse: bool) -> None:
    rng = np.random.default_rng(0)
    n_blocks = max(1, int(gigabytes * 2**30) // (4 * N_FEATURES * ROWS_AT_ONCE))
    shape = (n_blocks * ROWS_AT_ONCE, N_FEATURES)
    # Of which nothing is on disk before it is written.
    X = open_memmap(folder / "rows.npy", mode="w+", dtype=np.float32, shape=shape)
    chunked = [] if sparse else stores(folder, shape)
    for start in range(0, 0 if sparse else len(X), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        X[rows] = block = rng.random((ROWS_AT_ONCE, N_FEATURES), dtype=np.float32)
        for store in chunked:
            store[rows] = block


def stores(folder: Path, shape: tuple[int, int]) -> list[Any]:
    """Return arrays of the other formats, where these are installed."""
    found = []
    chunk = (8, N_FEATURES)
    if find_spec("zarr"):
        zarr = import_module("zarr")
        options = {"shape": shape, "dtype": "f4", "chunks": chunk, "compressors": None}
        found.append(zarr.create_array(folder / "rows.zarr", **options))
    if find_spec("h5py"):
        file = import_module("h5py").File(folder / "rows.h5", "w")
        found.append(file.create_dataset("rows", shape, dtype="f4", chunks=chunk))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--folder", type=Path, help="where to write the temporary file")
    parser.add_argument("--sparse", action="store_true", help="a file of zeros")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    one_thread()
    if arguments.measure:
        name, folder = arguments.measure
        return measure(name, Path(folder))
    rows = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        # In a process of its own, which closes all files.
        writer = multiprocessing.get_context("spawn").Process(
            target=write_rows,
            args=(Path(folder), arguments.gigabytes, arguments.sparse),
        )
        writer.start()
        writer.join()
        for name in WORKS:
            if name in NEEDS and (arguments.sparse or not find_spec(NEEDS[name])):
                continue
            command = [sys.executable, __file__, "--measure", name, folder]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(answer.stdout))
            print(answer.stdout, end="", flush=True)
    few = next(row["anonymous_gb"] for row in rows if row["competitor"] == FEW)
    for row in rows:
        row["above_few_gb"] = round(row["anonymous_gb"] - few, 3)
    print_table(rows)
    write_csv("memory_map", rows)
    names = [row["competitor"] for row in rows]
    panels = [
        Panel(title, names, [row[field] for row in rows], "GB above the imports", mark)
        for title, field, mark in (
            ("Anonymous memory", "anonymous_gb", ANONYMOUS_MARK),
            ("Peak resident memory, file pages included", "peak_gb", PEAK_MARK),
        )
    ]
    return plot("memory_map", panels)


if __name__ == "__main__":
    main()
