"""The network within a pipeline or search, and what stands before and after it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator


class Step(NamedTuple):
    """A step of a pipeline, and whether it is frozen: fitted once and for all."""

    name: str
    estimator: Any
    is_frozen: bool = False

    def __str__(self) -> str:
        return f"{self.name!r} ({type(self.estimator).__name__})"


class NetworkStep(NamedTuple):
    """A network among the steps of what was handed over.

    Parameters
    ----------
    step : Step
        The network.
    before, after : tuple of Step
        What X goes through to reach it, and what its features go through.
    whole : object
        What was handed over.
    """

    step: Step
    before: tuple[Step, ...]
    after: tuple[Step, ...]
    whole: Any

    @property
    def estimator(self) -> Any:
        """The estimator that holds the network."""
        return self.step.estimator

    @property
    def is_bare(self) -> bool:
        """Whether the network was handed over itself, in no pipeline or search."""
        return self.whole is self.estimator

    def given(self, X: Any) -> Any:
        """Return what the network is given for X."""
        for step in self.before:
            X = step.estimator.transform(X)
        return X


def find_network(estimator: Any) -> NetworkStep:
    """Find the network among the steps of a pipeline or search; of several, the last.

    Raises
    ------
    ValueError
        If a pipeline has no network for a step, or a search none that was refitted.
    """
    steps = tuple(_steps(Step(type(estimator).__name__, estimator)))
    places = [i for i, step in enumerate(steps) if has_layers(step.estimator)]
    if places:
        i = places[-1]
        return NetworkStep(steps[i], steps[:i], steps[i + 1 :], estimator)
    _refuse_branches(estimator, steps)
    if len(steps) != 1 or hasattr(estimator, "steps"):
        raise ValueError(
            f"Got {type(estimator).__name__} as estimator, with the steps "
            f"{', '.join(map(str, steps))}, but expected a network among them, such as an "
            "autoencoder."
        )
    return NetworkStep(steps[0], (), (), estimator)


def has_layers(estimator: Any) -> bool:
    """Whether an estimator holds a network whose layers can be read."""
    return hasattr(estimator, "list_layers")


def _steps(step: Step) -> Iterator[Step]:
    """Yield the steps of pipelines in pipelines and searches, else the estimator itself."""
    estimator, is_frozen = step.estimator, step.is_frozen
    if isinstance(estimator, FrozenEstimator):
        yield from _steps(Step(step.name, estimator.estimator, is_frozen=True))
    elif hasattr(estimator, "best_estimator_"):
        yield from _steps(Step(step.name, estimator.best_estimator_, is_frozen))
    elif hasattr(estimator, "refit") and hasattr(estimator, "cv"):
        raise NotFittedError(
            f"Got {type(estimator).__name__} as estimator without a best_estimator_, but "
            "expected a search that is fitted with refit=True."
        )
    elif hasattr(estimator, "steps"):
        for name, part in estimator.steps:
            if part is not None and not isinstance(part, str):
                yield from _steps(Step(name, part, is_frozen))
    else:
        yield step


def _refuse_branches(estimator: Any, steps: tuple[Step, ...]) -> None:
    """Say so where the network is there, but beside others in a union."""
    for step in steps:
        for branch in _branches(step.estimator):
            for inner in _steps(branch):
                if has_layers(inner.estimator):
                    raise ValueError(
                        f"Got {type(estimator).__name__} as estimator, where {step} holds "
                        f"the network {inner} beside other branches, but expected a "
                        "network through which all goes; pass that network itself, with "
                        "what it is given as X."
                    )


def _branches(estimator: Any) -> list[Step]:
    """Return what stands side by side in a FeatureUnion or a ColumnTransformer."""
    parts = getattr(estimator, "transformer_list", None)
    parts = parts or getattr(estimator, "transformers_", None)
    parts = parts or getattr(estimator, "transformers", ())
    return [Step(name, part) for name, part, *_ in parts if not isinstance(part, str)]
