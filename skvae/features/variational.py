"""What every variational autoencoder shares, whatever else it learns."""

import math
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from skvae.arguments import check_columns
from skvae.estimators.declared import CountOrNone, NonNegative, Share
from skvae.estimators.inputs import check_rows
from skvae.estimators.settled import Fit, Learned
from skvae.exceptions import PosteriorCollapseWarning, warn_caller
from skvae.features.base import BaseAutoencoder, weighted_score
from skvae.features.lower_bound import (
    N_DRAWS,
    antithetic_draws,
    importance_weighted_bound,
    lower_bound,
    mean_errors,
)
from skvae.networks.blocks import GaussianCode
from skvae.networks.builder import Builder
from skvae.objectives.elbo import BetaELBO
from skvae.objectives.reconstruction import (
    BernoulliLikelihood,
    GaussianLikelihood,
    Likelihood,
    SquaredError,
)
from skvae.training.caching import cache_key, remember_under
from skvae.training.data import Data, overall_deviation, spaced_rows
from skvae.training.fitting import Fitted
from skvae.training.reading import FittedNetwork

LIKELIHOODS: dict[str, Likelihood] = {
    "gaussian": GaussianLikelihood(),
    "bernoulli": BernoulliLikelihood(),
}
# A unit is active when its mean varies over the data by more than this: Burda, Grosse
# & Salakhutdinov (2016), Importance weighted autoencoders, section 5.
# Of the rows on which the noise is estimated, and their entries.
LEAST_ROWS, MOST_ENTRIES = 16, 1_000_000
ACTIVE_VARIANCE = 0.01
# Root mean square deviation that entries have in the network's units: that of standardised
# columns, and about that of images in [0, 1].
ROWS_DEVIATION = 1.0
IMAGES_DEVIATION = 0.2


