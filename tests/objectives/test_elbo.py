import pickle
from dataclasses import FrozenInstanceError, replace

import joblib
import pytest
import torch

from skvae.objectives.batch import Batch
from skvae.objectives.divergence import free_bits_kl, gaussian_kl
from skvae.objectives.elbo import BetaELBO, Reconstruction
from skvae.objectives.reconstruction import (
    BernoulliLikelihood,
    GaussianLikelihood,
    SquaredError,
)

OBJECTIVES = [
    Reconstruction(),
    Reconstruction(GaussianLikelihood()),
    BetaELBO(),
    BetaELBO(beta=2.0),
    BetaELBO(kl_warmup=0.5),
    BetaELBO(free_bits=0.25),
    BetaELBO(likelihood=BernoulliLikelihood()),
]


@pytest.fixture
def x(draw):
    return draw(8, 5).sigmoid()


@pytest.fixture
def trace(draw):
    logits = draw(8, 5)
    return {
        "mean": draw(8, 3),
        "log_var": draw(8, 3),
        "reconstruction_logits": logits,
        "reconstruction": logits.sigmoid(),
    }


def test_the_elbo_is_the_likelihood_and_the_kl(trace, x):
    terms = BetaELBO(likelihood=SquaredError())(trace, Batch(x))
    assert list(terms) == ["reconstruction", "divergence"]
    torch.testing.assert_close(
        terms["reconstruction"], SquaredError()(trace, Batch(x)), rtol=0, atol=0
    )
    torch.testing.assert_close(
        terms["divergence"], gaussian_kl(trace["mean"], trace["log_var"]), rtol=0, atol=0
    )


@pytest.mark.parametrize("beta", [0.0, 0.5, 1, 4.0])
def test_beta_scales_the_divergence_alone(trace, x, beta):
    terms, plain = BetaELBO(beta)(trace, Batch(x)), BetaELBO()(trace, Batch(x))
    torch.testing.assert_close(terms["divergence"], beta * plain["divergence"])
    assert torch.equal(terms["reconstruction"], plain["reconstruction"])


def test_the_divergence_has_a_gradient_by_default(trace, x):
    mean, log_var = trace["mean"].requires_grad_(), trace["log_var"].requires_grad_()
    BetaELBO()(trace, Batch(x))["divergence"].mean().backward()
    torch.testing.assert_close(mean.grad, mean.detach() / 8)
    assert (log_var.grad != 0).all()


@pytest.mark.parametrize(
    ("progress", "share"), [(0.0, 0.0), (0.1, 0.25), (0.3, 0.75), (0.4, 1.0), (1.0, 1.0)]
)
@pytest.mark.parametrize("kind", [float, torch.tensor])
def test_the_warm_up_rises_linearly_from_zero_to_beta(trace, x, progress, share, kind):
    objective = BetaELBO(beta=3.0, kl_warmup=0.4)
    terms = objective(trace, Batch(x, progress=kind(progress)))
    plain = gaussian_kl(trace["mean"], trace["log_var"])
    torch.testing.assert_close(terms["divergence"], 3.0 * share * plain, rtol=1e-6, atol=0)


def test_without_a_warm_up_progress_does_not_matter(trace, x):
    early = BetaELBO(2.0)(trace, Batch(x, progress=0.0))
    late = BetaELBO(2.0)(trace, Batch(x))
    assert all(torch.equal(early[name], late[name]) for name in late)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_objectives_run_where_there_are_no_values(objective):
    # No branch on a value: so they can be traced, compiled and mapped over networks.
    with torch.device("meta"):
        trace = {
            "mean": torch.empty(4, 2),
            "log_var": torch.empty(4, 2),
            "reconstruction": torch.empty(4, 3),
            "reconstruction_logits": torch.empty(4, 3),
        }
        batch = Batch(torch.empty(4, 3), progress=torch.empty(()))
    terms = objective(trace, batch)
    assert {term.shape for term in terms.values()} == {(4,)}


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_objectives_map_over_stacked_networks(objective, trace, x):
    stacked = {name: torch.stack([value, value + 0.1]) for name, value in trace.items()}
    mapped = torch.func.vmap(lambda trace: objective(trace, Batch(x)))(stacked)
    for i in range(2):
        single = objective({name: v[i] for name, v in stacked.items()}, Batch(x))
        for name, term in single.items():
            torch.testing.assert_close(mapped[name][i], term)


def test_free_bits_replace_the_divergence(trace, x):
    terms = BetaELBO(beta=2.0, free_bits=0.8)(trace, Batch(x))
    expected = 2.0 * free_bits_kl(trace["mean"], trace["log_var"], 0.8)
    torch.testing.assert_close(terms["divergence"], expected)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_a_weight_counts_like_repeated_rows(objective, trace, x):
    weight = torch.tensor([1, 2, 0, 3, 1, 1, 5, 40])
    trace["mean"][-1] = 0.1
    trace["log_var"][-1] = 0.0
    terms = objective(trace, Batch(x, sample_weight=weight.double()))
    repeated = {name: v.repeat_interleave(weight, 0) for name, v in trace.items()}
    expected = objective(repeated, Batch(x.repeat_interleave(weight, 0)))
    for name, term in terms.items():
        torch.testing.assert_close(
            (term * weight).sum() / weight.sum(), expected[name].mean()
        )


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_terms_are_per_sample_and_leave_the_trace_alone(objective, trace, x):
    before = {name: value.clone() for name, value in trace.items()}
    terms = objective(trace, Batch(x))
    assert {term.shape for term in terms.values()} == {(8,)}
    assert trace.keys() == before.keys()
    assert all(torch.equal(trace[name], value) for name, value in before.items())


def test_the_gradient_of_the_elbo_is_that_of_finite_differences(trace, x):
    def terms(mean, log_var, reconstruction):
        trace = {"mean": mean, "log_var": log_var, "reconstruction": reconstruction}
        objective = BetaELBO(beta=1.5, kl_warmup=0.5, likelihood=GaussianLikelihood(0.2))
        return tuple(objective(trace, Batch(x, progress=0.2)).values())

    inputs = [trace[name] for name in ("mean", "log_var", "reconstruction")]
    assert torch.autograd.gradcheck(terms, [v.clone().requires_grad_() for v in inputs])


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_objectives_are_values(objective):
    twin = pickle.loads(pickle.dumps(objective))
    assert twin == objective == replace(objective)
    assert hash(twin) == hash(objective)
    assert joblib.hash(twin) == joblib.hash(objective)
    assert sum(other == objective for other in OBJECTIVES) == 1
    assert len({joblib.hash(other) for other in OBJECTIVES}) == len(OBJECTIVES)


def test_objectives_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        BetaELBO().beta = 2.0
