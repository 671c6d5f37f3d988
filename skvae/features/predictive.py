"""A variational autoencoder whose code also predicts y."""

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skvae._compat import Interval, StrOptions
from skvae.estimators.inputs import check_rows
from skvae.estimators.targets import (
    check_targets,
    class_probabilities,
    class_weights,
    decision_values,
    encode_classes,
    labelled_score,
)
from skvae.features.lower_bound import N_DRAWS
from skvae.features.variational import BaseVAE
from skvae.networks.builder import Builder
from skvae.networks.head import Head
from skvae.networks.supervised import SupervisedAutoencoder
from skvae.objectives.supervision import CrossEntropy, SquaredResidual
from skvae.training.data import Data


def _classifies(estimator: "PredictiveVAE") -> bool:
    if estimator.task != "classification":
        raise AttributeError(
            f"Got task={estimator.task!r}, but only task='classification' has classes."
        )
    return True


@dataclass(eq=False, repr=False, kw_only=True)
class PredictiveVAE(BaseVAE):
    """A VAE with a head, if it is fitted with y; without y, a VAE.

    Parameters
    ----------
    task : {"classification", "regression"}, default="classification"
        What y is, should `fit` get one.
    alpha : float, default=10.0
        Weight of the prediction of y; with 1, it hardly shapes the code. With 0, the head
        learns from the code as it is, without shaping it.
    head_layer_sizes : tuple of int, default=(32, 16)
        Sizes of the hidden layers of the network that predicts y.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the prediction's term, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, if `fit` got them.
    """

    task: str = "classification"
    alpha: float = 10.0
    head_layer_sizes: tuple[int, ...] = (32, 16)
    class_weight: Any = None

    _parameter_constraints: ClassVar[dict] = {
        "task": [StrOptions({"classification", "regression"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "head_layer_sizes": [list, tuple],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def _network_builder(self, sample_shape: tuple[int, ...]) -> Builder:
        autoencoder = self._autoencoder_builder(sample_shape)
        if self._prediction() is None:
            return autoencoder
        n_classes = len(getattr(self, "classes_", ()))
        head = self._head_builder(
            n_features=int(self.n_components),
            n_outputs=n_classes if n_classes > 2 else 1,
            output=self._output,
        )
        return Builder(
            SupervisedAutoencoder,
            autoencoder=autoencoder,
            head=head,
            detached=self.alpha == 0,
        )

    def _autoencoder_builder(self, sample_shape: tuple[int, ...]) -> Builder:
        """Return the network without its head."""
        return super()._network_builder(sample_shape)

    def _head_builder(self, **shape: Any) -> Builder:
        sizes = self._sizes("head_layer_sizes")
        return Builder(
            Head, hidden_layer_sizes=sizes, normalization=self.normalization, **shape
        )

    def _prediction(self) -> CrossEntropy | SquaredResidual | None:
        """Return the term of the head; before `fit`, that of two classes."""
        return getattr(self, "_prediction_term", CrossEntropy())

    @property
    def _output(self) -> str:
        return "logits" if self.task == "classification" else "prediction"

    def _data(
        self,
        x: np.ndarray,
        y: Any = None,
        *,
        classes: Any = None,
        continued: bool = False,
        **columns: Any,
    ) -> Data:
        """Check the columns, and learn the classes, or the scale of the targets.

        Training that is ``continued`` keeps those that it began with.
        """
        data = super()._data(x, **columns)
        if not continued:
            self.__dict__.pop("classes_", None)
            self.__dict__.pop("_target_scale", None)
        if y is None:
            self._prediction_term = None
            return data
        return replace(data, y=self._targets(y, x, getattr(self, "classes_", classes)))

    def _targets(self, y: Any, x: np.ndarray, classes: Any) -> np.ndarray:
        """Return class indices, or targets of mean 0 and variance 1."""
        name = type(self).__name__
        if self.task == "classification":
            self.classes_, index = encode_classes(y, x, name, classes)
            weights = class_weights(self.class_weight, self.classes_, index)
            self._prediction_term = CrossEntropy(weights)
            return index
        targets = check_targets(y, x, name)
        if not hasattr(self, "_target_scale"):
            with np.errstate(over="ignore"):  # refused below
                scale = np.nanmean(targets), np.nanstd(targets) or 1.0
            if not np.isfinite(scale).all():
                largest = np.nanmax(np.abs(targets))
                raise ValueError(
                    f"Got y with entries up to {largest:.3g}, but {name} needs targets "
                    "whose squares float32 can hold; expected them in larger units."
                )
            self._target_scale = scale
        self._prediction_term = SquaredResidual()
        mean, deviation = self._target_scale
        return (targets - mean) / deviation

    def _predicted(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "network_")
        if self._prediction() is None:
            name = type(self).__name__
            raise NotFittedError(f"This {name} was fitted without y, so it predicts none.")
        x = check_rows(self, X, reset=False)
        return self.network_.read(x, [self._output], None, self.n_threads)

    @available_if(_classifies)
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_classes), float32
            Of two classes, the logit of the second.
        """
        return decision_values(self._predicted(X))

    @available_if(_classifies)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float32
            In the order of ``classes_``.
        """
        return class_probabilities(self._predicted(X))

    def predict(self, X: Any) -> np.ndarray:
        """Predict y from the code.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes, of the type that y had, or numbers.
        """
        predicted = self._predicted(X)
        if self.task == "classification":
            return self.classes_[class_probabilities(predicted).argmax(axis=1)]
        mean, deviation = self._target_scale
        return predicted[:, 0] * deviation + mean

    def score(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        n_draws: int = N_DRAWS,
        random_state: Any = 0,
        *,
        importance_weighted: bool = False,
    ) -> float:
        """Return the accuracy or R² of `predict`; without y, the mean lower bound.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images.
        y : array-like of shape (n_samples,), default=None
            Classes or numbers. Rows where they are missing do not count.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample.
        n_draws : int, default=16
            Without y: codes drawn from each posterior.
        random_state : int, RandomState instance or None, default=0
            Without y: draws the codes.
        importance_weighted : bool, default=False
            Without y: whether to average the importance-weighted bound.

        Returns
        -------
        score : float
            Higher is better.
        """
        if y is None:
            return super().score(
                X,
                None,
                sample_weight,
                n_draws,
                random_state,
                importance_weighted=importance_weighted,
            )
        predicted = self.predict(X)
        if self.task == "classification":
            return labelled_score(
                accuracy_score, y, predicted, sample_weight, self.classes_
            )
        return labelled_score(r2_score, y, predicted, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.task == "classification":
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        else:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        return tags
