import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from skvae.exceptions import NonFiniteLossError
from skvae.objectives.divergence import gaussian_kl
from skvae.objectives.elbo import BetaELBO
from skvae.training.data import Data
from skvae.training.fitting import epochs, train
from skvae.training.recipe import Phase
from skvae.training.split import validation_split


@dataclass(frozen=True)
class Sum:
    """Terms that add a constant each to the reconstruction error."""

    constants: tuple[float, ...]

    def __call__(self, trace, batch):
        error = (trace["reconstruction"] - batch.x).square().sum(dim=1)
        return {f"term_{i}": error + c for i, c in enumerate(self.constants)}


class Interrupting:
    """An objective that is interrupted at its k-th call."""

    def __init__(self, objective, k):
        self.objective = objective
        self.n_left = k

    def __call__(self, trace, batch):
        self.n_left -= 1
        if not self.n_left:
            raise KeyboardInterrupt
        return self.objective(trace, batch)


@pytest.mark.parametrize("tol", [0.0, 1e-4, 0.3])
def test_early_stopping_keeps_the_best_epoch(make_recipe, x, same_bits, tol):
    recipe = make_recipe(
        "plain",
        60,
        rate=0.1,
        network={"hidden_layer_sizes": (30,)},
        validation_fraction=0.5,
        n_iter_no_change=5,
        tol=tol,
    )
    states = []
    for handle in epochs(recipe, Data(x[:16])):
        state = handle.net.module_.state_dict()
        states.append({name: value.numpy().copy() for name, value in state.items()})
    losses = [row["valid_loss"] for row in handle.history]
    best = int(np.argmin(losses))
    assert len(losses) < 60
    assert same_bits(handle.fitted().state, states[best])
    if tol == 0.0:
        assert len(losses) == best + 1 + 5


def test_the_best_epoch_counts_although_it_is_better_by_less_than_tol(
    make_recipe, x, same_bits
):
    # tol decides how long to wait, not which epoch is the best.
    recipe = make_recipe("plain", 6, validation_fraction=0.5, tol=1e3)
    states = []
    for handle in epochs(recipe, Data(x)):
        state = handle.net.module_.state_dict()
        states.append({name: value.numpy().copy() for name, value in state.items()})
    best = int(np.argmin([row["valid_loss"] for row in handle.history]))
    assert best == 5
    assert same_bits(handle.fitted().state, states[best])


def test_the_best_weights_are_those_of_a_run_that_stops_there(make_recipe, x, same_bits):
    recipe = make_recipe("plain", 60, rate=0.1, validation_fraction=0.5, tol=0.0)
    recipe = replace(recipe, n_iter_no_change=4)
    fitted = train(recipe, Data(x[:16]))
    best = int(np.argmin([row["valid_loss"] for row in fitted.history])) + 1
    assert best < len(fitted.history)
    short = train(replace(recipe, phases=(Phase(best, 0.1),)), Data(x[:16]))
    assert same_bits(fitted.state, short.state)
    assert fitted.history[:best] == short.history


def test_the_validation_loss_is_that_of_the_held_out_rows_at_the_whole_weight(
    make_recipe, data
):
    objective = BetaELBO(beta=2.0, kl_warmup=1.0)
    recipe = make_recipe("vae", 1, objective=objective, validation_fraction=0.3)
    fitted = train(recipe, data)
    _, held_out = validation_split(data, 0.3, recipe.seed)
    network = recipe.builder().eval()
    network.load_state_dict({k: torch.from_numpy(v) for k, v in fitted.state.items()})
    with torch.no_grad():
        trace = network(torch.from_numpy(data.x[held_out]))
        kl = gaussian_kl(trace["mean"], trace["log_var"]).mean().item()
    assert fitted.history[0]["valid_divergence"] == pytest.approx(2.0 * kl, rel=1e-5)
    assert fitted.history[0]["valid_loss"] == pytest.approx(
        fitted.history[0]["valid_reconstruction"] + fitted.history[0]["valid_divergence"]
    )


