"""Train the networks of a cross-validation before it is done."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_classifier
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv

from skvae._compat import routed_fit_params, rows_of_params, take_rows
from skvae.estimators.training_ahead import PlannedFit, networks_of, train_ahead
from skvae.search.shared_trainings import trainings

__all__ = ["fill_cache", "fits_of_search"]


def fill_cache(
    estimator: BaseEstimator,
    X: Any,
    y: "ArrayLike | None" = None,
    *,
    cv: Any = None,
    param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
    groups: "ArrayLike | None" = None,
    n_jobs: int | None = None,
    **fit_params: Any,
) -> int:
    """Train the networks that a grid search would train, side by side, into their memory.

    Whatever is then fitted on the same folds finds them there: `GridSearchCV`,
    `cross_validate`, `nested_cv`. Networks that differ in their rows, seed, learning
    rate, weight decay or the weight of a term of the loss alone are trained as one
    stacked network, with the same bits as one by one; others one by one.

    Parameters
    ----------
    estimator : estimator
        A kind of skvae with a ``memory``, or a pipeline with one in it, whose earlier steps
        are fitted in each fold.
    X : array-like or DataFrame
        All rows.
    y : array-like, default=None
        The outcome.
    cv : int, splitter or iterable, default=None
        Folds, as `GridSearchCV` takes them; a splitter has to give the same folds again.
    param_grid : mapping or list of mappings
        The grid, as `GridSearchCV` takes it.
    groups : array-like of shape (n_samples,), default=None
        For the splitter, and for `fit` where it requests them.
    n_jobs : int or None, default=None
        Stacks that are trained at the same time, in processes of joblib.
    **fit_params : object
        Further arguments of `fit`, routed as `GridSearchCV` does.

    Returns
    -------
    n_trained : int
        How many networks were trained; the others were in the memory before.

    Raises
    ------
    ValueError
        If there is no network with a memory in the estimator.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from sklearn.datasets import load_iris
    >>> from skvae import Autoencoder
    >>> from skvae.search import fill_cache
    >>> X = load_iris().data
    >>> net = Autoencoder(2, max_iter=2, random_state=0, memory=mkdtemp())
    >>> fill_cache(net, X, cv=5, param_grid={"layer": ["code"], "n_components": [2, 3]})
    10
    """
    networks = networks_of(estimator)
    if all(network.memory is None for network in networks.values()):
        raise ValueError(
            f"Got the estimator {type(estimator).__name__} without a memory of networks, "
            "expected one with memory= a folder, where they are kept."
        )
    search = GridSearchCV(estimator, param_grid, cv=cv)
    if groups is not None:
        fit_params = {**fit_params, "groups": groups}
    fits = fits_of_search(search, X, y, fit_params, folds_of(search, X, y, fit_params))
    return train_ahead(fits, n_jobs)


def folds_of(search: GridSearchCV, X: Any, y: Any, params: dict[str, Any]) -> list[Any]:
    """Return the folds of a search.

    Parameters
    ----------
    search : GridSearchCV
        The search, not fitted.
    X, y : object
        All rows.
    params : dict of str to object
        Further arguments of its `fit`.

    Returns
    -------
    list of (ndarray, ndarray)
        Rows to fit on and to score on.
    """
    splitter = check_cv(search.cv, y, classifier=is_classifier(search.estimator))
    return list(splitter.split(X, y, **routed_fit_params(search, params).splitter.split))


def fits_of_search(
    search: GridSearchCV,
    X: Any,
    y: Any,
    params: dict[str, Any],
    folds: Sequence[Any],
    *,
    with_whole: bool = False,
) -> list[PlannedFit]:
    """Return the fits of a grid search that train networks.

    Parameters
    ----------
    search : GridSearchCV
        The search, not fitted.
    X, y : object
        All rows.
    params : dict of str to object
        Further arguments of its `fit`.
    folds : sequence of (ndarray, ndarray)
        Its folds.
    with_whole : bool, default=False
        Whether each candidate is fitted on all rows as well.

    Returns
    -------
    list of PlannedFit
        One for each fold and training.
    """
    given = routed_fit_params(search, params).estimator.fit
    estimators = trainings(search.estimator, ParameterGrid(search.param_grid))
    fits = []
    for rows, _ in folds:
        part = take_rows(X, rows), None if y is None else take_rows(y, rows)
        of_rows = rows_of_params(X, params=given, indices=rows)
        fits += [PlannedFit(estimator, *part, of_rows) for estimator in estimators]
    if with_whole:
        fits += [PlannedFit(estimator, X, y, given) for estimator in estimators]
    return fits
