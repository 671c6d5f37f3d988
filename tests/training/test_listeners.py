import signal
from functools import partial

import numpy as np
import pytest
import torch
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochTimer,
    GradientNormClipping,
    LRScheduler,
)
from torch.optim import lr_scheduler

from skvae.objectives.batch import Batch
from skvae.training import net as net_file
from skvae.training.data import Data
from skvae.training.fitting import epochs, train
from skvae.training.listeners import fresh_callbacks
from skvae.training.recipe import Phase
from skvae.training.seeding import ORDER_STREAM, generator
from skvae.training.split import validation_split


def trained(recipe, data, *callbacks, start=None):
    *_, handle = epochs(recipe, data, start, callbacks=callbacks)
    return handle.fitted()


def by_hand(recipe, x, start, make_schedule, every):
    """Train with Adam and a schedule, as the tutorials of torch have it."""
    network = recipe.builder()
    network.load_state_dict({name: torch.from_numpy(v) for name, v in start.items()})
    (phase,) = recipe.phases
    optimizer = torch.optim.Adam(network.train().parameters(), lr=phase.learning_rate)
    schedule = make_schedule(optimizer)
    x, order = torch.from_numpy(x), generator(recipe.seed + ORDER_STREAM)
    for _ in range(phase.n_epochs):
        losses = []
        for rows in torch.randperm(len(x), generator=order).split(recipe.batch_size):
            optimizer.zero_grad()
            terms = recipe.objective(network(x[rows]), Batch(x[rows]))
            loss = sum(term.mean() for term in terms.values())
            loss.backward()
            optimizer.step()
            losses += [loss.item()] * len(rows)
            if every == "batch":
                schedule.step()
        if isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
            schedule.step(np.mean(losses))
        elif every == "epoch":
            schedule.step()
    return {name: v.numpy() for name, v in network.state_dict().items()}, optimizer


