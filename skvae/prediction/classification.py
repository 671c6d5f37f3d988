"""What predicts classes with a pretrained encoder."""

from typing import Annotated, Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin

from skvae._compat import StrOptions
from skvae.arguments import check_columns
from skvae.estimators.settled import Learned
from skvae.estimators.targets import Classes, class_probabilities, decision_values
from skvae.prediction.learned_target import LearnedTarget
from skvae.prediction.pretrained import PretrainedPredictor


class PretrainedClassifier(ClassifierMixin, PretrainedPredictor):
    """A pretrained encoder whose head gives the logits of classes.

    Parameters
    ----------
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    """

    class_weight: Annotated[Any, dict, StrOptions({"balanced"}), None] = None

    _unfitted: ClassVar[Learned] = LearnedTarget(Classes(np.array([0, 1])))

    def _targets(self, y: Any, x: np.ndarray, weight: Any) -> tuple[Classes, np.ndarray]:
        return Classes.learn(y, x, type(self).__name__, self.class_weight, weight)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            Of two classes, the logit of the second.
        """
        return decision_values(self._predicted(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``.
        """
        return class_probabilities(self._predicted(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes, of the type that y had.
        """
        predicted = self._predicted(X)
        return self._learned.target.predict(predicted)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of `predict` on the samples with a label.

        Parameters
        ----------
        X : array-like
            Samples, as `fit` takes them.
        y : array-like of shape (n_samples,)
            Classes. Samples where they are missing, as in `fit`, do not count.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample.

        Returns
        -------
        score : float
            Share of the labelled samples that are predicted right.
        """
        columns = {"y": y, "sample_weight": sample_weight}
        check_columns(type(self).__name__, X, columns)
        return self._learned.target.score(y, self.predict(X), sample_weight)
