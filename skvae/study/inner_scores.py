"""How good each layer and size of the networks is in the inner folds."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from skvae.arguments import check_choice
from skvae.extras import import_extra
from skvae.report.steps_in_words import in_words
from skvae.study.aggregation import AGGREGATES, scored_by_patient
from skvae.study.arm import Arm, named_arms
from skvae.study.cohort import Cohort
from skvae.study.evaluate import metadata_for, scorer_of
from skvae.study.folds import inner_splits
from skvae.study.nested_cv import check_arms
from skvae.study.shared_steps import sharing_steps

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["has_layers", "layer_map"]


def layer_map(
    arms: Mapping[str, BaseEstimator | tuple[BaseEstimator, Any]],
    X: Any,
    y: "ArrayLike",
    *,
    groups: "ArrayLike | None" = None,
    inner: int = 3,
    scoring: Any = None,
    positive: Any = None,
    outcome: str | None = None,
    aggregate: str | None = None,
    params: "Mapping[str, ArrayLike] | None" = None,
    n_threads: int | None = 1,
    random_state: int = 0,
) -> "DataFrame":
    """Search each arm that has layers once on all rows, and keep all scores.

    It shows what the searches of a study choose from. The best of these scores is no
    estimate of how good an arm is: it is the best of several on the same folds.

    Parameters
    ----------
    arms : mapping of str to estimator or (estimator, param_grid)
        The pipelines, as of `nested_cv`; those without a grid over a `layer` are left out.
    X : array of shape (n_samples, ...), DataFrame, list, or mapping of str to these
        Inputs as the arms take them.
    y : array-like of shape (n_samples,)
        The outcome.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row.
    inner : int, default=3
        Folds.
    scoring : str, callable, list of str or mapping of str to these, default=None
        Scores, of which the first counts; by default that of the outcome.
    positive : object, default=None
        Of two classes the one that probabilities are of.
    outcome : {"classes", "number", "event"} or None, default=None
        What y is, as of `nested_cv`.
    aggregate : {"mean", "max"} or None, default=None
        Score patients instead of rows, as of `nested_cv`.
    params : mapping of str to array-like of n_samples rows, default=None
        Further metadata for `fit`.
    n_threads : int or None, default=1
        Threads of every step that has a parameter `n_threads`.
    random_state : int, default=0
        Draws the folds.

    Returns
    -------
    DataFrame
        One row for each arm, layer and size: `arm`, `layer`, `n_components`, and `mean`,
        the best mean score over the folds of what else is searched.

    Raises
    ------
    ValueError
        Where no arm has a grid over layers.

    See Also
    --------
    layer_map_figure : Draws it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import Pipeline
    >>> from skvae import Autoencoder
    >>> from skvae.study import layer_map
    >>> X = np.random.default_rng(0).normal(size=(40, 4))
    >>> features = Autoencoder(2, hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    >>> arm = Pipeline([("net", features), ("classify", LogisticRegression())])
    >>> grid = {"net__layer": ["hidden_1", "code"]}
    >>> found = layer_map({"net": (arm, grid)}, X, X[:, 0] > 0)
    >>> found[["arm", "layer", "n_components"]]
       arm     layer  n_components
    0  net  hidden_1             2
    1  net      code             2
    """
    cohort = Cohort.checked(X, y, groups, params, positive, outcome)
    scoring = next(iter(cohort.outcome.scorings(scoring).values()))
    if aggregate is not None:
        check_choice("layer_map", "aggregate", aggregate, AGGREGATES)
        cohort.check_patients()
    rows = np.arange(len(cohort.samples))
    splits = inner_splits(cohort, rows, inner, random_state)
    found: list[dict[str, Any]] = []
    with config_context(enable_metadata_routing=True), threadpool_limits(n_threads, "blas"):
        checked = named_arms(arms, next(iter(arms)), n_threads)
        check_arms(checked, cohort)
        for arm in checked:
            if _layer_key(arm) is None:
                continue
            metadata = metadata_for(arm, cohort, rows)
            scorer, metadata = scored_by_patient(
                scorer_of(scoring), metadata, aggregate, cohort.patients
            )
            search = arm.search(splits, sharing_steps(scorer))
            search.fit(cohort.X, cohort.outcome.values, **metadata)
            found += _best_of_each(arm, search.cv_results_)
    if not found:
        raise ValueError(
            f"Got the arms {', '.join(arms)}, expected one at least with a grid over "
            "layers."
        )
    return import_extra("pandas").DataFrame(found)


def has_layers(arms: Mapping[str, Any]) -> bool:
    """Say whether any arm has a grid over layers.

    Parameters
    ----------
    arms : mapping of str to estimator or (estimator, param_grid)
        As of `nested_cv`.

    Returns
    -------
    bool
        Whether `layer_map` has something to show.
    """
    checked = named_arms(arms, next(iter(arms)), None)
    return any(_layer_key(arm) is not None for arm in checked)


def _layer_key(arm: Arm) -> str | None:
    keys = (key for part in arm.grid or [] for key in part)
    return next((key for key in keys if key.rpartition("__")[2] == "layer"), None)


def _best_of_each(arm: Arm, results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the best score of each layer and size, in the order in which they are tried."""
    layer_key = str(_layer_key(arm))
    size_key = layer_key.removesuffix("layer") + "n_components"
    fixed = arm.estimator.get_params().get(size_key)
    best: dict[tuple[str, Any], float] = {}
    for tried, score in zip(results["params"], results["mean_test_score"], strict=True):
        place = (in_words(tried.get(layer_key)), tried.get(size_key, fixed))
        best[place] = max(best.get(place, -np.inf), float(score))
    for (layer, size), score in best.items():
        yield {"arm": arm.name, "layer": layer, "n_components": size, "mean": score}
