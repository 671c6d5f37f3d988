"""Training on a device against a bare loop, and against what the device could do.

Three scenarios: 10,000 rows of 784; crops of 64^3; 100 fits of tables of 160 x 100, which
on a GPU are trained one after another. The arithmetic share is the floating-point
operations of forward and backward passes, as torch counts them, over what a matrix product
of the same device reaches in the same run; the memory share is the bytes that each step
must at least move (rows once; weights, gradients and Adam's moments read and written) over
those of a copy. A step that reaches neither is bound by launching.

Runs unchanged where there is no GPU, on one thread, with fewer crops, and says so; there
the fits of tables are one stack. Seconds are those of the wall on a GPU, and of the CPU on
a CPU, which others may share; medians of alternating repetitions. Writes
``results/gpu_cuda.csv`` or ``results/gpu_cpu.csv``.

    python benchmarks/gpu.py [--device auto] [--repetitions 5] [--scenarios rows ...]
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from harness import one_thread, print_table, ratio, update_csv
from throughput import BareVAE, Scenario
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from skvae import VAEFeatureExtractor

ROWS = Scenario((10_000, 784), 256, 32, 128, 5, 0.9, 0)
CROPS = {
    "cuda": Scenario((256, 1, 64, 64, 64), 128, 16, 16, 10, 0.9, 0),
    "cpu": Scenario((32, 1, 64, 64, 64), 128, 16, 16, 10, 0.9, 0),
}
TABLES = Scenario((160, 100), 64, 8, 32, 20, 0.9, 0)
N_FITS = 100
BYTES = 4


class BareCrops(BareVAE):
    """The bare network of volumes, of which the last map of crops of 64^3 is 8^3."""

    def __init__(self, s: Scenario) -> None:
        super().__init__(s._replace(shape=(1, 1, 16, 16, 16)))
        self.hidden[-2] = torch.nn.Linear(32 * 8**3, s.n_hidden)
        self.decoder[2] = torch.nn.Linear(s.n_hidden, 32 * 8**3)
        self.decoder[3] = torch.nn.Unflatten(1, (32, 8, 8, 8))


def bare_network(s: Scenario) -> BareVAE:
    return BareCrops(s) if len(s.shape) > 2 else BareVAE(s)


def loss_of(network: BareVAE, x: Tensor) -> Tensor:
    mean, log_var, reconstruction = network(x)
    error = (reconstruction - x).square().flatten(1).sum(1)
    kl = (mean.square() + log_var.exp() - log_var - 1).sum(1)
    return (0.5 * error + 0.5 * kl).mean()


def bare_loop(X: np.ndarray, s: Scenario, device: str) -> None:
    x_all = torch.from_numpy(X).to(device)
    network = bare_network(s).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    for _ in range(s.n_epochs):
        order = torch.randperm(len(X), device=device)
        for start in range(0, len(X), s.batch_size):
            optimizer.zero_grad()
            loss_of(network, x_all[order[start : start + s.batch_size]]).backward()
            optimizer.step()
    synchronize(device)


def fit(X: np.ndarray, s: Scenario, device: str) -> None:
    VAEFeatureExtractor(
        s.n_components,
        hidden_layer_sizes=(s.n_hidden,),
        batch_size=s.batch_size,
        max_iter=s.n_epochs,
        device=device,
        random_state=0,
        n_threads=1,
    ).fit(X)


def fit_many(X: np.ndarray, s: Scenario, device: str) -> None:
    """Train as a search does: side by side where that is possible."""
    from skvae.estimators.collected_fits import collect
    from skvae.training.stacking import train_many

    kinds = [
        VAEFeatureExtractor(
            s.n_components,
            hidden_layer_sizes=(s.n_hidden,),
            batch_size=s.batch_size,
            max_iter=s.n_epochs,
            device=device,
            random_state=k,
            n_threads=1,
        )
        for k in range(N_FITS)
    ]
    train_many([collect(lambda kind=kind: kind.fit(X)).job for kind in kinds])
    synchronize(device)


def bare_many(X: np.ndarray, s: Scenario, device: str) -> None:
    for _ in range(N_FITS):
        bare_loop(X, s, device)


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def spent(call: Callable[[], None], device: str) -> float:
    """Return the seconds of a call."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    synchronize(device)
    start = clock()
    call()
    synchronize(device)
    return clock() - start


def limits(device: str) -> tuple[float, float]:
    """Return operations, and bytes, a second that the device reaches here."""
    n = 8192 if device == "cuda" else 1024
    a, b = torch.rand(n, n, device=device), torch.rand(n, n, device=device)
    source = torch.rand((1 << 28) if device == "cuda" else (1 << 24), device=device)
    target = torch.empty_like(source)
    product = min(spent(lambda: torch.mm(a, b), device) for _ in range(5))
    copy = min(spent(lambda: target.copy_(source), device) for _ in range(5))
    return 2 * n**3 / product, 2 * BYTES * source.numel() / copy


def work(s: Scenario) -> tuple[float, float]:
    """Return operations, and the least bytes, of all steps of a fit."""
    network, n_rows = bare_network(s), s.shape[0]
    x = torch.zeros(s.batch_size, *s.shape[1:])
    with FlopCounterMode(display=False) as counted:
        loss_of(network, x).backward()
    n_steps = s.n_epochs * -(-n_rows // s.batch_size)
    n_weights = sum(weights.numel() for weights in network.parameters())
    # Weights and both moments read and written, gradients written and read.
    of_steps = n_steps * n_weights * 8 * BYTES
    of_rows = s.n_epochs * n_rows * int(np.prod(s.shape[1:])) * BYTES
    return counted.get_total_flops() * n_steps, of_steps + of_rows


def measure(name: str, s: Scenario, device: str, n_repetitions: int) -> list[dict]:
    X = np.random.default_rng(0).normal(size=s.shape).astype(np.float32)
    many = name == "tables"
    calls = {
        "bare loop": partial(bare_many if many else bare_loop, X, s, device),
        "skvae": partial(fit_many if many else fit, X, s, device),
    }
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {each: [] for each in calls}
    for k in range(n_repetitions):
        for each in sorted(calls, reverse=bool(k % 2)):
            seconds[each].append(spent(calls[each], device))
    operations, n_bytes = work(s)
    most_operations, most_bytes = limits(device)
    n_fits = N_FITS if many else 1
    return [
        {
            "scenario": name,
            "device": device,
            "shape": " x ".join(map(str, s.shape)),
            "fits": n_fits,
            "competitor": each,
            "seconds": round(float(np.median(times)), 4),
            "of_bare_loop": round(ratio(seconds["bare loop"], times), 3),
            "arithmetic_share": round(
                n_fits * operations / most_operations / float(np.median(times)), 4
            ),
            "memory_share": round(
                n_fits * n_bytes / most_bytes / float(np.median(times)), 4
            ),
        }
        for each, times in seconds.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "cpu"))
    parser.add_argument("--repetitions", type=int, default=5)
    names = ("rows", "crops", "tables")
    parser.add_argument("--scenarios", nargs="*", default=names, choices=names)
    given = parser.parse_args()
    device = given.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        one_thread()
        print("No GPU: one thread of the CPU, fewer crops.")
    scenarios = {"rows": ROWS, "crops": CROPS[device], "tables": TABLES}
    rows = []
    for name in given.scenarios:
        rows += measure(name, scenarios[name], device, given.repetitions)
    print_table(rows)
    update_csv(f"gpu_{device}", rows, ["scenario", "competitor"])


if __name__ == "__main__":
    main()
