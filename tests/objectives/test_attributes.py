import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvae.objectives.attributes import AttributeELBO, attribute_regularization
from skvae.objectives.batch import Batch
from skvae.objectives.elbo import BetaELBO
from skvae.objectives.reconstruction import SquaredError
from skvae.objectives.supervision import CrossEntropy

Z = torch.tensor([0.0, 1.0, 3.0])
A = torch.tensor([1.0, 2.0, 2.0])


def by_pairs(z, a, delta, ties, weight):
    """Return the equation, pair by pair, in numpy."""
    total = total_weight = 0.0
    for i in range(len(z)):
        for j in range(len(z)):
            order = np.sign(a[i] - a[j])
            if np.isnan(order) or (ties == "ignore" and order == 0):
                continue
            w = weight[i] * weight[j]
            total += w * abs(np.tanh(delta * (z[i] - z[j])) - order)
            total_weight += w
    return total / total_weight if total_weight else 0.0


@pytest.mark.parametrize(("delta", "value"), [(1.0, 0.268306), (10.0, 2 / 9)])
def test_golden_values(delta, value):
    assert attribute_regularization(Z, A, delta=delta).item() == pytest.approx(
        value, abs=1e-6
    )


@given(
    seed=st.integers(0, 1000),
    n=st.integers(2, 9),
    delta=st.sampled_from([0.1, 1.0, 10.0]),
    ties=st.sampled_from(["zero", "ignore"]),
    levels=st.sampled_from([2, 3, 1000]),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_it_is_the_equation_for_each_attribute(seed, n, delta, ties, levels, missing):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    a = rng.integers(levels, size=(n, 2)).astype(float)
    a[rng.random((n, 2)) < missing] = np.nan
    weight = rng.random(n)
    loss = attribute_regularization(
        torch.tensor(z),
        torch.tensor(a),
        delta=delta,
        ties=ties,
        weight=torch.tensor(weight),
    )
    expected = [by_pairs(z[:, k], a[:, k], delta, ties, weight) for k in range(2)]
    np.testing.assert_allclose(loss, expected, atol=1e-12)


def test_a_delta_for_each_attribute(draw):
    z, a = draw(20, 2), draw(20, 2)
    both = attribute_regularization(z, a, delta=torch.tensor([1.0, 10.0]))
    assert both[0] == attribute_regularization(z[:, 0], a[:, 0], delta=1.0)
    assert both[1] == attribute_regularization(z[:, 1], a[:, 1], delta=10.0)


@pytest.mark.parametrize("ties", ["zero", "ignore"])
def test_the_gradient_is_that_of_finite_differences(draw, ties):
    z = draw(6, 2).requires_grad_()
    a = draw(6, 2).round()
    a[0, 0] = torch.nan
    assert torch.autograd.gradcheck(
        lambda z: attribute_regularization(z, a, delta=2.0, ties=ties), (z,)
    )


@given(
    values=st.lists(st.integers(-20, 20), min_size=2, max_size=12),
    seed=st.integers(0, 100),
)
def test_only_the_order_of_an_attribute_counts(values, seed):
    a = torch.tensor(values, dtype=torch.float64)
    z = torch.randn(
        len(a), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    loss = attribute_regularization(z, a)
    for increasing in (a.exp(), 3 * a - 7, a**3):
        assert attribute_regularization(z, increasing) == loss


def test_order_costs_nothing_and_its_reverse_two():
    n = 50
    z = torch.arange(n, dtype=torch.float64)
    pairs_of_two = 1 - 1 / n  # a sample has no order with itself
    loss = attribute_regularization(z, z, delta=100.0)
    assert loss.item() == pytest.approx(0.0, abs=1e-12)
    loss = attribute_regularization(z, -z, delta=100.0)
    assert loss.item() == pytest.approx(2 * pairs_of_two)


def test_a_binary_attribute_is_drawn_together_unless_ties_are_ignored():
    # The published formula asks samples of a class to coincide: with z in perfect order
    # it costs what the spread within the classes does, which is no less than 0.4.
    a = torch.arange(64) // 32
    z = torch.linspace(-2, 2, 64)
    assert attribute_regularization(z, a, delta=10.0) > 0.4
    assert attribute_regularization(z, a, delta=10.0, ties="ignore") < 0.02


def test_missing_pairs_do_not_dilute_the_rest(draw):
    z, a = draw(40), draw(40)
    some = a.clone()
    some[20:] = torch.nan
    expected = attribute_regularization(z[:20], a[:20])
    assert attribute_regularization(z, some) == pytest.approx(expected.item())


def test_a_batch_without_any_pair_costs_nothing_and_moves_nothing():
    z = torch.randn(4, requires_grad=True)
    loss = attribute_regularization(z, torch.full((4,), torch.nan))
    loss.backward()
    assert loss == 0
    assert (z.grad == 0).all()


def test_a_missing_attribute_has_no_gradient(draw):
    z, a = draw(10).requires_grad_(), draw(10)
    a[3] = torch.nan
    attribute_regularization(z, a).backward()
    assert z.grad[3] == 0
    assert z.grad.isfinite().all()


def test_perfect_order_of_a_normal_unit_costs_as_published(draw):
    # Of N(0, 1), 128 samples: 0.345 at delta 1, 0.038 at 10 (means over batches).
    losses = {delta: [] for delta in (1.0, 10.0)}
    for _ in range(40):
        z = draw(128)
        for delta, values in losses.items():
            values.append(attribute_regularization(z, z, delta=delta).item())
    assert np.mean(losses[1.0]) == pytest.approx(0.345, abs=0.01)
    assert np.mean(losses[10.0]) == pytest.approx(0.038, abs=0.005)


@pytest.fixture
def trace(draw):
    return {
        "mean": draw(8, 3),
        "log_var": draw(8, 3),
        "z": draw(8, 3),
        "logits": draw(8, 1),
        "reconstruction": draw(8, 20),
    }


@pytest.fixture
def batch(draw):
    return Batch(draw(8, 20), y=torch.tensor([0, 1] * 4), attributes=draw(8, 2))


def test_the_published_loss(trace, batch):
    """SSE / B + beta KL + alpha BCE + gamma sum_k L_k, written out once more."""
    objective = AttributeELBO(
        BetaELBO(beta=2.0, likelihood=SquaredError(factor=1.0)),
        CrossEntropy(),
        alpha=1.0,
        gamma=200.0,
        delta=10.0,
    )
    terms = objective(trace, batch)
    error = (trace["reconstruction"] - batch.x).square().sum() / 8
    mean, log_var = trace["mean"], trace["log_var"]
    kl = 0.5 * (mean**2 + log_var.exp() - log_var - 1).sum() / 8
    p = trace["logits"][:, 0].sigmoid()
    bce = torch.nn.functional.binary_cross_entropy(p, batch.y.double())
    ones = np.ones(8)
    order = sum(
        by_pairs(trace["z"][:, k].numpy(), batch.attributes[:, k].numpy(), 10, "zero", ones)
        for k in range(2)
    )
    assert list(terms) == ["reconstruction", "divergence", "prediction", "attributes"]
    loss = sum(term.mean() for term in terms.values())
    assert loss.item() == pytest.approx((error + 2 * kl + bce + 200 * order).item())


def test_attributes_order_the_stage_and_weigh_as_asked(trace, batch):
    objective = AttributeELBO(BetaELBO(), gamma=(3.0, 0.5), stage="mean")
    loss = attribute_regularization(trace["mean"][:, :2], batch.attributes, delta=10.0)
    expected = 3.0 * loss[0] + 0.5 * loss[1]
    assert objective(trace, batch)["attributes"].item() == pytest.approx(expected.item())


def test_a_large_sample_counts_as_one_of_so_many_entries(trace, batch):
    whole = AttributeELBO(BetaELBO())(trace, batch)["reconstruction"]
    for counted, share in ((5, 0.25), (20, 1.0), (100, 1.0)):
        objective = AttributeELBO(BetaELBO(counted_entries=counted))
        terms = objective(trace, batch)
        torch.testing.assert_close(terms["reconstruction"], share * whole)


@pytest.mark.parametrize("as_number", [float, torch.tensor])
def test_head_and_attributes_join_when_the_first_stage_is_over(trace, batch, as_number):
    objective = AttributeELBO(BetaELBO(), CrossEntropy(), start=0.5)
    early = objective(trace, batch._replace(progress=as_number(0.49)))
    late = objective(trace, batch._replace(progress=as_number(0.5)))
    assert early["attributes"] == 0
    assert (early["prediction"] == 0).all()
    assert late["attributes"] > 0
    assert (late["prediction"] > 0).all()
    assert torch.equal(early["reconstruction"], late["reconstruction"])
