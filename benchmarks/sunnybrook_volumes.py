"""Volumes of left ventricles, by a U-Net whose settings are chosen within each fold.

Five folds of the 45 patients of Sunnybrook (see ``sunnybrook.py``). Within each, candidates
learn from two thirds of the training patients and are compared on the others (``--choose``:
``results/sunnybrook_chosen_on.csv``). With ``--final``, the best of a fold learns from all
of its training patients, and its test patients are read once: a row per patient goes to
``results/sunnybrook_volumes.csv``, with its mean Dice coefficient (marks: 0.93 on average
over the slices, 0.915 in every fold), its volumes at the end of diastole and systole, and
its ejection fraction. Volumes are sums of areas over slices, in pixels: the data do not say
how large these are. Then the agreement with the true outlines over all patients (Bland &
Altman, 1986): mean difference and its limits, +- 1.96 standard deviations, and a figure.

A candidate may see, beside a slice, the ones above and below and the same place in the
other phase, as further channels; these are images, not masks, and are there for new
patients as well.

    python benchmarks/sunnybrook_volumes.py PATH --choose [--candidates ...] [--folds 0 1]
    python benchmarks/sunnybrook_volumes.py PATH --final [--folds 0 1 2 3 4]
    python benchmarks/sunnybrook_volumes.py PATH --summary
"""

import argparse
import csv
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from harness import RESULTS, one_thread, print_table, update_csv
from matplotlib.figure import Figure
from sklearn.model_selection import GroupKFold, GroupShuffleSplit
from sunnybrook import CENTRE, SETTINGS, VALIDATION_PATIENTS, load, predicted

from skvae import RandomAugment, UNetSegmenter, dice_scores

N_FOLDS = 5
EPOCHS, FINAL_EPOCHS = 12, 30
AUGMENT: Any = SETTINGS["augment"]
STRONGER: RandomAugment = replace(AUGMENT, intensity=0.4, scale=0.3, shift=0.15, rotate=45)
# Parameters of the segmenter, and whether it sees what lies around a slice.
CANDIDATES: dict[str, tuple[dict[str, Any], bool]] = {
    "base": ({}, False),
    "around": ({}, True),
    "stronger": ({"augment": STRONGER}, False),
    "stronger, warped": ({"augment": replace(STRONGER, warp=0.03)}, False),
    "deep supervision": ({"deep_supervision": True}, False),
}
CHOSEN_ON, BY_PATIENT = "sunnybrook_chosen_on", "sunnybrook_volumes"
# The true outlines of this patient lie beside its ventricle.
MISPLACED = "SC-N-06"


def with_surroundings(slices, index):
    """Add channels: the slices above and below, and the same place in the other phase."""
    keys = list(zip(slices.patient, slices.phase, index, strict=True))
    row = {key: i for i, key in enumerate(keys)}
    other = {"ED": "ES", "ES": "ED"}
    # Where there is no such slice, the slice itself.
    rows = [
        [
            row.get((patient, phase, place - 1), i),
            i,
            row.get((patient, phase, place + 1), i),
            row.get((patient, other[phase], place), i),
        ]
        for i, (patient, phase, place) in enumerate(keys)
    ]
    return slices._replace(X=slices.X[np.array(rows), 0])


