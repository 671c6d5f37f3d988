"""Shapes of adrenal glands (AdrenalMNIST3D, 28 x 28 x 28), with and without labels.

``AutoencoderClassifier`` with its defaults and ``augment=True`` on the official split,
and a logistic regression (L2, C = 0.1) on unsupervised features: those of the autoencoder
that the classifier of the first seed has pretrained without labels, at the layer that the
AUC on the validation split chooses. Writes ``results/adrenal.csv``; a seed
takes about ten minutes on one core.

    python benchmarks/adrenal.py $SKVAE_TEST_DATA/adrenalmnist3d/adrenalmnist3d.npz
"""

import argparse
import time
from pathlib import Path

import numpy as np
from harness import print_table, write_csv
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderClassifier
from skvae.datasets import load_medmnist

# Yang et al. (2023); the plain network measured on the same split.
PUBLISHED = (
    ("ResNet-18, 3-D", 0.827),
    ("ResNet-50, 3-D", 0.828),
    ("auto-sklearn", 0.828),
    ("plain 3-D network, augmented", 0.895),
)
READINGS = [
    *((f"conv_{i}", pool) for i in (1, 2, 3) for pool in ("avg", "max")),
    ("hidden_1", "avg"),
    ("code", "avg"),
]


def load(path, split):
    images, labels = load_medmnist(path, split, return_X_y=True)
    return images.astype(np.float32) / 255, labels


def row_of(name, seed, scores, labels, seconds, layer=""):
    return {
        "model": name,
        "layer": layer,
        "seed": seed,
        **{f"{s}_auc": round(roc_auc_score(labels[s], scores[s]), 4) for s in scores},
        "test_accuracy": round(accuracy_score(labels["test"], scores["test"] > 0.5), 4),
        "seconds": round(seconds),
    }


def classifier(images, labels, seed, n_threads):
    start = time.perf_counter()
    fitted = AutoencoderClassifier(
        augment=True, random_state=seed, device="cpu", n_threads=n_threads
    ).fit(images["train"], labels["train"])
    seconds = time.perf_counter() - start
    scores = {s: fitted.predict_proba(images[s])[:, 1] for s in ("val", "test")}
    return fitted, row_of("classifier", seed, scores, labels, seconds)


def regression(features, labels):
    """Return the probabilities of a logistic regression on the training features."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))
    model.fit(features["train"], labels["train"])
    return {s: model.predict_proba(features[s])[:, 1] for s in ("val", "test")}


def unsupervised(autoencoder, images, labels):
    """Yield a row per layer and pooling of an autoencoder that saw no label."""
    for layer, pool in READINGS:
        autoencoder.set_params(layer=layer, pool=pool)
        features = {s: autoencoder.transform(x) for s, x in images.items()}
        at = f"{layer} {pool}" if layer.startswith("conv") else layer
        yield row_of("autoencoder", 0, regression(features, labels), labels, 0, at)


def pca(images, labels, n_components=20):
    flat = {s: x.reshape(len(x), -1) for s, x in images.items()}
    model = PCA(n_components, random_state=0).fit(flat["train"])
    scores = regression({s: model.transform(x) for s, x in flat.items()}, labels)
    return row_of(f"PCA-{n_components}", 0, scores, labels, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="adrenalmnist3d.npz")
    parser.add_argument("--seeds", type=int, nargs="*", default=range(3))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    splits = {s: load(arguments.path, s) for s in ("train", "val", "test")}
    images = {s: x for s, (x, _) in splits.items()}
    labels = {s: y for s, (_, y) in splits.items()}

    rows, readings = [pca(images, labels)], []
    for seed in arguments.seeds:
        fitted, row = classifier(images, labels, seed, arguments.threads)
        rows.append(row)
        print_table([row])
        readings = readings or list(unsupervised(fitted.autoencoder_, images, labels))
        write_csv("adrenal", [*rows, *readings])
    chosen = max(readings, key=lambda row: row["val_auc"])
    print_table([*rows, *readings])
    print_table([chosen | {"model": f"chosen: {chosen['model']}"}])
    print_table([dict(zip(("published", "auc"), p, strict=True)) for p in PUBLISHED])


if __name__ == "__main__":
    main()
