import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from skvae.objectives.batch import Batch
from skvae.objectives.elbo import BetaELBO, Reconstruction
from skvae.objectives.reconstruction import GaussianLikelihood
from skvae.training.data import Data
from skvae.training.fitting import epochs, train
from skvae.training.recipe import Phase


def by_hand(recipe, x, start, n_steps, weight=None):
    """Train with Adam on all rows at once, as the tutorial has it."""
    network = recipe.builder()
    network.load_state_dict({name: torch.from_numpy(v) for name, v in start.items()})
    x = torch.from_numpy(x)
    w = torch.ones(len(x)) if weight is None else torch.from_numpy(weight)
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=recipe.phases[0].learning_rate,
        weight_decay=recipe.weight_decay,
    )
    losses = []
    for _ in range(n_steps):
        optimizer.zero_grad()
        terms = recipe.objective(network.train()(x), Batch(x, sample_weight=w))
        loss = sum((term * w).sum() / w.sum() for term in terms.values())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {name: v.numpy() for name, v in network.state_dict().items()}, losses


def assert_close(one, other, atol=1e-6):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=0, atol=atol)


def test_an_annealed_phase_ends_in_small_steps(make_recipe, x):
    """The k-th of n epochs has the rate (1 + cos(pi k / n)) / 2: with one step an epoch."""
    recipe = make_recipe("plain", batch_size=40, n_epochs=4)
    (phase,) = recipe.phases
    steps = [0.5 * (1 + math.cos(math.pi * k / 4)) for k in range(4)]
    annealed = replace(recipe, phases=(replace(phase, annealed=True),))
    rates = []
    for epoch in epochs(annealed, Data(x)):
        rates.append(epoch.net.optimizer_.param_groups[0]["lr"])
    # What is seen behind an epoch is the rate of the next.
    np.testing.assert_allclose(
        rates, np.array([*steps[1:], 0]) * phase.learning_rate, atol=1e-12
    )
    first, last = train(recipe, Data(x)), train(annealed, Data(x))
    assert first.history[1] == last.history[1]
    assert first.history[2]["loss"] != last.history[2]["loss"]


# Without a decay, the bias before a batch norm has a gradient of rounding errors alone.
@pytest.mark.parametrize(
    ("weight_decay", "normalization"), [(0.0, None), (0.3, None), (0.3, "batch")]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_training_is_the_loop_one_would_write_by_hand(
    make_recipe, x, first_weights, weight_decay, normalization, weighted
):
    weight = np.linspace(0.1, 2, 40, dtype=np.float32) if weighted else None
    data = Data(x, sample_weight=weight)
    recipe = make_recipe(
        "plain",
        n_epochs=1,
        objective=Reconstruction(GaussianLikelihood()),
        batch_size=40,
        weight_decay=weight_decay,
        network={"normalization": normalization},
    )
    start = first_weights(replace(recipe, weight_decay=0.0), data)
    if normalization:
        # The run that shows the weights has moved the buffers of the norms.
        fresh = recipe.builder().state_dict()
        buffers = {k: v.numpy() for k, v in fresh.items() if "running" in k or "num_" in k}
        start = dict(start) | buffers
    one_step, losses = by_hand(recipe, x, start, 1, weight)
    fitted = train(recipe, data)
    assert_close(fitted.state, one_step)
    assert fitted.history[0]["loss"] == pytest.approx(losses[0], rel=1e-5)
    three_steps, losses = by_hand(recipe, x, start, 3, weight)
    fitted = train(replace(recipe, phases=(Phase(3, 1e-2),)), data)
    assert_close(fitted.state, three_steps, atol=1e-4)
    assert [row["loss"] for row in fitted.history] == pytest.approx(losses, rel=1e-4)


@pytest.mark.parametrize("code", ["plain", "vae"])
def test_same_recipe_and_data_give_the_same_bits(
    make_recipe, data, same_bits, random_state, code
):
    recipe = make_recipe(code, network={"dropout": 0.2})
    before = data.x.copy(), random_state()
    first = train(recipe, data)
    torch.rand(7)  # what others draw does not matter
    middle = random_state()
    second = train(recipe, Data(data.x.copy()))
    assert random_state() == middle != before[1]
    assert same_bits(first.state, second.state)
    assert first.history == second.history
    assert np.array_equal(data.x, before[0])


def test_training_leaves_the_global_generators_alone(make_recipe, data, random_state):
    before = random_state()
    train(make_recipe("vae", network={"dropout": 0.2}, validation_fraction=0.2), data)
    assert random_state() == before


def test_another_seed_is_another_start_and_another_network(
    make_recipe, data, first_weights, same_bits
):
    recipes = [replace(make_recipe(), seed=seed) for seed in (0, 1, 2)]
    for make in (first_weights, lambda recipe, data: train(recipe, data).state):
        states = [make(recipe, data) for recipe in recipes]
        assert not same_bits(states[0], states[1])
        assert not same_bits(states[1], states[2])
        assert same_bits(states[0], make(recipes[0], data))


def test_threads_train_what_a_single_one_trains(make_recipe, data, same_bits, random_state):
    recipes = [replace(make_recipe(), seed=seed) for seed in range(4)]
    expected = [train(recipe, data).state for recipe in recipes]
    before = random_state()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: train(recipes[i % 4], data).state, range(24)))
    assert random_state() == before
    assert all(same_bits(state, expected[i % 4]) for i, state in enumerate(found))


