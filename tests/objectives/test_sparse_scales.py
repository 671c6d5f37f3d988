import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvae.objectives.batch import Batch
from skvae.objectives.reconstruction import PLAIN_LIKELIHOODS
from skvae.objectives.sparse_scales import SparseScales
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
        "window": torch.randn(3, 9, 4, 4),
        "code": torch.rand(3, 2, 4, 4),
        "window_scale_2": torch.randn(3, 9, 2, 2),
        "code_scale_2": torch.rand(3, 2, 2, 2),
        "mean_activation": torch.tensor([[0.2, 0.4]]).expand(3, -1),
        "window_reconstruction": torch.randn(3, 9, 4, 4),
        "window_reconstruction_scale_2": torch.randn(3, 9, 2, 2),
    }


def test_terms_are_means_over_values_positions_and_scales(trace):
    objective = SparseScales(lifetime=QuietUnits(0.1, 0.5), population_weight=2.0)
    terms = objective(trace, Batch(torch.randn(3, 1, 4, 4)))
    fine = trace["window_reconstruction"] - trace["window"]
    coarse = trace["window_reconstruction_scale_2"] - trace["window_scale_2"]
    means = [error.square().mean(dim=(1, 2, 3)) for error in (fine, coarse)]
    torch.testing.assert_close(terms["reconstruction"], (means[0] + means[1]) / 4)
    divergence = bernoulli_kl(0.1, torch.tensor([0.2, 0.4])).sum()
    torch.testing.assert_close(terms["lifetime"], 0.5 * divergence)
    shares = [population_activity(trace[name]) for name in ("code", "code_scale_2")]
    torch.testing.assert_close(terms["population"], shares[0] + shares[1])


def test_probabilities_are_compared_by_their_logits(trace):
    logits = trace["window_reconstruction"]
    trace = {"window": torch.rand(3, 9, 4, 4), "window_reconstruction_logits": logits}
    trace["window_reconstruction"] = logits.sigmoid()
    objective = SparseScales(PLAIN_LIKELIHOODS["bernoulli"])
    p, x = trace["window_reconstruction"], trace["window"]
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).mean(dim=(1, 2, 3))
    found = objective(trace, Batch(x))["reconstruction"]
    torch.testing.assert_close(found, expected)


def test_without_weight_there_is_no_population_term(trace):
    assert set(SparseScales()(trace, Batch(torch.randn(3, 1, 4, 4)))) == {"reconstruction"}
