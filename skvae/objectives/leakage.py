"""How much units of a code know of attributes that are not theirs."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from skvae.objectives.weighting import shares, weighted_mean

# Added to variances, where that of a unit's prior is 1: what varies less than by 0.01
# counts less and less, so that no unit that is all but constant has a huge gradient.
LEAST_VARIANCE = 1e-4


def attribute_leakage(
    units: Tensor, attributes: Tensor, *, weight: Tensor | None = None
) -> Tensor:
    """Squared correlations of each attribute with the units that are not its own.

    L_k = sum_{j ≠ k} (r(z_j, R(a_k)) - r(R(a_j), R(a_k)))²

    r is Pearson's correlation over the batch and R(a) the rank of an attribute. The second
    r is what a unit in perfect order of its own attribute has, so that attributes which go
    together may do so in the code; it is 0 for a unit without an attribute. Squared
    correlations in the place of dependence are those of Adeli et al. (2021),
    Representation learning with statistical independence to mitigate bias, WACV; ranks
    and the second r are ours.

    Parameters
    ----------
    units : Tensor of shape (n, n_units)
        Values of all units, standardised here; the k-th is that of attribute k.
    attributes : Tensor of shape (n, n_attributes)
        The attributes. A row counts for those that it knows; as a second attribute, a
        missing one (NaN) has the middle rank.
    weight : Tensor of shape (n,), optional
        Weight of each sample.

    Returns
    -------
    leakage : Tensor of shape (n_attributes,)
        One value per attribute, up to about the number of other units; 0 where nothing
        is known.

    Examples
    --------
    >>> volume = torch.tensor([[1.0], [2.0], [4.0], [9.0]])
    >>> others = torch.tensor([[1.0, 0.0], [2.0, 1.0], [3.0, 1.0], [4.0, 0.0]])
    >>> attribute_leakage(torch.hstack([volume, others]), volume)
    tensor([0.9996])
    """
    n_units, n_attributes = units.shape[1], attributes.shape[1]
    known = (~attributes.isnan()).to(units.dtype)
    share = shares(known if weight is None else known * weight[:, None])
    order = (attributes[:, None] - attributes[None]).sign().to(units.dtype)
    ranks = (order * share).sum(dim=1)  # their mean is 0; torch gives NaN the sign 0
    spread = ((share * ranks.square()).sum(dim=0) + LEAST_VARIANCE).sqrt()
    columns = torch.cat([units, ranks], dim=1)
    columns = columns - weighted_mean(columns, weight)
    variance = weighted_mean(columns.square(), weight) + LEAST_VARIANCE
    columns = columns / variance.sqrt()
    found = ((share * ranks / spread)[..., None] * columns[:, None]).sum(dim=0)
    meant = pad(found[:, n_units:], (0, n_units - n_attributes))
    own = torch.eye(n_attributes, n_units, dtype=units.dtype, device=units.device)
    return ((found[:, :n_units] - meant).square() * (1 - own)).sum(dim=1)
