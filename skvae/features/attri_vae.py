"""The attribute-regularised variational autoencoder."""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skvae._compat import Interval, StrOptions, fit_context
from skvae.arguments import check_columns
from skvae.estimators.declared import NonNegative, ShareBelowOne, Sizes
from skvae.estimators.inputs import check_rows
from skvae.estimators.settled import Fit, Learned
from skvae.estimators.targets import (
    Classes,
    Target,
    TargetScale,
    class_probabilities,
    decision_values,
)
from skvae.features.attribute_columns import (
    LearnedAttributes,
    one_for_each,
    refuse_unseen,
    wanted_attributes,
)
from skvae.features.lower_bound import N_DRAWS
from skvae.features.variational import BaseVAE
from skvae.networks.builder import Builder
from skvae.networks.head import Head
from skvae.networks.published_attri_vae import PublishedAttriVAE, PublishedHead
from skvae.networks.supervised import SupervisedAutoencoder
from skvae.objectives.attributes import AttributeELBO
from skvae.objectives.reconstruction import Likelihood, SquaredError
from skvae.training.data import Data
from skvae.training.fitting import Fitted

PUBLISHED = {
    "paper": {"gamma": 200.0, "delta": 10.0, "max_iter": 10_000},
    "code": {"gamma": 10.0, "delta": 100.0, "max_iter": 5_000},
}


def _classifies(estimator: "AttriVAE") -> bool:
    """Whether there are classes: what `fit` has seen counts, not what is to come."""
    target = getattr(getattr(estimator, "_learned", None), "target", None)
    task = estimator.task
    if target is not None:
        task = "classification" if isinstance(target, Classes) else "regression"
    if task != "classification":
        raise AttributeError(
            f"Got task={task!r}, but only task='classification' has classes."
        )
    return True


