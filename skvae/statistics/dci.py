"""Disentanglement, completeness and informativeness, from models of all units together."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import entr
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LassoCV
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from skvae.arguments import check_choice
from skvae.statistics.associations import Associations, associations

__all__ = ["DCI", "disentanglement_completeness_informativeness"]

MODELS = ("lasso", "forest")


class DCI(NamedTuple):
    """Three scores of a code, and the importance of each unit for each attribute.

    Parameters
    ----------
    disentanglement : float
        Whether each unit serves one attribute, from 0 to 1.
    completeness : float
        Whether each attribute is served by one unit, from 0 to 1.
    informativeness : float
        How well all units together predict the attributes: mean R2 on rows that the model
        has not seen, at most 1.
    importances : ndarray of shape (n_units, n_attributes)
        From 0 upwards; NaN for an attribute without a score.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import DCI, disentanglement_completeness_informativeness
    >>> Z = np.random.default_rng(0).normal(size=(200, 3))
    >>> found = disentanglement_completeness_informativeness(Z, Z[:, :2])
    >>> isinstance(found, DCI), found.importances.shape
    (True, (3, 2))
    >>> round(float(found.disentanglement), 1), round(float(found.informativeness), 1)
    (1.0, 1.0)
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importances: np.ndarray


def disentanglement_completeness_informativeness(
    Z: Any, attributes: Any, *, model: str = "lasso", random_state: Any = 0
) -> DCI:
    r"""How units and attributes pair in models that predict each attribute (DCI).

    With the importance :math:`R_{dk}` of unit d for attribute k and the shares
    :math:`P_{dk} = R_{dk} / \sum_k R_{dk}`, :math:`\tilde P_{dk} = R_{dk} / \sum_d R_{dk}`,

    .. math::
        \mathrm{disentanglement} = \sum_d \rho_d \, (1 - H_K(P_{d \cdot})), \qquad
        \mathrm{completeness} = \frac{1}{K} \sum_k (1 - H_D(\tilde P_{\cdot k})),

    where :math:`\rho_d` is the unit's share of all importance, and :math:`H_K` and
    :math:`H_D` are entropies to the base of the numbers of attributes and units.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_units)
        Latent units, the means or samples of a code.
    attributes : array-like of shape (n_samples, n_attributes)
        Attributes; NaN where missing, and left out there.
    model : {"lasso", "forest"}, default="lasso"
        Cross-validated lasso on standardised columns, with the absolute coefficients as
        importances, or a random forest.
    random_state : int, RandomState instance or None, default=0
        Draws the folds or the trees.

    Returns
    -------
    scores : DCI
        Named tuple of ``disentanglement``, ``completeness``, ``informativeness`` and
        ``importances``. Attributes that are constant or known in fewer than five rows
        are left out, with an `UndefinedMetricWarning`. Disentanglement is NaN for a single
        attribute, completeness for a single unit.

    Notes
    -----
    Informativeness is the R2 of the left-out folds at the best strength of the lasso,
    or of the trees' left-out rows. Eastwood & Williams give a normalised error instead.

    References
    ----------
    Eastwood, C. & Williams, C. K. I. (2018). A framework for the quantitative evaluation
    of disentangled representations. ICLR 6.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.inspection import disentanglement_completeness_informativeness
    >>> A = np.random.default_rng(0).normal(size=(200, 2))
    >>> Z = np.column_stack([A[:, 0], A[:, 1], np.zeros(200)])
    >>> dci = disentanglement_completeness_informativeness(Z, A)
    >>> print(f"{dci.disentanglement:.2f} {dci.completeness:.2f}")
    1.00 1.00
    """
    check_choice("DCI", "model", model, MODELS)
    return dci_of(associations(Z, attributes, random_state=random_state), model)


def dci_of(s: Associations, model: str = "lasso") -> DCI:
    """Return the three scores of units and attributes."""
    R = np.full((s.Z.shape[1], s.A.shape[1]), np.nan)
    predicted = np.full(s.A.shape[1], np.nan)
    for k in np.flatnonzero(s.varies):
        known = ~np.isnan(s.A[:, k])
        fit = _lasso if model == "lasso" else _forest
        columns = StandardScaler().fit_transform(s.Z[known])
        attribute = StandardScaler().fit_transform(s.A[known, k : k + 1])[:, 0]
        R[:, k], predicted[k] = fit(columns, attribute, s.seed)
    importances = R[:, s.varies]
    weights = importances.sum(axis=1)
    total = weights.sum()
    shares = _one_minus_entropy(importances) * weights
    return DCI(
        # Where no unit is of importance, nothing is disentangled.
        float(shares.sum() / total) if total > 0 else float(shares.sum()),
        float(_one_minus_entropy(importances.T).mean()) if s.varies.any() else np.nan,
        float(predicted[s.varies].mean()) if s.varies.any() else np.nan,
        R,
    )


def _one_minus_entropy(R: np.ndarray) -> np.ndarray:
    """Return one minus the relative entropy of each row; 0 for rows of zeros."""
    n_columns = R.shape[1]
    if n_columns < 2:
        return np.full(len(R), np.nan)
    total = R.sum(axis=1, keepdims=True)
    shares = R / np.where(total > 0, total, 1)
    return np.where(total[:, 0] > 0, 1 - entr(shares).sum(axis=1) / np.log(n_columns), 0)


def _lasso(Z: np.ndarray, a: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    folds = KFold(min(5, len(Z)), shuffle=True, random_state=seed)
    # Between a hundredth of the strength that keeps nothing, and that strength.
    model = LassoCV(eps=1e-2, alphas=20, cv=folds, max_iter=10_000).fit(Z, a)
    return np.abs(model.coef_), 1 - float(model.mse_path_.mean(axis=1).min())


def _forest(Z: np.ndarray, a: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    model = RandomForestRegressor(oob_score=True, random_state=seed).fit(Z, a)
    return model.feature_importances_, float(model.oob_score_)
