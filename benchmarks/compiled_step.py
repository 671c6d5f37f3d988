"""What torch.compile gives a training step on a CPU, and after how many fits it pays.

Epochs of the usual step against the same step whose loss is compiled (forward and backward
passes; Adam's kernel is one call already). Compiling takes its time for each shape of a
batch, so also for the last, smaller one. The fits to pay for it are the seconds of
compiling over those saved in a fit. One thread; CPU seconds, those of the C++ compiler
included; caches of earlier compilations are not used. The largest difference of a weight
after an epoch tells whether the bits are the same. Writes ``results/compiled_step.csv``.

    python benchmarks/compiled_step.py [--repetitions 5] [--cases rows ...]
"""

import argparse
import math
import os
import resource
from tempfile import mkdtemp
from typing import NamedTuple

os.environ["TORCHINDUCTOR_CACHE_DIR"] = mkdtemp()
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # in this process

import numpy as np
import torch
from harness import one_thread, print_table, update_csv

from skvae import VAEFeatureExtractor
from skvae.estimators.collected_fits import collect
from skvae.objectives.batch import Batch
from skvae.training.batches import Batches
from skvae.training.net import ObjectiveNet
from skvae.training.seeding import generator


class Case(NamedTuple):
    """Shape of X, sizes of the network, and the budget of a fit."""

    shape: tuple[int, ...]
    n_components: int
    batch_size: int
    n_epochs: int
    options: dict


CASES = {
    "small rows": Case((400, 100), 8, 32, 40, {"hidden_layer_sizes": (64,)}),
    "rows": Case((10_000, 784), 32, 128, 20, {"hidden_layer_sizes": (256,)}),
    "images": Case((2_000, 1, 28, 28), 16, 64, 20, {}),
}


class CompiledNet(ObjectiveNet):
    """The same net, whose loss is one compiled function."""

    def begin(self, phase):
        super().begin(phase)
        self.loss_ = torch.compile(self.loss, fullgraph=True, dynamic=False)
        return self

    def loss(self, x, noise, share):
        """Return the sum of the terms' means, and the terms."""
        trace = self.module_(x, noise)
        terms = self.objective_(trace, Batch(x))
        return sum((term * share).sum() for term in terms.values()), terms

    def backward(self, batch, noise, share, **_):
        """Compute the gradient as the usual net does."""
        for parameter in self.trained_:
            parameter.grad = None
        total, terms = self.loss_(batch.x, noise, share)
        total.backward()
        return {name: term.detach() for name, term in terms.items()}


def cpu_seconds():
    """CPU seconds of this process and of those that it has waited for."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


class Training:
    """Epoch after epoch of one net on the rows of a job."""

    def __init__(self, kind, job):
        recipe, data = job.recipe, job.data
        self.net = kind(recipe, data.x.shape[1:]).initialize().begin(recipe.phases[0])
        index = np.arange(len(data))
        self.rows = Batches(data, index, recipe.batch_size, "cpu", generator(0))

    def seconds(self):
        """Train for an epoch; return its seconds."""
        start = cpu_seconds()
        self.net.run_epoch(self.rows, 1.0, 0.0)
        return cpu_seconds() - start

    def weights(self):
        """Return all weights in a row."""
        each = [p.detach().flatten() for p in self.net.module_.parameters()]
        return torch.cat(each)


def measure(name, case, n_repetitions):
    """Return the row of a case."""
    X = np.random.default_rng(0).normal(size=case.shape).astype(np.float32)
    kind = VAEFeatureExtractor(
        case.n_components,
        batch_size=case.batch_size,
        max_iter=case.n_epochs,
        n_threads=1,
        random_state=0,
        device="cpu",
        **case.options,
    )
    job = collect(lambda: kind.fit(X)).job
    usual, compiled = Training(ObjectiveNet, job), Training(CompiledNet, job)
    usual.seconds()
    first = compiled.seconds()
    difference = float((compiled.weights() - usual.weights()).abs().max())
    pairs = [(usual.seconds(), compiled.seconds()) for _ in range(n_repetitions)]
    of_usual, of_compiled = np.median(pairs, axis=0)
    speed = float(np.median([one / other for one, other in pairs]))
    saved = case.n_epochs * of_usual * (1 - 1 / speed)
    to_compile = first - of_compiled
    return {
        "case": name,
        "shape": " x ".join(map(str, case.shape)),
        "batch_size": case.batch_size,
        "n_epochs": case.n_epochs,
        "epoch_seconds": round(float(of_usual), 4),
        "compiled_epoch_seconds": round(float(of_compiled), 4),
        "speed": round(speed, 3),
        "compile_seconds": round(to_compile, 1),
        "saved_per_fit": round(saved, 3),
        "fits_to_pay": math.ceil(to_compile / saved) if saved > 0 else "never",
        "difference_of_weights": f"{difference:.1e}",
        "n_repetitions": n_repetitions,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    given = parser.parse_args()
    one_thread()
    rows = [measure(name, CASES[name], given.repetitions) for name in given.cases]
    print_table(rows)
    update_csv("compiled_step", rows, ["case"])


if __name__ == "__main__":
    main()
