"""The public estimators, and inputs of every kind, for the contract tests."""

import inspect

import numpy as np
from sklearn.base import BaseEstimator

import skvae

KINDS = [
    getattr(skvae, name)
    for name in skvae.__all__
    if inspect.isclass(getattr(skvae, name))
    and issubclass(getattr(skvae, name), BaseEstimator)
]

SMALL = {
    "n_components": 3,
    "hidden_layer_sizes": (8,),
    "channels": (2, 4),
    "max_iter": 3,
    "batch_size": 16,
    "random_state": 0,
    "n_threads": 1,
    "device": "cpu",
}


def small(kind, **parameters):
    """Return a small instance; a kind may lack some of the parameters."""
    known = kind().get_params()
    chosen = {k: v for k, v in SMALL.items() if k in known}
    return kind(**{**chosen, **parameters})


def inputs():
    """Return X with one to five axes per sample kind: rows, signals, images, volumes."""
    rng = np.random.default_rng(0)
    shapes = {"rows": (40, 12), "images": (40, 1, 7, 6), "volumes": (40, 2, 5, 4, 6)}
    return {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}
