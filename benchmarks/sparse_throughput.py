"""Training of SparseAutoencoder on 100,000 x 768 embeddings against two bare loops.

The first has the same network and objective, index-shuffled tensors and a fused Adam.
The second does on the same arrays what the standard trainer of dictionary_learning
(https://github.com/saprmarks/dictionary_learning) does in each step: decoder columns of
norm one by projection before and after Adam, a schedule of the learning rate, the count
of silent steps. ``fit`` includes validation and diagnostics.

Writes ``results/sparse_throughput.csv`` and ``.png``; takes five minutes on one thread.

    python benchmarks/sparse_throughput.py [--repetitions 5] [--units 512]
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from harness import Panel, alternate, one_thread, plot, print_table, speeds, write_csv
from torch import Tensor, nn

from skvae import SparseAutoencoder

BARE, PEER = "bare loop", "bare loop of dictionary_learning's steps"
N_ROWS, N_FEATURES, BATCH_SIZE, WEIGHT, RATE = 100_000, 768, 1024, 0.1, 1e-3


def embeddings(n_rows: int) -> np.ndarray:
    """Sparse mixtures of random directions, as embeddings are thought to be."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(1000, N_FEATURES)).astype(np.float32)
    chosen = rng.integers(1000, size=(n_rows, 10))
    X = np.zeros((n_rows, N_FEATURES), dtype=np.float32)
    for column in chosen.T:
        X += directions[column] * rng.exponential(size=(n_rows, 1)).astype(np.float32)
    return X / X.std()


class BareNetwork(nn.Module):
    """A linear encoder with a ReLU, and a linear decoder."""

    def __init__(self, n_units: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(N_FEATURES, n_units)
        self.decoder = nn.Linear(n_units, N_FEATURES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(x).relu()
        return code, self.decoder(code)


def run(X: np.ndarray, step: Callable[[Tensor], None]) -> None:
    """Take a step for each batch of one shuffled epoch."""
    rows = torch.from_numpy(X)
    for index in torch.randperm(len(X)).split(BATCH_SIZE):
        step(rows[index])


def bare(X: np.ndarray, n_units: int) -> None:
    network = BareNetwork(n_units)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)

    def step(x: Tensor) -> None:
        code, decoded = network(x)
        norm = network.decoder.weight.norm(dim=0)
        error = 0.5 * (x - decoded).square().sum(dim=1)
        loss = (error + WEIGHT * (code * norm).sum(dim=1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    run(X, step)


def peer(X: np.ndarray, n_units: int) -> None:
    network = BareNetwork(n_units)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min(n / 1000, 1.0))
    weight = network.decoder.weight
    silent_steps = torch.zeros(n_units, dtype=torch.long)

    def step(x: Tensor) -> None:
        code, decoded = network(x)
        silent = (code == 0).all(dim=0)
        silent_steps.add_(1).mul_(silent)
        error = torch.linalg.norm(x - decoded, dim=1).mean()
        loss = error + WEIGHT * code.norm(p=1, dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        with torch.no_grad():
            unit = weight / weight.norm(dim=0)
            weight.grad -= (weight.grad * unit).sum(dim=0) * unit
        optimizer.step()
        with torch.no_grad():
            weight.div_(weight.norm(dim=0))
        schedule.step()

    run(X, step)


def ours(X: np.ndarray, n_units: int, sparsity: str) -> None:
    SparseAutoencoder(
        n_units,
        sparsity=sparsity,
        sparsity_weight=WEIGHT,
        k=32,
        max_iter=1,
        batch_size=BATCH_SIZE,
        learning_rate_init=RATE,
        device="cpu",
        random_state=0,
    ).fit(X)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--rows", type=int, default=N_ROWS)
    arguments = parser.parse_args()
    one_thread()
    X = embeddings(arguments.rows)
    competitors = {
        BARE: lambda: bare(X, arguments.units),
        PEER: lambda: peer(X, arguments.units),
    }
    for sparsity in ("l1", "topk", "kl"):
        competitors[f"skvae fit, {sparsity}"] = lambda sparsity=sparsity: ours(
            X, arguments.units, sparsity
        )
    rows = speeds(alternate(competitors, arguments.repetitions), BARE, len(X))
    print_table(rows)
    write_csv("sparse_throughput", rows)
    panel = Panel(
        f"one epoch of {len(X):,} x {N_FEATURES}, {arguments.units} units",
        [row["competitor"] for row in rows],
        [row["share"] for row in rows],
        f"speed as a share of the {BARE}",
        1.0,
    )
    plot("sparse_throughput", [panel])


if __name__ == "__main__":
    main()
