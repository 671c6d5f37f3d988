"""Training as a pure function: a recipe and data make a fitted network."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils import _pytree as pytree

from skvae.exceptions import NonFiniteLossError
from skvae.interrupts import uninterrupted
from skvae.networks.staged import stage_shapes
from skvae.torch_settings import own_settings
from skvae.training.batches import Batches
from skvae.training.data import Data
from skvae.training.listeners import Listeners
from skvae.training.net import ObjectiveNet
from skvae.training.phase_report import begin_report, hashes
from skvae.training.recipe import Phase, Recipe
from skvae.training.row_blocks import apply_in_blocks, rows_per_block
from skvae.training.seeding import ORDER_STREAM, generator
from skvae.training.split import validation_split
from skvae.training.threads import pinned_threads
from skvae.training.whole_state import restore, whole_state

State = Mapping[str, np.ndarray]

# Of a step that was much too long: weights are about 1.
LARGE_WEIGHT = 1000.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Fitted:
    """What training leaves: numpy arrays, so that it pickles for any device.

    Parameters
    ----------
    state : mapping of str to ndarray
        Weights and buffers.
    history : list of dict
        A row per epoch: ``epoch``, ``loss`` and each named term; with early stopping
        also ``valid_loss`` and ``valid_<term>``; of several or named phases, ``phase``.
    resume : mapping, optional
        State of optimizer and generators, to go on as if training had not stopped.
    phases : list of dict
        A row per phase: ``phase``, ``n_epochs``, ``n_trainable`` and ``n_frozen``
        (weights), and for each part of the network ``<part>_before`` and
        ``<part>_after``, hashes of its weights and buffers.
    """

    state: State
    history: list[dict[str, Any]]
    resume: Mapping[str, Any] | None = None
    phases: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Job:
    """A fit to be done: what ``train`` takes.

    Parameters
    ----------
    recipe : Recipe
        What to train, and how.
    data : Data
        The rows.
    start : Fitted, optional
        Weights to start from.
    """

    recipe: Recipe
    data: Data
    start: Fitted | None = None


@dataclass(eq=False)
class Epoch:
    """A handle on the epoch to keep: the last whole one or, with validation, the best.

    Arrays are copied to the host only when they are kept.

    Parameters
    ----------
    net : ObjectiveNet
        What is trained.
    history : list of dict
        A row per epoch.
    order : torch.Generator
        Draws the order of the rows.
    weights : mapping of str to Tensor
        Those to keep.
    phases : list of dict
        A row per phase.
    number : int or None
        Of the phase of the recipe that has begun.
    schedule : CosineAnnealingLR or None
        Of its learning rate.
    best_loss, n_waited : float, int
        Of the epoch to keep, and for how many the loss has not improved since.
    """

    net: ObjectiveNet
    history: list[dict[str, Any]]
    order: torch.Generator
    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    phases: list[dict[str, Any]] = field(default_factory=list)
    number: int | None = None
    schedule: CosineAnnealingLR | None = None
    best_loss: float = math.inf
    n_waited: int = 0

    def begin(self, number: int) -> None:
        """Begin the phase of a number, for which the net is ready."""
        phase, net = self.net.phase, self.net
        self.number, self.best_loss, self.n_waited = number, math.inf, 0
        self.phases.append(begin_report(phase, net.module_))
        self.schedule = None
        if phase.annealed:
            self.schedule = CosineAnnealingLR(net.optimizer_, phase.n_epochs)

    def add(self, row: dict[str, Any]) -> None:
        """Add an epoch; take its weights where its validation loss is the best."""
        self.history.append(row)
        self.phases[-1]["n_epochs"] += 1
        loss = row.get("valid_loss", -math.inf)
        better = loss < self.best_loss - self.net.recipe.tol
        self.n_waited = 0 if better else self.n_waited + 1
        if loss < self.best_loss or loss == -math.inf:
            self.best_loss = loss
            self.take()

    def take(self) -> None:
        """Remember the weights of this epoch, in buffers that are used again."""
        state = self.net.module_.state_dict()
        if not self.weights:
            self.weights = {name: value.clone() for name, value in state.items()}
            return
        for name, value in state.items():
            self.weights[name].copy_(value)

    def fitted(self, *, resumable: bool = False) -> Fitted:
        """Return copies of the remembered weights, and with them the history.

        Raises
        ------
        NonFiniteLossError
            If a weight is NaN or infinite.
        """
        state = {name: to_numpy(value) for name, value in self.weights.items()}
        for name, value in state.items():
            if not np.isfinite(value).all():
                raise NonFiniteLossError(
                    f"The weight {name} is not finite after epoch {len(self.history)}. "
                    + usual_causes(self.net.phase)
                )
        phases = [*self.phases[:-1], {**self.phases[-1], **hashes(state, "after")}]
        resume = self.resume() if resumable else None
        return Fitted(state, list(self.history), resume, phases)

    def resume(self) -> dict[str, Any] | None:
        """Return the state of optimizer and generators as numpy arrays.

        ``None`` where training cannot go on as if it had not stopped: after several
        phases, and from a best epoch that is not the last.
        """
        recipe = self.net.recipe
        if len(recipe.phases) > 1 or recipe.validation_fraction is not None:
            return None
        return pytree.tree_map_only(
            torch.Tensor,
            to_numpy_exact,
            {
                "optimizer": self.net.optimizer_.state_dict(),
                "noise": self.net.generator_.get_state(),
                "order": self.order.get_state(),
                # L-BFGS goes on in double precision.
                "weights": self.weights if self.net.dtype == torch.float64 else None,
            },
        )


class Keeper(Protocol):
    """Where the state of an unfinished training is kept."""

    def read(self) -> Mapping[str, Any] | None:
        """Return the last state that was kept, if there is one."""

    def keep(self, state: Mapping[str, Any]) -> None:
        """Keep a state in place of the one before."""


def train(recipe: Recipe, data: Data, start: Fitted | None = None) -> Fitted:
    """Train to the end of the budget; a pure function of its arguments."""
    *_, last = epochs(recipe, data, start)
    return last.fitted()


def epochs(
    recipe: Recipe,
    data: Data,
    start: Fitted | None = None,
    checkpoint: Keeper | None = None,
    callbacks: Sequence[Any] = (),
) -> Iterator[Epoch]:
    """Train, and yield a handle on the state after each epoch.

    The same handle is yielded each time. When training is interrupted within an
    epoch, the handle still holds the last whole one.

    Parameters
    ----------
    recipe : Recipe
        What to train, and how.
    data : Data
        The rows.
    start : Fitted, optional
        Where to start from, if not from new weights; its ``resume`` part makes
        training go on bit for bit as if it had not stopped. Weights that its state
        lacks are new.
    checkpoint : Keeper, optional
        Where the state is kept after each epoch. If it has one, training goes on from
        there, and the epoch that it is of is yielded once more.
    callbacks : sequence
        skorch callbacks, which this training may change; see `Listeners`.
    """
    with own_settings(), pinned_threads(recipe.n_threads):
        log.info("training %s on %d rows", recipe.builder.cls.__name__, len(data))
        net = ObjectiveNet(recipe, data.x.shape[1:], callbacks).initialize()
        order = generator(recipe.seed + ORDER_STREAM)
        if start is not None:
            load(net, order, start)
        index, held_out = validation_split(data, recipe.validation_fraction, recipe.seed)
        batch_size = recipe.batch_size if recipe.solver == "adam" else len(index)
        shuffle = order if recipe.solver == "adam" else None
        rows = Batches(data, index, batch_size, recipe.device, shuffle, net.dtype)
        valid = None if held_out is None else rows.others(held_out)

        progress = 0.0
        handle = Epoch(net, [], order)
        if start is not None:
            handle.history += start.history
            handle.phases += start.phases
        listeners = Listeners(handle, data, index, held_out)
        # The phase for which the net is ready.
        ready = 0 if start and start.resume else -1
        if (state := checkpoint and checkpoint.read()) is not None:
            restore(handle, state)
            ready = state["number"]
            yield handle
        for number, phase in enumerate(recipe.phases):
            if number >= ready:
                if number > ready:
                    net.begin(phase)
                if handle.number != number:
                    handle.begin(number)
                read = read_once(net, rows, valid)
                with listeners.training():
                    yield from run_phase(handle, *read, progress, listeners, checkpoint)
            progress += phase.n_epochs / recipe.n_epochs


def read_once(
    net: ObjectiveNet, rows: Batches, valid: Batches | None
) -> tuple[Batches, Batches | None]:
    """Return the rows as a phase reads them: encoded, where the encoder is frozen."""
    if not net.phase.encode_once:
        return rows, valid
    encoded = rows.with_rows(encode(net, rows.arrays["x"]))
    return encoded, None if valid is None else encoded.others(valid.index.numpy())


def encode(net: ObjectiveNet, x: np.ndarray) -> np.ndarray:
    """Return the encoded stage of all rows; the encoder is in eval mode, being frozen."""
    module, recipe = net.module_, net.recipe
    shapes = stage_shapes(recipe.builder, net.sample_shape)
    return apply_in_blocks(
        lambda rows: module.read(rows, [module.encoded])[module.encoded],
        x,
        rows_per_block([net.sample_shape, *shapes.values()], recipe.device),
        recipe.device,
        recipe.n_threads,
        nan_is=module.nan_is,
    )


def run_phase(
    handle: Epoch,
    rows: Batches,
    valid: Batches | None,
    progress: float,
    listeners: Listeners,
    checkpoint: Keeper | None = None,
) -> Iterator[Epoch]:
    """Train a phase to its end, or to where validation rows say that it is enough."""
    net, report = handle.net, handle.phases[-1]
    recipe, phase = net.recipe, net.phase
    step = 1 / (recipe.n_epochs * len(rows))
    patience = math.inf if valid is None else recipe.n_iter_no_change
    n_batches = {k: len(b) for k, b in (("train", rows), ("valid", valid)) if b is not None}
    stops = False
    while report["n_epochs"] < phase.n_epochs and handle.n_waited < patience and not stops:
        listeners.begin_epoch()
        row = {"epoch": len(handle.history) + 1}
        if len(recipe.phases) > 1 or phase.name != Phase.name:
            row["phase"] = phase.name
        done = progress + report["n_epochs"] / recipe.n_epochs
        row |= record(net.run_epoch(rows, done, step))
        if handle.schedule is not None:
            handle.schedule.step()
        if valid is not None:
            row |= {f"valid_{k}": v for k, v in record(net.evaluate(valid)).items()}
        check_finite(row, phase)
        stops = listeners.end_epoch(row, n_batches)
        with uninterrupted():
            handle.add(row)
        if checkpoint is not None:
            checkpoint.keep(whole_state(handle))
        yield handle
    if valid is not None:
        net.module_.load_state_dict(handle.weights)
    check_last_step(handle, rows)
    report |= hashes(net.module_.state_dict(), "after")


def record(means: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Bring the terms of an epoch to the host: its one synchronisation."""
    values = torch.stack(list(means.values())).tolist()
    return {"loss": sum(values)} | dict(zip(means, values, strict=True))


