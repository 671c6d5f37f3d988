"""Whether it helps to segment a lesion first: is it benign or malignant.

Lesions of ``make_ultrasound_lesions`` (64 x 64 pixels, every image has one): 360 to learn
from and 195 to test, of three generator states on which nothing was chosen. Compared by the
area under the ROC curve of malignancy:

- ``AutoencoderClassifier`` on whole images;
- the same on crops around the lesion that a U-Net finds (``LesionCrop``, cross-fitted: the
  training images are cropped by networks that have not seen them), and with what lies
  outside of the lesion set to 0;
- ``CascadeSegmenter``, which finds the lesion, and then labels its pixels benign or
  malignant: the share of malignant probability in the lesion is the score;
- as a ceiling, the crops and the attributes of the *true* masks: aspect, irregularity and
  area, a logistic regression.

Parameters are those of the estimators' guides, not chosen for this question; all networks
learn from the same images with the same augmentation. Intervals are those of DeLong, of the
three states together by the mean. Writes ``results/ultrasound_malignancy.csv``.

    python benchmarks/ultrasound_malignancy.py --final [--states 100 101 102]
    python benchmarks/ultrasound_malignancy.py --rehearse
"""

import argparse
import time

import numpy as np
from harness import one_thread, print_table, update_csv
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import (
    Autoencoder,
    AutoencoderClassifier,
    CascadeSegmenter,
    LesionCrop,
    MaskStratifiedKFold,
    RandomAugment,
    UNetSegmenter,
    dice_scores,
)
from skvae.datasets import make_ultrasound_lesions
from skvae.study import delong_interval

SIZE, N_TRAIN, N_TEST = 64, 360, 195
CROP = (48, 48)
SHARED = {"random_state": 0, "n_threads": 1, "device": "cpu"}
# Shape and height to width are what tells: neither warped nor scaled.
AUGMENT = RandomAugment(rotate=10, gain=0.3, speckle=0.3)


def unet(n_epochs):
    return UNetSegmenter(
        width=8,
        batch_size=8,
        max_iter=n_epochs,
        augment=AUGMENT,
        test_time_flips=(-1,),
        keep_largest=True,
        **SHARED,
    )


def classifier(n_epochs):
    autoencoder = Autoencoder(
        n_components=32, channels=(16, 32, 64), max_iter=n_epochs, augment=AUGMENT
    )
    return AutoencoderClassifier(
        autoencoder=autoencoder,
        head_max_iter=min(10, n_epochs),
        finetune_max_iter=n_epochs,
        augment=AUGMENT,
        class_weight="balanced",
        **SHARED,
    )


def of_classifier(model, train, test, y):
    return model.fit(train, y).predict_proba(test)[:, 1]


def by_cascade(data, train, test, n_epochs):
    cascade = CascadeSegmenter(
        stage1=unet(n_epochs), stage2=unet(n_epochs), cv=3, margin=6, **SHARED
    )
    labels = data.masks * (1 + data.target[:, np.newaxis, np.newaxis])
    cascade.fit(data.images[train], labels[train])
    maps = cascade.predict_proba(data.images[test])
    benign, malignant = maps[:, 1:].sum(axis=(2, 3)).T
    found = cascade.predict(data.images[test]) > 0
    dice = dice_scores(data.masks[test], found.astype(int), labels=[1]).mean()
    return malignant / (benign + malignant), dice


def cropped(data, train, test, n_epochs, mask_mode):
    """Return crops of training and test images, and how well lesions were found."""
    cv = MaskStratifiedKFold(3, shuffle=True, random_state=0)
    crop = LesionCrop(unet(n_epochs), size=CROP, mask_mode=mask_mode, cv=cv)
    inner = crop.fit_transform(data.images[train], masks=data.masks[train])
    found = crop.segmenter_.predict(data.images[test])
    dice = dice_scores(data.masks[test], found, labels=[1]).mean()
    return inner, crop.transform(data.images[test]), dice


def truly_cropped(data, rows):
    with_mask = np.concatenate([data.images, data.masks[:, np.newaxis]], axis=1)
    crop = LesionCrop(mask_channel=1, size=CROP)
    return crop.fit_transform(with_mask[rows].astype(np.float32))


def scores(data, train, test, n_epochs):
    """Yield the name of each model, its score of malignancy, and the Dice coefficient."""
    y = data.target[train]
    model = classifier(n_epochs)
    of_images = of_classifier(model, data.images[train], data.images[test], y)
    yield "AutoencoderClassifier", of_images, np.nan
    for name, mode in (("crop", "none"), ("crop, outside 0", "zero")):
        inner, outer, dice = cropped(data, train, test, n_epochs, mode)
        yield f"{name}, AutoencoderClassifier", of_classifier(model, inner, outer, y), dice
    yield "CascadeSegmenter", *by_cascade(data, train, test, n_epochs)
    inner, outer = (truly_cropped(data, rows) for rows in (train, test))
    yield "true crop and mask", of_classifier(model, inner, outer, y), 1.0
    logistic = make_pipeline(StandardScaler(), LogisticRegression())
    X = data.attributes[:, :3]
    yield "true attributes", of_classifier(logistic, X[train], X[test], y), 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--final", action="store_true", help="states never chosen on")
    parser.add_argument("--states", nargs="+", type=int, default=[100, 101, 102])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rehearse", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    if not arguments.final and not arguments.rehearse:
        parser.error("the test images are read with --final alone")
    one_thread()
    n_train, n_test, n_epochs = N_TRAIN, N_TEST, arguments.epochs
    if arguments.rehearse:
        n_train, n_test, n_epochs = 24, 16, 1
        arguments.states = [0]
    for state in arguments.states:
        data = make_ultrasound_lesions(
            n_train + n_test, size=SIZE, without=0.0, random_state=state
        )
        train, test = np.arange(n_train), n_train + np.arange(n_test)
        start, rows = time.process_time(), []
        for name, score, dice in scores(data, train, test, n_epochs):
            auc, low, high = delong_interval(data.target[test], score)
            rows.append(
                {
                    "state": state,
                    "model": name,
                    "auc": round(auc, 4),
                    "low": round(low, 4),
                    "high": round(high, 4),
                    "dice": round(dice, 4),
                    "cpu_seconds": round(time.process_time() - start, 1),
                }
            )
            start = time.process_time()
        print_table(rows)
        if not arguments.rehearse:
            update_csv("ultrasound_malignancy", rows, ("state", "model"))


if __name__ == "__main__":
    main()
