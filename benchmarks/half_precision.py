"""What bfloat16 gives a training step on a CPU, which may have no units for it.

A whole step of ``fit`` in ``precision="bfloat16"`` against ``"float32"``: rows, images of
28 x 28, and volumes of 16^3. One thread. Writes ``results/half_precision.csv``, with what
torch knows of the processor.

    python benchmarks/half_precision.py [--repetitions 10]
"""

import argparse
from functools import partial

import numpy as np
import torch
from harness import alternate, one_thread, print_table, speeds, write_csv

from skvae import VAEFeatureExtractor
from skvae.estimators.collected_fits import collect
from skvae.objectives.batch import Batch
from skvae.training.net import ObjectiveNet

PRECISIONS = ("float32", "bfloat16")
CASES = {
    "rows, 32 x 100": ((32, 100), {"hidden_layer_sizes": (64,)}),
    "rows, 128 x 784": ((128, 784), {"hidden_layer_sizes": (256,)}),
    "images, 64 x 28 x 28": ((64, 1, 28, 28), {}),
    "volumes, 16 x 16 x 16 x 16": ((16, 1, 16, 16, 16), {}),
}


def step(net, x):
    net.train_step(Batch(x, progress=1.0))


def net_for(X, precision, options):
    """Return an untrained net for X, ready for its first step."""
    kind = VAEFeatureExtractor(
        8, max_iter=1, precision=precision, device="cpu", random_state=0, **options
    )
    recipe = collect(lambda: kind.fit(X)).job.recipe
    return ObjectiveNet(recipe, X.shape[1:]).initialize().begin(recipe.phases[0])


def processor():
    """Return what torch uses of the processor for products in bfloat16."""
    known = torch.backends.cpu.get_cpu_capability()
    flags = {"AMX": torch.cpu._is_amx_tile_supported()}
    flags["AVX512_BF16"] = torch.cpu._is_avx512_bf16_supported()
    return " ".join([known, *(name for name, there in flags.items() if there)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=10)
    given = parser.parse_args()
    one_thread()
    rows = []
    for name, (shape, options) in CASES.items():
        X = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        x = torch.from_numpy(X)
        steps = {p: partial(step, net_for(X, p, options), x) for p in PRECISIONS}
        seconds = alternate(steps, given.repetitions)
        found = speeds(seconds, "float32", len(x))
        rows += [{"step": name} | row | {"processor": processor()} for row in found]
    print_table(rows)
    write_csv("half_precision", rows)


if __name__ == "__main__":
    main()