@pytest.mark.parametrize("likelihood", [None, GaussianLikelihood()])
def test_a_weight_counts_like_repeated_rows(make_recipe, x, likelihood):
    weight = np.arange(40) % 4
    objective = Reconstruction(likelihood) if likelihood else Reconstruction()
    recipe = make_recipe("plain", 1, batch_size=200, objective=objective)
    weighted = train(recipe, Data(x, sample_weight=weight.astype(np.float32)))
    repeated = train(recipe, Data(np.repeat(x, weight, axis=0)))
    assert_close(weighted.state, repeated.state, atol=1e-5)
    assert weighted.history[0]["loss"] == pytest.approx(repeated.history[0]["loss"])


@pytest.mark.parametrize("code", ["plain", "vae"])
def test_a_batch_without_any_weight_is_passed_over(make_recipe, x, code):
    weight = np.zeros(40, np.float32)
    weight[:4] = 1.0
    fitted = train(make_recipe(code, batch_size=4), Data(x, sample_weight=weight))
    assert math.isfinite(fitted.history[-1]["loss"])


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_rows_and_weights_of_other_dtypes_train_in_float32(make_recipe, x, dtype):
    x = (x * 10).astype(dtype)
    weight = np.ones(40)
    fitted = train(make_recipe(), Data(x, sample_weight=weight))
    expected = train(make_recipe(), Data(x.astype(np.float32)))
    assert {v.dtype for v in fitted.state.values()} == {np.dtype(np.float32)}
    assert_close(fitted.state, expected.state)


@pytest.mark.parametrize("n_rows", [2, 5, 7])
@pytest.mark.parametrize("normalization", [None, "batch"])
def test_fewer_rows_than_a_batch_train(make_recipe, x, n_rows, normalization):
    recipe = make_recipe(batch_size=32, network={"normalization": normalization})
    before = train(recipe, Data(x[:n_rows]))
    assert math.isfinite(before.history[-1]["loss"])


@pytest.mark.parametrize("streamed", [False, True])
def test_batch_norm_trains_where_one_row_is_left_over(
    make_recipe, x, map_file, stream_maps, streamed
):
    rows = map_file(x[:33]) if streamed else x[:33]
    recipe = make_recipe(batch_size=4, network={"normalization": "batch"})
    assert math.isfinite(train(recipe, Data(rows)).history[-1]["loss"])


@pytest.mark.parametrize("stream", [False, True])
def test_a_read_only_map_trains_and_its_file_stays(
    make_recipe, x, map_file, tmp_path, request, stream
):
    if stream:
        request.getfixturevalue("stream_maps")
    mapped = map_file(x)
    before = (tmp_path / "x.npy").read_bytes()

    def double(batch, generator):
        return batch._replace(x=batch.x.mul_(2.0))

    recipe = make_recipe(augment=double)
    fitted = train(recipe, Data(mapped))
    assert (tmp_path / "x.npy").read_bytes() == before
    if not stream:
        assert_close(fitted.state, train(recipe, Data(x)).state, atol=0)


def test_augmentation_is_for_training_alone_and_drawn_from_the_seed(
    make_recipe, data, same_bits, random_state
):
    seen = []

    def shift(batch, generator):
        seen.append(len(batch.x))
        assert torch.is_grad_enabled()
        noise = torch.randn(len(batch.x), 1, generator=generator)
        return batch._replace(x=batch.x + noise)

    recipe = make_recipe(augment=shift, validation_fraction=0.25)
    before = data.x.copy(), random_state()
    first, second = train(recipe, data), train(recipe, data)
    assert sum(seen) == 2 * 3 * 30
    assert same_bits(first.state, second.state)
    assert not same_bits(first.state, train(replace(recipe, augment=None), data).state)
    assert not same_bits(first.state, train(replace(recipe, seed=1), data).state)
    assert np.array_equal(data.x, before[0])
    assert random_state() == before[1]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_resumed_training_goes_on_bit_for_bit(make_recipe, data, same_bits, solver):
    recipe = make_recipe("vae" if solver == "adam" else "plain", 6, solver=solver)
    if solver == "adam":
        recipe = replace(recipe, weight_decay=0.01)
    half = replace(recipe, phases=(Phase(3, 1e-2),))
    whole = train(recipe, data)
    *_, handle = epochs(half, data)
    start = pickle.loads(pickle.dumps(handle.fitted(resumable=True)))
    before = pickle.dumps(start)
    *_, handle = epochs(half, data, start=start)
    rest = handle.fitted()
    assert pickle.dumps(start) == before
    assert same_bits(rest.state, whole.state)
    assert rest.history == whole.history


def test_a_start_without_resume_part_keeps_the_weights_alone(make_recipe, data, same_bits):
    first = train(make_recipe(), data)
    assert first.resume is None
    still = make_recipe(n_epochs=1, rate=0.0)
    *_, handle = epochs(still, data, start=first)
    assert same_bits(handle.fitted().state, first.state)
    assert [row["epoch"] for row in handle.fitted().history] == [1, 2, 3, 4]


def test_the_handle_holds_copies(make_recipe, data, same_bits):
    handles = epochs(make_recipe(), data)
    kept = next(handles).fitted()
    before = {name: value.copy() for name, value in kept.state.items()}
    list(handles)
    assert same_bits(kept.state, before)
    assert len(kept.history) == 1


def test_terms_in_the_history_add_up_to_the_loss(make_recipe, data):
    for row in train(make_recipe("vae", validation_fraction=0.2), data).history:
        assert row["loss"] == pytest.approx(row["reconstruction"] + row["divergence"])
        assert row["valid_loss"] == pytest.approx(
            row["valid_reconstruction"] + row["valid_divergence"]
        )


def test_beta_changes_what_is_trained(make_recipe, data):
    losses = [
        train(make_recipe("vae", 30, objective=BetaELBO(beta)), data).history[-1]
        for beta in (0.01, 10.0)
    ]
    assert losses[0]["divergence"] / 0.01 > 2 * losses[1]["divergence"] / 10.0
    assert losses[0]["reconstruction"] < losses[1]["reconstruction"]