class AttriVAE(BaseVAE):
    """A VAE whose first latent units are ordered by attributes, and that predicts y.

    Each attribute (volume, age, intensity, ...) has a latent unit of its own: the first
    attribute the first unit, and so on. A term of the loss asks of every pair of samples
    in a batch that the unit orders them as the attribute does, so that moving along the
    unit changes the attribute in the decoded image. With y, a small network predicts it
    from the code, and what it learns shapes the code.

    Parameters
    ----------
    gamma : float, default=200.0
        Weight of each attribute's term.
    delta : float or tuple of float, default=10.0
        Steepness of the attributes' terms, for all or for each: about one over the
        distance at which two units count as ordered.
    attribute_weight : tuple of float or None, default=None
        Factor of ``gamma`` for each attribute.
    leakage_weight : float, default=0.01
        Factor of ``gamma`` for what the other units know of an attribute; 0 is the
        published loss, in which all of them may follow it.
    ties : {"zero", "ignore"}, default="zero"
        Whether samples with the same attribute are drawn together, as published, or
        pairs of them are left out: for attributes of few values such as sex.
    attribute_stage : {"mean", "z"}, default="z"
        Whether the attributes order the units' means or, as published, their samples.
    counted_entries : int or None, default=1000
        A sample of more entries (pixels, voxels) counts in the reconstruction as one
        of so many, so that all weights mean the same at every image size; ``None``
        counts all.
    reconstruction_fraction : float, default=0.0
        Share of the epochs that train the autoencoder alone, before attributes and
        prediction join.
    architecture : {"default", "published"}, default="default"
        ``"published"`` is the network of Cetin et al.; of the parameters that shape a
        network, only ``n_components`` and ``dropout`` count then. See `published`.
    task : {"classification", "regression"}, default="classification"
        What y is, should `fit` get one.
    alpha : float, default=10.0
        Weight of the prediction of y; with 1, it hardly shapes the code. With 0, the head
        learns from the code as it is, without shaping it.
    head_layer_sizes : tuple of int, default=(32, 16)
        Sizes of the hidden layers of the network that predicts y.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the prediction's term, as in scikit-learn.
    likelihood : {"gaussian", "bernoulli", "squared_error"}, default="gaussian"
        How the reconstruction is compared with the input; ``"bernoulli"`` is for
        inputs in [0, 1] and reconstructs probabilities; ``"squared_error"`` sums the
        squares of all entries, as published.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, if `fit` got them.
    attribute_names_ : list of str
        Names of the attributes: those of their columns, or ``attribute_0``, ...
    attribute_maps_ : list of MonotoneMap
        For each attribute, the increasing map between it, in its own units, and its
        latent unit, from the training samples.

    See Also
    --------
    VAEFeatureExtractor : Without attributes and labels.

    Notes
    -----
    The loss is ``reconstruction + beta divergence + alpha prediction + gamma (attributes +
    leakage_weight leakage)``, each term a column of ``history_``. The first two are in
    nats, as in `VAEFeatureExtractor`, but for ``counted_entries``. The last is the squared
    correlation of each attribute's ranks with the means of the units that are not its own,
    less what the attributes have in common. Only the order of an attribute counts,
    whatever its scale. NaN is a missing attribute, and leaves only the pairs with it out;
    NaN or None is a missing label, and so is -1 beside two other classes. Such rows train
    the rest.
    ``augment`` changes images and not their attributes: leave out what would change
    them, such as ``scale`` beside a volume.

    `fit` asks for ``attributes`` (and ``groups``) by itself. Under metadata routing,
    pass them to whatever is fitted: ``search.fit(X, y, attributes=A)``,
    ``cross_validate(pipeline, X, y, params={"attributes": A})``. Without routing, name
    the step: ``pipeline.fit(X, y, vae__attributes=A)``.

    References
    ----------
    Adeli, E., Zhao, Q., Pfefferbaum, A., Sullivan, E. V., Fei-Fei, L., Niebles, J. C. &
    Pohl, K. M. (2021). Representation learning with statistical independence to mitigate
    bias. WACV.

    Cetin, I., Stephens, M., Camara, O. & Gonzalez Ballester, M. A. (2023). Attri-VAE:
    attribute-based interpretable representations of medical images with variational
    autoencoders. Computerized Medical Imaging and Graphics 104.

    Pati, A. & Lerch, A. (2021). Attribute-based regularization of latent spaces for
    variational auto-encoders. Neural Computing and Applications 33.

    Examples
    --------
    >>> from skvae.datasets import make_sprites
    >>> sprites = make_sprites(200, size=16, random_state=0)
    >>> scale = sprites.factors[:, 1:2]
    >>> vae = AttriVAE(n_components=4, max_iter=15, random_state=0)
    >>> vae = vae.fit(sprites.images, sprites.target, attributes=scale)
    >>> small, large = vae.sample(2, attributes=[[0.5], [1.0]], random_state=0)
    >>> bool(small.sum() < large.sum())
    True
    """

    likelihood: Annotated[str, StrOptions({"gaussian", "bernoulli", "squared_error"})] = (
        "gaussian"
    )
    task: Annotated[str, StrOptions({"classification", "regression"})] = "classification"
    alpha: NonNegative = 10.0
    head_layer_sizes: Sizes = (32, 16)
    class_weight: Annotated[Any, dict, StrOptions({"balanced"}), None] = None
    gamma: NonNegative = 200.0
    delta: Annotated[
        float | Sequence[float], Interval(Real, 0, None, closed="neither"), list, tuple
    ] = 10.0
    attribute_weight: Annotated[Sequence[float] | None, list, tuple, None] = None
    leakage_weight: NonNegative = 0.01
    ties: Annotated[str, StrOptions({"zero", "ignore"})] = "zero"
    attribute_stage: Annotated[str, StrOptions({"mean", "z"})] = "z"
    counted_entries: int | None = 1000
    reconstruction_fraction: ShareBelowOne = 0.0
    architecture: Annotated[str, StrOptions({"default", "published"})] = "default"

    _unfitted: ClassVar[Learned] = LearnedAttributes()
    _takes_several: ClassVar[bool] = False
    __metadata_request__fit: ClassVar = {"attributes": True}
    __metadata_request__partial_fit: ClassVar = {"attributes": True}

    @classmethod
    def published(cls, setting: str = "paper", **parameters: Any) -> Self:
        """Return an estimator with the network and the loss of Cetin et al. (2023).

        Paper and code of the authors disagree on the weights. Their loss is the summed
        squared error + beta divergence + alpha prediction + gamma attributes, with
        weights that hold for images of 80 x 80 x 80. Left out are what the code adds to
        the paper: an L1 penalty of all weights, and a standard deviation of
        exp(log_var) instead of exp(log_var / 2).

        Parameters
        ----------
        setting : {"paper", "code"}, default="paper"
            ``"paper"``: beta 2, gamma 200, delta 10, 10,000 epochs; ``"code"``: beta 2,
            gamma 10, delta 100, 5,000 epochs.
        **parameters : dict
            Parameters to set otherwise, such as ``max_iter``.

        Returns
        -------
        estimator : AttriVAE
            The estimator, not fitted.
        """
        if setting not in PUBLISHED:
            raise ValueError(
                f"Got setting={setting!r}, but expected one of {list(PUBLISHED)}."
            )
        shared = {
            "n_components": 64,
            "architecture": "published",
            "dropout": 0.25,
            "likelihood": "squared_error",
            "counted_entries": None,
            "leakage_weight": 0.0,
            "alpha": 1.0,
            "beta": 2.0,
            "batch_size": 16,
            "learning_rate_init": 1e-4,
        }
        return cls(**shared | PUBLISHED[setting] | parameters)

    def _network_builder(
        self, sample_shape: tuple[int, ...], learned: LearnedAttributes
    ) -> Builder:
        autoencoder = self._autoencoder_builder(sample_shape, learned)
        if learned.target is None:
            return autoencoder
        shape = {
            "n_features": int(self.n_components),
            "n_outputs": learned.target.n_outputs,
            "output": learned.target.output,
        }
        if self.architecture == "published":
            head = Builder(PublishedHead, **shape)
        else:
            sizes = self._sizes("head_layer_sizes")
            options = {"hidden_layer_sizes": sizes, "normalization": self.normalization}
            head = Builder(Head, **options, **shape)
        detached = self.alpha == 0
        return Builder(
            SupervisedAutoencoder, autoencoder=autoencoder, head=head, detached=detached
        )

    def _autoencoder_builder(
        self, sample_shape: tuple[int, ...], learned: LearnedAttributes
    ) -> Builder:
        """Return the network without its head."""
        if self.architecture != "published":
            return super()._network_builder(sample_shape, learned)
        if len(sample_shape) == 1:
            raise ValueError(
                f"Got architecture='published' for rows of {sample_shape[0]} features, but "
                "the published network takes images, or rows of pixels with image_shape."
            )
        return Builder(
            PublishedAttriVAE,
            image_shape=sample_shape,
            n_components=int(self.n_components),
            dropout=self.dropout,
        )

    def _likelihood(self) -> Likelihood:
        if self.likelihood == "squared_error":
            return SquaredError(factor=1.0)
        return super()._likelihood()

    def _objective(self, learned: LearnedAttributes) -> AttributeELBO:
        n_attributes = len(learned.names) or None
        gamma: Any = float(self.gamma)
        if self.attribute_weight is not None:
            weight = one_for_each(self.attribute_weight, n_attributes, "attribute_weight")
            gamma = tuple((gamma * np.array(weight)).tolist())
        return AttributeELBO(
            self._elbo(),
            None if learned.target is None else learned.target.loss,
            alpha=float(self.alpha) or 1.0,
            gamma=gamma,
            delta=one_for_each(self.delta, n_attributes, "delta"),
            ties=self.ties,
            stage=self.attribute_stage,
            start=float(self.reconstruction_fraction),
            leakage=float(self.leakage_weight) or None,
        )

    def _data(
        self,
        x: np.ndarray,
        known: LearnedAttributes | None,
        y: Any = None,
        attributes: Any = None,
        classes: Any = None,
        **columns: Any,
    ) -> tuple[Data, LearnedAttributes]:
        data, scale = super()._data(x, known, **columns)
        learned = known or LearnedAttributes(scale.input_scale)
        if known is not None:
            known.refuse_other_head(y, type(self).__name__)
        if y is not None:
            target, scaled = self._targets(y, data, learned.target, classes)
            learned, data = replace(learned, target=target), replace(data, y=scaled)
        if attributes is None:
            return data, learned
        name = type(self).__name__
        learned, values = learned.scaled(attributes, data, self.n_components, name)
        return replace(data, attributes=values), learned

    def _targets(
        self, y: Any, data: Data, known: Target | None, classes: Any
    ) -> tuple[Target, np.ndarray]:
        """Return what is predicted, and the class or scaled target of each row."""
        x, weight, name = data.x, data.sample_weight, type(self).__name__
        if self.task == "regression":
            scale = known if isinstance(known, TargetScale) else None
            return TargetScale.learn(y, x, name, weight, scale)
        if isinstance(known, Classes):
            classes = known.classes
        return Classes.learn(y, x, name, self.class_weight, weight, classes)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any = None,
        attributes: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
    ) -> Self:
        """Train the network on X, its attributes and its labels.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Classes or numbers, as ``task`` says, some of which may be missing. Without,
            there is no head.
        attributes : array-like of shape (n_samples, n_attributes), default=None
            Attributes in any units, NaN where missing; the k-th orders the k-th unit.
            Booleans are 0 and 1; ordered categories of a table are the places 0, 1, ...
            in their order, unless they are numbers. Text is refused.

        Raises
        ------
        ValueError
            If an input or a parameter is not as expected, such as an attribute that is
            the same everywhere; the estimator stays as it was.
        NonFiniteLossError
            If the loss becomes NaN or infinite.
        """
        return self._fit(
            X,
            self._phases(),
            resume=self.warm_start,
            y=y,
            attributes=attributes,
            sample_weight=sample_weight,
            groups=groups,
        )

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        attributes: Any = None,
        sample_weight: Any = None,
        classes: Any = None,
    ) -> Self:
        """Train for one more epoch on X.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Classes or numbers.
        attributes : array-like of shape (n_samples, n_attributes), default=None
            Attributes. Their maps are those of the last call.
        classes : array-like of shape (n_classes,), default=None
            All classes, at the first call, where its y does not have them all.
        """
        return self._fit(
            X,
            (self._phase(1),),
            resume=True,
            same_input=True,
            y=y,
            attributes=attributes,
            sample_weight=sample_weight,
            classes=classes,
        )

    def _results(self, fitted: Fitted, fit: Fit) -> dict[str, Any]:
        results, data = super()._results(fitted, fit), fit.data
        results["_learned"] = replace(fit.learned, given=None)
        if data.attributes is None:
            # Training that goes on without attributes keeps what it knows of them.
            maps = self.attribute_maps_ if fit.learned.names else []
            return results | {"attribute_maps_": maps}
        (mean,) = results["network_"].read_each(data.x, ["mean"], fit.recipe.n_threads)
        maps = fit.learned.maps(mean, data.sample_weight)
        return results | {"attribute_maps_": maps}

    def _predicted(self, X: Any) -> np.ndarray:
        target = self._target()
        x = check_rows(self, X, reset=False)
        return self.network_.read(x, [target.output], None, self.n_threads)

    def _target(self) -> Target:
        """Return what the fitted head predicts."""
        check_is_fitted(self, "network_")
        target: Target | None = self._learned.target
        if target is None:
            name = type(self).__name__
            raise NotFittedError(f"This {name} was fitted without y, so it predicts none.")
        return target

    @available_if(_classifies)
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            Of two classes, the logit of the second.
        """
        return decision_values(self._predicted(X))

    @available_if(_classifies)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``.
        """
        return class_probabilities(self._predicted(X))

    def predict(self, X: Any) -> np.ndarray:
        """Predict y from the code.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Classes, of the type that y had, or numbers.
        """
        return self._target().predict(self._predicted(X))

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
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
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
        columns = {"y": y, "sample_weight": sample_weight}
        check_columns(type(self).__name__, X, columns)
        return self._target().score(y, self.predict(X), sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.task == "classification":
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        else:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
            tags.target_tags.multi_output = True
        return tags

    def sample(
        self, n_samples: int = 1, attributes: Any = None, random_state: Any = None
    ) -> np.ndarray:
        """Decode codes that are drawn from the prior N(0, I), some units set to attributes.

        Parameters
        ----------
        attributes : dict or array-like of shape (n_samples, n_attributes), default=None
            Attributes that the samples should have, in their own units: values by name,
            or a column for each, with NaN where a unit is to be drawn.

        Raises
        ------
        ValueError
            If an attribute is not known, or lies beyond what training saw.
        """
        check_is_fitted(self, "network_")
        codes = self._prior_codes(n_samples, random_state)
        wanted = wanted_attributes(
            {} if attributes is None else attributes, n_samples, self.attribute_names_
        )
        for k, (name, values) in enumerate(wanted.items()):
            given, to_unit = ~np.isnan(values), self.attribute_maps_[k]
            refuse_unseen(name, values[given], to_unit.lowest, to_unit.highest)
            codes[given, k] = to_unit.to_unit(values[given])
        return self._decode(codes)
