"""Shapes of adrenal glands (AdrenalMNIST3D, 28 x 28 x 28): features without labels.

A logistic regression (L2, C = 0.1) on features that a VAE has learned without labels, read
at the layer that the AUC of the validation rows chooses (mark: 0.858); its size was chosen
by cross-validation of the training rows. Beside it PCA and published figures. Rows go to
``results/adrenal.csv``, in place of those of the same model, layer and seed; a seed takes
two minutes on one core. With labels: ``image_sets.py``.

    python benchmarks/adrenal.py $SKVAE_TEST_DATA/adrenalmnist3d/adrenalmnist3d.npz
"""

import argparse
import time
from pathlib import Path

import numpy as np
from harness import print_table, update_csv
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import VAEFeatureExtractor
from skvae.datasets import load_medmnist

KEYS = ("model", "layer", "seed")
# Yang et al. (2023).
PUBLISHED = (
    ("ResNet-18, 3-D", 0.827),
    ("ResNet-50, 3-D", 0.828),
    ("auto-sklearn", 0.828),
)
CONVOLUTIONS = ("conv_1", "conv_2", "conv_3")
READINGS = [*CONVOLUTIONS, list(CONVOLUTIONS[:2]), list(CONVOLUTIONS), "hidden_1", "mean"]


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


def regression(features, labels):
    """Return the probabilities of a logistic regression on the training features."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))
    model.fit(features["train"], labels["train"])
    return {s: model.predict_proba(features[s])[:, 1] for s in ("val", "test")}


def unsupervised(images, labels, seed, n_threads):
    """Return a row per layer of a VAE that saw no label."""
    vae = VAEFeatureExtractor(
        32,
        channels=(16, 32, 64),
        max_iter=30,
        pool="avg+max",
        random_state=seed,
        device="cpu",
        n_threads=n_threads,
    )
    start = time.perf_counter()
    vae.fit(images["train"])
    seconds, rows = time.perf_counter() - start, []
    for layer in READINGS:
        vae.set_params(layer=layer)
        features = {s: vae.transform(x) for s, x in images.items()}
        scores, name = regression(features, labels), " + ".join(np.atleast_1d(layer))
        rows.append(row_of("VAE", seed, scores, labels, seconds, name))
    chosen = max(rows, key=lambda row: row["val_auc"])
    return [row | {"chosen": row is chosen} for row in rows]


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

    rows = [pca(images, labels)]
    for seed in arguments.seeds:
        new = unsupervised(images, labels, seed, arguments.threads)
        rows += new
        print_table(new)
        update_csv("adrenal", rows, KEYS)
    print_table([dict(zip(("published", "auc"), p, strict=True)) for p in PUBLISHED])


if __name__ == "__main__":
    main()
