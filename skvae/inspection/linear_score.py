"""The score of a linear model behind an encoder, as weights of the encoder's features."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from skvae.inspection.network_step import Step

# Rows of the identity that go through the steps at once have so many entries.
MOST_ENTRIES = 2**24
# Of the largest score: what a step may be off from an affine map.
TOLERANCE = 1e-5


def score_weights(steps: tuple[Step, ...], features: np.ndarray) -> np.ndarray:
    """Return what each feature counts in the score of fitted steps, which are affine.

    An affine map s(f) = w·f + b is known from its values at 0 and at the unit vectors;
    that it is one is checked at the features of some samples, and halfway to them.

    Parameters
    ----------
    steps : tuple of Step
        What the features go through: transformers, and last what gives the score.
    features : ndarray of shape (n_samples, n_features)
        Features of some samples.

    Returns
    -------
    weights : ndarray of shape (n_features, n_scores), float64
        Of two classes, the score of the second is the only one.

    Raises
    ------
    ValueError
        If a step is not affine or gives no score.
    """
    rows = np.asarray(features, dtype=np.float64)
    weights: np.ndarray | None = None
    for step, function in _functions(steps):
        own = _weights_of(function, rows.shape[1])
        _check_affine(step, function, rows, own)
        weights = own if weights is None else weights @ own
        rows = function(rows)
    assert weights is not None, "there is at least one step"
    return weights


def _functions(
    steps: tuple[Step, ...],
) -> Iterator[tuple[Step, Callable[[np.ndarray], np.ndarray]]]:
    for step in steps[:-1]:
        yield step, _quiet(step.estimator.transform)
    last = steps[-1]
    score = getattr(last.estimator, "decision_function", None)
    if score is None and not hasattr(last.estimator, "classes_"):
        score = getattr(last.estimator, "predict", None)
    if score is None:
        raise ValueError(
            f"Got the step {last} behind the encoder, which has no linear score to "
            "explain, but expected a linear model; or ask for a unit of the encoder."
        )
    yield last, _quiet(score)


def _quiet(function: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of columns without names, which some steps would miss."""

    def call(rows: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            values = np.asarray(function(rows), dtype=np.float64)
        return values.reshape(len(rows), -1)

    return call


def _weights_of(
    function: Callable[[np.ndarray], np.ndarray], n_features: int
) -> np.ndarray:
    zero = function(np.zeros((1, n_features)))
    size = max(1, MOST_ENTRIES // n_features)
    parts = []
    for start in range(0, n_features, size):
        places = np.arange(start, min(start + size, n_features))
        rows = np.zeros((len(places), n_features))
        rows[np.arange(len(places)), places] = 1
        parts.append(function(rows) - zero)
    return np.concatenate(parts)


def _check_affine(
    step: Step,
    function: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    weights: np.ndarray,
) -> None:
    zero = function(np.zeros((1, rows.shape[1])))
    for share in (1.0, 0.5):
        expected = zero + share * rows @ weights
        allowed = TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if np.abs(function(share * rows) - expected).max() > allowed:
            raise ValueError(
                f"Got the step {step} behind the encoder, which is no affine map, but a "
                "linear score is explained only through affine steps; ask for a unit of "
                "the encoder, or take a linear model."
            )
