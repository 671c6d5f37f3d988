"""Chest X-rays of children (PneumoniaMNIST, 28 x 28), with all labels and with few.

``AutoencoderClassifier`` with its defaults and ``augment=True`` on the official split,
beside published results; then with a share of the labels, pretrained on all images
against the same network from scratch and the frozen encoder. Nothing is chosen here;
the defaults were, on the validation split. Rows go to ``results/pneumonia.csv``, in place
of those of the same split, labels, model and seed.

    python benchmarks/pneumonia.py $SKVAE_TEST_DATA/pneumoniamnist/pneumoniamnist.npz
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from harness import print_table, update_csv
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split

from skvae import AutoencoderClassifier
from skvae.datasets import load_medmnist

# Yang et al. (2023); the last one measured on the same split.
PUBLISHED = (
    ("ResNet-18, 28 px", 0.944, 0.854),
    ("ResNet-50, 224 px", 0.962, 0.884),
    ("auto-sklearn", 0.942, 0.855),
    ("Google AutoML Vision", 0.991, 0.946),
    ("PCA-50, logistic regression", 0.917, None),
)
KEYS = ("split", "labels", "model", "seed")
MODELS = {
    "fine-tuned": {},
    "frozen encoder": {"finetune_max_iter": 0},
    "from scratch": {"pretrain": False},
}


def load(path, split):
    images, labels = load_medmnist(path, split, return_X_y=True)
    return images.astype(np.float32) / 255, labels


def measure(model, share, seed, train, test, n_threads, memory):
    X, y = train
    some = y
    if share < 1:
        index = np.arange(len(y))
        kept, _ = train_test_split(index, train_size=share, random_state=seed, stratify=y)
        some = np.full(len(y), np.nan)
        some[kept] = y[kept]
    classifier = AutoencoderClassifier(
        augment=True,
        random_state=seed,
        device="cpu",
        n_threads=n_threads,
        memory=memory,
        **MODELS[model],
    )
    start = time.perf_counter()
    classifier.fit(X, some)
    seconds = time.perf_counter() - start
    probability = classifier.predict_proba(test[0])[:, 1]
    return {
        "model": model,
        "labels": int(np.isfinite(some).sum()),
        "seed": seed,
        "auc": round(roc_auc_score(test[1], probability), 4),
        "accuracy": round(accuracy_score(test[1], probability > 0.5), 4),
        "seconds": round(seconds),
    }


def summary(rows):
    for key in dict.fromkeys((row["labels"], row["model"]) for row in rows):
        chosen = [row for row in rows if (row["labels"], row["model"]) == key]
        auc = [row["auc"] for row in chosen]
        yield {
            "labels": key[0],
            "model": key[1],
            "n_seeds": len(chosen),
            "auc": f"{np.mean(auc):.3f}",
            "lowest": f"{min(auc):.3f}",
            "highest": f"{max(auc):.3f}",
            "accuracy": f"{np.mean([row['accuracy'] for row in chosen]):.3f}",
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="pneumoniamnist.npz")
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--shares", type=float, nargs="*", default=[1.0, 0.05, 0.01])
    parser.add_argument("--seeds", type=int, nargs="*", default=range(5))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    train, test = load(arguments.path, "train"), load(arguments.path, arguments.split)
    rows = []
    for seed in arguments.seeds:
        # One pretraining serves all that start from it; the first fit pays for it.
        with TemporaryDirectory() as memory:
            for share in arguments.shares:
                for model in MODELS:
                    row = measure(
                        model, share, seed, train, test, arguments.threads, memory
                    )
                    rows.append({"split": arguments.split} | row)
                    print_table([rows[-1]])
        update_csv("pneumonia", rows, KEYS)
    print_table(list(summary(rows)))
    print_table(
        [dict(zip(("published", "auc", "accuracy"), p, strict=True)) for p in PUBLISHED]
    )


if __name__ == "__main__":
    main()
