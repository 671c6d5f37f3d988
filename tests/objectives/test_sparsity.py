import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from skvae.objectives.batch import Batch
from skvae.objectives.reconstruction import SquaredError
from skvae.objectives.sparsity import (
    MARGIN,
    QuietUnits,
    SparseReconstruction,
    bernoulli_kl,
    count_deviation,
    decoded_magnitude,
    pull,
)

share = st.floats(0.001, 0.999)


@given(target=share, mean=share)
def test_bernoulli_kl_is_the_relative_entropy(target, mean):
    expected = rel_entr(target, mean) + rel_entr(1 - target, 1 - mean)
    found = bernoulli_kl(target, torch.tensor([mean], dtype=torch.float64)).item()
    assert found == pytest.approx(expected, abs=1e-9)
    assert found >= -1e-12


@given(target=share)
def test_it_is_zero_at_the_target_with_gradient_zero(target):
    mean = torch.tensor([target], dtype=torch.float64, requires_grad=True)
    kl = bernoulli_kl(target, mean)
    assert kl.item() == pytest.approx(0, abs=1e-12)
    kl.backward()
    assert mean.grad.item() == pytest.approx(0, abs=1e-9)


def test_gradients_agree_with_finite_differences():
    mean = torch.linspace(0.05, 0.95, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m: bernoulli_kl(0.1, m), mean)


def test_silent_and_saturated_units_cost_a_finite_price():
    kl = bernoulli_kl(0.05, torch.tensor([0.0, 1.0], dtype=torch.float64))
    nearly = np.array([MARGIN, 1 - MARGIN])
    expected = rel_entr(0.05, nearly) + rel_entr(0.95, 1 - nearly)
    np.testing.assert_allclose(kl.numpy(), expected, rtol=1e-9)


def test_magnitudes_are_those_that_the_decoder_sees():
    code = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    norm = torch.tensor([0.5, 2.0])
    found = decoded_magnitude(code, norm)
    torch.testing.assert_close(found, torch.tensor([0.5 + 4.0, 6.0]))
    torch.testing.assert_close(decoded_magnitude(code * 10, norm / 10), found)


@pytest.mark.parametrize(
    "function",
    [
        lambda code: decoded_magnitude(code, torch.full_like(code[0], 0.3)),
        lambda code: count_deviation(code, 2),
        lambda code: pull(code, torch.ones_like(code[0])),
    ],
)
def test_gradients_of_the_others_agree_with_finite_differences(function):
    generator = torch.Generator().manual_seed(0)
    code = torch.randn(4, 5, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(function, code.requires_grad_())


def test_the_count_is_compared_on_average_over_the_batch():
    active = torch.tensor([[1.0, 1, 1, 1, 0], [1, 1, 0, 0, 0]])
    assert count_deviation(active, 3) == 0
    assert count_deviation(active, 1) == 4
    assert count_deviation(active, 5) == pytest.approx(4 / 5)


def test_only_dead_units_are_pulled():
    pre = torch.tensor([[-1.0, 2.0, -3.0]], requires_grad=True)
    dead = torch.tensor([1.0, 0.0, 1.0])
    pull(pre, dead).sum().backward()
    torch.testing.assert_close(pre.grad[0], -dead)


def test_terms_are_named_and_weighted():
    trace = {
        "reconstruction": torch.zeros(2, 3),
        "mean_activation": torch.tensor([[0.1, 0.4], [0.1, 0.4]]),
        "pre_activation": torch.tensor([[-1.0, 2.0], [-3.0, 1.0]]),
        "dead": torch.tensor([[1.0, 0.0], [1.0, 0.0]]),
    }
    objective = SparseReconstruction(SquaredError(), QuietUnits(0.1, 2.0), 0.5)
    terms = objective(trace, Batch(torch.ones(2, 3)))
    assert list(terms) == ["reconstruction", "sparsity", "revival"]
    torch.testing.assert_close(terms["reconstruction"], torch.full((2,), 1.5))
    expected = 2 * (rel_entr(0.1, 0.4) + rel_entr(0.9, 0.6))
    assert terms["sparsity"].item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(terms["revival"], torch.tensor([0.5, 1.5]))
    assert list(SparseReconstruction(SquaredError())(trace, Batch(torch.ones(2, 3)))) == [
        "reconstruction"
    ]
