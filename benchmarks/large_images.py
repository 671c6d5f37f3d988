"""Memory of reading one image that is much larger than those of training.

Segmenters that are trained on small images or patches read a mammogram of 4000 x 4000, and
a CT of 512 x 512 x 300: labels of pixels window by window, features of the image at once.
A cube of 128^3 is read by the default network (3.7 million weights), whole and by windows.
Each runs in a process of its own; reported is the peak of the resident memory (VmHWM) above
the level with imports and a fitted model, in GB, with the image and the result in it (mark:
2 GB for the labels of a mammogram), and CPU seconds of one thread. Linux only. Writes
``results/large_images.csv``.

    python benchmarks/large_images.py [--tasks "U-Net, mammogram" ...]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import joblib
import numpy as np
from harness import one_thread, print_table, update_csv
from memory_map import resident

from skvae import PixelClassifier, UNetSegmenter
from skvae.datasets import make_mammograms, make_xrays

MAMMOGRAM, CT, CUBE = (1, 1, 4000, 4000), (1, 1, 512, 512, 300), (1, 1, 128, 128, 128)
SHARED = {"n_threads": 1, "device": "cpu", "random_state": 0}
MARK = 2.0


def unet():
    X, y = make_xrays(8, random_state=0, return_X_y=True)
    return UNetSegmenter(max_iter=1, patch_size=256, **SHARED).fit(
        np.tile(X, (1, 1, 4, 4)), np.tile(y, (1, 4, 4))
    )


def volumetric_unet(**parameters):
    rng = np.random.default_rng(0)
    X = rng.random((2, 1, 64, 64, 64), dtype=np.float32)
    y = (X[:, 0] > 0.5).astype(np.uint8)
    return UNetSegmenter(max_iter=1, batch_size=2, **SHARED | parameters).fit(X, y)


# A small net: what counts is how the maps of labels grow.
SMALL = {"depth": 2, "width": 4, "patch_size": 64}
SLICES = {"spacing": (1.0, 1.0, 4.0)}


def pixel_classifier():
    mammograms = make_mammograms(4, random_state=0)
    return PixelClassifier(window_size=512, **SHARED).fit(
        mammograms.images, mammograms.masks.astype(int)
    )


TASKS = {
    "U-Net, mammogram": (unet, MAMMOGRAM, "predict"),
    "U-Net, mammogram, features": (unet, MAMMOGRAM, "transform"),
    "U-Net, CT": (partial(volumetric_unet, **SMALL), CT, "predict"),
    "U-Net, CT, spacing 1:1:4": (
        partial(volumetric_unet, **SMALL | SLICES),
        CT,
        "predict",
    ),
    "default U-Net, 128^3": (volumetric_unet, CUBE, "predict"),
    "default U-Net, 128^3, spacing 1:1:4": (
        partial(volumetric_unet, **SLICES),
        CUBE,
        "predict",
    ),
    "default U-Net, 128^3, windows of 64": (
        partial(volumetric_unet, patch_size=64),
        CUBE,
        "predict",
    ),
    "PixelClassifier, mammogram": (pixel_classifier, MAMMOGRAM, "predict"),
}


def measure(task, path):
    one_thread()
    model = joblib.load(path)
    before = resident("VmRSS")
    _, shape, method = TASKS[task]
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    start = time.process_time()
    result = getattr(model, method)(image)
    return {
        "task": task,
        "peak_gb": round(resident("VmHWM") - before, 2),
        "image_gb": round(image.nbytes / 1e9, 2),
        "result_gb": round(result.nbytes / 1e9, 2),
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure)))
        return
    rows = []
    for task in arguments.tasks:
        with tempfile.TemporaryDirectory() as folder:
            # Fitted here, read in a process of its own: training has a peak as well.
            path = joblib.dump(TASKS[task][0](), Path(folder) / "model.joblib")[0]
            command = [sys.executable, str(Path(__file__)), "--measure", task, path]
            printed = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(printed.stdout.splitlines()[-1]))
        update_csv("large_images", rows[-1:], ("task",))
    print_table(rows)


if __name__ == "__main__":
    main()
