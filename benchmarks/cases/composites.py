"""Kinds that are built on another network."""

from functools import partial

from torch import nn

import skvae
import skvae.datasets
from cases.samples import (
    GROUPS,
    IMAGES,
    NUMBERS,
    ROWS,
    SEQUENCES,
    SOME,
    THREE,
    VOLUMES,
    WEIGHTS,
    Y,
    fit,
    fitted_before,
    make,
)


def predictors():
    """Fit what is pretrained, and predicts."""
    small = partial(make, "Autoencoder")
    ways = {
        "small": {"autoencoder": small},
        "scratch": {"autoencoder": small, "pretrain": False},
        "head": {"autoencoder": small, "head_layer_sizes": (5,), "head_dropout": 0.2},
        "frozen": {"autoencoder": small, "finetune_max_iter": 0},
        "given": {"autoencoder": partial(fitted_before, "VAEFeatureExtractor", ROWS)},
        "partly": {"autoencoder": small, "unfreeze_from": "code"},
        "phases": {
            "autoencoder": small,
            "phases": (
                skvae.Phase(2, 0.01, frozen=("encoder",), name="head"),
                skvae.Phase(2, 0.001, rates=(("encoder", 0.1),), annealed=True),
            ),
        },
        "stopped": {"autoencoder": small, "early_stopping": True, "head_max_iter": 4},
    }
    targets = {"AutoencoderClassifier": SOME, "AutoencoderRegressor": NUMBERS}
    columns = {"sample_weight": WEIGHTS, "groups": GROUPS}
    for kind, y in targets.items():
        for name, own in ways.items():
            yield f"{kind}/{name}", fit(kind, ROWS, y, columns=columns, **own)
        for name, X in (("images", IMAGES), ("volumes", VOLUMES)):
            own = {"autoencoder": small, "augment": True}
            yield f"{kind}/{name}", fit(kind, X, y[: len(X)], **own)
        yield f"{kind}/default", fit(kind, ROWS, y)
    own = {"autoencoder": small, "class_weight": "balanced"}
    yield "AutoencoderClassifier/three", fit("AutoencoderClassifier", ROWS, THREE, **own)


def sequences():
    """Fit what reads sequences: padded, of unequal lengths, and of one frame."""
    blobs = skvae.datasets.make_moving_blobs(12, n_frames=(2, 4), size=8, random_state=0)
    targets = {"SequenceClassifier": Y[:12], "SequenceRegressor": blobs.target}
    small = {"autoencoder": partial(make, "Autoencoder")}
    for kind, y in targets.items():
        yield f"{kind}/unequal", fit(kind, blobs.images, y, **small)
        yield f"{kind}/rows", fit(kind, SEQUENCES, y, **small)
        yield f"{kind}/single", fit(kind, ROWS[:12], y, **small)
        for name, own in {
            "lstm": {"rnn": "lstm", "n_layers": 2},
            "pooled": {"pool_time": "mean"},
            "attention": {"pool_time": "attention"},
            "scratch": {"pretrain": False, "augment": True},
        }.items():
            yield f"{kind}/{name}", fit(kind, blobs.images, y, **small | own)
        yield f"{kind}/default", fit(kind, blobs.images, y)


def network():
    """Return a network that an estimator has not trained."""
    relu = nn.ReLU(inplace=True)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), relu, nn.Conv2d(3, 2, 3))


def extractors():
    """Read networks that others have trained."""
    kind, before = "LayerExtractor", partial(fitted_before, "VAEFeatureExtractor", IMAGES)
    yield f"{kind}/function", fit(kind, IMAGES, model=network, layer=["1", "2"])
    yield f"{kind}/input", fit(kind, IMAGES, model=network, layer="input:3", pool="max")
    flat = {"image_shape": (1, 12, 10), "layer": "0"}
    yield f"{kind}/flat", fit(kind, IMAGES.reshape(24, -1), model=network, **flat)
    yield f"{kind}/given", fit(kind, IMAGES, model=before, layer="conv_1")
    yield f"{kind}/default", fit(kind, IMAGES, model=before)
