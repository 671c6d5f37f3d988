"""Which fits can be trained side by side, and how many at a time."""

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from math import ceil

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from torch import nn

from skvae.exceptions import NonFiniteLossError
from skvae.networks.builder import Builder
from skvae.networks.staged import StagedAutoencoder
from skvae.networks.weightless import weightless
from skvae.objectives.numbers import numbers_of, with_numbers
from skvae.torch_settings import own_settings
from skvae.training.batches import fits
from skvae.training.fitting import Fitted, Job, train
from skvae.training.freed_memory import keep_freed_memory
from skvae.training.recipe import Recipe
from skvae.training.stacked_fitting import InexactStackError, Stack
from skvae.training.stacked_step import StackedStep
from skvae.training.threads import pinned_threads

# Below so few fits, and above so many weights, single fits are as fast.
FEWEST = 3
MOST_WEIGHTS = 300_000
# Of a stack: larger ones are no faster, and take 8 times their weights in memory.
LARGEST = 24

# Their last bits, or even their statistics, depend on what else is in a stack.
NOT_STACKED = (
    nn.RNNBase,
    nn.modules.batchnorm._BatchNorm,
    nn.modules.conv._ConvNd,
    nn.GroupNorm,
)

# Name, dtype and shape of a row of each column.
Columns = tuple[tuple[str, str, tuple[int, ...]], ...]

log = logging.getLogger(__name__)


def train_many(
    jobs: Sequence[Job], n_jobs: int | None = None, *, only_stacks: bool = False
) -> list[Fitted | NonFiniteLossError | None]:
    """Train many networks, those of one architecture side by side.

    The result is that of ``train`` for each of them, bit for bit: what cannot be had so
    is trained alone, and the log says why.

    Parameters
    ----------
    jobs : sequence of Job
        What to train; in one group go fits that differ in data, seed, learning rate,
        weight decay and the declared numbers of their objective alone.
    n_jobs : int, optional
        Stacks that are trained at the same time, in processes of joblib.
    only_stacks : bool
        Whether to leave out what can only be trained alone.

    Returns
    -------
    list of Fitted, NonFiniteLossError or None
        In the order of the jobs; one network's failure is its own, and None is left out.
    """
    n_workers = effective_n_jobs(n_jobs)
    parts: list[list[int]] = []
    for numbers, reason in grouped(jobs):
        if reason and only_stacks:
            continue
        if reason:
            log.info("training %d networks alone: %s", len(numbers), reason)
            parts += [[number] for number in numbers]
        else:
            parts += stacks(numbers, jobs, n_workers)
    found = Parallel(n_jobs=n_jobs)(
        delayed(train_together)([jobs[number] for number in part]) for part in parts
    )
    results = {
        number: result
        for part, several in zip(parts, found, strict=True)
        for number, result in zip(part, several, strict=True)
    }
    return [results.get(number) for number in range(len(jobs))]


