"""The (beta-)variational autoencoder."""

import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skvae._compat import Interval
from skvae.estimators.base import BaseAutoencoder
from skvae.estimators.inputs import check_rows
from skvae.exceptions import PosteriorCollapseWarning
from skvae.networks.blocks import GaussianCode
from skvae.networks.builder import Builder
from skvae.objectives.elbo import BetaELBO
from skvae.objectives.reconstruction import BernoulliLikelihood, GaussianLikelihood
from skvae.training.data import DIAGNOSTIC_ROWS, spaced_rows
from skvae.training.fitting import Fitted
from skvae.training.recipe import Recipe

LIKELIHOODS = {"gaussian": GaussianLikelihood(), "bernoulli": BernoulliLikelihood()}
# A unit is active when its mean varies over the data by more than this: Burda, Grosse
# & Salakhutdinov (2016), Importance weighted autoencoders, section 5.
ACTIVE_VARIANCE = 0.01


@dataclass(eq=False, repr=False, kw_only=True)
class VAEFeatureExtractor(BaseAutoencoder):
    """Features of a (beta-)variational autoencoder of rows or images.

    It minimises the negative ELBO, ``-log p(x|z) + beta KL(q(z|x) || N(0, I))``, with a
    Gaussian decoder of one learned variance (or Bernoulli probabilities), so that
    ``beta`` means the same whatever the number and the scale of the inputs. `transform`
    reads the posterior ``mean`` and never samples.

    Parameters
    ----------
    layer : str or list of str, default="mean"
        Stage that `transform` reads, or several, side by side; see `list_layers`. Can
        be changed after `fit`. ``"z"`` reads as the mean.
    beta : float, default=1.0
        Weight of the divergence.
    kl_warmup : float, default=0.0
        Share of the epochs over which the weight of the divergence rises from zero.
    free_bits : float, default=0.0
        Nats of divergence that every latent unit has for free.

    Attributes
    ----------
    kl_per_component_ : ndarray of shape (n_components,)
        Mean divergence of each latent unit from the prior, in nats, over (at most 1024
        evenly spaced) training samples.
    active_units_ : int
        Number of latent units whose mean has a variance above 0.01 over them.
    noise_variance_ : float
        Variance of the Gaussian decoder: the mean squared error over them. NaN for
        other likelihoods.

    See Also
    --------
    Autoencoder : Without a distribution over the code.
    sklearn.decomposition.PCA : The linear baseline.

    Notes
    -----
    `score` is the ELBO (with ``beta=1``) at z = mean, in nats per sample. The decoder's
    variance is the most likely one, batch by batch while training (Rybkin et al., 2021)
    and over the training samples afterwards.

    References
    ----------
    Kingma, D. P. & Welling, M. (2014). Auto-encoding variational Bayes. ICLR.

    Higgins, I. et al. (2017). beta-VAE: learning basic visual concepts with a
    constrained variational framework. ICLR.

    Rybkin, O., Daniilidis, K. & Levine, S. (2021). Simple and effective VAE training
    with calibrated decoders. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data / 16
    >>> vae = VAEFeatureExtractor(8, max_iter=5, random_state=0).fit(X)
    >>> vae.transform(X).shape
    (1797, 8)
    >>> vae.get_feature_names_out()[:2]
    array(['mean_0', 'mean_1'], dtype=object)
    >>> vae.set_params(layer=["hidden_1", "mean"]).transform(X).shape
    (1797, 136)
    """

    layer: str | list[str] = "mean"
    beta: float = 1.0
    kl_warmup: float = 0.0
    free_bits: float = 0.0

    _parameter_constraints: ClassVar[dict] = {
        "beta": [Interval(Real, 0, None, closed="left")],
        "kl_warmup": [Interval(Real, 0, 1, closed="both")],
        "free_bits": [Interval(Real, 0, None, closed="left")],
    }

    def _bottleneck(self) -> Builder:
        return Builder(GaussianCode)

    def _objective(self) -> BetaELBO:
        return BetaELBO(
            self.beta, self.kl_warmup, self.free_bits, LIKELIHOODS[self.likelihood]
        )

    def _scoring_objective(self) -> BetaELBO:
        if self.likelihood == "gaussian":
            return BetaELBO(likelihood=GaussianLikelihood(self.noise_variance_))
        return BetaELBO(likelihood=LIKELIHOODS[self.likelihood])

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Decode codes that are drawn from the prior N(0, I).

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        random_state : int, RandomState instance or None, default=None
            Draws the codes.

        Returns
        -------
        X : ndarray, float32
            Expected samples (no pixel noise), flat or images as X was in `fit`.
        """
        check_is_fitted(self, "network_")
        size = (n_samples, self.kl_per_component_.size)
        codes = check_random_state(random_state).standard_normal(size)
        return self._decode(codes.astype(np.float32))

    def sample_posterior(self, X: Any, random_state: Any = None) -> np.ndarray:
        """Draw a code of each sample from its posterior q(z|x).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
            Rows or images.
        random_state : int, RandomState instance or None, default=None
            Draws the codes.

        Returns
        -------
        z : ndarray of shape (n_samples, n_components), float32
            Sampled codes.
        """
        check_is_fitted(self, "network_")
        x = check_rows(self, X, reset=False)
        mean, log_var = self.network_.read_each(x, ["mean", "log_var"], self.n_threads)
        noise = check_random_state(random_state).standard_normal(mean.shape)
        return (mean + np.exp(log_var / 2) * noise).astype(np.float32)

    def _attributes(self, fitted: Fitted, recipe: Recipe, x: np.ndarray) -> dict[str, Any]:
        attributes = super()._attributes(fitted, recipe, x)
        some = spaced_rows(x, DIAGNOSTIC_ROWS)
        layers = ["mean", "log_var", "reconstruction"]
        read = attributes["network_"].read_each(some, layers, recipe.n_threads)
        mean, log_var, reconstruction = read
        kl = 0.5 * (mean**2 + np.exp(log_var) - log_var - 1)
        error = np.square(reconstruction - some.reshape(len(some), -1)).mean()
        gaussian = self.likelihood == "gaussian"
        return attributes | {
            "kl_per_component_": kl.mean(axis=0),
            "active_units_": int((mean.var(axis=0) > ACTIVE_VARIANCE).sum()),
            "noise_variance_": max(float(error), 1e-8) if gaussian else np.nan,
        }

    def _keep(self, fitted: Fitted, recipe: Recipe, x: np.ndarray) -> None:
        super()._keep(fitted, recipe, x)
        if self.active_units_ == 0:
            warnings.warn(
                f"The posterior of {type(self).__name__} collapsed: none of its "
                f"{self.n_components} latent units is active, so its features carry no "
                f"information. Try a smaller beta (now {self.beta}), kl_warmup=0.5, "
                "free_bits=0.1, more epochs, or scale X.",
                PosteriorCollapseWarning,
                stacklevel=5,
            )
