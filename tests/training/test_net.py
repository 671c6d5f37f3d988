import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from skvae.objectives.elbo import BetaELBO, Reconstruction
from skvae.objectives.reconstruction import GaussianLikelihood
from skvae.training.data import Data
from skvae.training.fitting import epochs, train
from skvae.training.net import (
    EpochTerms,
    Float32Trace,
    ObjectiveNet,
    below,
    mean_term,
    rate_factor,
)
from skvae.training.recipe import Phase


@dataclass(frozen=True)
class MeanOfBatch:
    """A per-sample term, and one over the batch as a whole."""

    def __call__(self, trace, batch):
        return {
            "rows": (trace["reconstruction"] - batch.x).square().sum(dim=1),
            "batch": 3 * trace["code"].mean(dim=0).square().sum(),
        }


def gradients(recipe, data):
    """Gradients of the last step of training, by name."""
    *_, last = epochs(recipe, data)
    return {name: p.grad.clone() for name, p in last.net.module_.named_parameters()}


def moved(recipe, data, start):
    state = train(recipe, data).state
    return {name: state[name] - start[name] for name in state}


@pytest.mark.parametrize(
    ("name", "prefixes", "expected"),
    [
        ("hidden.0.weight", ["hidden"], True),
        ("hidden", ["hidden"], True),
        ("hidden_2.weight", ["hidden"], False),
        ("dense.hidden", ["hidden"], False),
        ("a.b", ["x", "a.b"], True),
        ("a.b", [], False),
    ],
)
def test_below_knows_whole_names(name, prefixes, expected):
    assert below(name, prefixes) == expected


def test_the_longest_prefix_gives_the_rate():
    rates = (("dense", 0.5), ("dense.hidden", 0.1), ("dense.hidden.0", 3.0))
    assert rate_factor("dense.hidden.0.weight", rates) == 3.0
    assert rate_factor("dense.hidden.1.weight", rates) == 0.1
    assert rate_factor("dense.to_rows.bias", tuple(reversed(rates))) == 0.5
    assert rate_factor("conv.weight", rates) == 1.0
    assert rate_factor("conv.weight", ()) == 1.0


def test_rate_factors_scale_the_steps_of_their_parameters(make_recipe, data, first_weights):
    recipe = make_recipe("plain", 1, batch_size=40)
    start = first_weights(recipe, data)
    rates = (("hidden", 0.1), ("hidden.0.0.bias", 2.0), ("to_rows", 0.0))
    plain = moved(recipe, data, start)
    scaled = moved(replace(recipe, phases=(Phase(1, 1e-2, rates),)), data, start)
    factors = {"hidden.0.0.weight": 0.1, "hidden.0.0.bias": 2.0, "to_rows.bias": 0.0}
    factors |= {"to_rows.weight": 0.0}
    for name, step in plain.items():
        assert np.abs(step).max() > 1e-3
        np.testing.assert_allclose(
            scaled[name], factors.get(name, 1.0) * step, rtol=1e-3, atol=1e-7
        )


def test_annealed_rates_fall_along_half_a_cosine_in_each_phase(make_recipe, data):
    rates = (("hidden", 0.1),)
    phases = (Phase(3, 1e-2, rates, annealed=True), Phase(1, 1e-3), Phase(2, annealed=True))
    found = [
        sorted(group["lr"] for group in handle.net.optimizer_.param_groups)
        for handle in epochs(make_recipe("plain", phases=phases), data)
    ]
    # What is seen behind an epoch is the rate of the next.
    falling = [0.75e-2, 0.25e-2, 0]
    expected = [[0.1 * rate, rate] for rate in falling] + [[1e-3], [0.5e-3], [0]]
    assert found == [pytest.approx(each) for each in expected]


def test_an_annealed_rate_is_the_size_of_the_steps(make_recipe, data, first_weights):
    recipe = make_recipe("plain", phases=(Phase(2, 1e-2, annealed=True),), batch_size=40)
    start = first_weights(recipe, data)
    first, last = (handle.fitted().state for handle in epochs(recipe, data))
    # The first step of Adam is the rate, and so is, nearly, the second of a smooth loss.
    sizes = [
        np.abs(a["to_rows.bias"] - b["to_rows.bias"]).max()
        for a, b in ((first, start), (last, first))
    ]
    assert sizes == pytest.approx([1e-2, 0.5e-2], rel=0.1)


