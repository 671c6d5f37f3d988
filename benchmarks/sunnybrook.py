"""Left ventricles of 45 patients (Sunnybrook cine MR, 128 x 128), outlined by a U-Net.

One split by patients, 80 to 20, and the mean Dice coefficient of the endocardium over the
slices of the test patients (mark: 0.90), with the seconds of all threads together (mark: 15
minutes on two cores). From the same masks, the ejection fraction of each test patient, 1 -
sum of areas at end systole / at end diastole, against that from the true masks (mark:
correlation 0.9). With options: five folds, other skip connections, and few labelled
patients with an encoder that comes from an autoencoder of all training images, or not.

The settings were chosen with ``--validate``, which splits the training patients once more
and never looks at the others. Rows go to ``results/sunnybrook.csv``, in place of those of
the same table, number of epochs, fold, skip, encoder and seed.

    python benchmarks/sunnybrook.py $SKVAE_TEST_DATA/sunnybrook/sunnybrook_128.npz --figure
    python benchmarks/sunnybrook.py PATH --folds 5 [--fold 0]
    python benchmarks/sunnybrook.py PATH --skips concat add none
    python benchmarks/sunnybrook.py PATH --labelled-patients 5 --seeds 0 1 2
    python benchmarks/sunnybrook.py PATH --validate --set width=32 normalization=instance
"""

import argparse
import time
from ast import literal_eval
from pathlib import Path
from typing import NamedTuple

import numpy as np
from harness import RESULTS, print_table, update_csv
from matplotlib.figure import Figure
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, GroupShuffleSplit

from skvae import Autoencoder, RandomAugment, UNetSegmenter, dice_scores

# Ngo et al. and others report 0.92 for fully convolutional networks at full resolution.
TEST_PATIENTS, VALIDATION_PATIENTS = 0.2, 1 / 3
KEYS = ("table", "max_iter", "fold", "skip", "encoder", "seed")
# The scanner is centred on the heart: no ventricle of a training patient leaves this part.
CENTRE = (slice(None), slice(32, 96), slice(32, 96))
SETTINGS = {
    "width": 16,
    "depth": 4,
    "batch_size": 8,
    "learning_rate_init": 2e-3,
    # Not flipped: the right ventricle is always on the same side.
    "augment": RandomAugment(
        flip=False, shift=0.1, rotate=30, scale=0.2, intensity=0.2, resampled=1
    ),
    "device": "cpu",
}
# Where the autoencoder's blocks shall be the segmenter's, a level has one convolution.
SHARED = {"n_convolutions": 1}
CASES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)


class Slices(NamedTuple):
    """The slices of all patients, and what is known of each."""

    X: np.ndarray
    y: np.ndarray
    patient: np.ndarray
    phase: np.ndarray


def load(path):
    archive = np.load(path)
    centre = archive["images"][CENTRE].astype(np.float32)
    # The coil shines on the skin; within the heart, each slice has its own dark and bright.
    dark, bright = np.percentile(centre, [1, 99], axis=(1, 2), keepdims=True)
    X = np.clip((centre - dark) / (bright - dark), 0, 1)[:, None].astype(np.float32)
    y = (archive["masks"] > 0).astype(np.uint8)
    return Slices(X, y, archive["patient"], archive["phase"])


def splits(patient, arguments):
    """Yield the number of each fold that is wanted, and its training and test rows."""
    if arguments.folds > 1:
        splitter = GroupKFold(arguments.folds, shuffle=True, random_state=0)
    else:
        splitter = GroupShuffleSplit(1, test_size=TEST_PATIENTS, random_state=0)
    for fold, (train, test) in enumerate(splitter.split(patient, groups=patient)):
        if arguments.validate:
            inner = GroupShuffleSplit(1, test_size=VALIDATION_PATIENTS, random_state=0)
            ((inner_train, inner_test),) = inner.split(train, groups=patient[train])
            train, test = train[inner_train], train[inner_test]
        if arguments.fold in (None, fold):
            yield fold, train, test


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
    run = {"max_iter": arguments.epochs, "n_threads": arguments.threads}
    settings = SETTINGS | run | {"random_state": seed}
    return UNetSegmenter(**settings | parameters | arguments.set)


def predicted(unet, slices, rows):
    """Return masks of whole slices, with nothing outside of the centre."""
    masks = np.zeros_like(slices.y[rows])
    masks[CENTRE] = unet.predict(slices.X[rows])
    return masks


