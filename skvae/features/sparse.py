"""The sparse autoencoder: many code units, few of them busy."""

from collections.abc import Callable
from dataclasses import field
from typing import Annotated, Any, NamedTuple

import numpy as np

from skvae._compat import StrOptions
from skvae.estimators.declared import Count, InnerShare, NonNegative
from skvae.estimators.settled import Fit
from skvae.features.base import BaseAutoencoder
from skvae.networks.activity import ACTIVE_SIGMOID
from skvae.networks.builder import Builder
from skvae.networks.sparse_codes import (
    BatchTopKCode,
    JumpReLUCode,
    ReluCode,
    SigmoidCode,
    TopKCode,
    WatchedAutoencoder,
)
from skvae.objectives.batch import Objective
from skvae.objectives.reconstruction import PLAIN_LIKELIHOODS
from skvae.objectives.sparsity import (
    FewActive,
    Penalty,
    QuietUnits,
    SmallActivations,
    SparseReconstruction,
)
from skvae.training.data import explained_variance, spaced_rows
from skvae.training.fitting import Fitted


class Sparsity(NamedTuple):
    """How a code is kept sparse: its units, and what they cost."""

    code: Builder
    penalty: Penalty | None = None
    # Sigmoid units are never quite silent, and never dead.
    bounded: bool = False


def quiet_units(kind: "SparseAutoencoder") -> Sparsity:
    """Keep units in [0, 1], each with the same mean activation."""
    penalty = QuietUnits(float(kind.sparsity_target), float(kind.sparsity_weight))
    return Sparsity(Builder(SigmoidCode), penalty, bounded=True)


def small_activations(kind: "SparseAutoencoder") -> Sparsity:
    """Let units cost what they are."""
    return Sparsity(Builder(ReluCode), SmallActivations(float(kind.sparsity_weight)))


def k_per_sample(kind: "SparseAutoencoder") -> Sparsity:
    """Keep the k largest units of each sample."""
    return Sparsity(Builder(TopKCode, k=checked_k(kind)))


def k_on_average(kind: "SparseAutoencoder") -> Sparsity:
    """Keep the k n largest units of a batch of n samples."""
    return Sparsity(Builder(BatchTopKCode, k=checked_k(kind)))


def learned_thresholds(kind: "SparseAutoencoder") -> Sparsity:
    """Keep units above thresholds of their own, k of them on average."""
    penalty = FewActive(checked_k(kind), float(kind.sparsity_weight))
    return Sparsity(Builder(JumpReLUCode), penalty)


def checked_k(kind: "SparseAutoencoder") -> int:
    """Return ``k``, or refuse one that is more than all."""
    if kind.k > kind.n_components:
        raise ValueError(
            f"Got k={kind.k} with n_components={kind.n_components}, but at most all "
            "units of a sample can be active."
        )
    return int(kind.k)


SPARSITIES: dict[str, Callable[["SparseAutoencoder"], Sparsity]] = {
    "kl": quiet_units,
    "l1": small_activations,
    "topk": k_per_sample,
    "batch_topk": k_on_average,
    "jumprelu": learned_thresholds,
}


