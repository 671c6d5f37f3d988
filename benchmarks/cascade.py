"""Lesions in synthetic lungs: one network against a cascade, and variants of it.

60 X-rays of 64 x 64 for training and 60 others for testing, with lesions on up to half of
the lungs. A U-Net for background, lung and lesion (mark: the cascade's lesions at most 0.01
below); the cascade with crops as they are, and resampled to 64 x 64; with what lies outside
of the lungs set to 0; with labels, not probabilities, mapped back; and with a second stage
that learns from the true box, or from that of a first stage which has seen the same images.
Every network has the same architecture and augmentation; the first stage is trained for 60
epochs, all others for 100. These were chosen on other X-rays (random states 100 to 102).
Mean Dice coefficient of lesions and lungs, mean absolute error of the involved fraction
(mark: 0.03), accuracy of the severity class (mark: 0.8), and what a perfect second stage
could reach. Three seeds; rows go to ``results/cascade.csv``, in place of those of the same
model and seed.

    python benchmarks/cascade.py
"""

import argparse
import tempfile
import time

import numpy as np
from harness import one_thread, print_table, update_csv

from skvae import (
    CascadeSegmenter,
    RandomAugment,
    UNetSegmenter,
    dice_scores,
    involvement,
)
from skvae.datasets import make_infected_lungs

N_EPOCHS_LOCATE, N_EPOCHS = 60, 100
NET = {
    "depth": 3,
    "width": 8,
    "normalization": "instance",
    "batch_size": 4,
    "learning_rate_init": 5e-3,
    # Lesions differ from lung by their grey level alone: that is not changed.
    "augment": RandomAugment(intensity=0),
}
LOCATE = UNetSegmenter(max_iter=N_EPOCHS_LOCATE, **NET)
SEGMENT = UNetSegmenter(max_iter=N_EPOCHS, **NET)
N_TRAIN, N_TEST, SIZE = 60, 60, 64
VARIANTS = {
    "cascade": {},
    "cascade, resampled": {"size": SIZE},
    "cascade, masked input": {"mask_input": True},
    "cascade, true boxes": {"stage1_for_training": "truth"},
    "cascade, in-sample boxes": {"stage1_for_training": "insample"},
}


def quality(truth, predicted):
    expected, found = involvement(truth), involvement(predicted)
    # Without an organ there is no fraction: as far off as it can be.
    error = np.nan_to_num(np.abs(found.fraction - expected.fraction), nan=1.0)
    found = {
        "lesions": dice_scores(truth, predicted, labels=[2]).mean(),
        "lungs": dice_scores(truth > 0, predicted > 0, labels=[1]).mean(),
        "fraction_error": error.mean(),
        "severity_accuracy": (found.severity == expected.severity).mean(),
    }
    return {name: round(float(value), 4) for name, value in found.items()}


def with_labels_mapped_back(cascade, X):
    """Predict as the cascade does, but for labels of the crop instead of probabilities."""
    for image in X:
        [[where]] = cascade._read(image[np.newaxis])
        [inner] = cascade.stage2_.predict([where.inner])
        box = [np.arange(part.start, part.stop) for part in where.crop.box]
        nearest = [
            ((np.arange(len(axis)) + 0.5) * n / len(axis)).astype(int)
            for axis, n in zip(box, inner.shape, strict=True)
        ]
        lesions = np.zeros(where.organ.shape, dtype=bool)
        lesions[np.ix_(*box)] = inner[np.ix_(*nearest)] == 2
        organ = where.organ > 0.5
        yield organ + (lesions & organ).astype(np.uint8)


def rows_of(seed, memory):
    lungs = make_infected_lungs(N_TRAIN + N_TEST, size=SIZE, random_state=seed)
    X, y = lungs.images, lungs.masks
    train, test = slice(N_TRAIN), slice(N_TRAIN, None)
    shared = {"random_state": seed, "n_threads": 1, "device": "cpu"}
    start = time.process_time()
    one = UNetSegmenter(max_iter=N_EPOCHS, **NET, **shared).fit(X[train], y[train])
    row = {"model": "one network", "seed": seed, **quality(y[test], one.predict(X[test]))}
    yield row | {"cpu_seconds": round(time.process_time() - start, 1)}
    for name, parameters in VARIANTS.items():
        cascade = CascadeSegmenter(
            stage1=LOCATE, stage2=SEGMENT, cv=3, memory=memory, **shared, **parameters
        )
        start = time.process_time()
        cascade.fit(X[train], y[train])
        row = {"model": name, "seed": seed, **quality(y[test], cascade.predict(X[test]))}
        row["roundtrip"] = round(cascade.roundtrip_dice_, 4)
        # The first stage is trained once, and counts for the variant that comes first.
        yield row | {"cpu_seconds": round(time.process_time() - start, 1)}
        if cascade.size is not None:
            labels = np.stack(list(with_labels_mapped_back(cascade, X[test])))
            name = "cascade, resampled, labels back"
            yield {"model": name, "seed": seed, **quality(y[test], labels)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=range(3))
    arguments = parser.parse_args()
    one_thread()
    rows = []
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as memory:
            for row in rows_of(seed, memory):
                rows.append(row)
                print(row, flush=True)
        update_csv("cascade", rows, ("model", "seed"))
    for name in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == name]
        means = {k: np.mean([row[k] for row in own]) for k in quality_names(own[0])}
        print_table([{"model": name} | {k: f"{v:.4f}" for k, v in means.items()}])


def quality_names(row):
    return [k for k in row if k not in ("model", "seed", "cpu_seconds")]


if __name__ == "__main__":
    main()