@pytest.mark.parametrize("part", ["hidden", "decoded", "decoded.0.1", "bottleneck"])
def test_frozen_parts_keep_weights_and_buffers_while_others_learn(make_recipe, data, part):
    recipe = make_recipe(
        "plain",
        phases=(Phase(2, 1e-2), Phase(2, 1e-2, frozen=(part,))),
        network={"normalization": "batch"},
    )
    handles = epochs(recipe, data)
    _, handle = next(handles), next(handles)
    before = handle.fitted().state
    after = list(handles)[-1].fitted().state
    for name, value in after.items():
        assert np.array_equal(value, before[name]) == below(name, [part]), name


def test_what_was_frozen_learns_again_in_the_next_phase(make_recipe, data, first_weights):
    phases = (Phase(1, 1e-2, frozen=("hidden",)), Phase(1, 1e-2))
    recipe = make_recipe("plain", phases=phases)
    handles = epochs(recipe, data)
    start = first_weights(recipe, data)
    frozen = next(handles).fitted().state
    assert np.array_equal(frozen["hidden.0.0.weight"], start["hidden.0.0.weight"])
    after = next(handles).fitted().state
    assert not np.array_equal(after["hidden.0.0.weight"], start["hidden.0.0.weight"])


def test_a_decoder_learns_over_a_frozen_encoder(make_recipe, data):
    # The divergence has no gradient then, and there is nothing wrong with it.
    phase = Phase(2, 1e-2, frozen=("hidden", "bottleneck"))
    fitted = train(make_recipe("vae", phases=(phase,)), data)
    assert fitted.history[1]["reconstruction"] < fitted.history[0]["reconstruction"]
    assert math.isfinite(fitted.history[1]["divergence"])


def test_each_phase_has_its_objective_and_its_name(make_recipe, data):
    phases = (
        Phase(2, objective=Reconstruction(), name="warm"),
        Phase(1, name="whole"),
    )
    history = train(make_recipe("vae", phases=phases), data).history
    assert [row["phase"] for row in history] == ["warm", "warm", "whole"]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert ["divergence" in row for row in history] == [False, False, True]


def test_a_single_phase_is_not_named_in_the_history(make_recipe, data):
    assert list(train(make_recipe(n_epochs=1), data).history[0]) == [
        "epoch",
        "loss",
        "reconstruction",
        "divergence",
    ]


@pytest.mark.parametrize("norm", [1e-3, 1.0])
def test_gradients_are_scaled_down_to_the_largest_norm(make_recipe, data, norm):
    recipe = make_recipe("plain", 1, batch_size=40)
    free = gradients(recipe, data)
    total = math.sqrt(sum(g.square().sum().item() for g in free.values()))
    assert total > 1.0
    clipped = gradients(replace(recipe, max_grad_norm=norm), data)
    for name, gradient in clipped.items():
        torch.testing.assert_close(
            gradient, free[name] * norm / total, rtol=1e-4, atol=1e-8
        )


def test_gradients_below_the_largest_norm_stay(make_recipe, data):
    recipe = make_recipe("plain", 1, batch_size=40)
    free, loose = (
        gradients(recipe, data),
        gradients(replace(recipe, max_grad_norm=1e6), data),
    )
    for name in free:
        torch.testing.assert_close(loose[name], free[name])


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_mean_rows_plus_the_batch_term(
    make_recipe, x, weighted, first_weights
):
    weight = np.arange(1, 41, dtype=np.float32) if weighted else None
    data = Data(x, sample_weight=weight)
    recipe = make_recipe("plain", 1, batch_size=40, objective=MeanOfBatch(), rate=0.0)
    found = gradients(recipe, data)
    network = recipe.builder()
    state = first_weights(recipe, data)
    network.load_state_dict({name: torch.from_numpy(w) for name, w in state.items()})
    trace = network(torch.from_numpy(x))
    w = torch.ones(40) if weight is None else torch.from_numpy(weight)
    rows = (trace["reconstruction"] - torch.from_numpy(x)).square().sum(dim=1)
    loss = (rows * w).sum() / w.sum() + 3 * trace["code"].mean(dim=0).square().sum()
    loss.backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_the_history_is_the_mean_over_rows_not_over_batches(make_recipe, x):
    weight = np.arange(1, 41, dtype=np.float32)
    rows = {}
    for batch_size in (8, 27, 40):
        recipe = make_recipe("plain", 1, rate=0.0, batch_size=batch_size)
        rows[batch_size] = train(recipe, Data(x, sample_weight=weight)).history[0]
    assert rows[8]["loss"] == pytest.approx(rows[40]["loss"], rel=1e-6)
    assert rows[27]["loss"] == pytest.approx(rows[40]["loss"], rel=1e-6)


