"""Which networks fits will train, found before they begin, and trained side by side."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator, clone

from skvae.estimators.collected_fits import CollectedFitError, collect
from skvae.estimators.trained import TrainedTransformer
from skvae.training.caching import cache_key, remember
from skvae.training.fitting import Fitted, Job
from skvae.training.stacking import train_many, why_alone

__all__ = ["PlannedFit", "networks_of", "train_ahead", "train_stackable"]


class PlannedFit:
    """A fit that is going to be done.

    Parameters
    ----------
    estimator : estimator
        Not fitted; it is cloned.
    X, y : object
        Rows of the fold.
    params : mapping of str to object
        Further arguments of `fit`, rows of the fold as well.
    """

    def __init__(
        self, estimator: BaseEstimator, X: Any, y: Any, params: Mapping[str, Any]
    ) -> None:
        self.estimator = estimator
        self.X = X
        self.y = y
        self.params = params
        self.n_trained = 0

    def next_training(self) -> CollectedFitError | None:
        """Return the first network that it would train and that is in no memory."""
        estimator = clone(self.estimator)
        return collect(lambda: estimator.fit(self.X, self.y, **self.params))


def train_stackable(fits: Sequence[PlannedFit], n_jobs: int | None = None) -> int:
    """Train those networks of several fits ahead that can be stacked; leave the others.

    Parameters
    ----------
    fits : sequence of PlannedFit
        What will be fitted later, the like of one another.
    n_jobs : int or None, default=None
        Stacks that are trained at the same time.

    Returns
    -------
    n_trained : int
        How many networks were trained.
    """
    # Where the first cannot be stacked, none is gone through.
    first = fits[0].next_training() if fits else None
    if first is None or first.job is None or why_alone(first.job):
        return 0
    return train_ahead(fits, n_jobs, only_stacks=True)


def train_ahead(
    fits: Iterable[PlannedFit], n_jobs: int | None = None, *, only_stacks: bool = False
) -> int:
    """Train the networks of several fits side by side, into the memories that they have.

    A fit with several networks, one behind the other, is gone through as often: the
    second depends on the first.

    Parameters
    ----------
    fits : iterable of PlannedFit
        What will be fitted later, and then finds its networks.
    n_jobs : int or None, default=None
        Stacks that are trained at the same time.
    only_stacks : bool, default=False
        Whether to leave networks that can only be trained alone to their fits.

    Returns
    -------
    n_trained : int
        How many networks were trained.
    """
    left = list(fits)
    n_rounds = max((n_networks_of(fit.estimator) for fit in left), default=0)
    n_trained = 0
    for _ in range(n_rounds):
        found: dict[str, tuple[PlannedFit, CollectedFitError, Job]] = {}
        waiting = []
        for fit in left:
            collected = fit.next_training()
            if collected is None or collected.job is None or collected.memory is None:
                continue
            job = collected.job
            key = cache_key(job.recipe, job.data, job.start)
            found.setdefault(key, (fit, collected, job))
            waiting.append(fit)
        jobs = [job for _, _, job in found.values()]
        results = train_many(jobs, n_jobs, only_stacks=only_stacks)
        for (fit, collected, _), result in zip(found.values(), results, strict=True):
            if isinstance(result, Fitted):
                keep(collected, result)
                fit.n_trained += 1
                n_trained += 1
        left = [fit for fit in waiting if n_networks_of(fit.estimator) > 1]
    return n_trained


def keep(collected: CollectedFitError, result: Fitted) -> None:
    """Put a trained network into the memory where its fit will look for it."""
    job = collected.job
    assert job is not None
    remember(collected.memory, job.recipe, job.data, lambda: result, job.start)


def networks_of(estimator: BaseEstimator) -> dict[str, TrainedTransformer]:
    """Return the estimators with a network in an estimator, by the name of the parameter.

    Parameters
    ----------
    estimator : estimator
        A kind of skvae, or what has some in it, such as a pipeline.

    Returns
    -------
    dict of str to TrainedTransformer
        The estimator itself is called "".
    """
    parts = {"": estimator, **estimator.get_params()}
    return {n: part for n, part in parts.items() if isinstance(part, TrainedTransformer)}


def n_networks_of(estimator: BaseEstimator) -> int:
    """Count the networks that a fit of an estimator trains at most.

    Parameters
    ----------
    estimator : estimator
        A kind of skvae, or what has some in it, such as a pipeline.

    Returns
    -------
    int
        How many.
    """
    found = networks_of(estimator).values()
    return sum(each.n_networks * (1 + (each.cross_fit or 0)) for each in found)
