"""What predicts a number with a pretrained encoder."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin

from skvae.arguments import check_columns
from skvae.estimators.targets import TargetScale
from skvae.estimators.trained import Learned
from skvae.prediction.pretrained import LearnedTarget, PretrainedPredictor


class PretrainedRegressor(RegressorMixin, PretrainedPredictor):
    """A pretrained encoder whose head gives a number.

    Attributes
    ----------
    target_mean_ : float
        Mean of the targets, from which the stage ``prediction`` counts.
    target_scale_ : float
        Standard deviation of the targets, the unit of the stage ``prediction``.
    """

    _unfitted: ClassVar[Learned] = LearnedTarget(TargetScale(0.0, 1.0))

    def _targets(self, y: Any, x: np.ndarray) -> tuple[TargetScale, np.ndarray]:
        return TargetScale.learn(y, x, type(self).__name__)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target.

        Returns
        -------
        y : ndarray of shape (n_samples,), float64
            In the units of y.
        """
        predicted = self._predicted(X)
        return self._learned.target.predict(predicted)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² of `predict` on the samples with a target.

        Parameters
        ----------
        X : array-like
            Samples, as `fit` takes them.
        y : array-like of shape (n_samples,)
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
