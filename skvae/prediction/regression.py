"""What predicts a number with a pretrained encoder."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from skvae.estimators.targets import check_targets, labelled_score
from skvae.objectives.supervision import SquaredResidual
from skvae.prediction.pretrained import PretrainedPredictor, Supervised


@dataclass(eq=False, repr=False, kw_only=True)
class PretrainedRegressor(RegressorMixin, PretrainedPredictor):
    """A pretrained encoder whose head gives a number.

    Attributes
    ----------
    target_mean_, target_scale_ : float
        Mean and standard deviation of the targets; the stage ``prediction`` is in these
        units.
    """

    def _output(self) -> tuple[str, int]:
        return "prediction", 1

    def _objective(self) -> Supervised:
        return Supervised(SquaredResidual())

    def _targets(self, y: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        targets = check_targets(y, x, type(self).__name__)
        labelled = ~np.isnan(targets)
        self.target_mean_ = float(targets[labelled].mean(dtype=np.float64))
        # A constant target is predicted by its mean.
        self.target_scale_ = float(targets[labelled].std(dtype=np.float64)) or 1.0
        return (targets - self.target_mean_) / self.target_scale_, labelled

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like
            Samples, as `fit` takes them.

        Returns
        -------
        y : ndarray of shape (n_samples,), float32
            In the units of y.
        """
        standardised = self._predicted(X)[:, 0]
        return standardised * self.target_scale_ + self.target_mean_

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
        return labelled_score(r2_score, y, self.predict(X), sample_weight)