def measure(unet, slices, train, test):
    wall, cpu = time.perf_counter(), time.process_time()
    unet.fit(slices.X[train], slices.y[train][CENTRE])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found, patient = predicted(unet, slices, test), slices.patient[test]
    dice = dice_scores(slices.y[test], found, labels=[1])[:, 0]
    by_patient = {each: dice[patient == each].mean() for each in np.unique(patient)}
    worst = min(by_patient, key=by_patient.get)
    true_fraction, fraction = (
        ejection_fractions(masks, patient, slices.phase[test])
        for masks in (slices.y[test], found)
    )
    return {
        "n_patients": len(np.unique(slices.patient[train])),
        "n_train": len(train),
        "n_test": len(test),
        "max_iter": unet.max_iter,
        "dice": round(dice.mean(), 4),
        "median": round(float(np.median(dice)), 4),
        "worst_tenth": round(float(np.quantile(dice, 0.1)), 4),
        "worst_patient": worst,
        "its_dice": round(by_patient[worst], 4),
        "ejection_correlation": round(np.corrcoef(true_fraction, fraction)[0, 1], 4),
        "ejection_error": round(np.abs(true_fraction - fraction).mean(), 4),
        "seconds": round(wall),
        "cpu_seconds": round(cpu),
    }


def all_labels(arguments, slices):
    table = f"{arguments.folds} folds" if arguments.folds > 1 else "one split"
    for skip in arguments.skips:
        for fold, train, test in splits(slices.patient, arguments):
            for seed in arguments.seeds:
                unet = segmenter(arguments, seed, skip=None if skip == "none" else skip)
                row = measure(unet, slices, train, test)
                if arguments.figure and not fold and not seed and skip == "concat":
                    draw_cases(unet, slices, test)
                about = {"table": table, "fold": fold, "skip": skip, "encoder": "random"}
                yield about | {"seed": seed} | row


def few_labels(arguments, slices):
    ((_, train, test),) = splits(slices.patient, arguments)
    n_patients = arguments.labelled_patients
    for seed in arguments.seeds:
        rng = np.random.default_rng(seed)
        chosen = rng.choice(np.unique(slices.patient[train]), n_patients, False)
        labelled = train[np.isin(slices.patient[train], chosen)]
        autoencoder = Autoencoder(
            64,
            channels=tuple(
                SETTINGS["width"] * min(2**i, 8) for i in range(SETTINGS["depth"] + 1)
            ),
            downsampling="max",
            normalization="batch",
            max_iter=arguments.pretraining_epochs,
            random_state=seed,
            n_threads=arguments.threads,
            device="cpu",
        ).fit(slices.X[train])
        for encoder in ("autoencoder", "random"):
            weights = FrozenEstimator(autoencoder) if encoder == "autoencoder" else None
            # As many steps as with all labels would be too many; as many epochs too few.
            unet = segmenter(
                arguments,
                seed,
                encoder_weights=weights,
                max_iter=2 * arguments.epochs,
                **SHARED,
            )
            about = {"table": f"{n_patients} labelled patients", "fold": 0}
            about |= {"skip": "concat", "encoder": encoder, "seed": seed}
            yield about | measure(unet, slices, labelled, test)


def draw_cases(unet, slices, test):
    """Draw slices from the worst to the best, with true and predicted outlines."""
    found = predicted(unet, slices, test)[CENTRE]
    truth = slices.y[test][CENTRE]
    dice = dice_scores(truth, found, labels=[1])[:, 0]
    order = np.argsort(dice)
    figure = Figure(figsize=(2 * len(CASES), 4.4), layout="constrained")
    all_axes = figure.subplots(2, len(CASES))
    for column, quantile in zip(all_axes.T, CASES, strict=True):
        case = order[round(quantile * (len(order) - 1))]
        for axes in column:
            axes.imshow(slices.X[test[case], 0], cmap="gray")
            axes.set_axis_off()
        column[1].contour(truth[case], [0.5], colors="#009E73", linewidths=1.2)
        if found[case].any():
            column[1].contour(found[case], [0.5], colors="#D55E00", linewidths=1.2)
        about = f"{slices.patient[test[case]]} {slices.phase[test[case]]}"
        column[0].set_title(f"{about}\nDice {dice[case]:.2f}", fontsize="small")
    figure.suptitle(
        f"Test slices by Dice, quantiles {', '.join(f'{q:g}' for q in CASES)}: "
        "true outline green, predicted orange",
        fontsize="medium",
    )
    figure.savefig(RESULTS / "sunnybrook.png", dpi=120)


def setting(text):
    """Read ``name=value``."""
    name, value = text.split("=")
    try:
        return name, literal_eval(value)
    except ValueError:
        return name, value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="sunnybrook_128.npz")
    parser.add_argument("--validate", action="store_true", help="split training patients")
    parser.add_argument("--folds", type=int, default=1)
    parser.add_argument("--fold", type=int, help="run this one alone, of 0, 1, ...")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--skips", nargs="*", default=["concat"])
    parser.add_argument("--labelled-patients", type=int, default=0)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--pretraining-epochs", type=int, default=15)
    parser.add_argument("--set", nargs="*", type=setting, default=[], metavar="NAME=VALUE")
    parser.add_argument("--figure", action="store_true", help="results/sunnybrook.png")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    arguments.set = dict(arguments.set)

    slices = load(arguments.path)
    task = few_labels if arguments.labelled_patients else all_labels
    for row in task(arguments, slices):
        print_table([row])
        if not arguments.validate and not arguments.set:
            update_csv("sunnybrook", [row], KEYS)


if __name__ == "__main__":
    main()
