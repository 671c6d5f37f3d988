"""How far units of a code are from being ordered by known attributes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from skvae.objectives.batch import Batch, Terms, Trace
from skvae.objectives.elbo import BetaELBO
from skvae.objectives.leakage import attribute_leakage
from skvae.objectives.numbers import number, times
from skvae.objectives.reconstruction import Likelihood
from skvae.objectives.supervision import CrossEntropy, SquaredResidual
from skvae.objectives.weighting import quotient


def attribute_regularization(
    z: Tensor,
    attribute: Tensor,
    *,
    delta: float | Tensor = 1.0,
    ties: str = "zero",
    weight: Tensor | None = None,
) -> Tensor:
    """Disagreement between the order of a unit and that of an attribute, over all pairs.

    L = 1/N² sum_ij |tanh(delta (z_i - z_j)) - sgn(a_i - a_j)|

    It is 0 where every pair has the order of its attribute and is far apart, about 1
    for any order, and 2 for the reverse. Only the order of the attribute counts.
    Pati & Lerch (2021), Attribute-based regularization of latent spaces for variational
    auto-encoders, Neural Computing and Applications 33, eq. 4 to 6; Cetin et al. (2023),
    Attri-VAE, Computerized Medical Imaging and Graphics 104, eq. 7 to 10.

    Parameters
    ----------
    z : Tensor of shape (n,) or (n, n_attributes)
        Values of the units.
    attribute : Tensor of the shape of z
        The attribute of each unit. Pairs in which one is missing (NaN) are left out,
        and the mean is over the pairs that count.
    delta : float or Tensor of shape (n_attributes,), default=1.0
        Steepness: how close two units may be and still count as ordered.
    ties : {"zero", "ignore"}, default="zero"
        Whether pairs with equal attributes are drawn together, as in the equation, or
        left out like missing ones.
    weight : Tensor of shape (n,), optional
        Weight of each sample; a pair weighs the product of two.

    Returns
    -------
    loss : Tensor, 0-d or of shape (n_attributes,)
        One value per attribute; 0 where no pair counts.

    Examples
    --------
    >>> z, a = torch.tensor([0.0, 1.0, 3.0]), torch.tensor([1.0, 2.0, 2.0])
    >>> attribute_regularization(z, a, delta=1.0)
    tensor(0.2683)
    """
    difference = attribute[:, None] - attribute[None]
    counts = ~difference.isnan()  # here, since torch gives NaN the sign 0, a tie
    order = difference.sign().to(z.dtype)
    if ties == "ignore":
        counts = counts & (order != 0)
    pair_weight = counts.to(z.dtype)
    if weight is not None:
        shape = (-1, *[1] * (z.ndim - 1))
        relative = quotient(weight, weight.amax(dim=0))  # its square may be no float
        of_pair = relative[:, None] * relative[None]
        pair_weight = pair_weight * of_pair.reshape(len(z), *shape)
    distance = torch.tanh(delta * (z[:, None] - z[None]))
    disagreement = (distance - order).abs() * pair_weight
    return quotient(disagreement.sum(dim=(0, 1)), pair_weight.sum(dim=(0, 1)))


@dataclass(frozen=True)
class AttributeELBO:
    """A beta-VAE whose first units are ordered by attributes, and that predicts a label.

    ELBO terms + alpha prediction + sum_k gamma_k (L(z_k, a_k) + leakage L_k(mean)).
    Cetin et al. (2023), Attri-VAE, Computerized Medical Imaging and Graphics 104, eq. 2
    to 11; the last term is that of `attribute_leakage`.

    Parameters
    ----------
    elbo : BetaELBO
        Reconstruction and divergence.
    prediction : CrossEntropy or SquaredResidual, optional
        The term of the head, where there is one.
    alpha : float
        Weight of the prediction.
    gamma : float or tuple of float
        Weight of each attribute.
    delta : float or tuple of float
        Steepness of each attribute's term.
    ties : {"zero", "ignore"}
        What equal attributes mean.
    stage : {"mean", "z"}
        Where the attributes order the units.
    start : float
        Share of the training budget after which prediction and attributes begin to count.
    leakage : float, optional
        Weight of what the other units know of an attribute, by their means: those are
        read, and the noise of a sample would hide it. Without, there is no such term.
    """

    elbo: BetaELBO
    prediction: CrossEntropy | SquaredResidual | None = None
    alpha: float = number(1.0)
    gamma: float | tuple[float, ...] = number(10.0)
    delta: float | tuple[float, ...] = number(10.0)
    ties: str = "zero"
    stage: str = "z"
    start: float = 0.0
    leakage: float | None = number(None)

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        head = () if self.prediction is None else self.prediction.stages
        return (*self.elbo.stages, *head, self.stage)

    @property
    def likelihood(self) -> Likelihood:
        """The reconstruction term."""
        return self.elbo.likelihood

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        terms = self.elbo(trace, batch)
        begun = batch.progress >= self.start
        if self.prediction is not None:
            terms["prediction"] = self.prediction(trace, batch) * (self.alpha * begun)
        if batch.attributes is not None:
            terms["attributes"] = self.disorder(trace, batch) * begun
            if self.leakage is not None:
                terms["leakage"] = self.known_elsewhere(trace, batch) * begun
        return terms

    def disorder(self, trace: Trace, batch: Batch) -> Tensor:
        """Return the weighted sum of the attributes' terms."""
        assert batch.attributes is not None
        z = trace[self.stage][:, : batch.attributes.shape[1]]
        loss = attribute_regularization(
            z,
            batch.attributes,
            delta=one_or_each(self.delta, z),
            ties=self.ties,
            weight=batch.sample_weight,
        )
        return (one_or_each(self.gamma, z) * loss).sum()

    def known_elsewhere(self, trace: Trace, batch: Batch) -> Tensor:
        """Return the weighted sum of what other units know of the attributes."""
        assert batch.attributes is not None
        assert self.leakage is not None
        mean = trace["mean"]
        found = attribute_leakage(mean, batch.attributes, weight=batch.sample_weight)
        return times(self.leakage, (one_or_each(self.gamma, mean) * found).sum())


def one_or_each(value: float | tuple[float, ...], like: Tensor) -> Tensor | float:
    """Return a number as it is, and several of them as a tensor beside another."""
    return like.new_tensor(value) if isinstance(value, tuple) else value
