"""Whether one checkout is as fast as another: CPU seconds of fit, transform and import.

    python benchmarks/house_speed.py ROOT_A ROOT_B [--repetitions 9]

A repetition is a fresh interpreter for each checkout, one after the other, with one
thread; which comes first changes every time. The ratio A / B is above 1 where B is faster:
the median of the ratios within the repetitions, between the smallest and the largest.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

# Not torch, not numpy, not harness: an import is timed in an interpreter without them.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
SMALL = {"random_state": 0, "device": "cpu", "n_threads": 1}


def cpu_seconds(call, n_calls=1):
    """Return the CPU seconds of a call: of several, the median."""
    seconds = []
    for _ in range(n_calls):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return median(seconds)


def imports():
    """Return the times of importing the package, and a kind with all that it needs."""

    def package():
        import skvae  # noqa: F401

    def kind():
        from skvae import VAEFeatureExtractor  # noqa: F401

    return {"import skvae": cpu_seconds(package), "import a kind": cpu_seconds(kind)}


def training():
    """Return the times of fits, the first of which is the first of the process."""
    import numpy as np

    from skvae import AttriVAE, VAEFeatureExtractor

    rng = np.random.default_rng(0)
    some, table = rng.random((100, 20), np.float32), rng.random((400, 100), np.float32)
    large, images = rng.random((10_000, 784), np.float32), rng.random((500, 1, 28, 28))
    images, y = images.astype(np.float32), np.arange(400) % 2
    given = {"y": y, "attributes": table[:, :3]}

    def fits(kind, X, max_iter, **columns):
        return lambda: kind(max_iter=max_iter, **SMALL).fit(X, **columns)

    one_epoch = fits(VAEFeatureExtractor, some, 1)
    return {
        "first fit of a process, 100x20, 1 epoch": cpu_seconds(one_epoch),
        "construct and fit 100x20, 1 epoch": cpu_seconds(one_epoch, 20),
        "fit 400x100, 10 epochs": cpu_seconds(fits(VAEFeatureExtractor, table, 10), 3),
        "fit 10,000x784, 2 epochs": cpu_seconds(fits(VAEFeatureExtractor, large, 2)),
        "fit 500 images 28x28, 2 epochs": cpu_seconds(fits(VAEFeatureExtractor, images, 2)),
        "fit attributes, 400x100, 10 epochs": cpu_seconds(
            fits(AttriVAE, table, 10, **given), 3
        ),
    } | reading(VAEFeatureExtractor(max_iter=1, **SMALL).fit(table), table, large)


def reading(vae, table, large):
    """Return the times of transforms."""
    from skvae import VAEFeatureExtractor

    seconds = {
        f"transform {n} rows of 100": cpu_seconds(lambda n=n: vae.transform(table[:n]), 200)
        for n in (1, 32, 400)
    }
    vae = VAEFeatureExtractor(max_iter=1, **SMALL).fit(large[:500])
    read = cpu_seconds(lambda: vae.transform(large), 3)
    return seconds | {"transform 10,000x784": read}


def measured(root):
    """Return the times of a checkout, from an interpreter of its own."""
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-W", "ignore", __file__, "--measure", str(root)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def measure(root):
    """Print the times of the checkout that this interpreter imports."""
    seconds = imports()
    import skvae

    if Path(skvae.__file__).parents[1] != root:
        raise SystemExit(f"Python imports skvae from elsewhere than {root}.")
    print(json.dumps(seconds | training()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("roots", nargs="+", type=lambda path: Path(path).resolve())
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        return measure(*arguments.roots)
    if len(arguments.roots) != 2:
        parser.error("expected two checkouts")
    pairs = []
    for i in range(arguments.repetitions):
        order = (0, 1) if i % 2 == 0 else (1, 0)
        found = {side: measured(arguments.roots[side]) for side in order}
        pairs.append((found[0], found[1]))
    print(f"{'':40} {'A, ms':>9} {'B, ms':>9} {'A / B':>6}  smallest to largest")
    for name in pairs[0][0]:
        a, b = ([pair[side][name] for pair in pairs] for side in (0, 1))
        ratios = [x / y for x, y in zip(a, b, strict=True)]
        print(f"{name:40} {1e3 * median(a):9.2f} {1e3 * median(b):9.2f}", end=" ")
        print(f"{median(ratios):6.3f}  {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
