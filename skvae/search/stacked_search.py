"""A grid search that trains the networks of all folds and candidates side by side."""

from tempfile import TemporaryDirectory
from typing import Any, Self

from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, ParameterGrid

from skvae.estimators.training_ahead import networks_of, train_stackable
from skvae.search.fill_cache import fits_of_search, folds_of
from skvae.search.shared_trainings import trainings

__all__ = ["StackedGridSearchCV", "remembering"]

# A network for the refit costs a single fit, and one for each candidate a part of it.
MOST_REFITS = 5


class StackedGridSearchCV(GridSearchCV):
    """`GridSearchCV`, with the networks of all folds and candidates trained side by side.

    Scores, choice and predictions are those of `GridSearchCV`, to the last bit, and so are
    its parameters, attributes and methods. Before the search, the networks that it is
    going to train are trained as stacked networks (see `fill_cache`) into the memories of
    the estimator, or into a temporary one where it has none. What cannot be stacked is
    trained as ever: estimators with ``random_state=None``, several phases, convolutions,
    large networks.

    Parameters
    ----------
    estimator : estimator
        A kind of skvae, or a pipeline with one in it.
    param_grid : dict or list of dict
        Names of parameters, with the values that are tried.
    scoring : str, callable, list, tuple or dict, default=None
        How candidates are scored.
    n_jobs : int or None, default=None
        Stacks that are trained, and then candidates that are scored, at the same time.
    refit : bool, str or callable, default=True
        Whether the best candidate is fitted on all rows.
    cv : int, splitter or iterable, default=None
        The folds.
    verbose : int, default=0
        How much is said.
    pre_dispatch : int or str, default="2*n_jobs"
        Jobs that are dispatched ahead.
    error_score : "raise" or numeric, default=nan
        Score of a candidate that fails.
    return_train_score : bool, default=False
        Whether to score on the rows of the fit as well.

    Attributes
    ----------
    best_estimator_ : estimator
        The best candidate, fitted on all rows.
    best_score_ : float
        Its mean score over the folds.
    best_params_ : dict
        Its parameters.
    cv_results_ : dict of str to ndarray
        A column for each value; seconds of fits are those of reading trained networks.
    n_trained_ : int
        Networks that were trained before the search.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvae import VAEFeatureExtractor
    >>> from skvae.search import StackedGridSearchCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> vae = VAEFeatureExtractor(4, max_iter=3, random_state=0)
    >>> pipe = make_pipeline(StandardScaler(), vae, LogisticRegression())
    >>> grid = {"vaefeatureextractor__beta": [0.1, 1.0]}
    >>> search = StackedGridSearchCV(pipe, grid, cv=3).fit(X, y)
    >>> search.n_trained_, len(search.cv_results_["params"])
    (8, 2)
    """

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Train the networks, then search.

        Parameters
        ----------
        X : array-like or DataFrame
            All rows.
        y : array-like, default=None
            The outcome.
        **params : object
            For the estimator's `fit`, the splitter and the scorer, as `GridSearchCV`
            routes them.

        Returns
        -------
        self : StackedGridSearchCV
            The fitted search.
        """
        estimator, cv = self.estimator, self.cv
        with TemporaryDirectory(prefix="skvae_search_") as folder:
            changed, without = remembering(estimator, folder)
            try:
                # Drawn once: a splitter without a seed gives other folds each time.
                self.cv = folds_of(self, X, y, params)
                self.estimator = changed
                n_trainings = len(trainings(changed, ParameterGrid(self.param_grid)))
                fits = fits_of_search(
                    self,
                    X,
                    y,
                    params,
                    self.cv,
                    with_whole=bool(self.refit) and n_trainings <= MOST_REFITS,
                )
                self.n_trained_ = train_stackable(fits, self.n_jobs)
                super().fit(X, y, **params)
            finally:
                self.estimator, self.cv = estimator, cv
        if hasattr(self, "best_estimator_"):
            self.best_estimator_.set_params(**dict.fromkeys(without))
        return self


def remembering(estimator: BaseEstimator, folder: str) -> tuple[BaseEstimator, list[str]]:
    """Return a clone whose networks have a memory, and which of them had none.

    Parameters
    ----------
    estimator : estimator
        What has networks in it.
    folder : str
        The memory.

    Returns
    -------
    estimator : estimator
        The clone.
    without : list of str
        Names of the parameters that were None.
    """
    changed = clone(estimator)
    without = [
        f"{name}__memory".removeprefix("__")
        for name, network in networks_of(changed).items()
        if network.memory is None and network.random_state is not None
    ]
    changed.set_params(**dict.fromkeys(without, folder))
    return changed, without
