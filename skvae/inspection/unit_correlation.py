"""Which unit of a code knows which attribute, from arrays or from a fitted estimator."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skvae.inspection.network_step import find_network
from skvae.inspection.units import code_layer, encode
from skvae.statistics import correlation
from skvae.statistics.columns import Columns
from skvae.statistics.correlation import AttributeCorrelation

__all__ = ["attribute_correlation"]


def attribute_correlation(
    Z: Any,
    attributes: Any,
    *,
    estimator: Any = None,
    groups: Any = None,
    grouping: str = "mean",
    method: str = "spearman",
    correction: str = "fdr_bh",
    control: Any = None,
    confidence: float = 0.95,
    n_permutations: int = 1000,
    n_bootstraps: int = 200,
    random_state: Any = 0,
    own_units: Sequence[int | None] | None = None,
) -> AttributeCorrelation:
    """Test which latent units know which attributes.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_units)
        Latent units, or any features; the names of a frame are kept. With ``estimator``,
        the samples that it encodes.
    attributes : array-like of shape (n_samples, n_attributes)
        Attributes; NaN where missing, and left out there. Columns of a frame may hold
        strings, categories or truth values.
    estimator : estimator, default=None
        A fitted autoencoder, or a fitted pipeline or search with one among its steps: its
        code has the units. Those that learned an attribute, by its name or, without names,
        by its place, are that attribute's own.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row. Rows of a patient are not independent, so needed wherever
        patients have several.
    grouping : {"mean", "blocks", "within"}, default="mean"
        What is asked when there are groups.

        ``"mean"``
            Whether patients with more of the attribute have more of the unit: one row for
            each, the mean of its known values.
        ``"blocks"``
            The same of all rows as they are, where p-values come from exchanging whole
            patients that have the same number of rows (of those that count).
        ``"within"``
            Whether the unit follows the attribute from row to row of the same patient:
            less the patient's means, with p-values from exchanging its rows. Whatever
            tells patients apart does not count.
    method : {"spearman", "pearson", "mutual_info", "auto"}, default="spearman"
        Statistic. ``"mutual_info"`` finds relations of any shape: nats between ten bins of
        equal counts, less what they share by chance. ``"auto"`` is Spearman's correlation,
        also with two classes (the test of Mann and Whitney), and for three or more
        unordered classes the correlation ratio of ranks (the test of Kruskal and Wallis).
    correction : {"fdr_bh", "holm", "max_t"}, default="fdr_bh"
        For the number of pairs: false discovery rate (Benjamini & Hochberg), chance of any
        false discovery (Holm), or the latter by permutation (Westfall & Young), which is
        sharper where units or attributes go together.
    control : array-like of shape (n_samples,) or (n_samples, n_controls), default=None
        What is held constant, such as volume: correlations are partial ones. Rows where it
        is missing are left out.
    confidence : float, default=0.95
        Coverage of the intervals.
    n_permutations : int, default=1000
        Where p-values come from permutations: for ``"max_t"``, ``"mutual_info"`` and the
        groupings ``"blocks"`` and ``"within"``.
    n_bootstraps : int, default=200
        Random halves from which intervals come where no formula is known.
    random_state : int, RandomState instance or None, default=0
        Draws permutations and halves.
    own_units : sequence of int or None, default=None
        The unit that was meant for each attribute, None where there is none. A unit that
        goes better with another attribute than with its own is warned of.

    Returns
    -------
    correlation : AttributeCorrelation
        Statistic, interval, p-value, corrected p-value and n of each pair, with
        `table()` and `matrix()`. A constant unit has the statistic 0 and a p-value of 1.
        An attribute that is constant or known in fewer than five rows has NaN, with an
        `UndefinedMetricWarning`, and does not count as a test.

    Raises
    ------
    ValueError
        If an argument is not as expected, or a statistic cannot do what is asked, such
        as mutual information with control.

    See Also
    --------
    disentanglement_scores : One number for the whole code.

    Notes
    -----
    P-values of correlations are those of the t distribution, with a degree of freedom
    less for each control; intervals are Fisher's, for ranks with the variance of Bonett &
    Wright. P-values by permutation are (1 + hits) / (1 + n_permutations). Attributes that
    miss the same rows are permuted together; for others, ``"max_t"`` permutes apart,
    which is a little conservative. The correction counts all pairs of one call.

    References
    ----------
    Bonett, D. G. & Wright, T. A. (2000). Sample size requirements for estimating Pearson,
    Kendall and Spearman correlations. Psychometrika 65.

    Westfall, P. H. & Young, S. S. (1993). Resampling-based multiple testing. Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import attribute_correlation
    >>> rng = np.random.default_rng(3)
    >>> volume = rng.lognormal(size=(60, 1))
    >>> Z = np.hstack([np.log(volume), rng.normal(size=(60, 2))])
    >>> found = attribute_correlation(Z, volume)
    >>> found.table()[["unit", "attribute", "n", "statistic", "p_corrected"]].round(2)
         unit    attribute   n  statistic  p_corrected
    0  unit_0  attribute_0  60       1.00         0.00
    1  unit_2  attribute_0  60       0.11         0.64
    2  unit_1  attribute_0  60       0.01         0.96
    """
    if estimator is not None:
        Z, own = _encoded(estimator, Z, attributes)
        own_units = own if own_units is None else own_units
    return correlation.attribute_correlation(
        Z,
        attributes,
        groups=groups,
        grouping=grouping,
        method=method,
        correction=correction,
        control=control,
        confidence=confidence,
        n_permutations=n_permutations,
        n_bootstraps=n_bootstraps,
        random_state=random_state,
        own_units=own_units,
    )


def _encoded(
    estimator: Any, X: Any, attributes: Any
) -> tuple[Columns, list[int | None] | None]:
    """Return the code of samples with the names of its units, and each attribute's own."""
    found = find_network(estimator)
    layer = code_layer(found.estimator)
    code = encode(found.estimator, found.given(X)).astype(np.float64)
    names = [f"{layer}_{i}" for i in range(code.shape[1])]
    learned = [str(name) for name in getattr(found.estimator, "attribute_names_", ())]
    units = Columns(names, code, np.zeros(len(names), dtype=bool))
    return units, _own_units(learned, attributes)


def _own_units(learned: list[str], attributes: Any) -> list[int | None] | None:
    """Return the unit of each attribute: unit k has learned the attribute k."""
    if not learned:
        return None
    columns = getattr(attributes, "columns", None)
    if columns is None and getattr(attributes, "name", None) is not None:
        columns = [attributes.name]
    if columns is not None:
        names = [str(name) for name in columns]
        return [learned.index(name) if name in learned else None for name in names]
    n_attributes = np.reshape(np.asarray(attributes), (len(attributes), -1)).shape[1]
    return list(range(n_attributes)) if n_attributes == len(learned) else None
