"""X-rays of chests and shapes of glands, beside a plain augmented network.

PneumoniaMNIST (28 x 28) and AdrenalMNIST3D (28 x 28 x 28). Candidates are compared on
folds of the training rows; the chosen ones stand in ``CHOSEN``. X-rays of one child are
alike, and the set does not say whose they are: there, a fold has clusters of images.
The plain network (convolutions, batch norm, maxima, dropout, Adam, one cycle) is trained
for as many epochs as take the CPU seconds of the chosen one. With ``--final``, and only
then, the test split is read. Rows go to ``results/image_sets.csv``, in place of those
with the same keys; those of today's default on the test split are of earlier runs, on
two threads and without flips and CPU seconds; those of the plain network on folds had the
seconds of the shorter of two candidates ("batches of 128", "halved").

    python benchmarks/image_sets.py $SKVAE_TEST_DATA pneumonia --folds 0 1
    python benchmarks/image_sets.py $SKVAE_TEST_DATA pneumonia --final
"""

import argparse
import time
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from harness import one_thread, print_table, update_csv
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import (
    StratifiedGroupKFold,
    StratifiedKFold,
    train_test_split,
)
from torch import nn

from skvae import AutoencoderClassifier, DenoisingAutoencoder, RandomAugment
from skvae.datasets import load_medmnist
from skvae.prediction.pretrained import DEFAULT_OF_IMAGES

KEYS = ("set", "rows", "labels", "model", "fold", "seed")
N_FOLDS = 3
LARGEST_MOVE = 3


class Images(NamedTuple):
    """A data set: its file, what may be done to its images, and the seeds of the end."""

    path: str
    augment: RandomAugment
    flipped: tuple[int, ...]
    n_seeds: int


SETS = {
    "pneumonia": Images("pneumoniamnist/pneumoniamnist.npz", RandomAugment(), (-1,), 5),
    "adrenal": Images(
        "adrenalmnist3d/adrenalmnist3d.npz",
        RandomAugment(flip=True, intensity=0),
        (-3, -2, -1),
        3,
    ),
}


NO_OTHERS: Mapping[str, Any] = MappingProxyType({})


class Candidate(NamedTuple):
    """Parameters of the classifier and its autoencoder; halved images are means of 2³."""

    parameters: Mapping[str, Any] = NO_OTHERS
    autoencoder: Mapping[str, Any] = NO_OTHERS
    halved: bool = False


SCRATCH = {"pretrain": False}
LARGE_BATCHES = {"batch_size": 128, "finetune_learning_rate_init": 4e-3}
WIDE = {"channels": (16, 32, 64)}


def epochs(n, **more):
    return SCRATCH | {"head_max_iter": 0, "finetune_max_iter": n} | more


# Those that do not say how long take about the same CPU seconds.
CANDIDATES = {
    "pneumonia": {
        "default network": Candidate(epochs(20)),
        "batches of 128": Candidate(epochs(28, **LARGE_BATCHES)),
        "batches of 128, three networks": Candidate(
            epochs(9, n_networks=3, **LARGE_BATCHES)
        ),
        "batches of 128, 56 epochs": Candidate(epochs(56, **LARGE_BATCHES)),
        "wide": Candidate(epochs(14, **LARGE_BATCHES), WIDE),
        "wide, three networks": Candidate(epochs(5, n_networks=3, **LARGE_BATCHES), WIDE),
    },
    "adrenal": {
        "default network": Candidate(epochs(6)),
        "halved": Candidate(epochs(30), halved=True),
        "halved, dropout": Candidate(epochs(30, head_dropout=0.5), halved=True),
        "halved, three networks": Candidate(epochs(10, n_networks=3), halved=True),
        "halved, three networks, 30 epochs each": Candidate(
            epochs(30, n_networks=3), halved=True
        ),
        "halved, 60 epochs": Candidate(epochs(60), halved=True),
    },
}
# Plain networks, by the maps of their first block.
PLAIN = {
    "plain network, 8 maps": {"width": 8},
    "plain network, 16 maps": {"width": 16},
    "plain network, 8 maps, batches of 128": {"width": 8, "batch_size": 128, "rate": 4e-3},
}
# By log loss of the mean over flips, folds 0 and 1.
CHOSEN = {"pneumonia": "batches of 128, 56 epochs", "adrenal": "halved, 60 epochs"}
CHOSEN_PLAIN = {
    "pneumonia": ("plain network, 8 maps", "plain network, 8 maps, batches of 128"),
    "adrenal": ("plain network, 8 maps",),
}


