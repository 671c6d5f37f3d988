"""The attribute-regularised variational autoencoder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skvae._compat import Interval, StrOptions, fit_context
from skvae.features.attribute_columns import (
    check_attributes,
    one_for_each,
    refuse_unseen,
    wanted_attributes,
)
from skvae.features.monotone import MonotoneMap
from skvae.features.predictive import PredictiveVAE
from skvae.networks.builder import Builder
from skvae.networks.published_attri_vae import PublishedAttriVAE, PublishedHead
from skvae.objectives.attributes import AttributeELBO
from skvae.objectives.reconstruction import GaussianLikelihood, Likelihood, SquaredError
from skvae.training.data import Data
from skvae.training.fitting import Fitted
from skvae.training.recipe import Phase, Recipe

PUBLISHED = {
    "paper": {"gamma": 200.0, "delta": 10.0, "max_iter": 10_000},
    "code": {"gamma": 10.0, "delta": 100.0, "max_iter": 5_000},
}


@dataclass(eq=False, repr=False, kw_only=True)
class AttriVAE(PredictiveVAE):
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
    likelihood : {"gaussian", "bernoulli", "squared_error"}, default="gaussian"
        How the reconstruction is compared with the input; ``"bernoulli"`` is for
        inputs in [0, 1] and reconstructs probabilities; ``"squared_error"`` sums the
        squares of all entries, as published.

    Attributes
    ----------
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
    The loss is ``reconstruction + beta divergence + alpha prediction + gamma attributes``,
    each a column of ``history_``. The first two are in nats, as in `VAEFeatureExtractor`,
    but for ``counted_entries``. Only the order of an attribute counts, whatever its
    scale. NaN is a missing attribute, and leaves only the pairs with it out; NaN or None
    is a missing label, and so is -1 beside two other classes. Such rows train the rest.
    ``augment`` changes images and not their attributes: leave out what would change
    them, such as ``scale`` beside a volume.

    `fit` asks for ``attributes`` (and ``groups``) by itself. Under metadata routing,
    pass them to whatever is fitted: ``search.fit(X, y, attributes=A)``,
    ``cross_validate(pipeline, X, y, params={"attributes": A})``. Without routing, name
    the step: ``pipeline.fit(X, y, vae__attributes=A)``.

    References
    ----------
    Cetin, I., Stephens, M., Camara, O. & Gonzalez Ballester, M. A. (2023). Attri-VAE:
    attribute-based interpretable representations of medical images with variational
    autoencoders. Computerized Medical Imaging and Graphics 104.

    Pati, A. & Lerch, A. (2021). Attribute-based regularization of latent spaces for
    variational auto-encoders. Neural Computing and Applications 33.

    Examples
    --------
    >>> from skvae.datasets import make_sprites
    >>> sprites = make_sprites(400, size=16, random_state=0)
    >>> scale = sprites.factors[:, 1:2]
    >>> vae = AttriVAE(n_components=4, max_iter=20, random_state=0)
    >>> vae = vae.fit(sprites.images, sprites.target, attributes=scale)
    >>> small, large = vae.sample(2, attributes=[[0.5], [1.0]], random_state=0)
    >>> bool(small.sum() < large.sum())
    True
    """

    likelihood: str = "gaussian"
    gamma: float = 200.0
    delta: float | Sequence[float] = 10.0
    attribute_weight: Sequence[float] | None = None
    ties: str = "zero"
    attribute_stage: str = "z"
    counted_entries: int | None = 1000
    reconstruction_fraction: float = 0.0
    architecture: str = "default"

    _parameter_constraints: ClassVar[dict] = {
        "likelihood": [StrOptions({"gaussian", "bernoulli", "squared_error"})],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "delta": [Interval(Real, 0, None, closed="neither"), list, tuple],
        "attribute_weight": [list, tuple, None],
        "ties": [StrOptions({"zero", "ignore"})],
        "attribute_stage": [StrOptions({"mean", "z"})],
        "counted_entries": [Interval(Integral, 1, None, closed="left"), None],
        "reconstruction_fraction": [Interval(Real, 0, 1, closed="left")],
        "architecture": [StrOptions({"default", "published"})],
    }
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
            "alpha": 1.0,
            "beta": 2.0,
            "batch_size": 16,
            "learning_rate_init": 1e-4,
        }
        return cls(**shared | PUBLISHED[setting] | parameters)

    def _autoencoder_builder(self, sample_shape: tuple[int, ...]) -> Builder:
        if self.architecture != "published":
            return super()._autoencoder_builder(sample_shape)
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

    def _head_builder(self, **shape: Any) -> Builder:
        if self.architecture == "published":
            return Builder(PublishedHead, **shape)
        return super()._head_builder(**shape)

    def _likelihood(self) -> Likelihood:
        if self.likelihood == "squared_error":
            return SquaredError(factor=1.0)
        return super()._likelihood()

    def _density(self) -> Likelihood:
        if self.likelihood == "squared_error":
            return GaussianLikelihood(variance=0.5)  # exp(-‖x - x̂‖²), normalised
        return super()._density()

    def _objective(self) -> AttributeELBO:
        names = getattr(self, "attribute_names_", None)
        n_attributes = len(names) if names else None
        gamma: Any = float(self.gamma)
        if self.attribute_weight is not None:
            weight = one_for_each(self.attribute_weight, n_attributes, "attribute_weight")
            gamma = tuple((gamma * np.array(weight)).tolist())
        return AttributeELBO(
            self._elbo(),
            self._prediction(),
            alpha=float(self.alpha) or 1.0,
            gamma=gamma,
            delta=one_for_each(self.delta, n_attributes, "delta"),
            ties=self.ties,
            stage=self.attribute_stage,
            counted_entries=self.counted_entries,
            start=float(self.reconstruction_fraction),
        )

    def _data(
        self,
        x: np.ndarray,
        y: Any = None,
        attributes: Any = None,
        *,
        continued: bool = False,
        **columns: Any,
    ) -> Data:
        data = super()._data(x, y, continued=continued, **columns)
        if not continued:
            self.attribute_names_ = []
            self.__dict__.pop("_attribute_scaler", None)
        if attributes is None:
            return data
        return replace(data, attributes=self._scaled_attributes(attributes, x))

    def _scaled_attributes(self, attributes: Any, x: np.ndarray) -> np.ndarray:
        """Return the attributes as numbers that float32 can tell apart."""
        name = type(self).__name__
        names, values = check_attributes(attributes, x, self.n_components, name)
        if self.attribute_names_ and names != self.attribute_names_:
            raise ValueError(
                f"Got the attributes {', '.join(names)}, but {name} has been trained with "
                f"{', '.join(self.attribute_names_)}."
            )
        if not self.attribute_names_:
            self.attribute_names_ = names
            self._attribute_scaler = StandardScaler().fit(values)
        scaled: np.ndarray = self._attribute_scaler.transform(values).astype(np.float32)
        return scaled

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
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images. Columns of a table should be standardised, images scaled to
            about [0, 1]. A float32 memory map is streamed from its file.
        y : array-like of shape (n_samples,), default=None
            Classes or numbers, as ``task`` says, some of which may be missing. Without,
            there is no head.
        attributes : array-like of shape (n_samples, n_attributes), default=None
            Attributes in any units, NaN where missing; the k-th orders the k-th unit.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample in the loss.
        groups : array-like of shape (n_samples,), default=None
            Patient of each sample; early stopping never splits a patient.

        Returns
        -------
        self : object
            The fitted estimator.

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
            continued=self.warm_start and hasattr(self, "network_"),
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
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images.
        y : array-like of shape (n_samples,), default=None
            Classes or numbers.
        attributes : array-like of shape (n_samples, n_attributes), default=None
            Attributes. Their maps are those of the last call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample in the loss.
        classes : array-like of shape (n_classes,), default=None
            All classes, at the first call, where its y does not have them all.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit(
            X,
            (Phase(1, float(self.learning_rate_init)),),
            resume=True,
            same_input=True,
            y=y,
            attributes=attributes,
            sample_weight=sample_weight,
            classes=classes,
            continued=hasattr(self, "network_"),
        )

    def _attributes(self, fitted: Fitted, recipe: Recipe, data: Data) -> dict[str, Any]:
        attributes = super()._attributes(fitted, recipe, data)
        if data.attributes is None:
            # Training that goes on without attributes keeps what it knows of them.
            maps = self.attribute_maps_ if self.attribute_names_ else []
            return attributes | {"attribute_maps_": maps}
        (mean,) = attributes["network_"].read_each(data.x, ["mean"], recipe.n_threads)
        values = self._attribute_scaler.inverse_transform(data.attributes)
        maps = [MonotoneMap.fit(mean[:, k], a) for k, a in enumerate(values.T)]
        return attributes | {"attribute_maps_": maps}

    def sample(
        self, n_samples: int = 1, attributes: Any = None, random_state: Any = None
    ) -> np.ndarray:
        """Decode codes that are drawn from the prior N(0, I), some units set to attributes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        attributes : dict or array-like of shape (n_samples, n_attributes), default=None
            Attributes that the samples should have, in their own units: values by name,
            or a column for each, with NaN where a unit is to be drawn.
        random_state : int, RandomState instance or None, default=None
            Draws the codes.

        Returns
        -------
        X : ndarray, float32
            Expected samples (no pixel noise), flat or images as X was in `fit`.

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
