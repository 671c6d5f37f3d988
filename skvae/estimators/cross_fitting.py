"""Features of training rows by networks that have not seen them."""

from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GroupKFold
from sklearn.utils import check_random_state

from skvae._compat import may_stop, rows_of_params, take_rows
from skvae.estimators.collected_fits import is_collecting
from skvae.estimators.inputs import as_array
from skvae.estimators.row_columns import check_groups
from skvae.estimators.trained import TrainedTransformer
from skvae.estimators.training_ahead import PlannedFit, train_ahead
from skvae.statistics.code_alignment import orthogonal_factors
from skvae.statistics.grouping import numbered

Split = tuple[np.ndarray, np.ndarray]


def folds_for(estimator: TrainedTransformer, X: Any, params: dict[str, Any]) -> list[Split]:
    """Return the rows that each network of ``cross_fit`` is fitted to, and those it is not.

    Parameters
    ----------
    estimator : TrainedTransformer
        What has ``cross_fit``, and the seed of the folds.
    X : array-like
        All rows.
    params : dict of str to object
        Further arguments of `fit`; rows of one of the ``groups`` stay together.

    Raises
    ------
    ValueError
        If there are fewer groups than folds, or training is to go on.
    """
    n_folds, name = estimator.cross_fit, type(estimator).__name__
    if getattr(estimator, "warm_start", False):
        raise ValueError(
            f"Got cross_fit={n_folds} with warm_start=True, but the networks of the folds "
            "are trained from new weights; expected warm_start=False."
        )
    rows = np.arange(as_array(X).shape[0])
    given = params.get("groups")
    groups = rows if given is None else numbered(check_groups(given, rows, name))
    n_groups = len(np.unique(groups))
    if n_groups < n_folds:
        kind = "rows" if given is None else "groups"
        raise ValueError(
            f"Got cross_fit={n_folds} for {n_groups} {kind}; expected at most as many "
            "folds as there are."
        )
    seed = check_random_state(estimator.random_state).randint(2**31 - 1)
    splitter = GroupKFold(n_folds, shuffle=True, random_state=seed)
    return list(splitter.split(rows, groups=groups))


def cross_fitted(
    estimator: TrainedTransformer,
    X: Any,
    y: Any,
    params: dict[str, Any],
    folds: Sequence[Split],
) -> np.ndarray:
    """Return the features of training rows, each by a network that has not seen it.

    The networks differ from that of the estimator in their rows alone. Their features are
    turned to those of the estimator, so that what stands behind finds each where it will
    be in new rows: see `turned`.

    Parameters
    ----------
    estimator : TrainedTransformer
        Fitted to all rows.
    X, y : object
        All rows.
    params : dict of str to object
        Further arguments of its `fit`.
    folds : sequence of (ndarray, ndarray)
        Rows that a network is fitted to, and those that it reads.

    Returns
    -------
    ndarray of shape (n_samples, n_features_out)
        The features.
    """
    X = as_array(X)
    X = X.tocsr() if sparse.issparse(X) else X
    whole = np.asarray(estimator.transform(X))
    found = np.empty_like(whole)
    with TemporaryDirectory(prefix="skvae_cross_fit_") as folder:
        fits = [
            PlannedFit(
                of_one_fold(estimator, folder),
                take_rows(X, known),
                None if y is None else take_rows(y, known),
                rows_of_params(X, params=params, indices=known),
            )
            for known, _ in folds
        ]
        # What collects trains more than these together; callbacks hear of one at a time.
        if not is_collecting() and not may_stop(estimator):
            train_ahead(fits)
        for fit, (known, unseen) in zip(fits, folds, strict=True):
            network = fit.estimator.fit(fit.X, fit.y, **fit.params)
            codes = network.transform(fit.X), network.transform(take_rows(X, unseen))
            found[unseen] = turned(*codes, whole[known], columns_of_units(estimator))
    return found


def of_one_fold(estimator: TrainedTransformer, folder: str) -> Any:
    """Return what is fitted to the rows of a fold, with a memory."""
    one = clone(estimator).set_params(cross_fit=None).set_output(transform="default")
    if one.memory is None:
        one.set_params(memory=folder)
    # Bars stand for one fit; what may stop it stops those of the folds as well.
    return one if may_stop(one) else one.set_callbacks()


def columns_of_units(estimator: TrainedTransformer) -> list[slice]:
    """Return the features of each layer, and of several networks those of each."""
    shapes = estimator.network_.shapes
    averages = getattr(estimator, "combine", "") == "average"
    n_parts = 1 if averages else estimator.n_networks
    found, start = [], 0
    for layer in estimator._selected_layers(shapes):
        size = estimator._n_features_of(shapes[layer]) // n_parts
        found += [slice(start + k * size, start + (k + 1) * size) for k in range(n_parts)]
        start += n_parts * size
    return found


def turned(
    known: np.ndarray, unseen: np.ndarray, target: np.ndarray, units: Sequence[slice]
) -> np.ndarray:
    r"""Return features of one network in the place of another's.

    Of the units of a layer, with the features :math:`B` of one network and :math:`A` of
    the other, of the same rows, and their means :math:`b` and :math:`a`, those of other
    rows :math:`C` become :math:`a + (C - b) R`, where :math:`R` is orthogonal and
    :math:`\lVert (B - b) R - (A - a) \rVert_F` smallest: see `orthogonal_factors`.

    Parameters
    ----------
    known, target : ndarray of shape (n_rows, n_features)
        B and A.
    unseen : ndarray of shape (n_other_rows, n_features)
        C.
    units : sequence of slice
        The columns of each layer.

    Returns
    -------
    ndarray of shape (n_other_rows, n_features)
        Of the type of C.
    """
    found = np.empty_like(unseen)
    for columns in units:
        b, a = (part[:, columns].astype(np.float64) for part in (known, target))
        left, right = orthogonal_factors(b - b.mean(axis=0), a - a.mean(axis=0))
        centred = unseen[:, columns] - b.mean(axis=0)
        found[:, columns] = a.mean(axis=0) + centred @ left @ right
    return found
