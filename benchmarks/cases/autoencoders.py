"""Autoencoders of all inputs, by all ways of training."""

import tempfile

import pandas as pd

from cases.samples import (
    ATTRIBUTES,
    FRAME,
    GROUPS,
    IMAGES,
    INPUTS,
    LACKING,
    LARGE,
    NUMBERS,
    ROWS,
    SOME,
    THREE,
    WEIGHTS,
    Y,
    fit,
)

AUTOENCODERS = ("AttriVAE", "Autoencoder", "DenoisingAutoencoder", "VAEFeatureExtractor")

TRAINING = {
    "dropout": {"dropout": 0.3},
    "batch": {"normalization": "batch"},
    "group": {"normalization": "group", "activation": "silu"},
    "bernoulli": {"likelihood": "bernoulli"},
    "max": {"downsampling": "max", "kernel_size": 5},
    "augment": {"augment": True},
    "clipped": {"max_grad_norm": 0.5, "weight_decay": 0.01},
    "bfloat16": {"precision": "bfloat16"},
    "lbfgs": {"solver": "lbfgs"},
    "layers": {"layer": ["conv_1", "hidden_1"], "pool": "avg+max"},
}


def autoencoders():
    """Fit autoencoders of all inputs, and by all ways of training."""
    for kind in (*AUTOENCODERS, "SparseAutoencoder", "ConvolutionalSparseAutoencoder"):
        for name, X in INPUTS.items():
            yield f"{kind}/{name}", fit(kind, X)
        flat = IMAGES.reshape(len(IMAGES), -1)
        yield f"{kind}/flat", fit(kind, flat, image_shape=(1, 12, 10))
        yield f"{kind}/frame", fit(kind, FRAME)
        for name, parameters in TRAINING.items():
            yield f"{kind}/{name}", fit(kind, IMAGES, **parameters)
        yield f"{kind}/warm", fit(kind, ROWS, calls=("fit", "fit"), warm_start=True)
        yield f"{kind}/partial", fit(kind, ROWS, calls=("partial_fit",) * 2)
        stopped = {"early_stopping": True, "n_iter_no_change": 1, "max_iter": 6}
        columns = {"groups": GROUPS, "sample_weight": WEIGHTS}
        yield f"{kind}/stopped", fit(kind, ROWS, columns=columns, **stopped)
        yield f"{kind}/kept", kept(kind)


def kept(kind):
    """Fit twice with a memory: the second time, nothing is trained."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            yield from fit(kind, ROWS, memory=folder)


def own_ways():
    """Fit autoencoders by what only they have."""
    for sparsity in ("kl", "l1", "topk", "batch_topk", "jumprelu"):
        own = {"sparsity": sparsity, "k": 2}
        yield f"SparseAutoencoder/{sparsity}", fit("SparseAutoencoder", ROWS, **own)
    for corruption in ("gaussian", "masking", "salt_and_pepper", "dropout_blocks"):
        name = f"DenoisingAutoencoder/{corruption}"
        yield name, fit("DenoisingAutoencoder", IMAGES, corruption=corruption)
    for kind in ("VAEFeatureExtractor", "AttriVAE"):
        own = {"beta": 2.0, "kl_warmup": 0.5, "free_bits": 0.1}
        yield f"{kind}/beta", fit(kind, ROWS, **own)
    for name, own in {
        "plain": {"whitening": None, "n_patches": 2, "patch_size": 6},
        "hidden": {"hidden_layer_sizes": (6,), "pool_size": 3, "normalization": "batch"},
    }.items():
        name = f"ConvolutionalSparseAutoencoder/{name}"
        yield name, fit("ConvolutionalSparseAutoencoder", IMAGES, **own)


def attributes():
    """Fit the attribute-regularised kind with and without what it learns from."""
    cases = {
        "attributes": (None, ATTRIBUTES, {}),
        "frame": (Y, pd.DataFrame(ATTRIBUTES, columns=["size", "old"]), {}),
        "lacking": (SOME, LACKING, {}),
        "three": (THREE, LACKING, {"class_weight": "balanced", "normalization": "batch"}),
        "numbers": (NUMBERS, LACKING, {"task": "regression"}),
        "detached": (Y, None, {"alpha": 0.0}),
        "weighted": (Y, ATTRIBUTES, {"attribute_weight": (1.0, 0.5), "delta": (1.0, 9.0)}),
        "means": (Y, ATTRIBUTES, {"ties": "ignore", "attribute_stage": "mean"}),
        "late": (Y, ATTRIBUTES, {"reconstruction_fraction": 0.5, "counted_entries": 5}),
        "squares": (Y, ATTRIBUTES, {"likelihood": "squared_error"}),
        "stopped": (Y, LACKING, {"early_stopping": True, "validation_fraction": 0.3}),
    }
    for name, (y, a, own) in cases.items():
        columns = {"sample_weight": WEIGHTS, "groups": GROUPS}
        columns |= {} if a is None else {"attributes": a}
        yield f"AttriVAE/{name}/y", fit("AttriVAE", ROWS, y, columns=columns, **own)
    given = {"attributes": LACKING}
    again = {"calls": ("fit", "fit"), "columns": given, "warm_start": True}
    yield "AttriVAE/warm/y", fit("AttriVAE", ROWS, Y, **again)
    again = {"calls": ("partial_fit",) * 2, "columns": given}
    yield "AttriVAE/partial/y", fit("AttriVAE", ROWS, Y, **again)
    few = {"attributes": LACKING[:24]}
    yield "AttriVAE/images/y", fit("AttriVAE", IMAGES, Y[:24], columns=few)
    published = {"architecture": "published", "max_iter": 1}
    yield "AttriVAE/published", fit("AttriVAE", LARGE, Y[:6], **published)