def read(folder, name, split, *, final=False):
    if split == "test" and not final:
        raise SystemExit("The test split is read with --final alone.")
    images, labels = load_medmnist(folder / SETS[name].path, split, return_X_y=True)
    return images.astype(np.float32) / 255, labels


def folds(name, X, y):
    options = {"n_splits": N_FOLDS, "shuffle": True, "random_state": 0}
    if name == "adrenal":
        return list(StratifiedKFold(**options).split(X, y))
    reduced = PCA(20, random_state=0).fit_transform(X.reshape(len(X), -1))
    clusters = KMeans(60, n_init=2, random_state=0).fit_predict(reduced)
    return list(StratifiedGroupKFold(**options).split(X, y, clusters))


def halved(X):
    """Return the mean of each block of two pixels along every axis."""
    for axis in range(2, X.ndim):
        X = X.reshape(*X.shape[:axis], -1, 2, *X.shape[axis + 1 :]).mean(axis + 1)
    return X


def plain_network(sample_shape, width, dropout=0.3):
    """Three blocks of convolution, batch norm, ReLU and maximum; two dense layers."""
    n_axes, layers, n_in = len(sample_shape) - 1, [], sample_shape[0]
    convolution, norm, maximum = {
        2: (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d),
        3: (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d),
    }[n_axes]
    for n_out in (width, 2 * width, 4 * width):
        layers += [convolution(n_in, n_out, 3, padding=1), norm(n_out), nn.ReLU()]
        layers += [maximum(2, ceil_mode=True)]
        n_in = n_out
    layers += [nn.Flatten(), nn.Dropout(dropout), nn.LazyLinear(64), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(64, 2))


def changed(x, flipped, rng):
    """Flip and move each image of a batch; borders are repeated."""
    n_axes, result = x.ndim - 2, torch.empty_like(x)
    wide = nn.functional.pad(x, [LARGEST_MOVE] * (2 * n_axes), mode="replicate")
    moves = rng.integers(2 * LARGEST_MOVE + 1, size=(len(x), n_axes))
    for i, move in enumerate(moves):
        window = tuple(slice(m, m + n) for m, n in zip(move, x.shape[2:], strict=True))
        axes = [axis for axis in flipped if rng.random() < 0.5]
        result[i] = wide[i][(slice(None), *window)].flip(axes)
    return result


def fit_plain(X, y, flipped, seed, n_epochs, width, batch_size=64, rate=2e-3):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = plain_network(X.shape[1:], width)
    x, target = torch.from_numpy(X), torch.from_numpy(y).long()
    network(x[:2])
    optimizer = torch.optim.Adam(network.parameters(), rate)
    batch_size = min(batch_size, len(y))
    n_batches = len(y) // batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=n_epochs * n_batches
    )
    for _ in range(n_epochs):
        order = torch.from_numpy(rng.permutation(len(y))).split(batch_size)
        for batch in order[:n_batches]:
            optimizer.zero_grad()
            logits = network(changed(x[batch], flipped, rng))
            nn.functional.cross_entropy(logits, target[batch]).backward()
            optimizer.step()
            schedule.step()
    network.eval()

    def probability(X):
        with torch.no_grad():
            parts = torch.from_numpy(X).split(256)
            return torch.cat([network(x).softmax(1)[:, 1] for x in parts]).numpy()

    return probability


def fit_candidate(candidate, X, y, augment, seed):
    autoencoder = candidate.parameters.get("autoencoder") or DenoisingAutoencoder(
        64, **DEFAULT_OF_IMAGES | candidate.autoencoder
    )
    parameters = {"autoencoder": autoencoder} | candidate.parameters
    shared = {"random_state": seed, "device": "cpu", "n_threads": 1}
    classifier = AutoencoderClassifier(augment=augment, **shared | parameters).fit(X, y)
    return lambda X: classifier.predict_proba(X)[:, 1]


def timed(call):
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def mean_of_flips(probability, X, flipped):
    each = []
    for chosen in product((False, True), repeat=len(flipped)):
        axes = [axis for axis, flip in zip(flipped, chosen, strict=True) if flip]
        each.append(probability(np.flip(X, axes).copy()))
    return np.mean(each, axis=0)


def scores(probability, X, y, flipped):
    found = {}
    for name, p in (
        ("", probability(X)),
        ("flips_", mean_of_flips(probability, X, flipped)),
    ):
        found |= {
            f"{name}auc": round(roc_auc_score(y, p), 4),
            f"{name}accuracy": round(accuracy_score(y, p > 0.5), 4),
            f"{name}log_loss": round(log_loss(y, p.clip(1e-6, 1 - 1e-6)), 4),
        }
    return found


