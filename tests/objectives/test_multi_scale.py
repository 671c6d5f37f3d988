import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvae.objectives.batch import Batch
from skvae.objectives.multi_scale import SparseScales
from skvae.objectives.sparsity import QuietUnits, bernoulli_kl, population_activity


@given(n_units=st.integers(1, 9), n_active=st.integers(1, 9), level=st.floats(0.01, 10))
def test_population_activity_is_the_share_of_equally_active_units(n_units, n_active, level):
    n_active = min(n_active, n_units)
    code = torch.zeros(2, n_units, 3)
    code[:, :n_active] = level
    expected = torch.full((2,), n_active / n_units)
    torch.testing.assert_close(population_activity(code), expected)
    torch.testing.assert_close(population_activity(code[..., 0]), expected)


def test_population_activity_of_a_silent_code_is_zero_with_a_finite_gradient():
    code = torch.zeros(1, 4, requires_grad=True)
    population_activity(code).sum().backward()
    assert population_activity(code).item() == 0
    assert code.grad.isfinite().all()


def test_population_sparsity_is_not_lifetime_sparsity():
    # All four units active at once at a quarter of the positions, or each at its own.
    together = torch.tensor([1.0, 0, 0, 0]).expand(1, 4, 4)
    in_turn = torch.eye(4).unsqueeze(0)
    assert together.mean(dim=2).equal(in_turn.mean(dim=2))
    assert population_activity(in_turn).item() == pytest.approx(0.25)
    assert population_activity(together).item() == pytest.approx(0.25)
    assert population_activity(together[..., :1]).item() == pytest.approx(1)


@pytest.fixture
def trace():
    torch.manual_seed(0)
    return {
        "code": torch.rand(3, 2, 4, 4),
        "image_scale_2": torch.randn(3, 1, 2, 2),
        "code_scale_2": torch.rand(3, 2, 2, 2),
        "mean_activation": torch.tensor([[0.2, 0.4]]).expand(3, -1),
        "reconstruction": torch.randn(3, 1, 4, 4),
        "reconstruction_scale_2": torch.randn(3, 1, 2, 2),
    }


def test_terms_are_means_over_positions_and_scales(trace):
    x = torch.randn(3, 1, 4, 4)
    objective = SparseScales(lifetime=QuietUnits(0.1, 0.5), population_weight=2.0)
    terms = objective(trace, Batch(x))
    fine = (trace["reconstruction"] - x).square().mean(dim=(1, 2, 3))
    coarse = trace["reconstruction_scale_2"] - trace["image_scale_2"]
    expected = (fine + coarse.square().mean(dim=(1, 2, 3))) / 4
    torch.testing.assert_close(terms["reconstruction"], expected)
    divergence = bernoulli_kl(0.1, torch.tensor([0.2, 0.4])).sum()
    torch.testing.assert_close(terms["lifetime"], 0.5 * divergence)
    shares = [population_activity(trace[name]) for name in ("code", "code_scale_2")]
    torch.testing.assert_close(terms["population"], shares[0] + shares[1])


def test_without_weight_there_is_no_population_term(trace):
    assert set(SparseScales()(trace, Batch(torch.randn(3, 1, 4, 4)))) == {"reconstruction"}