def check_finite(row: Mapping[str, Any], phase: Phase) -> None:
    """Stop with the name of the term when the loss of an epoch is not finite."""
    bad = [name for name, v in row.items() if isinstance(v, float) and not math.isfinite(v)]
    if bad:
        term = next((name for name in bad if not name.endswith("loss")), bad[0])
        raise NonFiniteLossError(
            f"The loss is not finite in epoch {row['epoch']}: the term {term!r} is "
            f"{row[term]}. {usual_causes(phase)}"
        )


def check_last_step(handle: Epoch, rows: Batches) -> None:
    """Stop where the weights that the last step has made give no finite loss.

    The loss of an epoch is that before its steps. A batch tells, where weights are large.
    """
    net, recipe = handle.net, handle.net.recipe
    if all(p.abs().max() < LARGE_WEIGHT for p in net.trained_ if p.numel()):
        return
    batch = next(iter(rows.others(rows.index[: recipe.batch_size].numpy())))
    if hasattr(recipe.augment, "n_patches"):  # whole images may be too large
        batch = recipe.augment(batch, generator(recipe.seed, recipe.device))
    row = {"epoch": len(handle.history), **record(net.evaluate([batch], silent=True))}
    check_finite(row, net.phase)


def usual_causes(phase: Phase) -> str:
    """Say what to look at when a loss is not finite."""
    times = "".join(f" (times {factor} for {part})" for part, factor in phase.rates)
    where = "" if phase.name == Phase.name else f" in the phase {phase.name!r}"
    return (
        f"Usual causes: {phase.rate_parameter}={phase.learning_rate}{times}{where} is too "
        "high, or X is not "
        "scaled (standardise its columns, or bring images to [0, 1]); max_grad_norm=1.0 "
        "often helps."
    )


def load(net: ObjectiveNet, order: torch.Generator, start: Fitted) -> None:
    """Set a new net to a fitted state and, where there is one, its resume part."""
    weights = (start.resume and start.resume["weights"]) or start.state
    state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    # What the state does not name stays new: the head on a pretrained encoder.
    net.module_.load_state_dict(net.module_.state_dict() | state)
    if start.resume:
        resume = pytree.tree_map_only(
            np.ndarray, lambda a: torch.from_numpy(np.array(a)), dict(start.resume)
        )
        net.begin(net.phase)
        # The old groups hold the old learning rate and weight decay.
        groups = {"param_groups": net.optimizer_.state_dict()["param_groups"]}
        net.optimizer_.load_state_dict(resume["optimizer"] | groups)
        net.generator_.set_state(resume["noise"])
        order.set_state(resume["order"])


def to_numpy(value: torch.Tensor) -> np.ndarray:
    """Copy a tensor to a host array; doubles become floats, as fitted networks are."""
    array = to_numpy_exact(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def to_numpy_exact(value: torch.Tensor) -> np.ndarray:
    """Copy a tensor to a host array of the same dtype."""
    return value.detach().cpu().numpy().copy()
