"""What helps a classifier of X-rays with 47 and 235 labels, on training rows alone.

Two thirds of the training split of PneumoniaMNIST are the pool: an autoencoder is
pretrained on all of it, and labels are drawn from it. The AUC is that of the last third.
Nothing else of the data is read. Rows go to ``results/few_label_choices.csv``.

    python benchmarks/few_label_choices.py $D/pneumoniamnist/pneumoniamnist.npz
"""

import argparse
import time
from tempfile import TemporaryDirectory
from typing import ClassVar
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from harness import print_table, update_csv
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from skvae import AutoencoderClassifier, DenoisingAutoencoder
from skvae.datasets import load_medmnist
from skvae.objectives import supervision
from skvae.prediction.pretrained import DEFAULT_OF_IMAGES

KEYS = ("pretraining", "labels", "choice", "seed")
PRETRAININGS = {
    "default": {},
    "loss on masked pixels": {"counted": "corrupted"},
    "head on conv_2 too": {"layer": ["conv_2", "conv_3", "code"]},
    "60 epochs": {"max_iter": 60},
}
OF_ALL = {
    "fine-tuned": {},
    "five networks": {"n_networks": 5},
    "frozen encoder": {"finetune_max_iter": 0, "head_max_iter": 50},
}
OF_DEFAULT = {
    "from scratch": {"pretrain": False},
    "from scratch, five networks": {"pretrain": False, "n_networks": 5},
    "encoder at a fifth of the rate": {"encoder_learning_rate_scale": 0.2},
    "120 epochs": {"finetune_max_iter": 120},
}
# Of the default pretraining, with targets of .95 and .05 (Szegedy et al., 2016).
SMOOTHED = {
    "label smoothing": {},
    "from scratch, label smoothing": {"pretrain": False},
}
SHARED = {"augment": True, "device": "cpu", "n_threads": 1}


class LastEpochs(Callback):
    """Keep the weights of the last epochs, for their mean."""

    states: ClassVar[list] = []

    def on_train_begin(self, net, **kwargs):
        self.states.clear()

    def on_epoch_end(self, net, **kwargs):
        state = net.module_.state_dict()
        self.states.append({name: v.detach().double().clone() for name, v in state.items()})
        del self.states[:-10]


def average_weights(classifier):
    with torch.no_grad():
        for name, value in classifier.network_.module.state_dict().items():
            value.copy_(sum(s[name] for s in LastEpochs.states) / len(LastEpochs.states))


def flipped(classifier, X):
    each = [classifier.predict_proba(x)[:, 1] for x in (X, X[..., ::-1].copy())]
    return np.mean(each, axis=0)


def smoothed_cross_entropy(logits, labels, class_weight=None):
    return torch.nn.functional.cross_entropy(
        supervision.class_scores(logits),
        labels,
        weight=class_weight,
        ignore_index=supervision.UNLABELLED,
        reduction="none",
        label_smoothing=0.1,
    )


def choices(name, autoencoder, some, held, seed, chosen):
    """Yield each choice with its probabilities and seconds."""
    options = SHARED | {"autoencoder": FrozenEstimator(autoencoder), "random_state": seed}
    tried = OF_ALL | (OF_DEFAULT | SMOOTHED if name == "default" else {})
    for choice, more in tried.items():
        if chosen and choice not in chosen:
            continue
        loss = supervision.cross_entropy
        if choice in SMOOTHED:
            loss = smoothed_cross_entropy
        start = time.process_time()
        with patch.object(supervision, "cross_entropy", loss):
            fitted = AutoencoderClassifier(**options, **more).fit(*some)
        seconds = time.process_time() - start
        yield choice, fitted.predict_proba(held)[:, 1], seconds
        if choice != "frozen encoder":
            yield f"{choice}, flips at test time", flipped(fitted, held), seconds
    if name == "default" and not chosen:
        start = time.process_time()
        fitted = AutoencoderClassifier(**options, skorch_callbacks=[LastEpochs()]).fit(
            *some
        )
        average_weights(fitted)
        seconds = time.process_time() - start
        yield "mean weights of 10 epochs", fitted.predict_proba(held)[:, 1], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--labels", type=int, nargs="+", default=[47, 235])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pretrainings", nargs="+", default=list(PRETRAININGS))
    parser.add_argument("--choices", nargs="+", help="these alone; default: all")
    arguments = parser.parse_args()
    images, y = load_medmnist(arguments.path, "train", return_X_y=True)
    X = images.astype(np.float32) / 255
    pool, held = train_test_split(
        np.arange(len(y)), test_size=1 / 3, random_state=0, stratify=y
    )
    rows = []
    with TemporaryDirectory() as memory:
        for name in arguments.pretrainings:
            chosen = DEFAULT_OF_IMAGES | PRETRAININGS[name]
            autoencoder = DenoisingAutoencoder(
                64, **chosen, **SHARED, random_state=0, memory=memory
            ).fit(X[pool])
            for n_labels in arguments.labels:
                for seed in range(arguments.seeds):
                    kept, _ = train_test_split(
                        pool, train_size=n_labels, random_state=seed, stratify=y[pool]
                    )
                    for choice, probability, seconds in choices(
                        name,
                        autoencoder,
                        (X[kept], y[kept]),
                        X[held],
                        seed,
                        arguments.choices,
                    ):
                        rows.append(
                            {
                                "pretraining": name,
                                "labels": n_labels,
                                "choice": choice,
                                "seed": seed,
                                "auc": round(roc_auc_score(y[held], probability), 4),
                                "cpu_seconds": round(seconds, 1),
                            }
                        )
            update_csv("few_label_choices", rows, KEYS)
    table = pd.DataFrame(rows).groupby(list(KEYS[:-1]), sort=False)
    means = table[["auc", "cpu_seconds"]].mean().round(4).reset_index()
    print_table(means.to_dict("records"))


if __name__ == "__main__":
    main()