def stacks(numbers: list[int], jobs: Sequence[Job], n_workers: int) -> list[list[int]]:
    """Return the jobs of a group in stacks of about one size, at least one a worker."""
    n_stacks = max(ceil(len(numbers) / LARGEST), min(n_workers, len(numbers) // FEWEST))
    # Fits of like numbers of rows go together: their batches are of one size.
    by_size = sorted(numbers, key=lambda number: len(jobs[number].data))
    return [part.tolist() for part in np.array_split(by_size, n_stacks)]


def train_together(jobs: Sequence[Job]) -> list[Fitted | NonFiniteLossError]:
    """Train the fits of one stack; alone where there is one, or where bits would differ."""
    recipe = jobs[0].recipe
    step = step_of(*group_of(jobs[0])) if len(jobs) > 1 else None
    if step is not None and step.exact:
        keep_freed_memory()
        try:
            with TURNS.lock, own_settings(), pinned_threads(recipe.n_threads):
                return Stack(jobs, step).train()
        except InexactStackError:
            step.exact = False
            log.info("training %d networks alone: other bits in a stack", len(jobs))
    return [train_alone(job) for job in jobs]


@lru_cache(maxsize=8)
def step_of(shared: Recipe, columns: Columns) -> StackedStep:
    """Return the gradient of a group, with its traces if there have been others of it."""
    return StackedStep(shared.builder, shared.objective, shared.n_epochs)


class Turns:
    """Of all threads of a process, one trains a stack at a time.

    Stacks of one architecture share a module that is called with their weights, and the
    tracer of torch patches the modules of all threads.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def begin_anew(self) -> None:
        """Forget what a thread was at that did not outlive a fork."""
        self.lock = threading.Lock()
        step_of.cache_clear()


TURNS = Turns()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=TURNS.begin_anew)


def train_alone(job: Job) -> Fitted | NonFiniteLossError:
    """Train one network."""
    try:
        return train(job.recipe, job.data, job.start)
    except NonFiniteLossError as error:
        return error


def grouped(jobs: Sequence[Job]) -> list[tuple[list[int], str]]:
    """Return the numbers of the jobs that go together, and why if they cannot."""
    groups: dict[tuple[Recipe, Columns], list[int]] = {}
    alone: dict[str, list[int]] = {}
    for number, job in enumerate(jobs):
        reason = why_alone(job)
        if reason:
            alone.setdefault(reason, []).append(number)
        else:
            groups.setdefault(group_of(job), []).append(number)
    few = [numbers for numbers in groups.values() if len(numbers) < FEWEST]
    found = [(numbers, "") for numbers in groups.values() if len(numbers) >= FEWEST]
    found += [(numbers, "too few of their kind") for numbers in few]
    return found + [(numbers, reason) for reason, numbers in alone.items()]


def why_alone(job: Job) -> str:
    """Say why a fit cannot be stacked; nothing where it can."""
    recipe, data = job.recipe, job.data
    (phase, *others) = recipe.phases
    reasons = {
        "several phases, or part of the network frozen": others
        or phase.frozen
        or phase.rates
        or phase.encode_once
        or phase.annealed
        or phase.objective is not None,
        "augmentation": recipe.augment is not None,
        "solver": recipe.solver != "adam",
        "precision": recipe.precision != "float32",
        "device": recipe.device != "cpu",
        "a fit that goes on": job.start is not None and job.start.resume,
        "rows in a file, or sparse": not isinstance(data.x, np.ndarray)
        or not fits(data.x, "cpu"),
        "no epoch": recipe.n_epochs < 1,
    }
    reason = next((reason for reason, holds in reasons.items() if holds), "")
    return reason or why_network_alone(recipe.builder)


@lru_cache(maxsize=256)
def why_network_alone(builder: Builder) -> str:
    """Say why a network cannot be stacked; nothing where it can."""
    network = weightless(builder)
    if getattr(network, "nan_is", "") == "padding":
        return "padded sequences"
    for module in network.modules():
        if isinstance(module, NOT_STACKED):
            return type(module).__name__
    if sum(weight.numel() for weight in network.parameters()) > MOST_WEIGHTS:
        return "large networks"
    return ""


def group_of(job: Job) -> tuple[Recipe, Columns]:
    """Return what fits have in common that can be stacked."""
    columns = tuple((n, a.dtype.str, a.shape[1:]) for n, a in job.data.columns().items())
    return shared_recipe(job.recipe), columns


def shared_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe without what may differ within a stack."""
    nothing = dict.fromkeys(numbers_of(recipe.objective), 0.0)
    return replace(
        recipe,
        builder=without_numbers(recipe.builder),
        objective=with_numbers(recipe.objective, nothing),
        phases=(replace(recipe.phases[0], learning_rate=0.0),),
        seed=0,
        weight_decay=0.0,
    )


def without_numbers(builder: Builder) -> Builder:
    """Return a builder without the numbers in which stacked networks may differ."""
    kwargs = {
        name: without_numbers(value) if isinstance(value, Builder) else value
        for name, value in builder.kwargs
        if name not in StagedAutoencoder.numbers
    }
    return Builder(builder.cls, **kwargs)
