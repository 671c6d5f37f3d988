"""What every variational autoencoder shares, whatever else it learns."""

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
from skvae.objectives.reconstruction import (
    BernoulliLikelihood,
    GaussianLikelihood,
    Likelihood,
)
from skvae.training.data import DIAGNOSTIC_ROWS, Data, spaced_rows
from skvae.training.fitting import Fitted
from skvae.training.recipe import Recipe

LIKELIHOODS: dict[str, Likelihood] = {
    "gaussian": GaussianLikelihood(),
    "bernoulli": BernoulliLikelihood(),
}
# A unit is active when its mean varies over the data by more than this: Burda, Grosse
# & Salakhutdinov (2016), Importance weighted autoencoders, section 5.
ACTIVE_VARIANCE = 0.01


@dataclass(eq=False, repr=False, kw_only=True)
class BaseVAE(BaseAutoencoder):
    """An autoencoder with a Gaussian code.

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

    def _elbo(self) -> BetaELBO:
        """Return the negative ELBO with the weights of this estimator."""
        return BetaELBO(self.beta, self.kl_warmup, self.free_bits, self._likelihood())

    def _likelihood(self) -> Likelihood:
        """Return how the reconstruction is compared with the input."""
        return LIKELIHOODS[self.likelihood]

    def _scoring_objective(self) -> BetaELBO:
        if self.likelihood == "gaussian":
            return BetaELBO(likelihood=GaussianLikelihood(self.noise_variance_))
        return BetaELBO(likelihood=self._likelihood())

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
        return self._decode(self._prior_codes(n_samples, random_state))

    def _prior_codes(self, n_samples: int, random_state: Any) -> np.ndarray:
        size = (n_samples, self.kl_per_component_.size)
        return check_random_state(random_state).standard_normal(size).astype(np.float32)

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

    def _attributes(self, fitted: Fitted, recipe: Recipe, data: Data) -> dict[str, Any]:
        attributes = super()._attributes(fitted, recipe, data)
        some = spaced_rows(data.x, DIAGNOSTIC_ROWS)
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

    def _keep(self, fitted: Fitted, recipe: Recipe, data: Data) -> None:
        super()._keep(fitted, recipe, data)
        if self.active_units_ == 0:
            warnings.warn(
                f"The posterior of {type(self).__name__} collapsed: none of its "
                f"{self.n_components} latent units is active, so its features carry no "
                f"information. Try a smaller beta (now {self.beta}), kl_warmup=0.5, "
                "free_bits=0.1, more epochs, or scale X.",
                PosteriorCollapseWarning,
                stacklevel=5,
            )