def test_epoch_terms_weigh_a_batch_term_as_its_rows():
    record = EpochTerms()
    record.add({"a": torch.tensor([1.0, 2.0]), "b": torch.tensor(4.0)}, torch.ones(2))
    record.add({"a": torch.tensor([9.0]), "b": torch.tensor(1.0)}, torch.tensor([2.0]))
    means = record.means()
    assert means["a"].item() == pytest.approx((1 + 2 + 2 * 9) / 4)
    assert means["b"].item() == pytest.approx((4 + 4 + 2 * 1) / 4)


def test_a_mean_term_carries_no_graph():
    term = torch.ones(3, requires_grad=True) * 2
    assert not mean_term(term, torch.ones(3)).requires_grad
    assert not mean_term(term.sum(), torch.ones(3)).requires_grad


def test_a_float32_trace_reads_every_stage_in_float32():
    trace = Float32Trace({"mean": torch.ones(2, dtype=torch.bfloat16), "z": torch.ones(1)})
    assert {value.dtype for value in trace.values()} == {torch.float32}
    assert list(trace) == ["mean", "z"]
    assert len(trace) == 2
    assert "log_var" not in trace


@pytest.mark.parametrize("code", ["plain", "vae"])
def test_bfloat16_trains_to_about_the_same_loss(make_recipe, data, code):
    recipe = make_recipe(code, 20)
    full = train(recipe, data)
    half = train(replace(recipe, precision="bfloat16"), data)
    assert half.history[-1]["loss"] == pytest.approx(full.history[-1]["loss"], rel=0.03)
    assert half.history[-1]["loss"] != full.history[-1]["loss"]
    assert {value.dtype for value in half.state.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("code", "network"),
    [
        ("vae", {}),
        ("plain", {"dropout": 0.2}),
        ("plain", {"normalization": "batch"}),
    ],
)
def test_lbfgs_refuses_a_loss_that_is_not_the_same_each_time(
    make_recipe, data, code, network
):
    recipe = make_recipe(code, solver="lbfgs", network=network)
    with pytest.raises(ValueError, match="solver='lbfgs'"):
        train(recipe, data)


def test_lbfgs_finds_the_principal_components(make_recipe, x):
    recipe = make_recipe("plain", 100, solver="lbfgs", network={"hidden_layer_sizes": ()})
    centred = (x - x.mean(axis=0)).astype(float)
    optimum = (np.linalg.svd(centred, compute_uv=False)[2:] ** 2).sum() / 2 / len(x)
    fitted = train(recipe, Data(x))
    assert fitted.history[-1]["loss"] == pytest.approx(optimum, rel=1e-5)
    decoder = fitted.state["to_rows.weight"]
    components = np.linalg.svd(centred, full_matrices=False)[2][:2]
    q, _ = np.linalg.qr(decoder)
    cosines = np.linalg.svd(components @ q, compute_uv=False)
    assert np.degrees(np.arccos(cosines.min().clip(max=1))) < 0.5
    assert {value.dtype for value in fitted.state.values()} == {np.dtype(np.float32)}


def test_lbfgs_never_lets_the_loss_rise(make_recipe, data):
    recipe = make_recipe("plain", 30, solver="lbfgs", network={"activation": "tanh"})
    losses = [row["loss"] for row in train(recipe, data).history]
    assert all(b <= a + 1e-9 for a, b in pairwise(losses))


def test_lbfgs_weights_count_like_repeated_rows(make_recipe, x):
    weight = np.arange(40) % 3
    recipe = make_recipe("plain", 10, solver="lbfgs", network={"activation": "tanh"})
    weighted = train(recipe, Data(x, sample_weight=weight.astype(np.float32)))
    repeated = train(recipe, Data(np.repeat(x, weight, axis=0)))
    assert weighted.history[-1]["loss"] == pytest.approx(
        repeated.history[-1]["loss"], rel=1e-7
    )


