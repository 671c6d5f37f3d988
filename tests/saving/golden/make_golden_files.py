"""Write the golden files of a release, once: they are read by all later ones.

``python tests/saving/golden/make_golden_files.py`` makes a folder of the version of skvae
that is installed, and refuses to change one that is there. A file that no longer loads, or
gives other features, is a fault of the code, never of the file.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skvae

HERE = Path(__file__).parent
SHARED = {"random_state": 0, "n_threads": 1, "device": "cpu"}
BRIEF = {"max_iter": 2, "batch_size": 8, **SHARED}
NETWORK = {"hidden_layer_sizes": (4,), "channels": (2, 3), **BRIEF}
SEGMENTER = {"depth": 2, "width": 2, "n_convolutions": 1, **BRIEF}
HEAD = {"head_max_iter": 2, "finetune_max_iter": 1, "batch_size": 8, **SHARED}


def fitted():
    """Yield the name of each model, the model, and its rows."""
    rng = np.random.default_rng(0)
    rows = rng.random((24, 5), dtype=np.float32)
    images = rng.random((24, 1, 6, 6), dtype=np.float32)
    y = np.arange(24) % 2
    masks = (images[:, 0] > 0.5).astype(int)
    small = skvae.Autoencoder(2, **NETWORK)
    for X, shape in ((rows, "rows"), (images, "images")):
        for kind in (
            skvae.Autoencoder,
            skvae.DenoisingAutoencoder,
            skvae.SparseAutoencoder,
            skvae.VAEFeatureExtractor,
        ):
            yield f"{kind.__name__}-{shape}", kind(2, **NETWORK).fit(X), X
    attributes = rows[:, :2]
    yield "AttriVAE", skvae.AttriVAE(3, **NETWORK).fit(rows, y, attributes=attributes), rows
    sparse = skvae.ConvolutionalSparseAutoencoder(2, kernel_size=3, scales=(1, 2), **BRIEF)
    yield "ConvolutionalSparseAutoencoder", sparse.fit(images), images
    classifier = skvae.AutoencoderClassifier(autoencoder=small, **HEAD).fit(images, y)
    yield "AutoencoderClassifier", classifier, images
    frozen = FrozenEstimator(skvae.Autoencoder(2, **NETWORK).fit(rows))
    regressor = skvae.AutoencoderRegressor(autoencoder=frozen, **HEAD).fit(rows, rows[:, 0])
    yield "AutoencoderRegressor", regressor, rows
    sequences = images.reshape(8, 3, 1, 6, 6)
    options = {"autoencoder": small, "hidden_size": 3, **HEAD}
    found = skvae.SequenceClassifier(**options).fit(sequences, y[:8])
    yield "SequenceClassifier", found, sequences
    found = skvae.SequenceRegressor(rnn="lstm", pool_time="attention", **options)
    yield "SequenceRegressor", found.fit(sequences, rows[:8, 0]), sequences
    unet = skvae.UNetSegmenter(**SEGMENTER)
    yield "UNetSegmenter", clone(unet).fit(images, masks), images
    yield "SegNetSegmenter", skvae.SegNetSegmenter(**SEGMENTER).fit(images, masks), images
    cascade = skvae.CascadeSegmenter(stage1=unet, stage2=unet, margin=1, cv=2, **SHARED)
    yield "CascadeSegmenter", cascade.fit(images, masks), images
    pixels = skvae.PixelClassifier(features=clone(sparse), n_pixels=200, **SHARED)
    yield "PixelClassifier", pixels.fit(images, masks), images
    extractor = skvae.LayerExtractor(frozen, layer="hidden_1", n_threads=1, device="cpu")
    yield "LayerExtractor", extractor.fit(rows), rows
    vae = skvae.VAEFeatureExtractor(2, **NETWORK)
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), vae, PCA(2))
    yield "pipeline", pipeline.fit(rows), rows
    grid = {"vaefeatureextractor__layer": ["mean", "hidden_1"]}
    search = GridSearchCV(make_pipeline(StandardScaler(), vae, LogisticRegression()), grid)
    yield "search", search.set_params(cv=2).fit(rows, y), rows


def values_of(model, X):
    """Return everything that a model makes of its rows, by method."""
    methods = ("transform", "predict", "predict_proba", "score_samples")
    return {m: getattr(model, m)(X) for m in methods if hasattr(model, m)}


def main():
    """Write the files, with what they should give."""
    folder = HERE / skvae.__version__
    if folder.exists():
        sys.exit(f"{folder} is there: golden files are never made again")
    models = list(fitted())
    folder.mkdir()
    expected = {}
    for name, model, X in models:
        skvae.save(model, folder / f"{name}.skvae")
        expected[f"{name}/X"] = X
        expected |= {f"{name}/{m}": values for m, values in values_of(model, X).items()}
    np.savez_compressed(folder / "expected.npz", **expected)
    # Products of matrices differ in their last bits between processors.
    made = {"cpu_capability": torch.backends.cpu.get_cpu_capability()}
    (folder / "made_with.json").write_text(json.dumps(made) + "\n")


if __name__ == "__main__":
    main()
