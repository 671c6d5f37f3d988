"""Scores of disentanglement beside what they are by chance, and how sure they are."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from skvae.arguments import check_choice
from skvae.extras import import_extra
from skvae.statistics.associations import Associations, check_units
from skvae.statistics.columns import (
    attribute_columns,
    count_known,
    group_numbers,
    one_row_a_group,
    refuse_classes,
    unit_columns,
    warn_undefined,
)
from skvae.statistics.dci import dci_of
from skvae.statistics.information import ESTIMATORS
from skvae.statistics.resampling import half_sample_interval
from skvae.statistics.score_formulas import (
    information_gaps,
    linear_fits,
    modularity_of_units,
    predictability_gaps,
    rank_orders,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["disentanglement_scores"]

PER_ATTRIBUTE: dict[str, Callable[..., np.ndarray]] = {
    "spearman_correlation_score": rank_orders,
    "interpretability": linear_fits,
    "separated_attribute_predictability": predictability_gaps,
    "mutual_information_gap": information_gaps,
}
DCI_SCORES = ("disentanglement", "completeness", "informativeness")
SCORES = (*PER_ATTRIBUTE, "modularity", "dci")


def disentanglement_scores(
    Z: Any,
    attributes: Any,
    *,
    scores: Sequence[str] | None = None,
    units: Sequence[int] | None = None,
    groups: Any = None,
    active_units: Any = None,
    mutual_info: str = "adjusted",
    confidence: float = 0.95,
    n_permutations: int = 100,
    n_bootstraps: int = 100,
    random_state: Any = 0,
) -> "pd.DataFrame":
    """Tell how well each attribute has a unit of its own, beside what chance would give.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_units)
        Latent units: the means of a code (``vae.transform(X)``) or, as published values
        are, samples of it (``vae.sample_posterior(X)``).
    attributes : array-like of shape (n_samples, n_attributes)
        Attributes; NaN where missing, and left out there.
    scores : sequence of str, default=None
        Of ``"spearman_correlation_score"``, ``"interpretability"``,
        ``"separated_attribute_predictability"``, ``"mutual_information_gap"``,
        ``"modularity"`` and ``"dci"``. By default all but ``"dci"``, which fits a model
        for each attribute in each permutation, and modularity for several attributes only.
    units : sequence of int, default=None
        The unit that each attribute was meant to have. If given, scores are reported for
        it too, beside those of the best unit.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row; the scores are of the patients' means.
    active_units : array-like of bool, shape (n_units,), default=None
        Units that count; the others know nothing. A unit that a VAE does not use still
        correlates a little in its mean: ``vae.kl_per_component_ > 0.01`` are the used.
    mutual_info : {"adjusted", "ksg", "histogram"}, default="adjusted"
        How information is estimated, see `mutual_information_gap`.
    confidence : float, default=0.95
        Coverage of the intervals.
    n_permutations : int, default=100
        Random orders of the attributes' rows, for the values by chance.
    n_bootstraps : int, default=100
        Random halves of the rows, for the intervals.
    random_state : int, RandomState instance or None, default=0
        Draws both.

    Returns
    -------
    table : DataFrame
        A row per score, choice of unit and attribute, in the columns

        score : str
            Its name; ``"dci"`` has three.
        units : str
            ``"best"``, ``"own"`` for the given ``units``, or ``"all"``.
        attribute : str
            Its name; ``"(mean)"`` for the score itself, which is their mean.
        n : int
            Number of rows or groups at which the attribute, or any, is known.
        value : float
            The score.
        low, high : float
            Its interval, around the value, from how it varies over random halves.
        chance, chance_high : float
            Mean and 95th percentile of the scores of permuted attributes.
        p : float
            Share of the permutations, and of the value itself, that score as much.

    Raises
    ------
    ValueError
        If an argument is not as expected.

    See Also
    --------
    attribute_correlation : Each unit with each attribute.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import disentanglement_scores
    >>> rng = np.random.default_rng(0)
    >>> A = rng.normal(size=(50, 2))
    >>> Z = np.hstack([A, rng.normal(size=(50, 6))])
    >>> table = disentanglement_scores(Z, A, n_permutations=20, n_bootstraps=20)
    >>> table[table["attribute"] == "(mean)"][["score", "value", "chance"]].round(2)
                                     score  value  chance
    0           spearman_correlation_score   1.00    0.11
    3                     interpretability   1.00    0.02
    6   separated_attribute_predictability   0.89    0.03
    9               mutual_information_gap   0.95    0.03
    12                          modularity   0.75    0.74
    """
    check_choice("disentanglement_scores", "mutual_info", mutual_info, ESTIMATORS)
    code, columns = unit_columns(Z), attribute_columns(attributes, len(Z))
    refuse_classes(columns)
    if groups is not None:
        group = group_numbers(groups, len(Z))
        code, columns = one_row_a_group(code, group), one_row_a_group(columns, group)
    warn_undefined(columns.names, columns.values)
    used = _used_units(code.values, active_units)
    A = columns.values
    random = check_random_state(random_state)
    seed, rng = (random.randint(2**31 - 1) for _ in range(2))
    rng = np.random.default_rng(rng)
    names = _check_scores(scores, len(columns.names))
    own = check_units(units, Associations(used, A, mutual_info))
    chosen = {"best": None} if own is None else {"best": None, "own": own}

    def evaluate(Z: np.ndarray, A: np.ndarray) -> list[_Score]:
        return _evaluate(Associations(Z, A, mutual_info, seed), names, chosen)

    def compute(rows: np.ndarray, permuted: np.ndarray) -> np.ndarray:
        return np.concatenate([score.values for score in evaluate(used[rows], A[permuted])])

    found = evaluate(used, A)
    everything = np.arange(len(A))
    value = compute(everything, everything)
    low, high = half_sample_interval(
        value, lambda rows: compute(rows, rows), everything, n_bootstraps, confidence, rng
    )
    null = np.array(
        [compute(everything, rng.permutation(len(A))) for _ in range(n_permutations)]
    )
    undefined = np.isnan(value)
    reached = (null >= value - 1e-12).sum(axis=0)
    n = [np.isfinite(A).any(axis=1).sum(), *count_known(A)]
    frame = {
        "score": np.repeat([s.name for s in found], [len(s.values) for s in found]),
        "units": np.repeat([s.units for s in found], [len(s.values) for s in found]),
        "attribute": np.concatenate(
            [["(mean)", *columns.names][: len(s.values)] for s in found]
        ),
        "n": np.concatenate([n[: len(s.values)] for s in found]),
        "value": value,
        "low": low,
        "high": np.minimum(high, 1),
        "chance": null.mean(axis=0),
        "chance_high": np.quantile(null, 0.95, axis=0),
        "p": np.where(undefined, np.nan, (1 + reached) / (1 + n_permutations)),
    }
    return import_extra("pandas").DataFrame(frame)


class _Score(NamedTuple):
    """A score, then its values for each attribute where it has them."""

    name: str
    units: str
    values: np.ndarray


def _evaluate(
    s: Associations, names: Sequence[str], chosen: dict[str, np.ndarray | None]
) -> list[_Score]:
    scores = []
    for name in names:
        if name == "dci":
            three = zip(DCI_SCORES, dci_of(s), strict=False)
            scores += [_Score(part, "all", np.array([value])) for part, value in three]
        elif name == "modularity":
            scores.append(_Score(name, "all", modularity_of_units(s).mean(keepdims=True)))
        else:
            for which, units in chosen.items():
                values = PER_ATTRIBUTE[name](s, units)
                mean = values[s.varies].mean() if s.varies.any() else np.nan
                scores.append(_Score(name, which, np.append(mean, values)))
    return scores


def _check_scores(scores: Sequence[str] | None, n_attributes: int) -> list[str]:
    if scores is None:
        return [*PER_ATTRIBUTE, "modularity"] if n_attributes > 1 else list(PER_ATTRIBUTE)
    for name in scores:
        check_choice("disentanglement_scores", "scores", name, SCORES)
    return list(scores)


def _used_units(Z: np.ndarray, active_units: Any) -> np.ndarray:
    if active_units is None:
        return Z
    active = np.asarray(active_units)
    if active.dtype != bool or active.shape != Z.shape[1:]:
        raise ValueError(
            f"Got active_units of type {active.dtype} and shape {active.shape}, but "
            f"expected truth values of shape {Z.shape[1:]}."
        )
    return np.where(active, Z, 0.0)