class SparseAutoencoder(BaseAutoencoder):
    """Features of an autoencoder with many code units, few of which are active.

    The code may be wider than the input: its capacity is limited by what it may do.

    Parameters
    ----------
    n_components : int, default=100
        Number of code units.
    hidden_layer_sizes : tuple of int, default=()
        Sizes of the dense layers between input (or last feature map) and code.
    sparsity : {"kl", "l1", "topk", "batch_topk", "jumprelu"}, default="kl"
        What keeps the code sparse. ``"kl"``: units are in [0, 1], and a penalty pulls the
        mean activation of each over the data to ``sparsity_target``. ``"l1"``: units are
        above zero, with a penalty on the sum of the activations, each times the norm of
        its decoder weights, so that scaling a unit down gains nothing. ``"topk"``: only
        the ``k`` largest units of each sample are not zero. ``"batch_topk"``: ``k`` units
        on average, the largest of the batch; `transform` compares with a threshold that
        training has estimated. ``"jumprelu"``: each unit has a threshold that is learned,
        and a penalty leads to ``k`` active units on average.
    sparsity_target : float, default=0.05
        Mean activation rho that each unit is pulled to, with ``sparsity="kl"``.
    sparsity_weight : float, default=1.0
        Weight of the penalty against half the squared error of a sample, with
        ``sparsity="kl"``, ``"l1"`` and ``"jumprelu"``.
    k : int, default=10
        Number of active units of a sample, with ``sparsity="topk"``, ``"batch_topk"`` and
        ``"jumprelu"``.
    revival_weight : float, default=0.001
        Weight with which units that were not active in the last 1000 rows are pulled back
        to life, with all but ``sparsity="kl"``. Nothing else moves them, so that a tiny
        weight does; 0 leaves them dead.

    Attributes
    ----------
    mean_activation_ : ndarray of shape (n_components,)
        Mean activation rho_hat of each unit over (at most 1024 evenly spaced) training
        samples.
    dead_units_ : int
        Number of units that none of them activates (above 0.1 with ``sparsity="kl"``).
    l0_ : float
        Mean number of active units of a sample.
    explained_variance_ : float
        Share of their variance that the reconstruction explains.

    See Also
    --------
    Autoencoder : With a narrow code instead.

    Notes
    -----
    The mean activation is estimated as a running mean whose memory is counted in rows,
    so that the penalty does not depend on ``batch_size``. Sample weights weigh the
    reconstruction, not this estimate.

    References
    ----------
    Ng, A. (2011). Sparse autoencoder. CS294A lecture notes, Stanford.

    Makhzani, A. & Frey, B. (2014). k-sparse autoencoders. ICLR.

    Bussmann, B., Leask, P. & Nanda, N. (2024). BatchTopK sparse autoencoders.
    arXiv:2412.06410.

    Rajamanoharan, S. et al. (2024). Jumping ahead: improving reconstruction fidelity with
    JumpReLU sparse autoencoders. arXiv:2407.14435.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data / 16
    >>> sparse = SparseAutoencoder(sparsity="topk", k=5, max_iter=2, random_state=0)
    >>> (sparse.fit_transform(X) != 0).sum(axis=1).mean()
    np.float64(5.0)
    """

    n_components: int = field(default=100, kw_only=False)
    hidden_layer_sizes: tuple[int, ...] = ()
    sparsity: Annotated[str, StrOptions(set(SPARSITIES))] = "kl"
    sparsity_target: InnerShare = 0.05
    sparsity_weight: NonNegative = 1.0
    k: Count = 10
    revival_weight: NonNegative = 1e-3

    def _sparsity(self) -> Sparsity:
        return SPARSITIES[self.sparsity](self)

    def _bottleneck(self) -> Builder:
        return self._sparsity().code

    def _network_builder(self, sample_shape: tuple[int, ...], learned: Any) -> Builder:
        body = super()._network_builder(sample_shape, learned)
        if self._sparsity().bounded:
            return body
        return Builder(WatchedAutoencoder, body=body, n_components=int(self.n_components))

    def _objective(self, learned: Any) -> Objective:
        sparsity = self._sparsity()
        weight = 0.0 if sparsity.bounded else float(self.revival_weight)
        likelihood = PLAIN_LIKELIHOODS[self.likelihood]
        return SparseReconstruction(likelihood, sparsity.penalty, weight)

    def _results(self, fitted: Fitted, fit: Fit) -> dict[str, Any]:
        results = super()._results(fitted, fit)
        some, weight = spaced_rows(fit.data)
        layers = ["code", "reconstruction"]
        code, rows = results["network_"].read_each(some, layers, fit.recipe.n_threads)
        active = np.abs(code) > (ACTIVE_SIGMOID if self._sparsity().bounded else 0)
        error = np.nansum(np.square(rows - some.reshape(len(some), -1)), axis=1)
        return results | {
            "mean_activation_": np.average(code, axis=0, weights=weight),
            "dead_units_": int((~active.any(axis=0)).sum()),
            "l0_": float(np.average(active.sum(axis=1), weights=weight)),
            "explained_variance_": explained_variance(some, error, weight),
        }