SCHEDULES = {
    "StepLR": ("epoch", {"step_size": 2, "gamma": 0.3}),
    "CosineAnnealingLR": ("epoch", {"T_max": 7}),
    "ReduceLROnPlateau": ("epoch", {"threshold": 0.1, "patience": 0, "factor": 0.5}),
    "OneCycleLR": ("batch", {"max_lr": 0.05, "total_steps": 21}),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_of_skorch_is_that_of_a_bare_loop(
    make_recipe, data, x, first_weights, name
):
    every, options = SCHEDULES[name]
    recipe = make_recipe("plain", 7, batch_size=16)
    monitored = {"monitor": "train_loss"} if name == "ReduceLROnPlateau" else {}
    policy = getattr(lr_scheduler, name)
    callback = LRScheduler(policy, step_every=every, **options, **monitored)
    make_schedule = partial(policy, **options)
    start = first_weights(recipe, data)
    expected, optimizer = by_hand(recipe, x, start, make_schedule, every)
    *_, handle = epochs(recipe, data, callbacks=[callback])
    found = handle.fitted()
    for weight, value in expected.items():
        np.testing.assert_allclose(found.state[weight], value, rtol=0, atol=1e-6)
    rate = handle.net.optimizer_.param_groups[0]["lr"]
    assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
    without = train(recipe, data).state
    assert max(np.abs(without[k] - expected[k]).max() for k in expected) > 1e-4
    if every == "epoch":
        assert len({row["event_lr"] for row in found.history}) > 1


class Heard(Callback):
    """What is called, with what the net looks like then."""

    def __init__(self, log):
        self.log = log

    def note(self, name, net, **more):
        self.log.append((name, len(net.history), more))

    def initialize(self):
        self.log.append(("initialize", 0, {}))
        return self

    def on_train_begin(self, net, X, y, **kwargs):
        self.note("train begins", net, X=X, frozen=frozen(net))

    def on_train_end(self, net, X, y, **kwargs):
        self.note("train ends", net, weights=copied(net.module_))

    def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
        self.note("epoch begins", net, rows=dataset_train, valid=dataset_valid)

    def on_epoch_end(self, net, **kwargs):
        self.note("epoch ends", net, **net.history[-1], weights=copied(net.module_))


class HeardBatches(Heard):
    def on_batch_begin(self, net, batch, training, **kwargs):
        self.note("batch begins", net, n_rows=len(batch[0]), training=training)

    def on_grad_computed(self, net, named_parameters, **kwargs):
        norms = {name: p.grad for name, p in named_parameters}
        self.note("gradients", net, names=norms.keys())

    def on_batch_end(self, net, batch, training, loss, **kwargs):
        self.note("batch ends", net, loss=float(loss), training=training)


def frozen(net):
    group = net.optimizer_.param_groups[0]["params"]
    assert {id(p) for p in group} <= {id(p) for p in net.module_.parameters()}
    return [name for name, p in net.module_.named_parameters() if not p.requires_grad]


def copied(module):
    return {name: v.numpy().copy() for name, v in module.state_dict().items()}


def named(log, name):
    return [more for found, _, more in log if found == name]


def test_callbacks_hear_all_that_happens_and_change_nothing(make_recipe, data, same_bits):
    recipe = make_recipe(
        n_epochs=2, batch_size=20, network={"dropout": 0.2}, validation_fraction=0.25
    )
    log = []
    found = trained(recipe, data, ("own", HeardBatches(log)))
    whole = train(recipe, data)
    assert same_bits(found.state, whole.state)
    assert found.history == whole.history
    epoch = ["epoch begins"]
    epoch += ["batch begins", "gradients", "batch ends"] * 2  # 20 and 10 rows
    epoch += ["batch begins", "batch ends", "epoch ends"]  # 10 to validate
    expected = ["initialize", "train begins", *epoch, *epoch, "train ends"]
    assert [name for name, *_ in log] == expected
    assert named(log, "train begins")[0]["X"] is data.x
    assert same_bits(named(log, "train ends")[0]["weights"], whole.state)
    index, held_out = validation_split(data, 0.25, recipe.seed)
    begun = named(log, "epoch begins")[1]
    assert np.array_equal([row for row, _ in begun["rows"]], data.x[index])
    assert np.array_equal([row for row, _ in begun["valid"]], data.x[held_out])
    sizes = [(more["n_rows"], more["training"]) for more in named(log, "batch begins")]
    assert sizes == [(20, True), (10, True), (10, False)] * 2
    assert named(log, "gradients")[0]["names"] == dict(whole.state).keys()
    for row, told in zip(whole.history, named(log, "epoch ends"), strict=True):
        assert told["epoch"] == row["epoch"]
        assert told["train_loss"] == row["loss"]
        assert told["valid_loss"] == row["valid_loss"]
        assert told["divergence"] == row["divergence"]
        assert (told["train_batch_count"], told["valid_batch_count"]) == (2, 1)
        losses = [batch["train_loss"] for batch in told["batches"][:2]]
        assert np.average(losses, weights=[20, 10]) == pytest.approx(row["loss"], rel=1e-5)
        assert told["batches"][2]["valid_loss"] == pytest.approx(row["valid_loss"])
    losses = [row["valid_loss"] for row in whole.history]
    best = [told["valid_loss_best"] for told in named(log, "epoch ends")]
    assert best == [True, losses[1] < losses[0]]


def test_who_does_not_listen_to_batches_is_not_told(make_recipe, data, monkeypatch):
    told = []
    notify = net_file.ObjectiveNet.notify

    def counted(self, name, **kwargs):
        told.append(name)
        notify(self, name, **kwargs)

    monkeypatch.setattr(net_file.ObjectiveNet, "notify", counted)
    train(make_recipe(n_epochs=2, validation_fraction=0.25), data)
    assert told == []
    trained(make_recipe(n_epochs=1, validation_fraction=0.25), data, Heard([]))
    assert told == ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"]
    told.clear()
    trained(make_recipe(n_epochs=1, batch_size=40), data, GradientNormClipping(1.0))
    assert told.count("on_grad_computed") == 1
    assert "on_batch_begin" not in told


def test_each_phase_is_a_training_with_its_own_optimizer(make_recipe, data):
    phases = (
        Phase(2, 1e-2, frozen=("hidden", "bottleneck"), name="head"),
        Phase(2, 1e-3, name="finetune"),
    )
    log = []
    schedule = LRScheduler("ExponentialLR", gamma=0.5)
    found = trained(make_recipe(phases=phases), data, Heard(log), schedule)
    rates = [row["event_lr"] for row in found.history]
    assert rates == [1e-2, 5e-3, 1e-3, 5e-4]
    first, second = named(log, "train begins")
    assert first["frozen"]
    assert not second["frozen"]
    assert [name for name, *_ in log].count("train ends") == 2
    assert [more["phase"] for more in named(log, "epoch ends")] == ["head"] * 2 + [
        "finetune"
    ] * 2


def test_clipping_by_skorch_is_clipping_by_us(make_recipe, data, same_bits):
    recipe = make_recipe()
    clipped = train(make_recipe(max_grad_norm=0.1), data)
    assert same_bits(trained(recipe, data, GradientNormClipping(0.1)).state, clipped.state)
    assert not same_bits(train(recipe, data).state, clipped.state)


def test_lbfgs_tells_of_each_evaluation(make_recipe, data, same_bits):
    recipe, log = make_recipe("plain", 2, solver="lbfgs"), []
    found = trained(recipe, data, HeardBatches(log))
    assert same_bits(found.state, train(recipe, data).state)
    assert len(named(log, "batch ends")) == 2
    assert len(named(log, "gradients")) > 2


def test_the_timer_of_skorch_writes_to_the_history(make_recipe, data):
    history = trained(make_recipe(), data, EpochTimer()).history
    assert all(row["dur"] > 0 for row in history)
    assert {"train_loss", "train_batch_count", "batches"}.isdisjoint(history[0])


@pytest.mark.parametrize("load_best", [False, True])
def test_early_stopping_by_skorch(make_recipe, x, same_bits, load_best):
    recipe = make_recipe("plain", 60, rate=0.1, validation_fraction=0.5, tol=0.0)
    rows = Data(x[:16])
    log = []
    stopping = EarlyStopping(patience=3, threshold=0, load_best=load_best)
    found = trained(recipe, rows, stopping, Heard(log))
    losses = [row["valid_loss"] for row in found.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3 < 60
    # Our own early stopping keeps the best epoch whatever the callback does.
    assert same_bits(found.state, named(log, "epoch ends")[best]["weights"])


def test_weights_that_a_callback_brings_back_are_kept(make_recipe, data, same_bits):
    """Without validation rows, the last epoch is kept, unless a callback says otherwise."""
    recipe = make_recipe("plain", 40, rate=0.3)
    log = []
    stopping = EarlyStopping(
        "train_loss", patience=3, threshold=0, threshold_mode="abs", load_best=True
    )
    found = trained(recipe, data, stopping, Heard(log))
    losses = [row["loss"] for row in found.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3 < 40
    epochs_of = named(log, "epoch ends")
    assert same_bits(found.state, epochs_of[best]["weights"])
    assert not same_bits(found.state, epochs_of[-1]["weights"])
    assert found.phases[-1]["n_epochs"] == len(losses)


def test_the_checkpoints_of_skorch(make_recipe, data, tmp_path, same_bits):
    recipe = make_recipe("plain", 12, rate=0.3)
    log = []
    checkpoint = Checkpoint(
        "train_loss_best", dirname=tmp_path, load_best=True, use_safetensors=False
    )
    found = trained(recipe, data, checkpoint, Heard(log))
    losses = [row["loss"] for row in found.history]
    best = int(np.argmin(losses))
    assert 0 < best < 11
    assert [row["event_cp"] for row in found.history] == [
        loss == min(losses[: i + 1]) for i, loss in enumerate(losses)
    ]
    weights = named(log, "epoch ends")[best]["weights"]
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    assert same_bits({k: v.numpy() for k, v in saved.items()}, weights)
    assert same_bits(found.state, weights)
    optimizer = torch.load(tmp_path / "optimizer.pt", weights_only=True)
    assert optimizer["state"][0]["step"] == 5 * (best + 1)


def test_an_interrupt_reaches_the_caller_and_the_callbacks(make_recipe, data):
    class Interrupting(Heard):
        def on_batch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    log = []
    training = epochs(make_recipe(), data, callbacks=[Interrupting(log)])
    handle = next(training)
    with pytest.raises(KeyboardInterrupt):
        next(training)
    assert len(handle.fitted().history) == 1
    assert [name for name, *_ in log][-2:] == ["epoch begins", "train ends"]
    log.clear()
    for _ in epochs(make_recipe(), data, callbacks=[Heard(log)]):
        break
    assert [name for name, *_ in log][-2:] == ["epoch ends", "train ends"]


def test_ctrl_c_within_a_callback_is_no_early_stopping(make_recipe, data):
    class Pressing(Heard):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                signal.raise_signal(signal.SIGINT)

    training = epochs(make_recipe(), data, callbacks=[Pressing([])])
    handle = next(training)
    with pytest.raises(KeyboardInterrupt):
        next(training)
    assert len(handle.fitted().history) == 1


class Counting(Callback):
    def __init__(self):
        self.n_epochs = 0


@pytest.mark.parametrize(
    ("callbacks", "said"),
    [
        ([3], "expected a list of skorch callbacks"),
        ([("a", 3)], "expected a list of skorch callbacks"),
        ([(1, EpochTimer())], "expected a list of skorch callbacks"),
        ([dict], "expected a list of skorch callbacks"),
        ([("a", EpochTimer()), ("a", EpochTimer())], "the name 'a' twice"),
        ([Counting()], r"Counting.*cannot be cloned.*ends with an underscore"),
    ],
)
def test_what_is_no_callback_is_refused(callbacks, said):
    with pytest.raises(ValueError, match=f"skorch_callbacks.*{said}"):
        fresh_callbacks(callbacks)


def test_callbacks_are_cloned():
    timer, stopping = EpochTimer(), EarlyStopping(patience=7)
    one, (name, other), third = fresh_callbacks([timer, ("stop", stopping), EpochTimer])
    assert one is not timer
    assert name == "stop"
    assert other is not stopping
    assert other.patience == 7
    assert isinstance(third, EpochTimer)
    assert fresh_callbacks(None) == fresh_callbacks([]) == []
