"""Many fits of one architecture, trained side by side with the bits of single fits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skvae.exceptions import NonFiniteLossError
from skvae.objectives.batch import Batch, Terms
from skvae.objectives.numbers import numbers_of
from skvae.training.batches import Batches
from skvae.training.data import Data
from skvae.training.fitting import Epoch, Fitted, Job, check_finite, check_last_step, load
from skvae.training.net import ObjectiveNet
from skvae.training.recipe import Phase
from skvae.training.seeding import ORDER_STREAM, generator
from skvae.training.split import validation_split
from skvae.training.stacked_adam import StackedAdam, clip
from skvae.training.stacked_step import (
    Inputs,
    StackedStep,
    Standing,
    Tensors,
    cut,
    module_numbers_of,
)
from skvae.training.stacked_terms import StackedTerms, runs

Means = dict[str, float]
Settings = tuple[float, float]

# Below this share of networks still in training, the others leave the stack.
LEAST_ALIVE = 0.8


class InexactStackError(Exception):
    """Stacked networks have other bits than single ones."""


@dataclass(eq=False)
class EpochInStack(Epoch):
    """The epoch to keep of a network whose weights lie in a stack.

    Parameters
    ----------
    find_state : callable
        Returns the weights and buffers as they are.
    """

    find_state: Callable[[], Tensors] = dict

    def take(self) -> None:
        """Remember the weights of this epoch; without validation, of the last alone."""
        recipe = self.net.recipe
        last = self.phases[-1]["n_epochs"] == recipe.n_epochs
        if last or recipe.validation_fraction is not None:
            state = self.find_state()
            names = self.net.module_.state_dict()
            self.weights = {name: state[name].clone() for name in names}


class Together(NamedTuple):
    """A batch of each of some networks, all of one size.

    Parameters
    ----------
    number : int
        Which one of their epoch.
    first, stop : int
        Which networks.
    begin, end : int
        Which of their rows, in their order.
    steps : list of (int, int, (float, float))
        Those still in training, in runs of networks whose steps are one: from, to, and
        their learning rate and weight decay.
    """

    number: int
    first: int
    stop: int
    begin: int
    end: int
    steps: list[tuple[int, int, Settings]]


class Member:
    """One network of a stack: what it has for itself.

    Parameters
    ----------
    job : Job
        Its fit.
    offset : int
        Where its rows begin in the columns of the stack.
    """

    def __init__(self, job: Job, offset: int) -> None:
        recipe, data = job.recipe, job.data
        self.recipe = recipe
        self.offset = offset
        self.net = ObjectiveNet(recipe, data.x.shape[1:]).initialize()
        order = generator(recipe.seed + ORDER_STREAM)
        self.handle = EpochInStack(self.net, [], order)
        if job.start is not None:
            load(self.net, order, job.start)
            self.handle.history += job.start.history
            self.handle.phases += job.start.phases
        self.net.begin(recipe.phases[0])
        self.handle.begin(0)
        split = validation_split(data, recipe.validation_fraction, recipe.seed)
        self.rows = Batches(data, split[0], recipe.batch_size, "cpu", order)
        self.valid = None if split[1] is None else self.rows.others(split[1])
        self.cuts = list(self.rows.cuts(len(self.rows.index)))
        self.numbers = numbers_of(recipe.objective) | module_numbers_of(self.net.module_)
        self.training = True
        self.error: NonFiniteLossError | None = None

    @property
    def settings(self) -> Settings:
        """Learning rate and weight decay."""
        return self.recipe.phases[0].learning_rate, self.recipe.weight_decay

    @property
    def n_epochs(self) -> int:
        """How many it has trained."""
        n_epochs: int = self.handle.phases[-1]["n_epochs"]
        return n_epochs

    @property
    def pace(self) -> tuple[bool, int, Settings]:
        """What networks have in common whose steps can be one."""
        return self.training, len(self.cuts), self.settings

    def size_of(self, number: int) -> int:
        """Rows of a batch of an epoch; 0 behind the last."""
        if number >= len(self.cuts):
            return 0
        first, stop = self.cuts[number]
        return stop - first

    def order(self) -> Tensor:
        """Draw the order of the rows in an epoch."""
        (order,) = self.rows.windows()
        return order + self.offset

    def noise(self) -> list[Tensors | None]:
        """Draw the noise of each batch of an epoch."""
        noise = self.net.noise_
        return [self.net.draw(b - a) if noise else None for a, b in self.cuts]

    def close_epoch(self, means: Means, valid: Means | None) -> None:
        """Write the epoch's row of the history; stop where training is at its end.

        Parameters
        ----------
        means : dict of str to float
            Means of the terms.
        valid : dict of str to float or None
            Theirs on held out rows.
        """
        recipe, handle = self.recipe, self.handle
        (phase,) = recipe.phases
        row: dict[str, Any] = {"epoch": len(handle.history) + 1}
        if phase.name != Phase.name:
            row["phase"] = phase.name
        row |= {"loss": sum(means.values())} | means
        if valid is not None:
            row |= {f"valid_{name}": value for name, value in valid.items()}
            row["valid_loss"] = sum(valid.values())
        try:
            check_finite(row, phase)
        except NonFiniteLossError as error:
            self.error, self.training = error, False
            return
        handle.add(row)
        enough = valid is not None and handle.n_waited >= recipe.n_iter_no_change
        self.training = self.n_epochs < recipe.n_epochs and not enough

    def result(self) -> Fitted | NonFiniteLossError:
        """Return the fitted network, or why there is none."""
        if self.error is not None:
            return self.error
        self.net.module_.load_state_dict(self.handle.weights)
        try:
            check_last_step(self.handle, self.rows)
            return self.handle.fitted()
        except NonFiniteLossError as error:
            return error


class Stack:
    """Networks of one architecture in training.

    They stand in the order of their numbers of rows: each run of networks whose batches
    are of one size is one call, and no row is masked.

    Parameters
    ----------
    jobs : sequence of Job
        Fits that go together (``stacking.group_of``).
    step : StackedStep
        Their gradient.
    """

    def __init__(self, jobs: Sequence[Job], step: StackedStep) -> None:
        self.step = step
        arrays, offsets = side_by_side([job.data for job in jobs])
        self.columns = {name: torch.from_numpy(array) for name, array in arrays.items()}
        members = [Member(job, at) for job, at in zip(jobs, offsets, strict=True)]
        self.in_order = members
        self.members = sorted(members, key=lambda m: (len(m.rows.index), m.settings))
        modules = [dict(m.net.module_.named_parameters()) for m in self.members]
        self.weights = stacked([{n: p.detach() for n, p in m.items()} for m in modules])
        self.buffers = stacked([dict(m.net.module_.named_buffers()) for m in self.members])
        self.adam = StackedAdam(self.weights)
        self.proven: set[tuple[int, ...]] = set()
        self.arrange()

    def arrange(self) -> None:
        """Stack the numbers of the networks, and make out which go together in a batch."""
        members = self.members
        self.numbers = {
            name: torch.tensor([m.numbers[name] for m in members], dtype=torch.float64)
            for name in members[0].numbers
        }
        n_steps = [m.recipe.n_epochs * len(m.cuts) for m in members]
        self.per_step = 1 / torch.tensor(n_steps, dtype=torch.float64)
        self.order = torch.zeros(len(members), max(m.cuts[-1][1] for m in members)).long()
        self.standing: dict[tuple[int, int, int], Standing] = {}
        self.batches = list(self.together())

    def together(self) -> Iterator[Together]:
        """Yield the batches of an epoch, each of the networks that have one of its size."""
        members = self.members
        for number in range(max(len(member.cuts) for member in members)):
            for first, stop in runs([member.size_of(number) for member in members]):
                if not members[first].size_of(number):
                    continue
                steps = [
                    (first + a, first + b, members[first + a].settings)
                    for a, b in runs([member.pace for member in members[first:stop]])
                    if members[first + a].training
                ]
                yield Together(number, first, stop, *members[first].cuts[number], steps)

    def train(self) -> list[Fitted | NonFiniteLossError]:
        """Train all to the end, and return them in the order of the jobs."""
        while any(member.training for member in self.members):
            means = self.run_epoch()
            valid = self.evaluate() if self.members[0].valid is not None else None
            for k, member in enumerate(self.members):
                if member.training:
                    held_out = None if valid is None else valid[k]
                    member.handle.find_state = partial(self.state_of, k)
                    member.close_epoch(means[k], held_out)
            self.drop_finished()
        return [member.result() for member in self.in_order]

    def state_of(self, k: int) -> Tensors:
        """Weights and buffers of a network."""
        return {name: value[k] for name, value in (self.weights | self.buffers).items()}

    def drop_finished(self) -> None:
        """Take the networks that are finished out, once they are many."""
        alive = [k for k, member in enumerate(self.members) if member.training]
        if not alive or len(alive) == len(self.members):
            return
        if len(alive) <= LEAST_ALIVE * len(self.members):
            index = torch.tensor(alive)
            self.weights = {name: value[index] for name, value in self.weights.items()}
            self.buffers = {name: value[index] for name, value in self.buffers.items()}
            self.adam = self.adam.keep(alive, self.weights)
            self.members = [self.members[k] for k in alive]
        self.arrange()

    def run_epoch(self) -> list[Means]:
        """Take a step for each batch of each network; return the means of the terms."""
        for order, member in zip(self.order, self.members, strict=True):
            drawn = member.order()
            order[: len(drawn)] = drawn
        noise = [member.noise() for member in self.members]
        done = [member.n_epochs / member.recipe.n_epochs for member in self.members]
        self.progress = torch.tensor(done, dtype=torch.float64)
        terms = StackedTerms([len(member.rows.index) for member in self.members])
        for batch in self.batches:
            own = [each[batch.number] for each in noise[batch.first : batch.stop]]
            terms.add(batch.first, batch.stop, *self.take_step(batch, own))
        return terms.means([batch.end - batch.begin for batch in self.batches])

    def take_step(
        self, batch: Together, noise: Sequence[Tensors | None]
    ) -> tuple[Terms, Tensor | None]:
        """Take a step of some networks.

        Returns
        -------
        terms : dict of str to Tensor
            Before the step.
        weight : Tensor or None
            Of the rows, where they have any.
        """
        first, stop = batch.first, batch.stop
        rows = self.order[first:stop, batch.begin : batch.end]
        inputs = self.inputs(first, stop, rows, stacked(noise) if noise[0] else None)
        gradients, terms = self.proven_gradients(inputs, first, stop)
        max_norm = self.members[first].recipe.max_grad_norm
        if max_norm is not None:
            for k in range(stop - first):
                clip(gradients, k, max_norm)
        for start, end, settings in batch.steps:
            own = [gradient[start - first : end - first] for gradient in gradients]
            self.adam.step(start, end, own, *settings)
        self.progress[first:stop] += self.per_step[first:stop]
        return terms, inputs.columns.get("sample_weight")

    def inputs(self, first: int, stop: int, rows: Tensor, noise: Tensors | None) -> Inputs:
        """Return what a run of networks computes with, on the rows of their batches."""
        size, index = rows.shape, rows.flatten()
        return Inputs(
            standing=self.standing_of(first, stop, size[1]),
            columns={
                name: column.index_select(0, index).unflatten(0, size)
                for name, column in self.columns.items()
            },
            noise=noise,
            progress=self.progress[first:stop].clone(),
        )

    def standing_of(self, first: int, stop: int, n_rows: int) -> Standing:
        """Return what a run of networks finds in one place, for batches of a size."""
        key = (first, stop, n_rows)
        if key not in self.standing:
            share = torch.ones(stop - first, n_rows) / n_rows
            self.standing[key] = Standing(
                weights=cut(self.weights, first, stop),
                buffers=cut(self.buffers, first, stop),
                numbers=cut(self.numbers, first, stop),
                share=None if "sample_weight" in self.columns else share,
            )
        return self.standing[key]

    def evaluate(self) -> list[Means]:
        """Return the means of the terms on the held out rows of each network."""
        rows = [m.valid.index + m.offset for m in self.members if m.valid is not None]
        found, n_rows = StackedTerms([len(each) for each in rows]), []
        cuts = [list(m.rows.cuts(len(r))) for m, r in zip(self.members, rows, strict=True)]
        for number in range(max(map(len, cuts))):
            batches = [c[number] if number < len(c) else (0, 0) for c in cuts]
            for first, stop in runs([b - a for a, b in batches]):
                taken = [rows[k][slice(*batches[k])] for k in range(first, stop)]
                if not len(taken[0]):
                    continue
                inputs = self.inputs(first, stop, torch.stack(taken), None)
                inputs.progress = torch.ones_like(inputs.progress)
                weight = inputs.columns.get("sample_weight")
                found.add(first, stop, self.step.terms(inputs), weight)
                n_rows.append(len(taken[0]))
        return found.means(n_rows)

    def proven_gradients(
        self, inputs: Inputs, first: int, stop: int
    ) -> tuple[list[Tensor], Terms]:
        """Return the gradients; of each new shape, compare bits with those of single nets.

        Raises
        ------
        InexactStackError
            If they differ.
        """
        key = self.step.next_call(inputs)
        if key in self.proven:
            return self.step.gradients(inputs)
        standing = inputs.standing
        before = {name: value.clone() for name, value in standing.buffers.items()}
        gradients, terms = self.step.gradients(inputs)
        last = stop - first - 1
        # The first ones begin at different places of a cache line.
        for k in sorted({k for k in (0, 1, 2, 3, last // 2) if k <= last} | {last}):
            net = self.members[first + k].net
            state = {name: value[k] for name, value in (standing.weights | before).items()}
            net.module_.load_state_dict(state)
            columns = cut(inputs.columns, k, k + 1)
            batch = Batch(
                **{name: column[0].clone() for name, column in columns.items()},
                progress=float(inputs.progress[k]),
            )
            noise = (
                None
                if inputs.noise is None
                else {n: v[k].clone() for n, v in inputs.noise.items()}
            )
            alone = net.backward(batch, noise, net.weights(batch)[1], clipped=False)
            pairs = [
                *((g[k], p.grad) for g, p in zip(gradients, net.trained_, strict=True)),
                *((terms[name][k], alone[name]) for name in terms),
                *((standing.buffers[n][k], b) for n, b in net.module_.named_buffers()),
            ]
            if not all(same_bits(*pair) for pair in pairs):
                raise InexactStackError
        self.proven.add(key)
        return gradients, terms


def same_bits(a: Tensor, b: Tensor | None) -> bool:
    """Whether two tensors are equal; NaN equals NaN."""
    if b is None or a.dtype != b.dtype:
        return False
    return torch.equal(torch.nan_to_num(a), torch.nan_to_num(b.detach()))


def stacked(each: Sequence[dict[str, Tensor] | None]) -> Tensors:
    """Stack the tensors of each name."""
    given = [tensors for tensors in each if tensors is not None]
    return {name: torch.stack([tensors[name] for tensors in given]) for name in given[0]}


def side_by_side(datas: Sequence[Data]) -> tuple[dict[str, np.ndarray], list[int]]:
    """Return the columns of different data end to end, and where each begins."""
    begin: dict[str, int] = {}
    different, offsets, at = [], [], 0
    for data in datas:
        key = data.digest()
        if key not in begin:
            begin[key] = at
            at += len(data)
            different.append(data.columns())
        offsets.append(begin[key])
    names = different[0]
    return {
        n: np.concatenate([columns[n] for columns in different]) for n in names
    }, offsets
