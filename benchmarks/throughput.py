"""Training and reading of VAEFeatureExtractor against bare PyTorch and pythae.

Scenarios: A, 10,000 rows of 784; B, 400 rows of 100; C, 64 volumes of 16^3. The
bare loop is written as well as it can be: index-shuffled tensors, a fused Adam, no
``.item()``. With the learned variance it has the objective of skvae too, which tells
the price of the objective from that of the framework; ``fit`` includes validation and
diagnostics. ``transform`` runs against a bare encoder in blocks of the same size, and
beside forward passes with the decoder, which it must not run ("read 1", "read 32" and the
like are of few rows, so that fixed costs show). D is what is fixed in a fit: an estimator
of scikit-learn that is made and fitted to 100 x 20, and ours, for one epoch.

Writes ``results/throughput.csv`` and ``results/throughput.png``, in which other scenarios
than those that run stay as they are; takes two minutes.

    python benchmarks/throughput.py [--repetitions 9] [--scenarios A B C D]
"""

import argparse
import math
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import pythae_peer
import torch
from harness import Panel, alternate, one_thread, plot, print_table, speeds, update_csv
from sklearn.decomposition import PCA
from torch import Tensor, nn

from skvae import VAEFeatureExtractor

BARE, LEARNED, FIT, PYTHAE = (
    "bare loop",
    "bare loop, learned variance",
    "skvae fit",
    "pythae pipeline",
)
ENCODER, TRANSFORM = "bare encoder", "skvae transform"
PEER = "PCA"
FEW = (1, 32)


class Scenario(NamedTuple):
    """Data, sizes, budget, the share of a bare loop to reach, and the rows to read."""

    shape: tuple[int, ...]
    n_hidden: int
    n_components: int
    batch_size: int
    n_epochs: int
    mark: float
    n_read: int


SCENARIOS = {
    "A": Scenario((10_000, 784), 256, 32, 128, 2, 0.90, 10_000),
    "B": Scenario((400, 100), 64, 8, 32, 40, 0.90, 10_000),
    "C": Scenario((64, 1, 16, 16, 16), 128, 16, 16, 20, 0.80, 1000),
    "D": Scenario((100, 20), 64, 8, 32, 1, 0.0, 0),
}
TRANSFORM_MARK = 0.95


