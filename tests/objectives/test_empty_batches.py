"""Batches in which a term has nothing to count: its value is 0, and so is its gradient."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvae.objectives.attributes import AttributeELBO
from skvae.objectives.batch import Batch
from skvae.objectives.elbo import BetaELBO
from skvae.objectives.sparsity import population_activity
from skvae.objectives.supervision import CrossEntropy, SquaredResidual
from skvae.objectives.weighting import quotient, shares, weighted_mean

N, N_UNITS = 5, 3
STAGES = {"mean": N_UNITS, "log_var": N_UNITS, "z": N_UNITS, "reconstruction": 4, "head": 1}
# The gradient overflowed behind a weight of 4 and more; 200 is the default.
GAMMA = 200.0
WEIGHTS = {
    "none": lambda rng: None,
    "some": lambda rng: rng.random(N) * (rng.random(N) < 0.5),
    "all zero": lambda rng: np.zeros(N),
    "tiny": lambda rng: rng.random(N) * 1e-30,
}


def column(rng, kind, missing):
    """Return an attribute: of many values, two, or one, of which some are missing."""
    values = {"distinct": rng.permutation(N), "binary": rng.integers(2, size=N)}
    column = np.asarray(values.get(kind, np.ones(N)), dtype=float)
    column[rng.random(N) < missing] = np.nan
    return column


def objective_and_batch(rng, task, ties, attributes, unlabelled, weights, dtype):
    def tensor(array):
        return None if array is None else torch.tensor(array, dtype=dtype)

    missing = rng.random(N) < unlabelled
    if task == "classification":
        y = torch.tensor(np.where(missing, -1, rng.integers(2, size=N)))
        prediction = CrossEntropy((0.5, 2.0))
    else:
        y = tensor(np.where(missing, np.nan, rng.normal(size=N)))
        prediction = SquaredResidual()
    weight = tensor(WEIGHTS[weights](rng))
    columns = np.stack([column(rng, *each) for each in attributes], axis=1)
    batch = Batch(tensor(rng.normal(size=(N, 4))), y, None, tensor(columns), weight)
    objective = AttributeELBO(BetaELBO(), prediction, 10.0, GAMMA, 2.0, ties, leakage=0.01)
    return objective, batch


def loss_of(objective, batch, stages):
    """Return what training minimises, as it weighs the terms."""
    trace = dict(zip(STAGES, stages, strict=True))
    head = trace.pop("head")
    terms = objective(trace | {"logits": head, "prediction": head}, batch)
    means = [weighted_mean(t, batch.sample_weight) if t.ndim else t for t in terms.values()]
    return torch.stack(means).sum()


@pytest.mark.parametrize("task", ["classification", "regression"])
@given(
    seed=st.integers(0, 10_000),
    ties=st.sampled_from(["zero", "ignore"]),
    attributes=st.lists(
        st.tuples(
            st.sampled_from(["distinct", "binary", "constant"]),
            st.sampled_from([0.0, 0.5, 0.8, 1.0]),
        ),
        min_size=1,
        max_size=N_UNITS,
    ),
    unlabelled=st.sampled_from([0.0, 0.5, 1.0]),
    weights=st.sampled_from(sorted(WEIGHTS)),
)
def test_gradients_are_finite_and_those_of_finite_differences(
    task, seed, ties, attributes, unlabelled, weights
):
    def built(dtype):
        rng = np.random.default_rng(seed)
        arguments = objective_and_batch(
            rng, task, ties, attributes, unlabelled, weights, dtype
        )
        drawn = [rng.normal(size=(N, size)) for size in STAGES.values()]
        stages = [torch.tensor(a, dtype=dtype, requires_grad=True) for a in drawn]
        return *arguments, stages

    objective, batch, stages = built(torch.float32)
    loss = loss_of(objective, batch, stages)
    assert torch.isfinite(loss)
    gradients = torch.autograd.grad(loss, stages, allow_unused=True)
    assert all(g is None or torch.isfinite(g).all() for g in gradients)

    objective, batch, stages = built(torch.float64)
    if batch.sample_weight is None or batch.sample_weight.any():
        # The variance of the decoder is not part of the gradient, see its equation.
        where = [i for i, name in enumerate(STAGES) if name != "reconstruction"]

        def of_some(*some):
            values = [stage.detach() for stage in stages]
            for i, value in zip(where, some, strict=True):
                values[i] = value
            return loss_of(objective, batch, values)

        assert torch.autograd.gradcheck(of_some, [stages[i] for i in where], atol=1e-4)


@pytest.mark.parametrize("weight", [[0.0, 0.0, 1.0, 2.0], [0.0] * 4])
def test_labelled_rows_that_weigh_nothing_have_neither_loss_nor_gradient(weight):
    logits = torch.tensor([[3.0], [-2.0], [1.0], [0.5]], requires_grad=True)
    batch = Batch(
        torch.zeros(4, 1), torch.tensor([0, 1, -1, -1]), sample_weight=torch.tensor(weight)
    )
    loss = CrossEntropy()({"logits": logits}, batch)
    assert (loss == 0).all()
    (gradient,) = torch.autograd.grad((loss * shares(batch.sample_weight)).sum(), logits)
    assert (gradient == 0).all()


def test_a_quotient_is_zero_where_nothing_weighs():
    total = torch.tensor([1.0, 5.0, 0.0], requires_grad=True)
    found = quotient(total, torch.tensor([4.0, 0.0, 0.0]))
    assert found.tolist() == [0.25, 0.0, 0.0]
    (gradient,) = torch.autograd.grad(1e30 * found.sum(), total)
    assert gradient.tolist() == [pytest.approx(2.5e29), 0.0, 0.0]


@pytest.mark.parametrize("scale", [1.0, 1e-40, 1e30])
def test_shares_do_not_depend_on_the_scale_of_the_weights(scale):
    weight = torch.tensor([1.0, 0.0, 3.0]) * scale
    torch.testing.assert_close(
        shares(weight), torch.tensor([0.25, 0.0, 0.75]), rtol=1e-4, atol=0
    )
    assert shares(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def test_a_silent_code_has_an_activity_without_gradient():
    code = torch.zeros(2, 4, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(population_activity(code).sum(), code)
    assert (gradient == 0).all()