@dataclass(frozen=True, eq=False)
class LearnedScale(Learned):
    """What X teaches: the unit in which the network counts."""

    input_scale: float = 1.0

    def attributes(self) -> dict[str, Any]:
        return {"input_scale_": self.input_scale}


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
    counted_entries : int or None, default=None
        A sample of more entries (pixels, voxels) counts in the reconstruction as one
        of so many, so that ``beta`` means the same at every image size; ``None``
        counts all.

    Attributes
    ----------
    input_scale_ : float
        In units of what the network counts, for ``likelihood="gaussian"`` (otherwise 1):
        about 1 for standardised columns and for images in [0, 1]. It is proportional to
        the root mean square deviation of the entries of X from their column's mean, so
        that the same X in other units gives the same features.
    kl_per_component_ : ndarray of shape (n_components,)
        Mean divergence of each latent unit from the prior, in nats, over (at most 1024
        evenly spaced) training samples.
    active_units_ : int
        Number of latent units whose mean has a variance above 0.01 over them.
    noise_variance_ : float
        Variance of the Gaussian decoder, the most likely one over them: the mean squared
        error of an entry under the posterior, which is more than at its mean. NaN for
        other likelihoods.
    """

    layer: str | list[str] = "mean"
    beta: NonNegative = 1.0
    kl_warmup: Share = 0.0
    free_bits: NonNegative = 0.0
    counted_entries: CountOrNone = None

    _unfitted: ClassVar[Learned] = LearnedScale()

    # How a score is estimated is no property of samples.
    __metadata_request__score: ClassVar = dict.fromkeys(
        ("n_draws", "random_state", "importance_weighted"), UNUSED
    )

    def _bottleneck(self) -> Builder:
        return Builder(GaussianCode)

    def _elbo(self) -> BetaELBO:
        """Return the negative ELBO with the weights of this estimator."""
        weights = map(float, (self.beta, self.kl_warmup, self.free_bits))
        return BetaELBO(*weights, self._likelihood(), self.counted_entries)

    def _network_builder(
        self, sample_shape: tuple[int, ...], learned: LearnedScale
    ) -> Builder:
        body = super()._network_builder(sample_shape, learned)
        return Builder(body.cls, **dict(body.kwargs), input_scale=learned.input_scale)

    def _data(
        self, x: np.ndarray, known: LearnedScale | None, **columns: Any
    ) -> tuple[Data, LearnedScale]:
        data, _ = super()._data(x, known, **columns)
        if known is not None:
            return data, known
        if self.likelihood != "gaussian":
            return data, LearnedScale()
        usual = ROWS_DEVIATION if x.ndim == 2 else IMAGES_DEVIATION
        return data, LearnedScale(overall_deviation(data) / usual)

    def _likelihood(self) -> Likelihood:
        """Return how the reconstruction is compared with the input."""
        return LIKELIHOODS[self.likelihood]

    def _density(self) -> Likelihood:
        """Return the density of a sample, given its code, as the fitted decoder has it."""
        likelihood = self._fitted_objective.likelihood
        if isinstance(likelihood, SquaredError):  # exp(-factor ‖x - x̂‖²), normalised
            return GaussianLikelihood(1 / (2 * likelihood.factor))
        if isinstance(likelihood, GaussianLikelihood) and likelihood.variance is None:
            return GaussianLikelihood(self.noise_variance_)
        return likelihood

    def _scoring_objective(self) -> BetaELBO:
        return BetaELBO(likelihood=self._density())

    def score_samples(
        self,
        X: Any,
        n_draws: int = N_DRAWS,
        random_state: Any = 0,
        *,
        importance_weighted: bool = False,
    ) -> np.ndarray:
        """Estimate the evidence lower bound of each sample, in nats; higher is better.

        Parameters
        ----------
        n_draws : int, default=16
            Codes drawn from each posterior. The expectation over a linear Gaussian
            decoder is exact and takes none.
        random_state : int, RandomState instance or None, default=0
            Draws the codes. All samples share them, so that a score depends on neither
            the place of its sample nor its neighbours.
        importance_weighted : bool, default=False
            Whether to return the importance-weighted bound, which rises from the lower
            bound to the log-density itself with ever more draws.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float32
            Lower bounds of log p(x) under the fitted decoder, with ``beta=1``.
        """
        check_is_fitted(self, "network_")
        if not isinstance(n_draws, Integral) or n_draws < 1:
            raise ValueError(
                f"Got n_draws={n_draws!r}, but expected a whole number of at least 1."
            )
        x = check_rows(self, X, reset=False)
        bound = importance_weighted_bound if importance_weighted else lower_bound
        module, density = self.network_.module, self._density()
        draws = antithetic_draws(n_draws, self.kl_per_component_.size, random_state)
        return self.network_.apply(
            lambda rows: bound(module, density, rows, draws), x, self.n_threads
        )

    def penalized_log_likelihood(self, X: Any) -> np.ndarray:
        """Return log p(x|z) at z = mean, minus the divergence, of each sample.

        It is cheap and above the lower bound, since the decoder's spread under the
        posterior is missing: no bound of anything, and not to be compared between models
        of different size. See `score_samples`.

        Returns
        -------
        values : ndarray of shape (n_samples,), float32
            In nats.
        """
        return super().score_samples(X)

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
        """Return the mean of `score_samples`.

        Parameters
        ----------
        n_draws : int, default=16
            Codes drawn from each posterior.
        random_state : int, RandomState instance or None, default=0
            Draws the codes.
        importance_weighted : bool, default=False
            Whether to average the importance-weighted bound.

        Returns
        -------
        score : float
            Mean lower bound, in nats per sample; higher is better.
        """
        check_columns(type(self).__name__, X, {"sample_weight": sample_weight})
        scores = self.score_samples(
            X, n_draws, random_state, importance_weighted=importance_weighted
        )
        return weighted_score(scores, sample_weight)

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

    def _results(self, fitted: Fitted, fit: Fit) -> dict[str, Any]:
        results = super()._results(fitted, fit)
        network: FittedNetwork = results["network_"]

        def key() -> str:
            # By its weights: an interrupted fit is of the same recipe.
            return f"{cache_key(fit.recipe, fit.data, fitted)}-diagnostics"

        # Where one network is read at many layers, each reader would decode all of it.
        found = remember_under(
            fit.memory, key, partial(self._diagnostics, network, fit), dict
        )
        return results | found

    def _diagnostics(self, network: FittedNetwork, fit: Fit) -> dict[str, Any]:
        some, weight = spaced_rows(fit.data)
        n_threads = fit.recipe.n_threads
        mean, log_var = network.read_each(some, ["mean", "log_var"], n_threads)
        kl = 0.5 * (mean**2 + np.exp(log_var) - log_var - 1)
        centre = np.average(mean, axis=0, weights=weight)
        variance = np.average(np.square(mean - centre), axis=0, weights=weight)
        noise_variance = np.nan
        if self.likelihood == "gaussian":
            draws = antithetic_draws(N_DRAWS, mean.shape[1], random_state=0)
            # Each row is decoded for each draw: of large images, some rows say enough of
            # a mean over rows and entries, and all would cost more than to train.
            every = math.ceil(len(some) / max(LEAST_ROWS, MOST_ENTRIES // some[0].size))
            errors = network.apply(
                partial(mean_errors, network.module, draws), some[::every], n_threads
            )
            error = float(np.average(errors, weights=weight[::every]))
            gone = np.isnan(some[::every]).reshape(len(errors), -1).mean(axis=1)
            left_out = float(np.average(gone, weights=weight[::every]))
            n_known = some[0].size * (1 - left_out)
            noise_variance = max(error / max(n_known, 1e-8), 1e-8)
        return {
            "kl_per_component_": np.average(kl, axis=0, weights=weight),
            "active_units_": int((variance > ACTIVE_VARIANCE).sum()),
            "noise_variance_": noise_variance,
        }

    def _warn_of_void_codes(self, fit: Fit) -> None:
        if self.active_units_ == 0:
            warn_caller(
                f"The posterior of {type(self).__name__} collapsed: none of its "
                f"{self.n_components} latent units is active, so its features carry no "
                f"information. Try a smaller beta (now {self.beta}), kl_warmup=0.5, "
                "free_bits=0.1, more epochs, or scale X.",
                PosteriorCollapseWarning,
            )
