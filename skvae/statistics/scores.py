"""Scores of disentanglement: whether each attribute has a latent unit of its own.

Each is a function of arrays. What they say by chance depends on the numbers of rows,
units and attributes, so read them beside their permutation null: `disentanglement_scores`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skvae.docstrings import with_arguments
from skvae.exceptions import warn_caller
from skvae.statistics.associations import Associations, associations, check_units
from skvae.statistics.score_formulas import (
    gaps,
    information_gaps,
    linear_fits,
    modularity_of_units,
    rank_orders,
)

__all__ = [
    "interpretability",
    "modularity",
    "mutual_information_gap",
    "separated_attribute_predictability",
    "spearman_correlation_score",
]


# Of every score, where it does not say otherwise.
ARGUMENTS = """
Z : array-like of shape (n_samples, n_units)
    Latent units, the means or samples of a code. A constant unit knows nothing.
attributes : array-like of shape (n_samples, n_attributes)
    Attributes; NaN where missing, and left out there.
average : bool, default=True
    Whether to return the mean over the attributes, or a value for each.
random_state : int, RandomState instance or None, default=0
    Breaks ties for ``mutual_info="ksg"``.
mutual_info : {"adjusted", "ksg", "histogram"}, default="adjusted"
    How information is estimated, see `mutual_information_gap`.