def test_early_stopping_never_splits_a_patient(make_recipe, x):
    patients = np.arange(40) // 4
    trained = set()

    def watch(batch, generator):
        trained.update(batch.mask.tolist())
        return batch

    recipe = make_recipe(validation_fraction=0.3, augment=watch)
    train(recipe, Data(x, mask=np.arange(40), groups=patients))
    held_out = set(range(40)) - trained
    assert len(held_out) == 12
    assert {patients[i] for i in trained}.isdisjoint({patients[i] for i in held_out})


def test_one_patient_cannot_be_split(make_recipe, x):
    data = Data(x, groups=np.zeros(40))
    with pytest.raises(ValueError, match=r"validation_fraction=0\.2"):
        train(make_recipe(validation_fraction=0.2), data)


@pytest.mark.parametrize(("k", "n_whole"), [(6, 1), (8, 1), (10, 1), (11, 2), (15, 2)])
def test_an_interrupt_keeps_the_last_whole_epoch(make_recipe, data, same_bits, k, n_whole):
    recipe = make_recipe(objective=Interrupting(BetaELBO(), k))
    training = epochs(recipe, data)
    handle = next(training)
    with pytest.raises(KeyboardInterrupt):
        list(training)
    whole = train(make_recipe(n_epochs=n_whole), data)
    assert same_bits(handle.fitted().state, whole.state)
    assert handle.fitted().history == whole.history


def test_an_interrupt_of_the_first_epoch_leaves_nothing(make_recipe, data):
    training = epochs(make_recipe(objective=Interrupting(BetaELBO(), 2)), data)
    with pytest.raises(KeyboardInterrupt):
        next(training)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_names_epoch_and_term(make_recipe, x, value):
    x[3, 2] = value
    with pytest.raises(NonFiniteLossError, match=r"epoch 1: the term 'reconstruction'"):
        train(make_recipe(), Data(x))


def test_steps_that_are_too_long_are_named_as_the_cause(make_recipe, data):
    with pytest.raises(NonFiniteLossError, match=r"epoch \d.*learning_rate=1e\+30"):
        train(make_recipe(rate=1e30), data)


def test_weights_that_are_not_finite_are_never_handed_out(make_recipe, data):
    recipe = make_recipe("plain", 1, batch_size=40, rate=1e39)
    handle = next(epochs(recipe, data))
    with pytest.raises(NonFiniteLossError, match=r"weight .* not finite after epoch 1"):
        handle.fitted()


@pytest.mark.parametrize("options", [{}, {"validation_fraction": 0.25}])
def test_a_last_step_that_was_too_long_is_found(make_recipe, data, options):
    """Weights of 1e30 are finite, and so is the loss before that step; features are not."""
    recipe = make_recipe("plain", 1, batch_size=40, rate=1e30, **options)
    with pytest.raises(NonFiniteLossError, match=r"epoch 1: the term .*=1e\+30"):
        train(recipe, data)


@pytest.mark.parametrize(
    ("constants", "term"),
    [
        ((0.0, math.nan), "term_1"),
        ((math.inf, 0.0), "term_0"),
        ((math.inf, -math.inf), "term_0"),
    ],
)
def test_the_term_that_is_not_finite_is_named(make_recipe, data, constants, term):
    recipe = make_recipe("plain", objective=Sum(constants))
    with pytest.raises(NonFiniteLossError, match=f"epoch 1: the term '{term}'"):
        train(recipe, data)


def test_a_validation_loss_that_is_not_finite_is_named(make_recipe, data, x):
    _, held_out = validation_split(data, 0.25, 0)
    x[held_out[0], 0] = np.nan
    with pytest.raises(NonFiniteLossError, match="'valid_reconstruction'"):
        train(make_recipe(validation_fraction=0.25), Data(x))


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("k", [None, 1, 8])
def test_the_thread_count_comes_back(make_recipe, data, three_threads, k):
    seen = []

    def objective(trace, batch):
        seen.append(torch.get_num_threads())
        return BetaELBO()(trace, batch)

    recipe = make_recipe(objective=Interrupting(objective, k) if k else objective)
    if k:
        with pytest.raises(KeyboardInterrupt):
            train(recipe, data)
    else:
        train(recipe, data)
    assert set(seen) <= {1}
    assert torch.get_num_threads() == 3


def test_the_thread_count_comes_back_when_training_is_left_early(
    make_recipe, data, three_threads
):
    for _ in epochs(make_recipe(), data):
        break
    assert torch.get_num_threads() == 3