def test_lbfgs_stays_finite_at_a_perfect_fit(make_recipe):
    recipe = make_recipe("plain", 20, solver="lbfgs", network={"hidden_layer_sizes": ()})
    fitted = train(recipe, Data(np.ones((8, 6), np.float32)))
    assert fitted.history[-1]["loss"] == pytest.approx(0.0, abs=1e-8)
    assert all(np.isfinite(value).all() for value in fitted.state.values())


@pytest.mark.parametrize(
    "setting", [{"weight_decay": 1.0}, {"max_grad_norm": 1e-3}, {"precision": "bfloat16"}]
)
def test_lbfgs_heeds_or_refuses_a_setting(make_recipe, data, same_bits, setting):
    recipe = make_recipe("plain", 5, solver="lbfgs")
    plain = train(recipe, data).state
    try:
        other = train(replace(recipe, **setting), data).state
    except ValueError:
        other = {}
    assert not other or not same_bits(other, plain)


def test_batch_norm_with_batches_of_one_names_both_parameters(make_recipe, data):
    recipe = make_recipe(network={"normalization": "batch"}, batch_size=1)
    with pytest.raises(ValueError, match="batch_size=1 with normalization='batch'"):
        train(recipe, data)


def test_noise_is_drawn_for_each_stage_that_takes_it(make_recipe):
    recipe = make_recipe("vae", network={"dropout": 0.5})
    net = ObjectiveNet(recipe, (6,)).initialize()
    noise = net.draw(20_000)
    assert {stage: tuple(value.shape) for stage, value in noise.items()} == {
        "z": (20_000, 2),
        "hidden_1": (20_000, 5),
        "decoded_1": (20_000, 5),
    }
    assert abs(noise["z"].mean()) < 0.03
    assert abs(noise["z"].std() - 1) < 0.03
    assert noise["hidden_1"].min() >= 0
    assert noise["hidden_1"].max() < 1
    assert abs(noise["hidden_1"].mean() - 0.5) < 0.01
    assert not torch.equal(noise["hidden_1"], noise["decoded_1"])
    assert not torch.equal(net.draw(3)["z"], net.draw(3)["z"])


def test_training_samples_the_code_and_validation_does_not(make_recipe, data):
    traces = {True: [], False: []}

    def objective(trace, batch):
        traces[torch.is_grad_enabled()].append(torch.equal(trace["z"], trace["mean"]))
        return BetaELBO()(trace, batch)

    train(make_recipe("vae", objective=objective, validation_fraction=0.25), data)
    assert not any(traces[True])
    assert all(traces[False])


def test_all_columns_reach_the_objective(make_recipe, x, spy):
    objective = spy(BetaELBO(likelihood=GaussianLikelihood(1.0)))
    number = np.arange(40)
    data = Data(
        np.hstack([number[:, None], x[:, 1:]]).astype(np.float32),
        y=np.where(number % 2, number, np.nan),
        mask=number,
        attributes=number[:, None],
        groups=number,
    )
    train(make_recipe("vae", 1, rate=0.0, objective=objective), data)
    assert sum(len(batch.x) for batch in objective.batches) == 40
    for batch in objective.batches:
        rows = batch.x[:, 0].long()
        assert torch.equal(batch.mask, rows)
        assert torch.equal(batch.attributes[:, 0], rows)
        assert torch.equal(batch.y.isnan(), rows % 2 == 0)
        assert batch.sample_weight is None


@pytest.mark.parametrize("phases", [(Phase(4),), (Phase(1), Phase(3))])
def test_progress_rises_evenly_from_zero_over_the_whole_budget(
    make_recipe, data, spy, phases
):
    objective = spy(BetaELBO())
    train(make_recipe("vae", phases=phases, objective=objective), data)
    found = [float(batch.progress) for batch in objective.batches]
    np.testing.assert_allclose(found, np.arange(20) / 20, atol=1e-12)


def test_progress_rises_evenly_over_streamed_rows(
    make_recipe, x, map_file, stream_maps, spy
):
    objective = spy(BetaELBO())
    recipe = make_recipe("vae", 2, objective=objective, batch_size=4)
    train(recipe, Data(map_file(x[:33])))
    found = [float(batch.progress) for batch in objective.batches]
    np.testing.assert_allclose(found, np.arange(len(found)) / len(found), atol=1e-12)
