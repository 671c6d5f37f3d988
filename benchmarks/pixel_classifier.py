"""Dense tissue in mammograms: pixels by learned features, by grey levels, and a U-Net.

Five folds of 50 synthetic mammograms, each of another patient, so that a fold of images is
a fold of patients. Of the 40 training images, either all have a mask, or four have, or all
have the labels of five pixels, anywhere. The features of a `PixelClassifier` learn from all
40 images in any case (once: they are remembered for the other tasks, whose seconds lack
them), and a logistic regression from at most 6000 pixels; a U-Net learns from the images
with a label. `dice` is the mean over fat and dense tissue, `density_correlation` that of
the density inside the true breast with the true density, and `density_error` their mean
absolute difference, over the 50 held-out predictions; `seconds` are CPU seconds of one
thread for one fit. Writes ``results/pixel_classifier.csv``.

    python benchmarks/pixel_classifier.py
"""

import argparse
import time
from tempfile import TemporaryDirectory

import numpy as np
from harness import one_thread, print_table, write_csv
from scipy.ndimage import uniform_filter
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import KFold

from skvae import PixelClassifier, UNetSegmenter, dice_scores
from skvae.datasets import make_mammograms

N_IMAGES, N_FOLDS = 50, 5
N_MASKS, N_PIXELS = 4, 5
# Tasks, and the epochs of a U-Net.
TASKS = {"all masks": 60, "4 masks": 240, "5 pixels": 60}
WINDOWS = 3, 9, 17, 33
MEASURED = (
    "dice",
    "dice_fat",
    "dice_dense",
    "density_correlation",
    "density_error",
    "seconds",
)


class LocalMeans(TransformerMixin, BaseEstimator):
    """Grey levels, and their means over windows around each pixel."""

    def __init__(self, windows=WINDOWS):
        self.windows = windows

    def fit(self, X, y=None):
        return self

    def transform_pixels(self, X):
        means = [uniform_filter(X, (0, 0, w, w), mode="mirror") for w in self.windows]
        return np.concatenate([X, *means], axis=1)


def models(task, state, memory):
    shared = {"n_threads": 1, "device": "cpu", "random_state": state}
    unet = UNetSegmenter(
        depth=3,
        width=8,
        max_iter=TASKS[task],
        batch_size=4,
        learning_rate_init=3e-3,
        augment=True,
        **shared,
    )
    return {
        "grey level": PixelClassifier(features=LocalMeans(()), **shared),
        "grey level, averaged": PixelClassifier(features=LocalMeans(), **shared),
        "sparse features": PixelClassifier(memory=memory, **shared),
        "U-Net": unet,
    }


def labelled(masks, task, rng):
    """Return masks where -1 stands for no label."""
    if task == "all masks":
        return masks
    partial = np.full_like(masks, -1)
    if task == "4 masks":
        partial[:N_MASKS] = masks[:N_MASKS]
        return partial
    for mask, all_labels in zip(partial, masks, strict=True):
        some = rng.choice(mask.size, N_PIXELS, replace=False)
        mask.flat[some] = all_labels.flat[some]
    return partial


def held_out(model, X, y, task, state):
    """Predict each image by a model of the other folds; return CPU seconds of a fit."""
    predicted, seconds, rng = np.empty_like(y), [], np.random.default_rng(state)
    for train, test in KFold(N_FOLDS, shuffle=True, random_state=state).split(X):
        scaled = (X - X[train].mean()) / X[train].std()
        masks = labelled(y[train], task, rng)
        if isinstance(model, UNetSegmenter):
            some = (masks >= 0).any(axis=(1, 2))
            train, masks = train[some], masks[some]
        start = time.process_time()
        fitted = clone(model).fit(scaled[train], masks)
        seconds.append(time.process_time() - start)
        predicted[test] = fitted.predict(scaled[test])
    return predicted, float(np.median(seconds))


def measure(predicted, mammograms):
    masks, truth = mammograms.masks, mammograms.density
    inside = zip(predicted, masks > 0, strict=True)
    found = np.array([np.mean(mask[breast] == 2) for mask, breast in inside])
    fat, dense = dice_scores(masks, predicted, labels=[1, 2]).mean(axis=0)
    return {
        "dice": round((fat + dense) / 2, 4),
        "dice_fat": round(fat, 4),
        "dice_dense": round(dense, 4),
        "density_correlation": round(np.corrcoef(found, truth)[0, 1], 4),
        "density_error": round(np.abs(found - truth).mean(), 4),
    }


def summarize(rows):
    """Average over the random states."""
    table = []
    for key in dict.fromkeys((row["labels"], row["model"]) for row in rows):
        same = [row for row in rows if (row["labels"], row["model"]) == key]
        means = {n: round(float(np.mean([row[n] for row in same])), 3) for n in MEASURED}
        table.append({"labels": key[0], "model": key[1]} | means)
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, nargs="+", default=[40])
    states = parser.parse_args().states
    one_thread()
    rows = []
    for state in states:
        mammograms = make_mammograms(N_IMAGES, random_state=state)
        X, y = mammograms.images, mammograms.masks.astype(int)
        with TemporaryDirectory() as memory:
            for task in TASKS:
                for name, model in models(task, state, memory).items():
                    masks, seconds = held_out(model, X, y, task, state)
                    row = {"labels": task, "model": name, "random_state": state}
                    row |= measure(masks, mammograms) | {"seconds": round(seconds, 2)}
                    rows.append(row)
                    print(*row.values(), flush=True)
    write_csv("pixel_classifier", rows)
    print_table(summarize(rows))


if __name__ == "__main__":
    main()
