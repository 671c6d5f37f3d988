import math
import pickle

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from torch.distributions import Bernoulli

from skvae.objectives.batch import Batch
from skvae.objectives.reconstruction import (
    BernoulliLikelihood,
    GaussianLikelihood,
    SquaredError,
    bernoulli_nll,
    gaussian_nll,
    optimal_total_variance,
    squared_error,
)

SHAPES = [(5,), (2, 3), (1, 2, 3, 2)]
LIKELIHOODS = [
    SquaredError(),
    GaussianLikelihood(),
    GaussianLikelihood(0.3),
    BernoulliLikelihood(),
]


@pytest.fixture
def pair(draw):
    """Return a function that draws rows and the trace of their reconstruction."""

    def make(*shape, n_rows=7):
        x = draw(n_rows, *shape).sigmoid()
        logits = draw(n_rows, *shape)
        return x, {"reconstruction": logits.sigmoid(), "reconstruction_logits": logits}

    return make


@pytest.mark.parametrize("shape", SHAPES)
def test_squared_error_is_summed_over_all_entries_of_a_sample(pair, shape):
    x, trace = pair(*shape)
    difference = (x - trace["reconstruction"]).numpy().reshape(7, -1)
    expected = np.linalg.norm(difference, axis=1) ** 2
    np.testing.assert_allclose(squared_error(trace["reconstruction"], x), expected)
    np.testing.assert_allclose(SquaredError()(trace, Batch(x)), expected / 2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("variance", [0.05, 1.0, 7.0])
def test_a_fixed_variance_is_the_log_density_of_scipy(pair, shape, variance):
    x, trace = pair(*shape)
    log_density = norm.logpdf(x, trace["reconstruction"], math.sqrt(variance))
    nll = GaussianLikelihood(variance)(trace, Batch(x))
    np.testing.assert_allclose(nll, -log_density.reshape(7, -1).sum(axis=1))


@pytest.mark.parametrize("shape", SHAPES)
def test_bernoulli_is_the_log_probability_of_torch_distributions(pair, shape):
    x, trace = pair(*shape)
    x = (x > 0.5).double()
    expected = -Bernoulli(logits=trace["reconstruction_logits"]).log_prob(x)
    nll = BernoulliLikelihood()(trace, Batch(x))
    torch.testing.assert_close(nll, expected.flatten(1).sum(dim=1))


def test_bernoulli_takes_grey_values_as_the_expected_log_probability(pair):
    x, trace = pair(4)
    logits = trace["reconstruction_logits"]
    log_p, log_q = torch.log_softmax(torch.stack([logits, 0 * logits]), 0)
    expected = -(x * log_p + (1 - x) * log_q).sum(dim=1)
    torch.testing.assert_close(bernoulli_nll(logits, x), expected)


def test_bernoulli_stays_finite_for_sure_predictions():
    logits = torch.tensor([[200.0, -200.0]])
    assert bernoulli_nll(logits, torch.tensor([[1.0, 0.0]])).item() == 0.0
    assert bernoulli_nll(logits, torch.tensor([[0.0, 1.0]])).item() == 400.0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_learned_variance_is_the_most_likely_one(pair, shape, weighted):
    x, trace = pair(*shape)
    weight = torch.arange(7).double() if weighted else torch.ones(7).double()

    def loss(log_variance):
        terms = GaussianLikelihood(math.exp(log_variance))(trace, Batch(x))
        return ((terms * weight).sum() / weight.sum()).item()

    best = minimize_scalar(loss, bounds=(-12, 5), method="bounded", options={"xatol": 1e-9})
    batch = Batch(x, sample_weight=weight if weighted else None)
    terms = GaussianLikelihood()(trace, batch)
    np.testing.assert_allclose(
        ((terms * weight).sum() / weight.sum()).item(), best.fun, rtol=1e-10
    )
    error = squared_error(trace["reconstruction"], x)
    total = optimal_total_variance(error, batch.sample_weight)
    np.testing.assert_allclose(total.item() / math.prod(shape), math.exp(best.x), rtol=1e-4)


def test_the_learned_variance_pulls_like_the_best_fixed_one(pair):
    x, trace = pair(2, 3)
    error = squared_error(trace["reconstruction"], x)
    best = (error.mean() / 6).item()
    gradients = []
    for likelihood in (GaussianLikelihood(), GaussianLikelihood(best)):
        prediction = trace["reconstruction"].clone().requires_grad_()
        likelihood({"reconstruction": prediction}, Batch(x)).mean().backward()
        gradients.append(prediction.grad)
    torch.testing.assert_close(*gradients)


def test_the_gradient_of_the_mean_loss_is_that_of_its_finite_differences(pair):
    # At the optimum a detached variance loses nothing (the envelope theorem).
    x, trace = pair(3)
    prediction = trace["reconstruction"].clone().requires_grad_()

    def loss(prediction):
        return GaussianLikelihood()({"reconstruction": prediction}, Batch(x)).mean()

    loss(prediction).backward()
    step = 1e-6
    for i, j in [(0, 0), (3, 1), (6, 2)]:
        moved = torch.zeros_like(x)
        moved[i, j] = step
        with torch.no_grad():
            slope = (loss(prediction + moved) - loss(prediction - moved)) / (2 * step)
        np.testing.assert_allclose(prediction.grad[i, j].item(), slope.item(), rtol=1e-5)


@given(log_scale=st.floats(-2, 3), n_entries=st.integers(1, 6))
def test_scaling_the_data_adds_d_log_c_and_nothing_else(log_scale, n_entries):
    scale = 10**log_scale
    generator = torch.Generator().manual_seed(0)
    x, prediction = torch.randn(2, 9, n_entries, generator=generator).double()
    nll = GaussianLikelihood()
    terms = nll({"reconstruction": prediction}, Batch(x))
    scaled = nll({"reconstruction": scale * prediction}, Batch(scale * x))
    torch.testing.assert_close(
        scaled - terms, torch.full_like(terms, n_entries * math.log(scale))
    )


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_a_weight_counts_like_repeated_rows(pair, likelihood):
    x, trace = pair(4)
    weight = torch.tensor([1, 2, 0, 3, 1, 1, 5])
    terms = likelihood(trace, Batch(x, sample_weight=weight.double()))
    repeated = {name: v.repeat_interleave(weight, 0) for name, v in trace.items()}
    expected = likelihood(repeated, Batch(x.repeat_interleave(weight, 0)))
    torch.testing.assert_close(terms.repeat_interleave(weight, 0), expected)


def test_a_perfect_reconstruction_has_a_finite_loss_and_gradient():
    prediction = torch.ones(4, 3, requires_grad=True)
    loss = GaussianLikelihood()({"reconstruction": prediction}, Batch(torch.ones(4, 3)))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert not prediction.grad.any()


def test_rows_of_no_weight_alone_leave_the_loss_finite():
    batch = Batch(torch.ones(2, 3), sample_weight=torch.zeros(2))
    terms = GaussianLikelihood()({"reconstruction": torch.zeros(2, 3)}, batch)
    assert torch.isfinite(terms).all()


def test_a_total_variance_may_be_a_number_or_a_tensor(draw):
    error = draw(5).square()
    torch.testing.assert_close(
        gaussian_nll(error, 2.0, 3), gaussian_nll(error, torch.tensor(2.0).double(), 3)
    )


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
@pytest.mark.parametrize("shape", SHAPES)
def test_terms_are_per_sample_and_leave_trace_and_batch_alone(pair, likelihood, shape):
    x, trace = pair(*shape)
    weight = torch.rand(7).double()
    before = x.clone(), weight.clone(), {name: v.clone() for name, v in trace.items()}
    assert likelihood(trace, Batch(x, sample_weight=weight)).shape == (7,)
    assert torch.equal(x, before[0])
    assert torch.equal(weight, before[1])
    assert trace.keys() == before[2].keys()
    assert all(torch.equal(trace[name], value) for name, value in before[2].items())


@pytest.mark.parametrize(
    "likelihood", [SquaredError(), GaussianLikelihood(0.3), BernoulliLikelihood()], ids=repr
)
def test_gradcheck(pair, likelihood):
    # The learned variance is detached; the test of its mean loss stands for it.
    x, trace = pair(3, n_rows=4)

    def terms(logits):
        trace = {"reconstruction": logits.sigmoid(), "reconstruction_logits": logits}
        return likelihood(trace, Batch(x))

    logits = trace["reconstruction_logits"].clone().requires_grad_()
    assert torch.autograd.gradcheck(terms, (logits,))


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_likelihoods_are_values(likelihood):
    twin = pickle.loads(pickle.dumps(likelihood))
    assert twin == likelihood
    assert hash(twin) == hash(likelihood)
    assert joblib.hash(twin) == joblib.hash(likelihood)
    assert sum(other == likelihood for other in LIKELIHOODS) == 1


def with_holes(pair, shape):
    """Rows of which entries are missing, some wholly, and a trace that says so."""
    x, trace = pair(*shape)
    known = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) > 0.4
    known[2], known[3] = False, True
    return x.where(known, torch.nan), trace | {"observed": known.to(x.dtype)}, known


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("variance", [0.05, 7.0])
def test_holes_leave_the_log_density_of_what_is_known(pair, shape, variance):
    x, trace, known = with_holes(pair, shape)
    each = norm.logpdf(x, trace["reconstruction"], math.sqrt(variance))
    expected = -np.where(known, each, 0).reshape(7, -1).sum(axis=1)
    nll = GaussianLikelihood(variance)(trace, Batch(x))
    np.testing.assert_allclose(nll, expected)
    assert nll[2] == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_the_variance_of_a_batch_with_holes_is_the_most_likely_one(pair, weighted):
    x, trace, known = with_holes(pair, (5,))
    weight = torch.arange(7.0, dtype=x.dtype) if weighted else torch.ones(7, dtype=x.dtype)
    batch = Batch(x, sample_weight=weight if weighted else None)
    nll = GaussianLikelihood()(trace, batch)

    def total(log_variance):
        deviation = math.exp(log_variance / 2)
        each = norm.logpdf(x, trace["reconstruction"], deviation)
        return -(np.where(known, each, 0).sum(axis=1) @ weight.numpy())

    best = minimize_scalar(total, bracket=(-3, 1), tol=1e-12)
    assert float(nll @ weight) == pytest.approx(best.fun, rel=1e-9)


