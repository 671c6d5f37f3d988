"""Parameters that change after `fit`: answers stay right, or name the parameter."""

from copy import deepcopy

import numpy as np
import pytest
from contract import KINDS, OTHER, Tiny, inputs, labels, small
from sklearn.tree import DecisionTreeClassifier
from skorch.callbacks import EpochTimer

import skvae

pytestmark = pytest.mark.filterwarnings(
    "ignore::skvae.exceptions.PosteriorCollapseWarning",
    "ignore::skvae.exceptions.EmptyOrganWarning",
)

# Of parameters that only some kinds have, beside those of what is trained.
MORE = {
    "autoencoder": skvae.Autoencoder(2),
    "channel_axis": -1,
    "checkpoint": "a_folder_that_only_fit_makes",
    "classifier": DecisionTreeClassifier(max_depth=1),
    "cv": 2,
    "features": skvae.ConvolutionalSparseAutoencoder(2),
    "keep_largest": True,
    "layer": "no_such_layer",
    "margin": 2,
    "mask_input": True,
    "memory": None,
    "min_size": 3,
    "model": Tiny,
    "n_pixels": 7,
    "on_empty": "raise",
    "overlap": 0.25,
    "pool": "max",
    "preprocess": "rgb",
    "size": 5,
    "skorch_callbacks": [EpochTimer],
    "stage1": skvae.UNetSegmenter(),
    "stage1_for_training": "truth",
    "stage2": skvae.UNetSegmenter(),
    "test_time_flips": True,
    "verbose": True,
    "warm_start": True,
    "window_margin": 1,
    "window_size": 3,
}
VALUES = OTHER | MORE
# What decides how a fitted estimator reads: other answers are right.
READING = {
    "batch_size",  # of LayerExtractor, in the last bits
    "channel_axis",
    "ignore_label",
    "keep_largest",
    "layer",
    "margin",
    "mask_input",
    "min_size",
    "n_threads",
    "on_empty",
    "overlap",
    "patch_size",
    "pool",
    "size",
    "test_time_flips",
    "window_margin",
    "window_size",
}
METHODS = [
    "decision_function",
    "denoise",
    "density",
    "get_feature_names_out",
    "inverse_transform",
    "list_layers",
    "penalized_log_likelihood",
    "predict",
    "predict_proba",
    "quantify",
    "reconstruct",
    "sample",
    "score",
    "score_samples",
    "transform",
    "transform_pixels",
]


def answers(estimator, X, y):
    """Return what every public method says, or with what it refuses."""
    arguments = {
        "get_feature_names_out": (),
        "inverse_transform": (np.zeros((2, 3), dtype=np.float32),),
        "list_layers": (),
        "sample": (2, None, 0) if isinstance(estimator, skvae.AttriVAE) else (2, 0),
        "score": (X, y),
    }
    found = {}
    for method in METHODS:
        if hasattr(estimator, method):
            try:
                answer = getattr(estimator, method)(*arguments.get(method, (X,)))
            except ValueError as error:
                answer = error
            found[method] = answer
    return found


def numbers(answer):
    """Return an answer as an array of floats, where that is what it holds."""
    values = list(answer.values()) if isinstance(answer, dict) else answer
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return None


def agree(before, after):
    a, b = numbers(before), numbers(after)
    if a is None or b is None:
        return repr(before) == repr(after)
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


# On images, all kinds; on rows, others have no more to say than these.
ON_ROWS = {"Autoencoder", "LayerExtractor", "SparseAutoencoder", "VAEFeatureExtractor"}


def case(kind, name):
    later = name == "rows" and kind.__name__ not in ON_ROWS
    marks = [pytest.mark.nightly] if later else []
    return pytest.param(kind, name, id=f"{name}-{kind.__name__}", marks=marks)


@pytest.mark.parametrize(
    ("kind", "name"), [case(kind, name) for name in ("rows", "images") for kind in KINDS]
)
def test_a_parameter_that_changes_after_fit_is_right_or_named(kind, name):
    X = inputs()[name]
    if "rnn" in kind().get_params() and X.ndim > 2:
        X = X[:, np.newaxis]
    y = labels(kind, X)
    fitted = small(kind)
    if kind is skvae.AttriVAE:
        fitted.fit(X, y, attributes=X.reshape(len(X), -1)[:, :1])
    else:
        fitted.fit(X, y)
    before = answers(fitted, X, y)
    for name in fitted.get_params(deep=False):
        changed = deepcopy(fitted).set_params(**{name: VALUES[name]})
        for method, answer in answers(changed, X, y).items():
            where = f"{kind.__name__}.{method} after set_params({name}={VALUES[name]!r})"
            if isinstance(answer, Exception):
                refused = isinstance(before[method], Exception)
                assert refused or name in str(answer), f"{where}: {answer}"
            elif name not in READING:
                assert agree(before[method], answer), where


def test_a_likelihood_that_changes_after_fit_does_not_change_the_score():
    """It was a bare KeyError: 'reconstruction_logits'."""
    X = inputs()["rows"]
    for kind in (skvae.Autoencoder, skvae.VAEFeatureExtractor, skvae.AttriVAE):
        fitted = small(kind).fit(X)
        before = fitted.score(X)
        assert fitted.set_params(likelihood="bernoulli").score(X) == before
