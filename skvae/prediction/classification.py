"""What predicts classes with a pretrained encoder."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from skvae._compat import StrOptions
from skvae.estimators.targets import (
    class_probabilities,
    class_weights,
    decision_values,
    encode_classes,
    labelled_score,
)
from skvae.objectives.supervision import UNLABELLED, CrossEntropy
from skvae.prediction.pretrained import PretrainedPredictor, Supervised


@dataclass(eq=False, repr=False, kw_only=True)
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

    class_weight: Any = None

    _parameter_constraints: ClassVar[dict] = {
        "class_weight": [dict, StrOptions({"balanced"}), None]
    }

    def _output(self) -> tuple[str, int]:
        n_classes = len(getattr(self, "classes_", (0, 1)))
        return "logits", n_classes if n_classes > 2 else 1

    def _objective(self) -> Supervised:
        weight = getattr(self, "_class_weight", None)
        return Supervised(CrossEntropy(weight))

    def _targets(self, y: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.classes_, index = encode_classes(y, x, type(self).__name__)
        self._class_weight = class_weights(self.class_weight, self.classes_, index)
        return index, index != UNLABELLED

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits.

        Parameters
        ----------
        X : array-like
            Samples, as `fit` takes them.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_classes), float32
            Of two classes, the logit of the second.
        """
        return decision_values(self._predicted(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like
            Samples, as `fit` takes them.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float32
            In the order of ``classes_``.
        """
        return class_probabilities(self._predicted(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class.

        Parameters
        ----------
        X : array-like
            Samples, as `fit` takes them.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes, of the type that y had.
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        return self.classes_[most_probable]

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
        predicted = self.predict(X)
        return labelled_score(accuracy_score, y, predicted, sample_weight, self.classes_)
