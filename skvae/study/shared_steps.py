"""Scores of a search, for which the steps before the last one are walked but once."""

from typing import Any

from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline

from skvae.study.recent_steps import RecentSteps

__all__ = ["SharedStepsScorer", "behind_shared_steps", "sharing_steps"]


class SharedStepsScorer:
    """A score by name, of pipelines that may differ in their last steps alone.

    Their `memory` fits the shared steps of such candidates once, but each of them would
    read the test part of a fold through its network again.

    Parameters
    ----------
    scoring : str
        Name of the score.
    """

    def __init__(self, scoring: str) -> None:
        self.scoring = scoring

    def __call__(self, fitted: Any, X: Any, y: Any) -> float:
        """Score what a fitted estimator predicts."""
        fitted, X = behind_shared_steps(fitted, X)
        return float(check_scoring(fitted, self.scoring)(fitted, X, y))

    def __repr__(self) -> str:
        return repr(self.scoring)


def sharing_steps(scoring: Any) -> Any:
    """Return a score for a search that is not kept: one by name walks shared steps once.

    Parameters
    ----------
    scoring : str or callable
        What is to be scored.

    Returns
    -------
    str or callable
        The same score; a callable may want the whole pipeline, and gets it.

    Examples
    --------
    >>> from skvae.study.shared_steps import sharing_steps
    >>> sharing_steps("roc_auc")
    'roc_auc'
    """
    return SharedStepsScorer(scoring) if isinstance(scoring, str) else scoring


def behind_shared_steps(fitted: Any, X: Any) -> tuple[Any, Any]:
    """Return the last step of a pipeline that remembers, and what it is given.

    Parameters
    ----------
    fitted : estimator
        Whatever a search has fitted.
    X : array, DataFrame or Blocks
        Its input.

    Returns
    -------
    fitted : estimator
        The last step, or the estimator where it is no such pipeline.
    X : array or DataFrame
        Its input.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skvae.study.recent_steps import RecentSteps
    >>> from skvae.study.shared_steps import behind_shared_steps
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(PCA(2), LogisticRegression(), memory=RecentSteps())
    >>> last, codes = behind_shared_steps(model.fit(X, y), X)
    >>> last, codes.shape
    (LogisticRegression(), (150, 2))
    """
    if not (isinstance(fitted, Pipeline) and isinstance(fitted.memory, RecentSteps)):
        return fitted, X
    first, last = fitted.steps[:-1], fitted.steps[-1][1]
    if not first or last in (None, "passthrough"):
        return fitted, X
    return last, fitted.memory.cache(_transformed)(first, X)


def _transformed(steps: list[tuple[str, Any]], X: Any) -> Any:
    return Pipeline(steps).transform(X)
