"""Whether the features of a network are found again by another one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils import check_random_state

from skvae.arguments import check_choice, check_columns, check_number
from skvae.estimators.row_columns import check_groups
from skvae.exceptions import said_once
from skvae.extras import import_extra
from skvae.inspection.network_step import NetworkStep, find_network
from skvae.inspection.probed_layers import Layer, check_layers
from skvae.inspection.repeated_fits import (
    LARGEST_SEED,
    OVER,
    PlannedRepeat,
    held_out,
    layers_of_repeat,
    plan_repeats,
    seeded,
)
from skvae.statistics.code_alignment import ALIGNS, aligned_agreement
from skvae.statistics.code_similarity import linear_cka, mean_subspace_angle

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FeatureStability", "feature_stability"]

# From which agreement on a feature is called good: Koo & Li (2016), A guideline of
# selecting and reporting intraclass correlation coefficients, J Chiropr Med 15, 155-163.
GOOD = 0.75


class Comparison(NamedTuple):
    """Two networks' features of one layer, on rows that neither has seen.

    ``icc`` and ``chance`` have a number for each feature of the first network.
    """

    layer: str
    n_features: int
    is_reference: bool
    first: int
    second: int
    n_shared: int
    n_unseen: int
    icc: tuple[float, ...]
    chance: tuple[float, ...]
    cka: float
    angle: float
    angle_by_chance: float


@dataclass(frozen=True)
class FeatureStability:
    """How far networks that differ in seed, rows or masks agree on each feature.

    Parameters
    ----------
    comparisons : tuple of Comparison
        A named tuple per layer and pair of networks.
    over : {"seed", "fold", "bootstrap", "mask"}
        What differs between the networks, or what they read.
    align : {"orthogonal", "matching", "none"}
        How the second network's features were mapped onto the first one's.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skvae import Autoencoder
    >>> from skvae.inspection import feature_stability
    >>> model = Autoencoder(2, max_iter=5, n_threads=1)
    >>> found = feature_stability(model, load_iris().data, layers=["code"], n_repeats=2)
    >>> found
    FeatureStability(1 layers, 1 pairs, over='seed', align='orthogonal')
    >>> len(found.pairs()) >= 1
    True
    """

    comparisons: tuple[Comparison, ...]
    over: str
    align: str

    def __repr__(self) -> str:
        layers = len({each.layer for each in self.comparisons if not each.is_reference})
        n_pairs = len({(each.first, each.second) for each in self.comparisons})
        return (
            f"FeatureStability({layers} layers, {n_pairs} pairs, over={self.over!r}, "
            f"align={self.align!r})"
        )

    def pairs(self) -> "pd.DataFrame":
        """Return a row per layer and pair of networks.

        Returns
        -------
        pairs : DataFrame
            With the columns layer, n_features, is_reference, first, second, n_shared (rows
            that both were trained on), n_unseen (rows that neither was), icc and chance
            (means over the features), n_good (features of an ICC of at least 0.75), cka,
            angle and angle_by_chance.
        """
        rows = [
            each._replace(icc=_mean(each.icc), chance=_mean(each.chance))._asdict()
            | {"n_good": int((np.array(each.icc) >= GOOD).sum())}
            for each in self.comparisons
        ]
        return import_extra("pandas").DataFrame(rows)

    def table(self) -> "pd.DataFrame":
        """Return a row per layer, then per reference: means over the pairs.

        Returns
        -------
        table : DataFrame
            With the columns of `pairs` but first and second, and n_pairs. References are
            PCA (as many principal components as a layer has features) and random (as many
            projections onto random directions).
        """
        by = ["layer", "n_features", "is_reference"]
        numbers = ["icc", "chance", "n_good", "cka", "angle", "angle_by_chance"]
        grouped = self.pairs().groupby(by, sort=False)
        table = grouped[numbers].mean().assign(n_pairs=grouped.size()).reset_index()
        return table.sort_values("is_reference", kind="stable", ignore_index=True)

    def features(self) -> "pd.DataFrame":
        """Return a row per feature of the first network.

        Returns
        -------
        features : DataFrame
            With the columns layer, n_features, is_reference, feature (its place in the
            layer), icc (mean over the other networks), lowest (of them), chance and
            n_pairs.
        """
        rows: dict[tuple[Any, ...], list[Comparison]] = {}
        for each in self.comparisons:
            if each.first == 0:
                rows.setdefault(each[:3], []).append(each)
        parts = [
            {
                "layer": layer,
                "n_features": size,
                "is_reference": is_reference,
                "feature": i,
                "icc": _mean(each.icc[i] for each in found),
                "lowest": min(each.icc[i] for each in found),
                "chance": _mean(each.chance[i] for each in found),
                "n_pairs": len(found),
            }
            for (layer, size, is_reference), found in rows.items()
            for i in range(size)
        ]
        return import_extra("pandas").DataFrame(parts)


def _mean(values: Iterable[float]) -> float:
    """Return the mean of those that are known."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def feature_stability(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    attributes: Any = None,
    groups: Any = None,
    layers: Sequence[str] | None = None,
    over: str = "seed",
    repeated: Sequence[Any] | None = None,
    n_repeats: int = 5,
    align: str = "orthogonal",
    test_size: float = 0.25,
    references: bool = True,
    random_state: Any = 0,
    n_jobs: int | None = None,
) -> FeatureStability:
    """Fit an estimator several times, and see which features are found again.

    Some rows are held out from all fits. Of each pair of networks, the second one's
    features are mapped onto the first one's, by the rows that both were trained on, and
    both are compared on the rows that neither has seen: features that agree on training
    rows alone are not stable. Beside it stands what the same procedure makes of codes
    whose rows were shuffled, and what it makes of principal components and of random
    projections of the same input.

    Parameters
    ----------
    estimator : estimator with `list_layers`
        Fitted or not, or a pipeline with one among its steps; it is cloned. What stands
        behind the network is left out.
    X : array-like of rows or images
        Samples.
    y : array-like of shape (n_samples,), default=None
        Target, for estimators that learn from it.
    attributes : array-like of shape (n_samples, n_attributes), default=None
        For estimators whose `fit` takes them.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row, who is held out as a whole, and whole in a part or draw.
    layers : sequence of str, default=None
        Layers to read, with the estimator's `pool`; by default all that it lists.
    over : {"seed", "fold", "bootstrap", "mask"}, default="seed"
        What differs from one fit to the next.

        ``"seed"``
            The seed alone.
        ``"fold"``
            The training rows: each network lacks one of `n_repeats` parts. The seed is
            that of the estimator, as in a cross-validation.
        ``"bootstrap"``
            The training rows, drawn with replacement.
        ``"mask"``
            Nothing: one network reads the same rows from `repeated` as well.
    repeated : list of array-like, default=None
        X once more for each further segmentation, reader, scan or perturbation, the same
        rows in the same order; for ``over="mask"``.
    n_repeats : int, default=5
        Number of fits, of which each pair is compared; 3 or more for ``over="fold"``.
    align : {"orthogonal", "matching", "none"}, default="orthogonal"
        How the second network's standardised features are mapped onto the first one's.

        ``"orthogonal"``
            By a rotation (Procrustes): a feature is found again if the other network
            has it as a direction.
        ``"matching"``
            By a permutation with signs: if the other network has it as a unit, as sparse
            ones should be.
        ``"none"``
            Not at all: if the unit of the same place is the same, as those of attributes
            should be. With ``over="mask"`` always so.
    test_size : float, default=0.25
        Share of the rows, or of the groups, that no network sees.
    references : bool, default=True
        Whether to compare principal components and random projections as well.
    random_state : int, RandomState instance or None, default=0
        Draws rows, seeds and what is by chance.
    n_jobs : int or None, default=None
        Fits at the same time.

    Returns
    -------
    stability : FeatureStability
        With `table()`, `features()` and `pairs()`.

    Raises
    ------
    ValueError
        If the estimator lists no such layers, or an argument is not one of those above.

    See Also
    --------
    FeatureStabilityDisplay : The features of each layer, drawn.
    skvae.StableFeatures : Passes stable features on, within a pipeline.

    Notes
    -----
    Agreement is ICC(2,1): see `skvae.study.intraclass_correlation`. CKA is linear and
    debiased (Kornblith et al., 2019; Murphy et al., 2024), and the angle is the mean
    principal one between what the two codes span; both are of unaligned features on the
    rows that neither network has seen. An angle says little where a layer has half as
    many features as there are such rows: compare ``angle_by_chance``.

    Features that are constant have the ICC NaN, and count in no mean.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvae import VAEFeatureExtractor
    >>> from skvae.inspection import feature_stability
    >>> vae = VAEFeatureExtractor(2, max_iter=200, learning_rate_init=1e-2)
    >>> found = feature_stability(
    ...     make_pipeline(StandardScaler(), vae), load_iris().data, layers=["mean"],
    ...     n_repeats=2,
    ... )
    >>> table = found.table().set_index("layer")
    >>> bool(table.loc["mean", "icc"] > 0.75), bool(abs(table.loc["mean", "chance"]) < 0.5)
    (True, True)
    """
    _check(over, repeated, align, n_repeats, test_size)
    columns = {"y": y, "attributes": attributes, "groups": groups}
    check_columns("feature_stability", X, columns)
    n = np.shape(X)[0]
    patients = np.arange(n)
    if groups is not None:
        patients = check_groups(groups, X, "feature_stability")
    found = find_network(estimator)
    layers = check_layers(found, X, layers)
    _check_repeatable(found, over)
    random_state = check_random_state(random_state)
    found = seeded(found, int(random_state.randint(LARGEST_SEED)))
    rows, unseen = held_out(patients, test_size, random_state)
    if over == "mask":
        inputs, repeats, align = (
            [X, *_same_rows(repeated, n)],
            [PlannedRepeat(rows)],
            "none",
        )
    else:
        inputs = [X]
        repeats = plan_repeats(over, rows, patients[rows], n_repeats, random_state)
    columns = {"attributes": attributes, "groups": groups}
    # As many in each repeat, to be compared: rows that are drawn differ in number.
    fewest = min(len(np.unique(each.train)) for each in repeats)
    most = fewest - 1 if references else 0
    with said_once():
        read = Parallel(n_jobs=n_jobs)(
            delayed(layers_of_repeat)(found, inputs, y, columns, each, layers, most)
            for each in repeats
        )
    codes = [each for of_network in read for each in of_network]
    trained = [r.train for r in repeats] * (len(codes) // len(repeats))
    compared = _compared(codes, trained, unseen, align, random_state)
    return FeatureStability(tuple(compared), over, align)


def _check(over: str, repeated: Any, align: str, n_repeats: int, test_size: float) -> None:
    name = "feature_stability"
    check_choice(name, "over", over, (*OVER, "mask"))
    check_choice(name, "align", align, ALIGNS)
    least = 3 if over == "fold" else 2
    check_number(name, "n_repeats", n_repeats, whole=True, low=least)
    check_number(name, "test_size", test_size, low=0, above_low=True, high=0.9)
    if (over == "mask") != (repeated is not None):
        raise ValueError(
            f"Got over={over!r} {'without' if repeated is None else 'with'} repeated, but "
            "feature_stability takes X of further segmentations as repeated for "
            "over='mask', and for nothing else."
        )


def _check_repeatable(found: NetworkStep, over: str) -> None:
    if found.step.is_frozen and over != "mask":
        raise ValueError(
            f"Got the frozen network {found.step} as estimator, but over={over!r} fits it "
            "anew; expected one that is not frozen, or over='mask'."
        )


def _same_rows(repeated: Any, n: int) -> list[Any]:
    repeated = list(repeated)
    lengths = [np.shape(each)[0] if np.ndim(each) else 0 for each in repeated]
    if not repeated or set(lengths) != {n}:
        raise ValueError(
            f"Got repeated with {lengths} rows, but feature_stability takes a list of one "
            f"or more X of the same {n} rows."
        )
    return repeated


def _compared(
    codes: Sequence[dict[Layer, np.ndarray]],
    trained: Sequence[np.ndarray],
    unseen: np.ndarray,
    align: str,
    random_state: np.random.RandomState,
) -> Iterator[Comparison]:
    """Yield what each pair of networks has in common, layer by layer."""
    for i, j in combinations(range(len(codes)), 2):
        shared = np.intersect1d(trained[i], trained[j])
        shuffled = np.concatenate(
            [random_state.permutation(shared), random_state.permutation(unseen)]
        )
        straight = np.concatenate([shared, unseen])
        for layer in codes[i]:
            a, b = codes[i][layer][straight], codes[j][layer][straight]
            by_chance = codes[j][layer][shuffled]
            n, tails = len(shared), (x[len(shared) :] for x in (a, b, by_chance))
            a_unseen, b_unseen, other = tails
            yield Comparison(
                layer.name,
                a.shape[1],
                layer.is_reference,
                *(i, j, n, len(unseen)),
                tuple(aligned_agreement(a, b, n, align).tolist()),
                tuple(aligned_agreement(a, by_chance, n, align).tolist()),
                linear_cka(a_unseen, b_unseen),
                mean_subspace_angle(a_unseen, b_unseen),
                mean_subspace_angle(a_unseen, other),
            )
