"""Synthetic chest X-rays: skip connections, and encoders of an autoencoder with few labels.

First, 60 X-rays of 64 x 64 for training and 30 for testing: the Dice coefficient of a U-Net
whose skip connections concatenate, add, or are missing, of one whose first convolution
strides, and of a SegNet, beside a threshold of the grey level and the mean mask (marks:
0.93 with skips, and 0.02 above none). Then six labelled X-rays, with the encoder of an
autoencoder that has seen 200 without labels, or with a random one, trained for more and
more epochs (mark: a mean gain above 0; it is large at first, and none at the end). Three
seeds each; writes ``results/segmentation_synthetic.csv``.

    python benchmarks/segmentation_synthetic.py
"""

import argparse
import itertools
import time

import numpy as np
from harness import one_thread, print_table, write_csv
from sklearn.frozen import FrozenEstimator

from skvae import Autoencoder, SegNetSegmenter, UNetSegmenter, dice_scores
from skvae.datasets import make_xrays

SHARED = {"batch_size": 4, "learning_rate_init": 3e-3, "n_threads": 1, "device": "cpu"}
SKIPS = {
    "concat": UNetSegmenter(depth=3, width=8, max_iter=12, **SHARED),
    "add": UNetSegmenter(depth=3, width=8, max_iter=12, skip="add", **SHARED),
    "no skip": UNetSegmenter(depth=3, width=8, max_iter=12, skip=None, **SHARED),
    "concat, first stride 2": UNetSegmenter(
        depth=3, width=8, max_iter=12, first_stride=2, **SHARED
    ),
    "SegNet": SegNetSegmenter(depth=3, width=8, n_convolutions=2, max_iter=12, **SHARED),
}
N_LABELLED, N_UNLABELLED = 6, 200
BUDGETS = 8, 15, 30, 60


def with_all_labels(seed):
    X, y = make_xrays(90, random_state=seed, return_X_y=True)
    train, test = slice(60), slice(60, None)
    levels = np.linspace(X.min(), X.max(), 100)
    best = levels[
        np.argmax([dice_scores(y[train], X[train, 0] < v).mean() for v in levels])
    ]
    mean_mask = np.repeat([y[train].mean(axis=0) > 0.5], len(y[test]), axis=0)
    found = {"threshold": X[test, 0] < best, "mean mask": mean_mask}
    for name, masks in found.items():
        dice = dice_scores(y[test], masks, labels=[1]).mean()
        yield {"task": "60 labels", "model": name, "seed": seed, "dice": round(dice, 4)}
    for name, model in SKIPS.items():
        start = time.perf_counter()
        model.set_params(random_state=seed).fit(X[train], y[train])
        yield {
            "task": "60 labels",
            "model": name,
            "seed": seed,
            "dice": round(model.score(X[test], y[test]), 4),
            "seconds": round(time.perf_counter() - start, 1),
        }


def with_few_labels(seed):
    X, y = make_xrays(N_UNLABELLED + 60, random_state=100 + seed, return_X_y=True)
    test = slice(N_UNLABELLED, None)
    autoencoder = Autoencoder(
        32,
        channels=(8, 16, 32, 64),
        downsampling="max",
        normalization="batch",
        max_iter=20,
        n_threads=1,
        device="cpu",
        random_state=seed,
    ).fit(X[:N_UNLABELLED])
    encoders = {"autoencoder": FrozenEstimator(autoencoder), "random": None}
    for max_iter, (name, weights) in itertools.product(BUDGETS, encoders.items()):
        model = UNetSegmenter(
            depth=3,
            width=8,
            n_convolutions=1,
            max_iter=max_iter,
            encoder_weights=weights,
            random_state=seed,
            **SHARED | {"batch_size": 3},
        ).fit(X[:N_LABELLED], y[:N_LABELLED])
        dice = round(model.score(X[test], y[test]), 4)
        task = f"6 labels, {max_iter} epochs"
        yield {"task": task, "model": name, "seed": seed, "dice": dice}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    one_thread()
    rows = []
    for task in (with_all_labels, with_few_labels):
        for seed in range(arguments.seeds):
            rows += task(seed)
    write_csv("segmentation_synthetic", rows)
    print_table(rows)
    for key in dict.fromkeys((row["task"], row["model"]) for row in rows):
        dice = [row["dice"] for row in rows if (row["task"], row["model"]) == key]
        print(f"{key[0]}, {key[1]}: {np.mean(dice):.4f}")


if __name__ == "__main__":
    main()
