"""What stays of a traced function is computed once, and never what moves."""

import torch
from torch.testing import assert_close

from skvae.training.traced_graph import Traced

STAYS = ("memory", "values", "nothing")


def inputs(seed):
    draws = torch.Generator().manual_seed(seed)
    return [torch.randn(3, 3, generator=draws) for _ in range(3)]


def check(function):
    """Compare both parts with the function, before and after the memory has changed."""
    weight, number, moving = inputs(0)
    traced = Traced(function, [weight, number, moving], STAYS)
    prepared = traced.prepare([weight, number])
    for seed in range(1, 4):
        weight.copy_(inputs(seed)[0])
        moving = inputs(seed)[2]
        expected = function(weight, number, moving.clone())
        for found, right in zip(traced.run(prepared, [moving]), expected, strict=True):
            assert_close(found, right, rtol=0, atol=0)
            found.fill_(7.0)  # whoever takes a result may change it
    return traced


def targets(module):
    return [node.target for node in module.graph.nodes if node.op == "call_function"]


def test_views_of_memory_and_what_numbers_decide_are_prepared():
    traced = check(lambda w, number, x: [x @ w.t() * (number.exp() + 1)])
    aten = torch.ops.aten
    assert set(targets(traced.first)) == {aten.t.default, aten.exp.default, aten.add.Tensor}
    assert targets(traced.rest) == [aten.mm.default, aten.mul.Tensor]


def test_numbers_in_memory_that_changes_are_read_in_each_call():
    check(lambda w, number, x: [w.square() * x, (w[0] * number).sum() + x])


def test_shapes_alone_are_prepared():
    traced = check(lambda w, number, x: [torch.ones_like(x) * number + x])
    assert targets(traced.rest) == [torch.ops.aten.add.Tensor]


def test_results_that_stay_are_given_as_copies():
    check(lambda w, number, x: [number * 2, w.t(), x])


def test_what_is_written_to_is_not_prepared():
    def remember(w, number, x):
        mean = number.exp()
        mean.mul_(x.mean())
        return [mean * x]

    traced = check(remember)
    assert targets(traced.first) == []


def test_draws_are_not_prepared():
    traced = Traced(
        lambda w, number, x: [torch.nn.functional.dropout(number, 0.5) + x],
        inputs(0),
        STAYS,
    )
    prepared = traced.prepare(inputs(0)[:2])
    (one,), (other,) = (traced.run(prepared, [torch.zeros(3, 3)]) for _ in range(2))
    assert not torch.equal(one, other)
