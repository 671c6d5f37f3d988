"""What predicts a number with a pretrained encoder."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin

from skvae.arguments import check_columns
from skvae.estimators.settled import Learned
from skvae.estimators.targets import TargetScale
from skvae.prediction.learned_target import LearnedTarget
from skvae.prediction.pretrained import PretrainedPredictor


class PretrainedRegressor(RegressorMixin, PretrainedPredictor):
    """A pretrained encoder whose head gives a number, or several.

    Attributes
    ----------
    target_mean_ : float, or ndarray of shape (n_targets,)
        Mean of the targets, weighted as their rows are, from which the stage
        ``prediction`` counts; an array where there are several.
    target_scale_ : float, or ndarray of shape (n_targets,)
        Standard deviation of the targets, the unit of the stage ``prediction``.
    """

    _unfitted: ClassVar[Learned] = LearnedTarget(TargetScale(0.0, 1.0))

    def _targets(
        self, y: Any, x: np.ndarray, weight: Any
    ) -> tuple[TargetScale, np.ndarray]:
        return TargetScale.learn(y, x, type(self).__name__, weight)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target, or the targets.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets), float64
            In the units of y.
        """
        predicted = self._predicted(X)
        return self._learned.target.predict(predicted)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² of `predict` on the samples with a target; of several, their mean.

        Parameters
        ----------
        X : array-like
            Samples, as `fit` takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets. Samples where they are missing do not count.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample.

        Returns
        -------
        score : float
            1 is perfect; 0 is what the mean of y would give.
        """
        columns = {"y": y, "sample_weight": sample_weight}
        check_columns(type(self).__name__, X, columns)
        return self._learned.target.score(y, self.predict(X), sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
