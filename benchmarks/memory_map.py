"""Memory of one epoch over a float32 memory map that is larger than it should take.

A file of random numbers is written into a temporary folder, mapped read-only and
trained on for one epoch, by skvae and, as a peer, by a bare PyTorch loop that shuffles
all rows; each in a process of its own. Reported are the anonymous memory (RssAnon,
sampled) and the peak of all resident memory (VmHWM, which counts the file's pages in
use) in GB above the level after the imports, and seconds. Linux only.

Writes ``results/memory_map.csv`` and ``results/memory_map.png``.

    python benchmarks/memory_map.py [--gigabytes 4] [--folder /tmp]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from harness import Panel, one_thread, plot, print_table, write_csv
from torch import nn

from skvae import VAEFeatureExtractor

N_FEATURES, N_HIDDEN, N_COMPONENTS, BATCH_SIZE = 4096, 64, 16, 256
ROWS_AT_ONCE = 4096  # when the file is written
ANONYMOUS_MARK, PEAK_MARK = 1.5, 2.0


def fit_skvae(X: np.ndarray) -> None:
    VAEFeatureExtractor(
        N_COMPONENTS,
        hidden_layer_sizes=(N_HIDDEN,),
        batch_size=BATCH_SIZE,
        max_iter=1,
        device="cpu",
        random_state=0,
    ).fit(X)


def fit_bare(X: np.ndarray) -> None:
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


FITS = {"skvae": fit_skvae, "bare loop": fit_bare}


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


def measure(name: str, path: Path) -> None:
    """Fit in this process and print what it took as JSON."""
    anonymous, level = resident("RssAnon"), resident("VmRSS")
    X = np.memmap(path, dtype=np.float32, mode="r").reshape(-1, N_FEATURES)
    sampler = Sampler()
    sampler.start()
    start, cpu = time.perf_counter(), time.process_time()
    FITS[name](X)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    sampler.done.set()
    sampler.join()
    row = {
        "competitor": name,
        "file_gb": round(X.nbytes / 1e9, 2),
        "anonymous_gb": round(sampler.largest - anonymous, 3),
        "peak_gb": round(resident("VmHWM") - level, 3),
        "import_gb": round(level, 3),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
    }
    print(json.dumps(row))


def write_rows(path: Path, gigabytes: float) -> None:
    rng = np.random.default_rng(0)
    n_blocks = max(1, int(gigabytes * 2**30) // (4 * N_FEATURES * ROWS_AT_ONCE))
    with path.open("wb") as file:
        for _ in range(n_blocks):
            rng.random((ROWS_AT_ONCE, N_FEATURES), dtype=np.float32).tofile(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--folder", type=Path, help="where to write the temporary file")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    one_thread()
    if arguments.measure:
        name, path = arguments.measure
        return measure(name, Path(path))
    rows = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "rows.float32"
        write_rows(path, arguments.gigabytes)
        for name in FITS:
            command = [sys.executable, __file__, "--measure", name, str(path)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(answer.stdout))
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
