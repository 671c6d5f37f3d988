"""Digits with five labels a class and 1,200 rows without: what pretraining gives.

``AutoencoderClassifier`` with its defaults, pretrained on all training rows, its encoder
frozen or fine-tuned, and the same network from scratch, on splits that no default was
chosen on. Writes ``results/few_labels.csv``; takes about a quarter of a minute.

    python benchmarks/few_labels.py [--seeds 10]
"""

import argparse
from tempfile import TemporaryDirectory

import numpy as np
from harness import one_thread, print_table, write_csv
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skvae import AutoencoderClassifier

MODELS = {
    "frozen encoder": {"finetune_max_iter": 0},
    "fine-tuned": {},
    "from scratch": {"pretrain": False},
}
N_LABELS, UNLABELLED = 5, -1


def accuracies(X, y, seed):
    """Yield a row per model, on the test rows of one split."""
    train, test, y, y_test = train_test_split(
        X, y, train_size=1250, random_state=seed, stratify=y
    )
    some = np.full(len(y), UNLABELLED)
    for label in range(10):
        some[np.flatnonzero(y == label)[:N_LABELS]] = label
    with TemporaryDirectory() as memory:
        for name, parameters in MODELS.items():
            classifier = AutoencoderClassifier(
                random_state=seed, n_threads=1, device="cpu", memory=memory, **parameters
            )
            score = classifier.fit(train, some).score(test, y_test)
            yield {"model": name, "seed": seed, "accuracy": round(score, 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    one_thread()
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    rows = [row for seed in range(arguments.seeds) for row in accuracies(X, y, seed)]
    write_csv("few_labels", rows)
    scores = {n: [row["accuracy"] for row in rows if row["model"] == n] for n in MODELS}
    print_table(
        [
            {
                "model": name,
                "accuracy": f"{np.mean(found):.3f}",
                "lowest": min(found),
                "highest": max(found),
            }
            for name, found in scores.items()
        ]
    )


if __name__ == "__main__":
    main()
