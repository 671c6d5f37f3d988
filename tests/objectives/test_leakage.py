"""What units know of attributes that are not theirs."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from skvae.objectives.attributes import AttributeELBO
from skvae.objectives.batch import Batch
from skvae.objectives.elbo import BetaELBO
from skvae.objectives.leakage import attribute_leakage

LEAST = 1e-4


def standardised(column, weight):
    mean = np.average(column, weights=weight)
    return (column - mean) / np.sqrt(
        np.average((column - mean) ** 2, weights=weight) + LEAST
    )


def weighted_ranks(column, weight):
    """Weight of the smaller known values, less that of the larger ones."""
    known = ~np.isnan(column)
    total = weight[known].sum()
    ranks = np.zeros(len(column))
    for i in np.flatnonzero(known):
        below, above = column[known] < column[i], column[known] > column[i]
        ranks[i] = (weight[known][below].sum() - weight[known][above].sum()) / total
    return ranks


def by_pairs(z, a, weight):
    """Return the equation, pair by pair, in numpy."""
    leakage = np.zeros(a.shape[1])
    ranks = [weighted_ranks(column, weight) for column in a.T]
    for k in range(a.shape[1]):
        known = ~np.isnan(a[:, k])
        if not known.any():
            continue
        w = weight[known]
        rank = ranks[k][known]
        rank = rank / np.sqrt(np.average(rank**2, weights=w) + LEAST)
        for j in range(z.shape[1]):
            if j == k:
                continue
            found = np.average(standardised(z[:, j], weight)[known] * rank, weights=w)
            if j < a.shape[1]:
                other = standardised(ranks[j], weight)[known]
                found -= np.average(other * rank, weights=w)
            leakage[k] += found**2
    return leakage


@given(
    seed=st.integers(0, 1000),
    n=st.integers(2, 9),
    levels=st.sampled_from([2, 3, 1000]),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
    weighted=st.booleans(),
)
def test_it_is_the_equation_for_each_attribute(seed, n, levels, missing, weighted):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 4))
    a = rng.integers(levels, size=(n, 2)).astype(float)
    a[rng.random((n, 2)) < missing] = np.nan
    weight = rng.random(n) + 0.01 if weighted else np.ones(n)
    loss = attribute_leakage(
        torch.tensor(z),
        torch.tensor(a),
        weight=torch.tensor(weight) if weighted else None,
    )
    np.testing.assert_allclose(loss, by_pairs(z, a, weight), atol=1e-12)


def test_it_is_the_squared_correlation_with_ranks(draw):
    z, a = draw(50, 3).double(), draw(50, 1).double()
    ranks = rankdata(a[:, 0].numpy())
    expected = sum(np.corrcoef(z[:, j], ranks)[0, 1] ** 2 for j in (1, 2))
    assert attribute_leakage(z, a).item() == pytest.approx(expected, rel=1e-3)


def test_only_the_order_of_an_attribute_and_no_scale_of_a_unit_counts(draw):
    z, a = draw(30, 3).double(), draw(30, 2).double()
    loss = attribute_leakage(z, a)
    assert torch.equal(attribute_leakage(z, a.exp()), loss)
    torch.testing.assert_close(attribute_leakage(3 * z - 7, a), loss, rtol=1e-3, atol=0)


def test_a_unit_in_the_order_of_its_attribute_leaks_nothing_of_another(draw):
    volume = draw(200).double()
    age = volume + 0.5 * draw(200).double()  # they go together
    a = torch.stack([volume, age], dim=1)
    ranks = torch.tensor(rankdata(a.numpy(), axis=0))
    assert attribute_leakage(ranks, a).max() < 1e-6
    both_of_volume = attribute_leakage(ranks[:, [0, 0]], a)
    assert both_of_volume[0] > 0.01  # the age unit is the volume


def test_a_duplicated_row_is_a_row_of_twice_the_weight(draw):
    z, a = draw(8, 3).double(), draw(8, 2).double()
    a[1, 0] = torch.nan
    weight = torch.ones(8, dtype=torch.float64)
    weight[[1, 4]] = 2
    twice = [*range(8), 1, 4]
    torch.testing.assert_close(
        attribute_leakage(z, a, weight=weight), attribute_leakage(z[twice], a[twice])
    )


def test_the_gradient_is_that_of_finite_differences_and_spares_the_own_unit(draw):
    z = draw(7, 3).double().requires_grad_()
    a = draw(7, 1).double()
    a[0] = torch.nan
    assert torch.autograd.gradcheck(lambda z: attribute_leakage(z, a), (z,))
    (gradient,) = torch.autograd.grad(attribute_leakage(z, a).sum(), z)
    assert (gradient[:, 0] == 0).all()


@pytest.mark.parametrize(
    ("units", "attributes", "weight"),
    [
        (torch.ones(4, 2), torch.arange(4.0)[:, None], None),
        (torch.arange(8.0).reshape(4, 2), torch.full((4, 1), torch.nan), None),
        (torch.arange(8.0).reshape(4, 2), torch.ones(4, 1), None),
        (torch.arange(8.0).reshape(4, 2), torch.arange(4.0)[:, None], torch.zeros(4)),
        (torch.ones(1, 2), torch.ones(1, 1), None),
    ],
)
def test_where_nothing_counts_it_is_zero_with_its_gradient(units, attributes, weight):
    units.requires_grad_()
    loss = attribute_leakage(units, attributes, weight=weight)
    (gradient,) = torch.autograd.grad(loss.sum(), units)
    assert (loss == 0).all()
    assert (gradient == 0).all()


def test_it_weighs_as_a_share_of_gamma_from_the_start_on(draw):
    trace = {name: draw(8, 3) for name in ("mean", "log_var", "z")}
    trace["reconstruction"] = draw(8, 20)
    batch = Batch(draw(8, 20), attributes=draw(8, 2))
    objective = AttributeELBO(BetaELBO(), gamma=(3.0, 0.5), start=0.5, leakage=0.1)
    loss = attribute_leakage(trace["mean"], batch.attributes)
    found = objective(trace, batch)["leakage"]
    torch.testing.assert_close(found, 0.1 * (3.0 * loss[0] + 0.5 * loss[1]))
    assert objective(trace, batch._replace(progress=0.4))["leakage"] == 0
    assert "leakage" not in AttributeELBO(BetaELBO())(trace, batch)
