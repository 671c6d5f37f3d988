import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from skvae.objectives.sparsity import MARGIN, bernoulli_kl

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
