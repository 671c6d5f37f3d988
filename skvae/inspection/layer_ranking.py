"""Which layers have the most to say, and which of them the same, without labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skvae.arguments import check_choice, check_columns, check_number
from skvae.extras import import_extra
from skvae.inspection.network_step import find_network
from skvae.inspection.probed_layers import (
    check_layers,
    fitted_on,
    is_refitted,
    read_layers,
)
from skvae.statistics.code_alignment import standardised
from skvae.statistics.code_similarity import effective_rank, isotropy, linear_cka

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LayerRanking", "rank_layers"]

CRITERIA = ("effective_rank", "isotropy")


class RankedLayer(NamedTuple):
    """A layer, and the one chosen before it that is the most like it."""

    layer: str
    n_features: int
    effective_rank: float
    isotropy: float
    largest_cka: float
    like: str | None
    chosen: bool


@dataclass(frozen=True)
class LayerRanking:
    """Layers by a criterion that needs no labels, and a set of them that are not alike.

    Parameters
    ----------
    ranked : tuple of RankedLayer
        A named tuple per layer, the best first.
    criterion : {"effective_rank", "isotropy"}
        What they are ranked by.
    max_cka : float
        Above which two layers are alike.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import Autoencoder
    >>> from skvae.inspection import rank_layers
    >>> X = load_digits().data[:200] / 16
    >>> model = Autoencoder(8, max_iter=5, n_threads=1, random_state=0).fit(X)
    >>> ranking = rank_layers(model, X, layers=["code", "hidden_1"])
    >>> len(ranking.ranked), set(ranking.chosen) <= {"code", "hidden_1"}
    (2, True)
    """

    ranked: tuple[RankedLayer, ...]
    criterion: str
    max_cka: float

    @property
    def chosen(self) -> list[str]:
        """Names of the layers that were chosen, the best first: for ``layer=``."""
        return [each.layer for each in self.ranked if each.chosen]

    def __repr__(self) -> str:
        return (
            f"LayerRanking({len(self.ranked)} layers, criterion={self.criterion!r}, "
            f"chosen={self.chosen})"
        )

    def table(self) -> "pd.DataFrame":
        """Return a row per layer, the best first.

        Returns
        -------
        table : DataFrame
            With the columns layer, n_features, effective_rank, isotropy, largest_cka
            (with a layer that was chosen before it), like (which) and chosen.
        """
        frame = import_extra("pandas").DataFrame
        return frame(self.ranked, columns=RankedLayer._fields)


def rank_layers(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    attributes: Any = None,
    groups: Any = None,
    layers: Sequence[str] | None = None,
    criterion: str = "effective_rank",
    max_cka: float = 0.9,
    n_layers: int | None = 1,
    refit: bool | None = None,
) -> LayerRanking:
    r"""Rank layers without labels, and choose the best, or several that are not alike.

    The layers are gone through from the best to the worst by the criterion, and one is
    chosen unless its linear CKA with a layer that was chosen before is above `max_cka`.
    It costs one fit, where a search by labels costs one in each fold.

    Parameters
    ----------
    estimator : estimator with `list_layers`
        Fitted or not, or a pipeline with one among its steps, or a fitted search for
        either; it is never changed. What stands behind the network is left out.
    X : array-like of rows or images
        Samples: training rows, where the choice is part of a study.
    y : array-like of shape (n_samples,), default=None
        For the fit of estimators that learn from it; the criterion does not see it.
    attributes : array-like of shape (n_samples, n_attributes), default=None
        As y.
    groups : array-like of shape (n_samples,), default=None
        As y.
    layers : sequence of str, default=None
        Layers to rank, with the estimator's `pool`; by default all that it lists.
    criterion : {"effective_rank", "isotropy"}, default="effective_rank"
        What says how much is in a layer, of columns that are standardised.

        ``"effective_rank"``
            The number of directions that its features take, counted by their size: the
            exponential of the entropy of their singular values [1]_, [2]_. It favours
            wide layers.
        ``"isotropy"``
            How alike the variances along its principal axes are: their mean over their
            deviation, as LOES has it [3]_. It favours narrow ones.
    max_cka : float, default=0.9
        Layers that are more alike are not chosen together.
    n_layers : int or None, default=1
        How many are chosen at most; None for all that are not alike.
    refit : bool or None, default=None
        Whether the network is fitted to X; by default, if it is unfitted or comes in a
        pipeline or search.

    Returns
    -------
    ranking : LayerRanking
        With ``chosen`` and `table()`.

    Raises
    ------
    ValueError
        If the estimator lists no such layers, or an argument is not one of those above.

    See Also
    --------
    layer_probe : Layers by how well labels can be read from them.

    Notes
    -----
    LOES [3]_ subtracts redundancy from the score of a layer, and takes as many as it is
    asked for; here, a layer is either alike or not, so that their number follows.

    On four tables and X-rays, the first layer by effective rank was as good as the layer
    that a search by labels found, at a sixtieth of its seconds, and all layers that are
    not alike, side by side, were a little worse than it (``benchmarks/layer_ranking.py``):
    unlike is not the same as useful.

    References
    ----------
    .. [1] O. Roy & M. Vetterli (2007). The effective rank: a measure of effective
       dimensionality. EUSIPCO.
    .. [2] Q. Garrido et al. (2023). RankMe: assessing the downstream performance of
       pretrained self-supervised representations by their rank. ICML.
    .. [3] A. Batra et al. (2026). Uncovering the latent potential of deep intermediate
       representations. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAEFeatureExtractor
    >>> from skvae.inspection import rank_layers
    >>> X = load_digits().data[:300] / 16
    >>> vae = VAEFeatureExtractor(8, max_iter=20, random_state=0).fit(X)
    >>> ranking = rank_layers(vae, X, layers=["mean", "log_var", "hidden_1"])
    >>> ranking.chosen
    ['hidden_1']
    >>> ranking = rank_layers(
    ...     vae, X, layers=["mean", "log_var", "hidden_1"], n_layers=None
    ... )
    >>> ranking.table()[["layer", "n_features", "chosen"]]
          layer  n_features  chosen
    0  hidden_1         128    True
    1      mean           8   False
    2   log_var           8    True
    """
    check_choice("rank_layers", "criterion", criterion, CRITERIA)
    check_number("rank_layers", "max_cka", max_cka, low=0, high=1)
    if n_layers is not None:
        check_number("rank_layers", "n_layers", n_layers, whole=True, low=1)
    columns = {"y": y, "attributes": attributes, "groups": groups}
    check_columns("rank_layers", X, columns)
    found = find_network(estimator)
    refits = is_refitted(found, refit)
    layers = check_layers(found, X, layers)
    if refits:
        rows = np.arange(np.shape(X)[0])
        columns = {"attributes": attributes, "groups": groups}
        found = fitted_on(found, X, y, columns, rows, layers)
    read = read_layers(found, found.given(X), layers)
    codes = {layer.name: _comparable(part) for layer, part in read.items()}
    most = len(codes) if n_layers is None else n_layers
    return LayerRanking(tuple(_ranked(codes, criterion, max_cka, most)), criterion, max_cka)


def _comparable(code: np.ndarray) -> np.ndarray:
    return standardised(code, np.arange(len(code)))


def _ranked(
    codes: dict[str, np.ndarray], criterion: str, max_cka: float, most: int
) -> list[RankedLayer]:
    """Return the layers from the best to the worst; of equal ones, the first is better."""
    measures = {
        name: {"effective_rank": effective_rank(code), "isotropy": isotropy(code)}
        for name, code in codes.items()
    }
    of_layer = {name: each[criterion] for name, each in measures.items()}
    # A layer that does not vary has neither, and is the last.
    order = sorted(codes, key=lambda name: -np.nan_to_num(of_layer[name], nan=-1.0))
    ranked: list[RankedLayer] = []
    chosen: list[str] = []
    for name in order:
        likeness = {other: linear_cka(codes[name], codes[other]) for other in chosen}
        like = max(likeness, key=lambda other: likeness[other], default=None)
        largest = likeness[like] if like is not None else np.nan
        varies = not np.isnan(of_layer[name])
        is_chosen = varies and len(chosen) < most and not largest > max_cka
        chosen += [name] * is_chosen
        size = codes[name].shape[1]
        ranked.append(
            RankedLayer(
                name,
                size,
                **measures[name],
                largest_cka=largest,
                like=like,
                chosen=is_chosen,
            )
        )
    return ranked
