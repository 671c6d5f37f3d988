"""Logistic recalibration of probabilities, of many weightings of the same rows at once.

Rows are rows; weights have one draw a row, (n_draws, n_rows).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from skvae.statistics.scored_rows import Floats

MOST_STEPS = 200


def recalibration_slope(
    positive: NDArray[np.bool_], log_odds: Floats, weights: Floats
) -> Floats:
    """Return the slope b of logit P(y = 1) = a + b logit p, by maximum likelihood.

    Where log odds separate the classes, the likelihood has no maximum: b is infinite, with
    the sign of the separation. NaN where log odds are all equal or a class has no weight.
    """
    slope = _separation(positive, log_odds, weights)
    finite = slope == 0
    if finite.any():
        spread = log_odds.std()
        x = (log_odds - log_odds.mean()) / spread
        design = np.column_stack([np.ones_like(x), x])
        found = _most_likely(design, np.zeros_like(x), positive, weights[finite])
        slope[finite] = found[:, 1] / spread
    return slope


def calibration_in_the_large(
    positive: NDArray[np.bool_], log_odds: Floats, weights: Floats
) -> Floats:
    """Return the intercept a of logit P(y = 1) = a + logit p; NaN without a class."""
    both = (weights @ positive > 0) & (weights @ ~positive > 0)
    intercept = np.full(len(both), np.nan)
    design = np.ones((len(log_odds), 1))
    intercept[both] = _most_likely(design, log_odds, positive, weights[both])[:, 0]
    return intercept


def _separation(positive: NDArray[np.bool_], log_odds: Floats, weights: Floats) -> Floats:
    """Return 0 where the classes overlap, else infinity with its sign, or NaN."""
    classes = [(weights > 0) & of for of in (~positive, positive)]
    lowest = [np.where(of, log_odds, np.inf).min(axis=1) for of in classes]
    highest = [np.where(of, log_odds, -np.inf).max(axis=1) for of in classes]
    up, down = highest[0] <= lowest[1], highest[1] <= lowest[0]
    return np.select([up & down, up, down], [np.nan, np.inf, -np.inf], 0.0)


def _most_likely(
    design: Floats, offset: Floats, positive: NDArray[np.bool_], weights: Floats
) -> Floats:
    """Return coefficients of a logistic regression for each draw, by Newton's method.

    scikit-learn's has no offset, and would be called once a draw.
    """
    n_columns = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    # Of the steps alone, which may be singular where the classes hardly overlap.
    ridge = 1e-10 * np.eye(n_columns)

    def likelihood(w: Floats) -> tuple[Floats, Floats]:
        eta = w @ design.T + offset
        terms = weights * (positive * eta - np.logaddexp(0, eta))
        return eta, terms.sum(axis=1, keepdims=True)

    w = np.zeros((len(weights), n_columns))
    if len(weights) > 1:  # Near that of all rows, most draws have theirs.
        w += _most_likely(design, offset, positive, weights.mean(axis=0, keepdims=True))
    eta, reached = likelihood(w)
    longest = np.full((len(weights), 1), 2.0)
    for _ in range(MOST_STEPS):
        p = expit(eta)
        gradient = (weights * (positive - p)) @ design
        curvature = (weights * p * (1 - p)) @ products
        curvature = curvature.reshape(-1, n_columns, n_columns) + ridge
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        trial = w + step * np.minimum(1, longest / np.maximum(length, 1e-300))
        trial_eta, value = likelihood(trial)
        # Far from the maximum, where hardly anything is curved, a step can overshoot.
        rises = value >= reached - 1e-12 * np.abs(reached)
        w, eta = np.where(rises, trial, w), np.where(rises, trial_eta, eta)
        reached = np.where(rises, value, reached)
        longest = np.where(rises, 2 * longest, np.minimum(longest, length) / 4)
        # The error is now about the square of this.
        if np.all(length < 1e-7 * (1 + np.linalg.norm(w, axis=1, keepdims=True))):
            break
    return w
