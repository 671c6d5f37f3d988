"""The sparse autoencoder: many code units, few of them busy."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from skvae._compat import Interval, StrOptions
from skvae.estimators.base import BaseAutoencoder
from skvae.networks.blocks import Bottleneck
from skvae.networks.builder import Builder
from skvae.networks.staged import Noise, Stages
from skvae.objectives.batch import Batch, Objective, Terms, Trace
from skvae.objectives.reconstruction import PLAIN_LIKELIHOODS, Likelihood
from skvae.objectives.sparsity import bernoulli_kl
from skvae.training.data import DIAGNOSTIC_ROWS, spaced_rows
from skvae.training.fitting import Fitted
from skvae.training.recipe import Recipe

# Rows after which the mean activation has forgotten half.
MEMORY_ROWS = 1000
# A bounded unit counts as active above this; the others above zero.
ACTIVE_SIGMOID = 0.1


class MeasuredCode(Bottleneck):
    """A code in [0, 1] with the mean activation of each unit over the last rows.

    The estimate is a running mean whose memory is counted in rows, so that it does not
    depend on the batch size; its gradient is that of the batch's mean.
    """

    total: Tensor
    weight: Tensor

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.to_code = nn.Linear(n_features, n_components)
        self.register_buffer("total", torch.zeros(n_components))
        self.register_buffer("weight", torch.zeros(()))

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        code = self.to_code(x).sigmoid()
        estimate = self.total / self.weight.clamp(min=torch.finfo(x.dtype).tiny)
        if self.training:
            batch = code.mean(dim=0)
            total, weight = self.updated(batch.detach(), len(x))
            estimate = (total / weight) + (batch - batch.detach())
        yield "mean_activation", estimate.expand(len(x), -1)
        yield "code", code

    def updated(self, batch_mean: Tensor, n_rows: int) -> tuple[Tensor, Tensor]:
        """Return the running sum and its weight after a batch."""
        kept = 0.5 ** (n_rows / MEMORY_ROWS)
        return (
            kept * self.total + (1 - kept) * batch_mean,
            kept * self.weight + (1 - kept),
        )

    def remember(self, trace: Mapping[str, Tensor]) -> None:
        if self.training:
            code = trace["code"].detach()
            total, weight = self.updated(code.mean(dim=0), len(code))
            self.total.copy_(total)
            self.weight.copy_(weight)


class TopKCode(Bottleneck):
    """A code of which only the k largest units of each sample are not zero.

    Makhzani & Frey (2014), k-sparse autoencoders, ICLR.
    """

    def __init__(self, n_features: int, n_components: int, k: int) -> None:
        super().__init__()
        self.to_code = nn.Linear(n_features, n_components)
        self.k = k

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        yield "pre_activation", (pre := self.to_code(x))
        largest = pre.topk(self.k, dim=1)
        yield "code", torch.zeros_like(pre).scatter(1, largest.indices, largest.values)


@dataclass(frozen=True)
class QuietReconstruction:
    """Reconstruction from units that are active as rarely as a target says.

    -log p(x|z) + beta sum_j KL(rho ‖ rho_hat_j); the second term is over the batch and
    the rows before it.
    """

    likelihood: Likelihood
    target: float
    weight: float

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        divergence = bernoulli_kl(self.target, trace["mean_activation"][0])
        return {
            "reconstruction": self.likelihood(trace, batch),
            "sparsity": self.weight * divergence.sum(),
        }


@dataclass(eq=False, repr=False)
class SparseAutoencoder(BaseAutoencoder):
    """Features of an autoencoder with many code units, few of which are active.

    The code may be wider than the input: its capacity is limited by what it may do.
    With ``sparsity="kl"`` the units are bounded to [0, 1], and a penalty pulls the mean
    activation of each over the data towards ``sparsity_target``; with ``"topk"`` only
    the ``k`` largest units of each sample are not zero.

    Parameters
    ----------
    n_components : int, default=100
        Number of code units.
    hidden_layer_sizes : tuple of int, default=()
        Sizes of the dense layers between input (or last feature map) and code.
    sparsity : {"kl", "topk"}, default="kl"
        What keeps the code sparse.
    sparsity_target : float, default=0.05
        Mean activation rho that each unit is pulled to, with ``sparsity="kl"``.
    sparsity_weight : float, default=1.0
        Weight of the penalty against half the squared error of a sample.
    k : int, default=10
        Number of non-zero units of each sample, with ``sparsity="topk"``.

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

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data / 16
    >>> sparse = SparseAutoencoder(sparsity="topk", k=5, max_iter=2, random_state=0)
    >>> (sparse.fit_transform(X) != 0).sum(axis=1).mean()
    np.float64(5.0)
    """

    n_components: int = 100
    _: KW_ONLY
    hidden_layer_sizes: tuple[int, ...] = ()
    sparsity: str = "kl"
    sparsity_target: float = 0.05
    sparsity_weight: float = 1.0
    k: int = 10

    _parameter_constraints: ClassVar[dict] = {
        "sparsity": [StrOptions({"kl", "topk"})],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither")],
        "sparsity_weight": [Interval(Real, 0, None, closed="left")],
        "k": [Interval(Integral, 1, None, closed="left")],
    }

    def _bottleneck(self) -> Builder:
        if self.sparsity == "kl":
            return Builder(MeasuredCode)
        if self.k > self.n_components:
            raise ValueError(
                f"Got k={self.k} with n_components={self.n_components}, but at most all "
                "units of a sample can be active."
            )
        return Builder(TopKCode, k=int(self.k))

    def _objective(self) -> Objective:
        if self.sparsity != "kl":
            return super()._objective()
        likelihood = PLAIN_LIKELIHOODS[self.likelihood]
        return QuietReconstruction(likelihood, self.sparsity_target, self.sparsity_weight)

    def _scoring_objective(self) -> Objective:
        return super()._objective()

    def _attributes(self, fitted: Fitted, recipe: Recipe, x: np.ndarray) -> dict[str, Any]:
        attributes = super()._attributes(fitted, recipe, x)
        some = spaced_rows(x, DIAGNOSTIC_ROWS)
        layers = ["code", "reconstruction"]
        code, rows = attributes["network_"].read_each(some, layers, recipe.n_threads)
        active = code > ACTIVE_SIGMOID if self.sparsity == "kl" else code != 0
        some = some.reshape(len(some), -1)
        variance = max(float(some.var(axis=0, dtype=np.float64).sum()), 1e-12)
        error = float(np.square(rows - some).mean(axis=0).sum())
        return attributes | {
            "mean_activation_": code.mean(axis=0),
            "dead_units_": int((~active.any(axis=0)).sum()),
            "l0_": float(active.sum(axis=1).mean()),
            "explained_variance_": 1 - error / variance,
        }
