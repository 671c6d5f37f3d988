"""Logistic recalibration of probabilities, of many weightings of the same rows at once.

Rows are rows; weights have one draw a row, (n_draws, n_rows).
"""

import numpy as np
from numpy.typing import NDArray

from skvae.statistics.scored_rows import Floats

MOST_STEPS = 200
# Weights that are worked on at once: what lies in the cache is several times as fast.
IN_CACHE = 40_000


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
    if both.any():
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
    rows = (design, offset, positive)
    if len(weights) == 1:
        return _climbed(*rows, weights)
    # Near that of all rows, most draws have theirs.
    middle = _climbed(*rows, weights.mean(axis=0, keepdims=True))
    n_blocks = max(1, weights.size // IN_CACHE)
    return np.concatenate(
        [
            _climbed(*rows, some, middle.repeat(len(some), axis=0))
            for some in np.array_split(weights, n_blocks)
            if len(some)
        ]
    )


def _climbed(
    design: Floats,
    offset: Floats,
    positive: NDArray[np.bool_],
    weights: Floats,
    start: Floats | None = None,
) -> Floats:
    n_columns = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    # Of the steps alone, which may be singular where the classes hardly overlap.
    ridge = 1e-10 * np.eye(n_columns)

    of_positives = (weights * positive) @ np.column_stack([design, offset])

    def likelihood(w: Floats, among: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return probabilities and the log likelihood of some draws."""
        eta = w @ design.T + offset
        decayed = np.exp(-np.abs(eta))
        risk = np.where(eta >= 0, 1.0, decayed) / (1 + decayed)
        softplus = np.maximum(eta, 0) + np.log(1 + decayed)
        sums = of_positives[among]
        value = (sums[:, :-1] * w).sum(axis=1) + sums[:, -1]
        value -= np.einsum("ij,ij->i", weights[among], softplus)
        return risk, value[:, None]

    w = np.zeros((len(weights), n_columns)) if start is None else start.copy()
    among = np.arange(len(weights))  # draws that are not there yet
    risk, reached = likelihood(w, among)
    longest = np.full((len(weights), 1), 2.0)
    for _ in range(MOST_STEPS):
        before, weight = w[among], weights[among]
        gradient = (weight * (positive - risk)) @ design
        curvature = (weight * (risk * (1 - risk))) @ products
        curvature = curvature.reshape(-1, n_columns, n_columns) + ridge
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        trial = before + step * np.minimum(1, longest / np.maximum(length, 1e-300))
        trial_risk, value = likelihood(trial, among)
        # Far from the maximum, where hardly anything is curved, a step can overshoot.
        rises = value >= reached - 1e-12 * np.abs(reached)
        w[among] = np.where(rises, trial, before)
        # The error is now about the square of this.
        far = length >= 1e-7 * (1 + np.linalg.norm(w[among], axis=1, keepdims=True))
        if not far.any():
            break
        longest = np.where(rises, 2 * longest, np.minimum(longest, length) / 4)
        reached, risk = np.where(rises, value, reached), np.where(rises, trial_risk, risk)
        left = far[:, 0]
        among, reached, risk, longest = (
            among[left],
            reached[left],
            risk[left],
            longest[left],
        )
    return w
