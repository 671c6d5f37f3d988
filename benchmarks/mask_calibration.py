"""What out-of-fold maps tell of new ones: probabilities, volumes, and which are wrong.

Lesions of ``make_ultrasound_lesions`` (64 x 64 pixels, three generator states): a U-Net is
fitted on 300 images, and ``calibrate_masks`` learns from its out-of-fold maps of five folds
of these. On 195 others: the cross-entropy per pixel before and after, the expected
calibration error of the pixels (20 bins of equal width), the share of volumes that their
90 % intervals cover and how wide these are, the rank correlation of the Dice coefficient to
be expected with the true one, and the mean of the latter for the fifth of the images that
is called most likely wrong, and for the others. Writes ``results/mask_calibration.csv``.

    python benchmarks/mask_calibration.py [--states 100 101 102]
"""

import argparse
import time

import numpy as np
from harness import one_thread, print_table, update_csv
from scipy.stats import spearmanr

from skvae import (
    MaskStratifiedKFold,
    RandomAugment,
    UNetSegmenter,
    calibrate_masks,
    cross_val_predict_masks,
    dice_scores,
)
from skvae.datasets import make_ultrasound_lesions

SIZE, N_TRAIN, N_TEST, N_FOLDS, COVERAGE = 64, 300, 195, 5, 0.9
UNET = UNetSegmenter(
    width=8,
    batch_size=8,
    max_iter=20,
    augment=RandomAugment(rotate=10, gain=0.3, speckle=0.3),
    random_state=0,
    n_threads=1,
    device="cpu",
)


def cross_entropy(truth, probability):
    true = np.where(truth, probability, 1 - probability)
    return -np.log(np.maximum(true, 1e-7)).mean(dtype=float)


def calibration_error(truth, probability):
    """Mean over the pixels of how far the truth is from what their bin says."""
    bins = np.minimum((probability * 20).astype(int), 19).ravel()
    said, true = (
        np.bincount(bins, weights=each.ravel().astype(float), minlength=20)
        for each in (probability, truth)
    )
    return np.abs(said - true).sum() / bins.size


def measured(state):
    data = make_ultrasound_lesions(N_TRAIN + N_TEST, size=SIZE, random_state=state)
    x, y = data.images, data.masks
    train, test = np.arange(N_TRAIN), N_TRAIN + np.arange(N_TEST)
    start = time.process_time()
    folds = MaskStratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    maps = cross_val_predict_masks(UNET, x[train], y[train], cv=folds)
    calibration = calibrate_masks(y[train], maps, coverage=COVERAGE)
    new = UNET.fit(x[train], y[train]).predict_proba(x[test])
    seconds = time.process_time() - start
    found, calibrated = calibration.quantify(new), calibration.apply(new)
    volume = y[test].sum(axis=(1, 2))[:, np.newaxis]
    dice = dice_scores(y[test], new.argmax(axis=1), labels=[1])[:, 0]
    doubtful, others = np.split(found.order, [N_TEST // 5])
    row = {
        "state": state,
        "temperature": calibration.temperature,
        "loss_before": cross_entropy(y[test], new[:, 1]),
        "loss_after": cross_entropy(y[test], calibrated[:, 1]),
        "error_before": calibration_error(y[test], new[:, 1]),
        "error_after": calibration_error(y[test], calibrated[:, 1]),
        "coverage": ((found.low <= volume) & (volume <= found.high)).mean(),
        "half_width": np.median(found.high - found.volume),
        "median_volume": np.median(volume[volume > 0]),
        "rank_correlation": spearmanr(found.expected_dice[:, 0], dice).statistic,
        "dice_doubtful": dice[doubtful].mean(),
        "dice_others": dice[others].mean(),
    }
    rounded = {name: round(float(value), 4) for name, value in row.items()}
    return rounded | {"state": state, "cpu_seconds": round(seconds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", nargs="+", type=int, default=[100, 101, 102])
    arguments = parser.parse_args()
    one_thread()
    for state in arguments.states:
        row = measured(state)
        print_table([row])
        update_csv("mask_calibration", [row], ("state",))


if __name__ == "__main__":
    main()