def test_holes_leave_the_log_probability_of_what_is_known(pair):
    x, trace, known = with_holes(pair, (5,))
    logits = trace["reconstruction_logits"]
    each = Bernoulli(logits=logits).log_prob((x > 0.5).double())
    nll = BernoulliLikelihood()(trace, Batch((x > 0.5).double().where(known, torch.nan)))
    torch.testing.assert_close(nll, -each.where(known, 0.0).sum(dim=1))


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_a_hole_has_no_gradient(pair, likelihood):
    x, trace, known = with_holes(pair, (2, 3))
    leaves = {name: trace[name].clone().requires_grad_() for name in likelihood.stages}
    likelihood(trace | leaves, Batch(x)).sum().backward()
    for leaf in leaves.values():
        assert leaf.grad.isfinite().all()
        assert (leaf.grad[~known] == 0).all()
        assert (leaf.grad[known] != 0).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
@pytest.mark.parametrize("weighted", [False, True])
def test_without_holes_a_mask_changes_no_bit(pair, likelihood, weighted):
    x, trace = (value for value in pair(11, n_rows=33))
    x, trace = x.float(), {name: value.float() for name, value in trace.items()}
    weight = torch.rand(33, generator=torch.Generator().manual_seed(0)) + 0.1
    batch = Batch(x, sample_weight=weight if weighted else None)
    found = likelihood(trace | {"observed": torch.ones_like(x)}, batch)
    assert torch.equal(found, likelihood(trace, batch))


def test_a_batch_of_which_nothing_is_known_has_no_loss(pair):
    x, trace = pair(4)
    trace = trace | {"observed": torch.zeros_like(x)}
    for likelihood in LIKELIHOODS:
        assert (likelihood(trace, Batch(torch.full_like(x, torch.nan))) == 0).all()