"""


@with_arguments(ARGUMENTS)
def interpretability(
    Z: Any,
    attributes: Any,
    *,
    units: Sequence[int] | None = None,
    mutual_info: str = "adjusted",
    average: bool = True,
    random_state: Any = 0,
) -> Any:
    r"""How well a line through one unit predicts each attribute.

    With the unit :math:`d^*_k = \arg\max_d I(z_d; a_k)` that knows most of attribute
    :math:`k` (of several such, the one that fits best), the score is
    :math:`\frac{1}{K} \sum_k R^2(a_k \sim z_{d^*_k})` of linear regressions on the same
    rows.

    Parameters
    ----------
    units : sequence of int, default=None
        The unit of each attribute. By default, the one that knows most of it.

    Returns
    -------
    score : float or ndarray of shape (n_attributes,)
        From 0 to 1. NaN for an attribute that is constant or known in fewer than five
        rows, with an `UndefinedMetricWarning`; the mean leaves it out.

    Notes
    -----
    A perfect unit scores 1 only if it is a linear function of the attribute. A unit that
    is normal and in perfect order with it reaches .955 for a uniform attribute, .816 for
    an exponential, .587 for a log-normal one (take the logarithm of volumes) and .637 for
    a balanced binary one. `spearman_correlation_score` has no such ceiling.

    References
    ----------
    Adel, T., Ghahramani, Z. & Weller, A. (2018). Discovering interpretable
    representations for both deep generative and discriminative models. ICML 35.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import interpretability
    >>> A = np.random.default_rng(0).normal(size=(100, 2))
    >>> Z = np.column_stack([A[:, 0], A[:, 0] + A[:, 1]])
    >>> interpretability(Z, A, average=False).round(2)
    array([1.  , 0.56])
    """
    s = associations(Z, attributes, mutual_info, random_state)
    values = linear_fits(s, check_units(units, s))
    return _averaged(values, s) if average else values


@with_arguments(ARGUMENTS)
def spearman_correlation_score(
    Z: Any, attributes: Any, *, units: Sequence[int] | None = None, average: bool = True
) -> Any:
    r"""How far each attribute is in order with one unit (SCC).

    .. math::
        \frac{1}{K} \sum_k \max_d |\rho(z_d, a_k)|

    with Spearman's :math:`\rho`, taken as 0 where its p-value is above 0.05.

    Parameters
    ----------
    units : sequence of int, default=None
        The unit of each attribute. By default, the one most in order with it.

    Returns
    -------
    score : float or ndarray of shape (n_attributes,)
        From 0 to 1. NaN for an attribute that is constant or known in fewer than five
        rows, with an `UndefinedMetricWarning`; the mean leaves it out.

    Notes
    -----
    The largest of many correlations is large by chance: 64 units of noise score .45 with
    30 rows, .25 with 100, .08 with 1,000.

    References
    ----------
    Pati, A. & Lerch, A. (2021). Attribute-based regularization of latent spaces for
    variational auto-encoders. Neural Computing and Applications 33.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import spearman_correlation_score
    >>> A = np.random.default_rng(0).normal(size=(100, 2))
    >>> print(spearman_correlation_score(-np.exp(A), A))
    1.0
    """
    s = associations(Z, attributes)
    values = rank_orders(s, check_units(units, s))
    return _averaged(values, s) if average else values


@with_arguments(ARGUMENTS)
def modularity(
    Z: Any,
    attributes: Any,
    *,
    mutual_info: str = "adjusted",
    average: bool = True,
    random_state: Any = 0,
) -> Any:
    r"""Whether each unit knows one attribute only.

    With the information :math:`M_{dk} = I(z_d; a_k)`, the mean over the units of

    .. math::
        1 - \frac{\sum_k M_{dk}^2 - \max_k M_{dk}^2}{(K - 1) \max_k M_{dk}^2},

    or 0 for a unit that knows nothing.

    Parameters
    ----------
    attributes : array-like of shape (n_samples, n_attributes)
        Two attributes or more; NaN where missing, and left out there.
    average : bool, default=True
        Whether to return the mean over the units, or a value for each.

    Returns
    -------
    score : float or ndarray of shape (n_units,)
        From 0 to 1. NaN with an `UndefinedMetricWarning` for a single attribute.

    Notes
    -----
    It does not ask whether a unit knows anything worth knowing: with the usual estimates
    of information, units of noise score above .8.

    References
    ----------
    Ridgeway, K. & Mozer, M. C. (2018). Learning deep disentangled embeddings with the
    f-statistic loss. NeurIPS 31.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import modularity
    >>> A = np.random.default_rng(0).normal(size=(200, 2))
    >>> Z = np.column_stack([A[:, 0], A[:, 0] + A[:, 1]])
    >>> modularity(Z, A, average=False).round(1)
    array([1. , 0.4])
    """
    s = associations(Z, attributes, mutual_info, random_state)
    values = modularity_of_units(s)
    return _averaged(values, s) if average else values


@with_arguments(ARGUMENTS)
def mutual_information_gap(
    Z: Any,
    attributes: Any,
    *,
    units: Sequence[int] | None = None,
    mutual_info: str = "adjusted",
    average: bool = True,
    random_state: Any = 0,
) -> Any:
    r"""How much more one unit knows of each attribute than any other unit (MIG).

    .. math::
        \frac{1}{K} \sum_k \frac{I(z_{(1)}; a_k) - I(z_{(2)}; a_k)}{H(a_k)}

    with the units :math:`(1)` and :math:`(2)` that know most and second most.

    Parameters
    ----------
    units : sequence of int, default=None
        The unit of each attribute, compared with the best of the others: below 0 where
        that knows more. By default, the one that knows most of it.
    mutual_info : {"adjusted", "ksg", "histogram"}, default="adjusted"
        How information is estimated.

        ``"adjusted"``
            Adjusted for chance, between 10 bins of equal counts; a share already, so that
            H is 1. The estimate that depends least on the number of rows.
        ``"ksg"``
            From nearest neighbours, and H as the information of the attribute with itself,
            as in Pati & Lerch (2021). Falls with the number of rows: .73 for 30, .39 for
            1,000, .27 for 10,000 of the same good unit. Compare at equal numbers only.
        ``"histogram"``
            Between 20 bins of equal width, as in Locatello et al. (2019). Rises with the
            number of rows: .06 for 30, .63 for 3,000.

    Returns
    -------
    score : float or ndarray of shape (n_attributes,)
        At most about 1. NaN for an attribute that is constant or known in fewer than five
        rows, with an `UndefinedMetricWarning`; the mean leaves it out.

    References
    ----------
    Chen, R. T. Q., Li, X., Grosse, R. & Duvenaud, D. (2018). Isolating sources of
    disentanglement in variational autoencoders. NeurIPS 31.

    Locatello, F. et al. (2019). Challenging common assumptions in the unsupervised
    learning of disentangled representations. ICML 36.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import mutual_information_gap
    >>> A = np.random.default_rng(0).normal(size=(200, 2))
    >>> Z = np.column_stack([A[:, 0], A[:, 1], A[:, 1]])
    >>> mutual_information_gap(Z, A, average=False).round(1)
    array([1., 0.])
    """
    s = associations(Z, attributes, mutual_info, random_state)
    values = information_gaps(s, check_units(units, s))
    return _averaged(values, s) if average else values


@with_arguments(ARGUMENTS)
def separated_attribute_predictability(
    Z: Any,
    attributes: Any,
    *,
    units: Sequence[int] | None = None,
    classes: Sequence[int] = (),
    average: bool = True,
) -> Any:
    r"""How much better one unit predicts each attribute than any other unit (SAP).

    .. math::
        \frac{1}{K} \sum_k (S_{(1)k} - S_{(2)k})

    with the squared correlation :math:`S_{dk}` of unit and attribute, or for classes the
    accuracy of a linear classifier on the unit, the best and the second best.

    Parameters
    ----------
    units : sequence of int, default=None
        The unit of each attribute, compared with the best of the others: below 0 where
        that predicts better. By default, the one that predicts it best.
    classes : sequence of int, default=()
        Columns of attributes that are classes: predicted by ``LinearSVC(C=0.01)``, scored
        by its accuracy over three stratified folds.

    Returns
    -------
    score : float or ndarray of shape (n_attributes,)
        From 0 to 1. NaN for an attribute that is constant or known in fewer than five
        rows, with an `UndefinedMetricWarning`; the mean leaves it out.

    Notes
    -----
    Published values are of sampled codes. In the means, units that the model hardly uses
    still carry a little of each attribute, and correlation does not see how little: one
    model scores .41 on its means and .85 on its samples.

    References
    ----------
    Kumar, A., Sattigeri, P. & Balakrishnan, A. (2018). Variational inference of
    disentangled latent concepts from unlabeled observations. ICLR 6.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import separated_attribute_predictability
    >>> A = np.random.default_rng(0).normal(size=(200, 2))
    >>> Z = np.column_stack([A[:, 0], A[:, 1], A[:, 1]])
    >>> separated_attribute_predictability(Z, A, average=False).round(1)
    array([1., 0.])
    """
    s = associations(Z, attributes)
    S = s.pearson**2
    for k in classes:
        if s.varies[k]:
            known = ~np.isnan(s.A[:, k])
            S[:, k] = _accuracies(s.Z[known], s.A[known, k])
    values = gaps(S, check_units(units, s))
    return _averaged(values, s) if average else values


def _accuracies(Z: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the cross-validated accuracy of a linear classifier on each unit."""
    model = make_pipeline(StandardScaler(), LinearSVC(C=0.01, class_weight="balanced"))
    # Split once: of a class that is too small for it, scikit-learn warns each time.
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    splits = list(folds.split(Z, classes))
    return np.array(
        [cross_val_score(model, z[:, None], classes, cv=splits).mean() for z in Z.T]
    )


def _averaged(values: np.ndarray, s: Associations) -> float:
    """Return the mean of those that are defined; NaN with a warning if none is."""
    if not np.isnan(values).all():
        return float(np.nanmean(values))
    if s.varies.any():
        warn_caller(
            "Modularity is not defined for a single attribute: it is NaN.",
            UndefinedMetricWarning,
        )
    return float("nan")