def compare(name, candidates, train, test, seed, chosen, plain):
    """Yield a row per candidate, and of the plain network of the chosen one's seconds."""
    images = SETS[name]
    for model, candidate in candidates.items():
        smaller = halved if candidate.halved else np.asarray
        (X, y), held = (smaller(train[0]), train[1]), (smaller(test[0]), test[1])
        probability, seconds = timed(
            lambda c=candidate, X=X, y=y: fit_candidate(c, X, y, images.augment, seed)
        )
        found = scores(probability, *held, images.flipped)
        yield {"model": model} | found | {"cpu_seconds": round(seconds, 1)}
        for peer in plain if model == chosen else ():
            yield plain_row(images, (X, y), held, seed, peer, seconds)


def plain_row(images, train, test, seed, model, seconds):
    """Train a plain network for about as many CPU seconds, and return its row."""
    given, options = (images.flipped, seed), PLAIN[model]
    fit_plain(*(a[:128] for a in train), *given, 1, **options)  # the first is slower
    _, epoch = timed(lambda: fit_plain(*train, *given, 1, **options))
    n_epochs = max(1, round(seconds / epoch))
    probability, seconds = timed(lambda: fit_plain(*train, *given, n_epochs, **options))
    found = scores(probability, *test, images.flipped)
    found |= {"cpu_seconds": round(seconds, 1), "n_epochs": n_epochs}
    return {"model": model} | found


def on_folds(folder, name, models, chosen_folds):
    """Yield a row per candidate and fold of the training rows."""
    X, y = read(folder, name, "train")
    each = folds(name, X, y)
    candidates = {m: c for m, c in CANDIDATES[name].items() if not models or m in models}
    for fold in chosen_folds:
        rows, held = each[fold]
        train, test = (X[rows], y[rows]), (X[held], y[held])
        for row in compare(name, candidates, train, test, fold, CHOSEN[name], PLAIN):
            yield {"rows": "fold", "labels": "", "fold": fold, "seed": fold} | row


def at_the_end(folder, name):
    """Yield rows on the test split: of the chosen candidate, and with few labels."""
    train, test = (read(folder, name, split, final=True) for split in ("train", "test"))
    chosen = {CHOSEN[name]: CANDIDATES[name][CHOSEN[name]]}
    for seed in range(SETS[name].n_seeds):
        for row in compare(
            name, chosen, train, test, seed, CHOSEN[name], CHOSEN_PLAIN[name]
        ):
            yield {"rows": "test", "labels": len(train[1]), "seed": seed} | row
    if name == "pneumonia":
        yield from few_labels(name, train, test)


def few_labels(name, train, test):
    """Yield rows with a part of the labels: pretrained on all images, and from scratch."""
    X, y = train
    shared = {"augment": SETS[name].augment, "device": "cpu", "n_threads": 1}
    autoencoder = DenoisingAutoencoder(64, **DEFAULT_OF_IMAGES, **shared, random_state=0)
    pretrained = {"autoencoder": FrozenEstimator(autoencoder.fit(X)), "n_networks": 3}
    candidates = {
        "fine-tuned, three networks": Candidate(pretrained),
        "from scratch, three networks": Candidate(SCRATCH | {"n_networks": 3}),
    }
    plain = CHOSEN_PLAIN[name][:1]
    for n_labels, seed in product((47, 235), range(SETS[name].n_seeds)):
        some, _, labels, _ = train_test_split(
            X, y, train_size=n_labels, random_state=seed, stratify=y
        )
        chosen = "from scratch, three networks"
        for row in compare(name, candidates, (some, labels), test, seed, chosen, plain):
            yield {"rows": "test", "labels": n_labels, "seed": seed} | row


def summary(rows):
    table = pd.DataFrame(rows).groupby(["rows", "labels", "model"], sort=False)
    columns = [c for c in rows[0] if c.endswith(("auc", "accuracy", "log_loss", "seconds"))]
    return table[columns].mean().round(4).reset_index().to_dict("records")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="that has pneumoniamnist, adrenalmnist3d")
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--folds", type=int, nargs="*", default=range(N_FOLDS))
    parser.add_argument("--models", nargs="*", help="of the candidates; default: all")
    parser.add_argument("--final", action="store_true", help="read the test split")
    arguments = parser.parse_args()
    one_thread()
    if arguments.final:
        found = at_the_end(arguments.folder, arguments.set)
    else:
        some = arguments.models, arguments.folds
        found = on_folds(arguments.folder, arguments.set, *some)
    rows = []
    for row in found:
        rows.append({"set": arguments.set} | row)
        print_table([rows[-1]])
        update_csv("image_sets", rows[-1:], KEYS)
    print_table(summary(rows))


if __name__ == "__main__":
    main()
