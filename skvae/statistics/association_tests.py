"""Units and attributes of the same complete rows: statistics, intervals and p-values."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from skvae.statistics.association_measures import (
    Correlation,
    Information,
    Pairing,
    RankRatio,
)
from skvae.statistics.resampling import (
    check_exchangeable,
    half_sample_interval,
    shuffled,
    shuffled_blocks,
    shuffled_within,
)


class Plan(NamedTuple):
    """How surely and with how much work pairs are tested."""

    confidence: float
    n_permutations: int
    n_bootstraps: int
    always_permute: bool


class Numbers(NamedTuple):
    """What is found of each pair, and the most extreme pair of each permutation."""

    statistic: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    extremity: np.ndarray
    greatest: np.ndarray


@dataclass(frozen=True)
class Trial:
    """Units and attributes of the same rows, and how to pair them.

    Parameters
    ----------
    Z, A, control : ndarray of shape (n_rows, n_columns)
        Units, attributes and what is held constant, without missing values.
    group : ndarray of int, shape (n_rows,), or None
        Patient of each row, where rows are not independent.
    grouping : {"blocks", "within"}
        What is exchanged when there are groups.
    method : {"spearman", "pearson", "mutual_info", "kruskal"}
        Statistic.
    """

    Z: np.ndarray
    A: np.ndarray
    control: np.ndarray
    group: np.ndarray | None
    grouping: str
    method: str

    def __post_init__(self) -> None:
        within = self.group is not None and self.grouping == "within"
        if self.group is not None and not within:
            check_exchangeable(self.group)
        if self.method in ("mutual_info", "kruskal"):
            unable = "control" if self.control.shape[1] else "grouping='within'"
            if within or self.control.shape[1]:
                raise ValueError(
                    f"Got {unable} with a statistic of {self.method!r}, but only "
                    "correlations can hold something constant; expected "
                    "method='spearman' or 'pearson', and attributes in order."
                )

    def pairing(self, rows: np.ndarray | slice = slice(None)) -> Pairing:
        """Return some rows of units and attributes, prepared for the statistic."""
        Z, A = self.Z[rows], self.A[rows]
        if self.method == "mutual_info":
            return Information(Z, A[:, 0])
        if self.method == "kruskal":
            return RankRatio(Z, A[:, 0])
        within = self.group is not None and self.grouping == "within"
        return Correlation(
            Z,
            A,
            self.control[rows],
            np.unique(self.group[rows], return_inverse=True)[1] if within else None,
            ranked=self.method == "spearman",
        )

    def run(self, plan: Plan, rng: np.random.Generator) -> Numbers:
        """Return statistic, interval and p-value of each pair."""
        pairing = self.pairing()
        statistic = pairing.statistic()
        extremity = pairing.extremity(statistic)
        p = pairing.p_value(statistic) if self.group is None else None
        greatest = np.full(plan.n_permutations, -np.inf)
        if p is None or plan.always_permute:
            share, greatest = self._permuted(pairing, extremity, plan.n_permutations, rng)
            p = share if p is None else p
        low, high = self._bounds(pairing, statistic, plan, rng)
        constant = np.ptp(self.Z, axis=0) == 0
        low[constant] = high[constant] = np.nan
        return Numbers(statistic, low, high, p, extremity, greatest)

    def _permuted(
        self, pairing: Pairing, extremity: np.ndarray, n: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the p-values by permutation, and the most extreme value of each."""
        shuffle = self._shuffle()
        hits, greatest = np.ones(extremity.shape), np.empty(n)
        for i in range(n):
            null = pairing.extremity(pairing.statistic(shuffle(rng)))
            # Equal arrangements differ in the last bits.
            hits += null >= extremity - 1e-9
            greatest[i] = null.max()
        return hits / (1 + n), greatest

    def _shuffle(self) -> Callable[[np.random.Generator], np.ndarray]:
        if self.group is None:
            return partial(shuffled, len(self.Z))
        exchange = shuffled_within if self.grouping == "within" else shuffled_blocks
        return partial(exchange, self.group)

    def _bounds(
        self, pairing: Pairing, statistic: np.ndarray, plan: Plan, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the interval by formula where rows are independent, else by halves."""
        independent = self.group is None or self.grouping == "within"
        bounds = pairing.interval(statistic, plan.confidence) if independent else None
        if bounds is not None:
            return bounds
        group = np.arange(len(self.Z)) if self.group is None else self.group
        bounds = half_sample_interval(
            statistic,
            lambda rows: self.pairing(rows).statistic(),
            group,
            plan.n_bootstraps,
            plan.confidence,
            rng,
        )
        return np.clip(bounds, *pairing.limits)