class BareVAE(nn.Module):
    """The same layers as the estimator's network, without names for what they compute."""

    def __init__(self, s: Scenario) -> None:
        super().__init__()
        n, h = math.prod(s.shape[1:]), s.n_hidden
        inner, outer = [], []
        if len(s.shape) > 2:
            for n_in, n_out in ((1, 8), (8, 16), (16, 32)):
                inner += [nn.Conv3d(n_in, n_out, 3, stride=2, padding=1), nn.ReLU()]
            inner.append(nn.Flatten())
            outer.append(nn.Unflatten(1, (32, 2, 2, 2)))
            for n_in, n_out in ((32, 16), (16, 8), (8, 1)):
                up = nn.ConvTranspose3d(n_in, n_out, 4, stride=2, padding=1)
                outer += [nn.ReLU(), up]
            n = 32 * 2**3
        self.hidden = nn.Sequential(*inner, nn.Linear(n, h), nn.ReLU())
        self.mean = nn.Linear(h, s.n_components)
        self.log_var = nn.Linear(h, s.n_components)
        self.decoder = nn.Sequential(
            nn.Linear(s.n_components, h), nn.ReLU(), nn.Linear(h, n), *outer
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.hidden(x)
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        z = mean + (log_var / 2).exp() * torch.randn_like(mean)
        return mean, log_var, self.decoder(z)


def bare_loop(X: np.ndarray, s: Scenario, *, learned_variance: bool) -> None:
    x_all = torch.from_numpy(X)
    network = BareVAE(s)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    n_entries = math.prod(s.shape[1:])
    for _ in range(s.n_epochs):
        order = torch.randperm(len(X))
        for start in range(0, len(X), s.batch_size):
            x = x_all[order[start : start + s.batch_size]]
            mean, log_var, reconstruction = network(x)
            error = (reconstruction - x).square().flatten(1).sum(1)
            if learned_variance:
                total = error.detach().mean()
                constant = math.log(2 * math.pi / n_entries)
                error = (error / total + (total.log() + constant)) * n_entries
            kl = (mean.square() + log_var.exp() - log_var - 1).sum(1)
            loss = (0.5 * error + 0.5 * kl).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def extractor(s: Scenario) -> VAEFeatureExtractor:
    return VAEFeatureExtractor(
        s.n_components,
        hidden_layer_sizes=(s.n_hidden,),
        batch_size=s.batch_size,
        max_iter=s.n_epochs,
        device="cpu",
        random_state=0,
    )


def training(s: Scenario, X: np.ndarray) -> dict[str, Callable]:
    competitors = {
        BARE: partial(bare_loop, X, s, learned_variance=False),
        LEARNED: partial(bare_loop, X, s, learned_variance=True),
        FIT: lambda: extractor(s).fit(X),
    }
    if X.ndim == 2 and find_spec("pythae"):
        sizes = ((s.n_hidden,), s.n_components, s.batch_size, s.n_epochs)
        competitors[PYTHAE] = partial(pythae_peer.train, X, *sizes)
    return competitors


def reading(s: Scenario, X: np.ndarray, some: np.ndarray) -> dict[str, Callable]:
    estimator = extractor(s).set_params(max_iter=1).fit(some)
    bare = BareVAE(s).eval()
    shapes = [
        sorted(tuple(weights.shape) for weights in network.parameters())
        for network in (estimator.network_.module, bare)
    ]
    assert shapes[0] == shapes[1], "the bare network must have the estimator's layers"
    size = estimator.network_.block_size

    def encode(x: Tensor) -> Tensor:
        return bare.mean(bare.hidden(x))

    @torch.inference_mode()
    def blocks(function: Callable[[Tensor], Tensor]) -> np.ndarray:
        return torch.cat([function(x) for x in torch.from_numpy(X).split(size)]).numpy()

    return {
        ENCODER: lambda: blocks(encode),
        TRANSFORM: lambda: estimator.transform(X),
        "bare encoder and decoder": lambda: blocks(lambda x: bare.decoder(encode(x))),
        "skvae reconstruct": lambda: estimator.reconstruct(X),
    }


def measure(name: str, s: Scenario, n_repetitions: int) -> list[dict]:
    shape = (s.n_read, *s.shape[1:])
    many = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    X, mark = many[: s.shape[0]], {TRANSFORM: TRANSFORM_MARK}
    tasks = [
        ("train", training(s, X), BARE, len(X) * s.n_epochs, {FIT: s.mark}),
        ("read", reading(s, many, X[: s.batch_size]), ENCODER, len(many), mark),
    ]
    sizes = (*FEW, len(X)) if X.ndim == 2 else (len(X),)
    for n in sizes if len(X) < len(many) else ():
        few = reading(s, X[:n], X[: s.batch_size])
        tasks.append((f"read {n}", few, ENCODER, n, {}))
    rows = []
    for task, competitors, reference, n_samples, marks in tasks:
        seconds = alternate(competitors, n_repetitions)
        for row in speeds(seconds, reference, n_samples):
            mark = marks.get(row["competitor"], "")
            rows.append({"scenario": name, "task": task} | row | {"mark": mark})
    return rows


def first_fit(s: Scenario, n_repetitions: int) -> list[dict]:
    X = np.random.default_rng(0).normal(size=s.shape).astype(np.float32)
    competitors = {
        PEER: lambda: PCA(s.n_components, random_state=0).fit(X),
        FIT: lambda: extractor(s).fit(X),
    }
    seconds = alternate(competitors, n_repetitions)
    found = speeds(seconds, PEER, len(X))
    return [{"scenario": "D", "task": "first fit"} | row | {"mark": ""} for row in found]


def panel(rows: list[dict], scenario: str, task: str) -> Panel:
    rows = [row for row in rows if (row["scenario"], row["task"]) == (scenario, task)]
    s = SCENARIOS[scenario]
    n_samples = {"read": s.n_read, "read 1": 1, "read 32": 32}.get(task, s.shape[0])
    size = f"{n_samples:,} x " + " x ".join(map(str, s.shape[1:]))
    what = "read" if task.startswith("read") else task
    return Panel(
        f"{scenario}: {what} {size}",
        [row["competitor"] for row in rows],
        [float(row["share"]) for row in rows],
        f"speed as a share of the {rows[0]['competitor']}",
        next((float(row["mark"]) for row in rows if row["mark"]), None),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--scenarios", nargs="*", default=list(SCENARIOS))
    arguments = parser.parse_args()
    one_thread()
    rows = []
    for name in arguments.scenarios:
        if name == "D":
            rows += first_fit(SCENARIOS[name], arguments.repetitions)
        else:
            rows += measure(name, SCENARIOS[name], arguments.repetitions)
    print_table(rows)
    rows = update_csv("throughput", rows, ["scenario", "task", "competitor"])
    pairs = dict.fromkeys((row["scenario"], row["task"]) for row in rows)
    plot("throughput", [panel(rows, *pair) for pair in pairs])


if __name__ == "__main__":
    main()
