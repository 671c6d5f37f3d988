"""The terms of an epoch of stacked networks, averaged at its end."""

from collections.abc import Sequence

import torch
from torch import Tensor

from skvae.objectives.batch import Terms
from skvae.objectives.weighting import shares


class StackedTerms:
    """What the batches of several networks have left, in the order of the networks.

    Parameters
    ----------
    n_rows : sequence of int
        Rows of each network in this epoch; networks of one number stand together, and
        have their batches together.
    """

    def __init__(self, n_rows: Sequence[int]) -> None:
        self.blocks = list(runs(n_rows))
        self.terms: list[tuple[int, int, Terms, Tensor | None]] = []

    def add(self, first: int, stop: int, terms: Terms, weight: Tensor | None) -> None:
        """Keep the terms of a batch of each of some networks, and the weights of its rows.

        A term that is one number for a network weighs as its batch.
        """
        self.terms.append((first, stop, terms, weight))

    def means(self, n_rows_of: Sequence[int]) -> list[dict[str, float]]:
        """Return the (weighted) mean of each term for each network, on the host.

        Parameters
        ----------
        n_rows_of : sequence of int
            Rows of the batches, in the order in which they were added.
        """
        found: list[dict[str, float]] = []
        for first, stop in self.blocks:
            chosen = [
                (at, *kept)
                for at, kept in enumerate(self.terms)
                if kept[0] <= first and stop <= kept[1]
            ]
            means = {}
            for name in chosen[0][3]:
                parts = []
                for at, begin, _, terms, _ in chosen:
                    part = terms[name][first - begin : stop - begin]
                    whole = part if part.ndim > 1 else part[:, None]
                    parts.append(whole.expand(-1, n_rows_of[at]))
                means[name] = torch.cat(parts, dim=1)
            weights = [
                None if weight is None else weight[first - begin : stop - begin]
                for _, begin, _, _, weight in chosen
            ]
            found += block_means(means, weights)
        return found


def block_means(terms: Terms, weights: Sequence[Tensor | None]) -> list[dict[str, float]]:
    """Return the mean of each term of networks with one number of rows."""
    n_networks, n_rows = next(iter(terms.values())).shape
    given = [weight for weight in weights if weight is not None]
    if given:
        share = torch.stack([shares(weight) for weight in torch.cat(given, dim=1)])
    else:
        share = shares(torch.ones(n_rows)).expand(n_networks, -1)
    shared = {name: values * share for name, values in terms.items()}
    # Network by network: a sum along an axis may go another way than that of a vector.
    sums = [[row.sum() for row in values] for values in shared.values()]
    on_host = torch.stack([torch.stack(each) for each in sums]).tolist()
    return [dict(zip(terms, values, strict=True)) for values in zip(*on_host, strict=True)]


def runs(keys: Sequence) -> list[tuple[int, int]]:
    """Bounds of the stretches of equal keys.

    Examples
    --------
    >>> runs("aabccc")
    [(0, 2), (2, 3), (3, 6)]
    """
    bounds, first = [], 0
    for stop in range(1, len(keys) + 1):
        if stop == len(keys) or keys[stop] != keys[first]:
            bounds.append((first, stop))
            first = stop
    return bounds
