import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from skvae.objectives.divergence import free_bits_kl, gaussian_kl, gaussian_kl_per_unit


def reference(mean, log_var):
    zero, one = torch.zeros_like(mean), torch.ones_like(mean)
    return kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(zero, one))


def test_kl_equals_that_of_torch_distributions(draw):
    mean, log_var = 3 * draw(50, 4), 2 * draw(50, 4)
    expected = reference(mean, log_var)
    torch.testing.assert_close(gaussian_kl_per_unit(mean, log_var), expected)
    torch.testing.assert_close(gaussian_kl(mean, log_var), expected.sum(dim=1))


@given(mean=st.floats(-20, 20), log_var=st.floats(-20, 10))
def test_kl_is_not_negative_and_vanishes_at_the_prior_alone(mean, log_var):
    mean, log_var = torch.tensor([[mean]]).double(), torch.tensor([[log_var]]).double()
    kl = gaussian_kl(mean, log_var).item()
    assert kl >= 0
    if max(abs(mean), abs(log_var)) > 1e-3:
        assert kl > 0


def test_kl_of_the_prior_is_zero():
    assert gaussian_kl(torch.zeros(3, 2), torch.zeros(3, 2)).tolist() == [0.0] * 3


def test_the_gradient_of_the_kl_is_mean_and_half_of_variance_minus_one(draw):
    mean, log_var = draw(5, 3).requires_grad_(), draw(5, 3).requires_grad_()
    gaussian_kl(mean, log_var).sum().backward()
    torch.testing.assert_close(mean.grad, mean.detach())
    torch.testing.assert_close(log_var.grad, (log_var.detach().exp() - 1) / 2)


def test_gradcheck(draw):
    mean, log_var = draw(4, 3).requires_grad_(), draw(4, 3).requires_grad_()
    assert torch.autograd.gradcheck(gaussian_kl, (mean, log_var))


@pytest.mark.parametrize("free_bits", [0.0, 0.3, 0.7, 100.0])
def test_free_bits_raise_the_expected_kl_of_a_unit_to_the_threshold(draw, free_bits):
    scale = torch.tensor([0.1, 0.5, 1.0, 2.0]).double()
    mean, log_var = scale * draw(30, 4), 0.1 * draw(30, 4)
    m, v = mean.numpy(), log_var.numpy()
    kl = 0.5 * (m**2 + np.exp(v) - v - 1)
    expected = np.maximum(kl.mean(axis=0), free_bits).sum()
    terms = free_bits_kl(mean, log_var, free_bits)
    assert terms.shape == (30,)
    np.testing.assert_allclose(terms.mean().item(), expected, rtol=1e-12)


def test_a_unit_below_the_threshold_has_no_gradient_and_one_above_its_own(draw):
    mean = (torch.tensor([0.1, 3.0]).double() * draw(20, 2)).requires_grad_()
    log_var = torch.zeros(20, 2, dtype=torch.float64)
    free_bits_kl(mean, log_var, 0.5).sum().backward()
    assert not mean.grad[:, 0].any()
    torch.testing.assert_close(mean.grad[:, 1], mean.detach()[:, 1])


def test_no_free_bits_is_the_plain_kl(draw):
    mean, log_var = draw(6, 3), draw(6, 3)
    torch.testing.assert_close(free_bits_kl(mean, log_var, 0.0), gaussian_kl(mean, log_var))