def folds(patient):
    """Yield number, training and test rows of each fold of patients."""
    splitter = GroupKFold(N_FOLDS, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(splitter.split(patient, groups=patient)):
        yield fold, train, test


def inner(train, patient):
    splitter = GroupShuffleSplit(1, test_size=VALIDATION_PATIENTS, random_state=0)
    ((i, j),) = splitter.split(train, groups=patient[train])
    return train[i], train[j]


def fitted(parameters, n_epochs, slices, train):
    run = {"max_iter": n_epochs, "n_threads": 1, "random_state": 0}
    unet = UNetSegmenter(**SETTINGS | run | parameters)
    return unet.fit(slices.X[train], slices.y[train][CENTRE])


def choose(arguments, views):
    """Compare candidates on a part of the training patients of each fold."""
    for (fold, train, _), name in product(
        folds(views[False].patient), arguments.candidates
    ):
        if fold not in arguments.folds:
            continue
        parameters, around = CANDIDATES[name]
        slices = views[around]
        train, held_out = inner(train, slices.patient)
        start = time.process_time()
        unet = fitted(parameters, EPOCHS, slices, train)
        row = {"fold": fold, "candidate": name}
        row |= {"n_train": len(train), "n_held_out": len(held_out)}
        row |= {"max_iter": EPOCHS, "cpu_seconds": round(time.process_time() - start)}
        for column, largest in (("dice", False), ("dice_largest", True)):
            unet.set_params(keep_largest=largest)
            found = predicted(unet, slices, held_out)
            scores = dice_scores(slices.y[held_out], found, labels=[1])
            row[column] = round(scores.mean(), 4)
        print_table([row])
        update_csv(CHOSEN_ON, [row], ("fold", "candidate"))


def chosen(fold):
    """Return the best candidate of a fold, and whether it keeps the largest part."""
    with (RESULTS / f"{CHOSEN_ON}.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["fold"]) == fold]
    scores = {
        (row["candidate"], column == "dice_largest"): float(row[column])
        for row, column in product(rows, ("dice", "dice_largest"))
    }
    return max(scores, key=scores.get)


def final(arguments, views):
    for fold, train, test in folds(views[False].patient):
        if fold not in arguments.folds:
            continue
        name, largest = chosen(fold)
        parameters, around = CANDIDATES[name]
        slices = views[around]
        start = time.process_time()
        unet = fitted(parameters, FINAL_EPOCHS, slices, train)
        about = {"fold": fold, "candidate": name, "keep_largest": largest}
        about |= {"max_iter": FINAL_EPOCHS}
        about |= {"cpu_seconds": round(time.process_time() - start)}
        found = predicted(unet.set_params(keep_largest=largest), slices, test)
        rows = [
            about | measured(slices, test, found, patient)
            for patient in np.unique(slices.patient[test])
        ]
        print_table(rows)
        update_csv(BY_PATIENT, rows, ("fold", "patient"))


def measured(slices, test, found, patient):
    """Return the Dice coefficient, volumes and ejection fractions of a patient."""
    own = slices.patient[test] == patient
    truth, found, phase = slices.y[test][own], found[own], slices.phase[test][own]
    row = {"patient": patient, "n_slices": int(own.sum())}
    row["dice"] = round(dice_scores(truth, found, labels=[1]).mean(), 4)
    for name, masks in (("true", truth), ("found", found)):
        diastole, systole = (int(masks[phase == each].sum()) for each in ("ED", "ES"))
        fraction = 1 - systole / max(diastole, 1)
        row |= {f"{name}_diastole": diastole, f"{name}_systole": systole}
        row |= {f"{name}_fraction": round(fraction, 4)}
    return row


def agreement(true, found):
    """Mean difference and its limits of agreement, in the unit of the measure."""
    difference = found - true
    mean, deviation = difference.mean(), 1.96 * difference.std(ddof=1)
    return mean, mean - deviation, mean + deviation


def summary():
    with (RESULTS / f"{BY_PATIENT}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = {
        name: np.array([row[name] for row in rows]).astype(kind)
        for name, kind in (("fold", int), ("patient", str), ("n_slices", int))
    }
    numbers = {name: np.array([float(row[name]) for row in rows]) for name in NUMBERS}
    for fold in (*np.unique(table["fold"]), "all"):
        own = np.ones(len(rows), bool) if fold == "all" else table["fold"] == fold
        good = own & (table["patient"] != MISPLACED)
        dice, without = (
            np.average(numbers["dice"][some], weights=table["n_slices"][some])
            for some in (own, good)
        )
        print(f"fold {fold}: Dice {dice:.4f}, without {MISPLACED} {without:.4f}")
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, (name, unit) in zip(figure.subplots(1, 3), MEASURES.items(), strict=True):
        true, found = numbers[f"true_{name}"], numbers[f"found_{name}"]
        if name != "fraction":  # in percent of the true volume
            found, true = 100 * found / true, np.full(len(true), 100.0)
        where = (numbers[f"true_{name}"] + numbers[f"found_{name}"]) / 2
        mean, low, high = agreement(true, found)
        correlation = np.corrcoef(numbers[f"true_{name}"], numbers[f"found_{name}"])[0, 1]
        print(f"{name} ({unit}): {mean:.4f} [{low:.4f}, {high:.4f}], r {correlation:.4f}")
        axes.scatter(where, found - true, s=14, color="#0072B2")
        for level, style in ((mean, "-"), (low, "--"), (high, "--")):
            axes.axhline(level, color="#D55E00", linestyle=style, linewidth=1)
        axes.set(
            title=name, xlabel="mean of true and found", ylabel=f"found - true, {unit}"
        )
    figure.savefig(RESULTS / f"{BY_PATIENT}.png", dpi=120)


MEASURES = {
    "diastole": "% of the volume",
    "systole": "% of the volume",
    "fraction": "no unit",
}
NUMBERS = ("dice", *(f"{a}_{b}" for a, b in product(("true", "found"), MEASURES)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="sunnybrook_128.npz")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--final", action="store_true", help="read the test patients")
    parser.add_argument("--summary", action="store_true")
    parser.add_argument(
        "--candidates", nargs="+", choices=CANDIDATES, default=[*CANDIDATES]
    )
    parser.add_argument("--folds", nargs="+", type=int, default=[*range(N_FOLDS)])
    arguments = parser.parse_args()
    one_thread()
    slices = load(arguments.path)
    index = np.load(arguments.path)["slice_index"]
    views = {False: slices, True: with_surroundings(slices, index)}
    if arguments.choose:
        choose(arguments, views)
    if arguments.final:
        final(arguments, views)
    if arguments.final or arguments.summary:
        summary()


if __name__ == "__main__":
    main()
