"""Left ventricles of 45 patients (Sunnybrook cine MR, 128 x 128), outlined by a U-Net.

One split by patients, 80 to 20, and the mean Dice coefficient of the endocardium over the
slices of the test patients, with the time on two threads (mark: 0.90 in 15 minutes). From
the same masks, the ejection fraction of each test patient, 1 - sum of areas at end systole
/ at end diastole, against that from the true masks (mark: correlation 0.9). With options:
five folds, other skip connections, and few labelled patients with an encoder that comes
from an autoencoder of all training images, or not. Nothing is chosen on test patients.
Writes ``results/sunnybrook.csv``.

    python benchmarks/sunnybrook.py $SKVAE_TEST_DATA/sunnybrook/sunnybrook_128.npz
    python benchmarks/sunnybrook.py PATH --folds 5 --skips concat add none
    python benchmarks/sunnybrook.py PATH --labelled-patients 5 --seeds 3
"""

import argparse
import time
from pathlib import Path

import numpy as np
from harness import print_table, write_csv
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, GroupShuffleSplit

from skvae import Autoencoder, RandomAugment, UNetSegmenter, dice_scores

# Ngo et al. and others report 0.92 for fully convolutional networks at full resolution.
TEST_PATIENTS = 0.2
AUGMENT = RandomAugment(flip=True, shift=0.1, rotate=30, scale=0.15, intensity=0.15)
# Where the autoencoder's blocks shall be the segmenter's, a level has one convolution.
SHARED = {"n_convolutions": 1, "width": 16, "depth": 4}


def load(path):
    archive = np.load(path)
    images = archive["images"][:, None].astype(np.float32)
    # Each slice from its own darkest to (nearly) its brightest pixel.
    bright = np.percentile(images, 99.5, axis=(2, 3), keepdims=True)
    X = np.minimum(images / bright, 1.0).astype(np.float32)
    y = (archive["masks"] > 0).astype(np.uint8)
    return X, y, archive["patient"], archive["phase"]


def splits(patient, n_folds):
    if n_folds == 1:
        splitter = GroupShuffleSplit(1, test_size=TEST_PATIENTS, random_state=0)
    else:
        splitter = GroupKFold(n_folds, shuffle=True, random_state=0)
    yield from splitter.split(patient, groups=patient)


def ejection_fractions(masks, patient, phase):
    """1 - sum of areas at end systole / at end diastole, of each patient with both."""
    fractions = []
    for each in np.unique(patient):
        systole, diastole = (
            masks[(patient == each) & (phase == p)].sum(dtype=float) for p in ("ES", "ED")
        )
        fractions.append(1 - systole / max(diastole, 1))
    return np.array(fractions)


def segmenter(arguments, seed, **parameters):
    settings = {
        "max_iter": arguments.epochs,
        "width": 16,
        "depth": 4,
        "patch_size": arguments.patch_size,
        "n_patches": 1,
        "foreground_fraction": 0.7,
        "batch_size": 16,
        "learning_rate_init": 2e-3,
        "augment": AUGMENT,
        "random_state": seed,
        "n_threads": arguments.threads,
        "device": "cpu",
    }
    return UNetSegmenter(**settings | parameters)


def measure(unet, X, y, patient, phase, train, test):
    start = time.perf_counter()
    unet.fit(X[train], y[train])
    seconds = time.perf_counter() - start
    predicted = unet.predict(X[test])
    dice = dice_scores(y[test], predicted, labels=[1])[:, 0]
    true, found = (
        ejection_fractions(masks, patient[test], phase[test])
        for masks in (y[test], predicted)
    )
    return {
        "n_train": len(train),
        "n_test": len(test),
        "dice": round(dice.mean(), 4),
        "median": round(float(np.median(dice)), 4),
        "worst_tenth": round(float(np.quantile(dice, 0.1)), 4),
        "ejection_correlation": round(np.corrcoef(true, found)[0, 1], 4),
        "ejection_error": round(np.abs(true - found).mean(), 4),
        "seconds": round(seconds),
    }


def few_labels(arguments, data):
    X, y, patient, phase = data
    ((train, test),) = splits(patient, 1)
    for seed in range(arguments.seeds):
        rng = np.random.default_rng(seed)
        chosen = rng.choice(np.unique(patient[train]), arguments.labelled_patients, False)
        labelled = train[np.isin(patient[train], chosen)]
        autoencoder = Autoencoder(
            64,
            channels=tuple(
                SHARED["width"] * min(2**i, 8) for i in range(SHARED["depth"] + 1)
            ),
            downsampling="max",
            normalization="batch",
            max_iter=arguments.pretraining_epochs,
            random_state=seed,
            n_threads=arguments.threads,
            device="cpu",
        ).fit(X[train])
        for name, weights in (
            ("autoencoder", FrozenEstimator(autoencoder)),
            ("random", None),
        ):
            # As many steps as with all labels would be too many; as many epochs too few.
            unet = segmenter(
                arguments,
                seed,
                encoder_weights=weights,
                max_iter=4 * arguments.epochs,
                **SHARED,
            )
            row = measure(unet, X, y, patient, phase, labelled, test)
            yield {"seed": seed, "n_patients": len(chosen), "encoder": name} | row


def all_labels(arguments, data):
    X, y, patient, phase = data
    for skip in arguments.skips:
        for fold, (train, test) in enumerate(splits(patient, arguments.folds)):
            unet = segmenter(arguments, 0, skip=None if skip == "none" else skip)
            row = measure(unet, X, y, patient, phase, train, test)
            n_patients = len(np.unique(patient[train]))
            yield {"fold": fold, "n_patients": n_patients, "skip": skip} | row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="sunnybrook_128.npz")
    parser.add_argument("--folds", type=int, default=1)
    parser.add_argument("--skips", nargs="*", default=["concat"])
    parser.add_argument("--labelled-patients", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--pretraining-epochs", type=int, default=30)
    parser.add_argument("--patch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    data = load(arguments.path)
    rows = []
    task = few_labels if arguments.labelled_patients else all_labels
    for row in task(arguments, data):
        rows.append({"epochs": arguments.epochs, "patch": arguments.patch_size} | row)
        print_table([rows[-1]])
    few = f"_{arguments.labelled_patients}_patients" if arguments.labelled_patients else ""
    write_csv(f"sunnybrook{few}", rows)


if __name__ == "__main__":
    main()
