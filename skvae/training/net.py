"""The one skorch net of the library: a loss of named terms, and a lean epoch."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor, nn

from skvae.networks.staged import StagedNetwork, stage_shapes
from skvae.objectives.batch import Batch, Objective, Terms
from skvae.training.recipe import Phase, Recipe
from skvae.training.seeding import PrivateRandomness, generator

# Independent streams from one seed: the split, the order and the noise of a fit.
NOISE_STREAM = 1


class ObjectiveNet(NeuralNet):
    """A skorch net that minimises the sum of an objective's named terms.

    skorch brings the module, the optimizer and their life cycle; what it does per
    batch (collating, callbacks, one synchronisation) is replaced by ``run_epoch``.

    Parameters
    ----------
    recipe : Recipe
        What to train, and how.
    sample_shape : tuple of int
        Shape of one row.
    """

    def __init__(self, recipe: Recipe, sample_shape: tuple[int, ...]) -> None:
        lbfgs = recipe.solver == "lbfgs"
        super().__init__(
            recipe.builder,
            criterion=nn.Identity,
            optimizer=torch.optim.LBFGS if lbfgs else torch.optim.Adam,
            train_split=None,
            callbacks=None,
            verbose=0,
            device=recipe.device,
        )
        self.recipe = recipe
        self.sample_shape = sample_shape
        self.phase = recipe.phases[0]
        if lbfgs:
            self.set_params(
                lr=1.0,
                optimizer__max_iter=1,
                optimizer__history_size=50,
                optimizer__line_search_fn="strong_wolfe",
                optimizer__tolerance_grad=0.0,
                optimizer__tolerance_change=0.0,
            )
        else:
            self.set_params(
                lr=self.phase.learning_rate,
                optimizer__fused=True,
                optimizer__weight_decay=recipe.weight_decay,
            )
        self.dtype = torch.float64 if lbfgs else torch.float32

    @property
    def _default_callbacks(self) -> list:
        return []

    def initialize_module(self) -> "ObjectiveNet":
        """Build the network with a generator of its own."""
        with PrivateRandomness(generator(self.recipe.seed)):
            self.module_: StagedNetwork = self.recipe.builder().to(self.dtype)
        shapes = stage_shapes(self.recipe.builder, self.sample_shape)
        self.noise_ = {
            stage: (kind, shapes.get(stage, self.sample_shape))
            for stage, kind in self.module_.noise_kinds().items()
        }
        self.generator_ = generator(self.recipe.seed + NOISE_STREAM, self.device)
        return self

    def begin(self, phase: Phase) -> "ObjectiveNet":
        """Freeze what a phase freezes and start its optimizer."""
        self.phase = phase
        for name, parameter in self.module_.named_parameters():
            parameter.requires_grad_(not below(name, phase.frozen))
        if self.recipe.solver == "adam":
            self.set_params(lr=phase.learning_rate)
        return self.initialize_optimizer()

    def initialize_optimizer(self, triggered_directly: Any = None) -> "ObjectiveNet":
        """Start the optimizer on what is not frozen, grouped by learning rate."""
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.module_.named_parameters():
            if parameter.requires_grad:
                groups.setdefault(rate_factor(name, self.phase.rates), []).append(parameter)
        _, kwargs = self.get_params_for_optimizer("optimizer", [])
        rate = kwargs["lr"]
        self.optimizer_ = self.optimizer(
            [{"params": group, "lr": rate * factor} for factor, group in groups.items()],
            **kwargs,
        )
        return self

    def train_mode(self) -> None:
        """Train mode everywhere but in frozen modules, whose buffers stay as well."""
        self.module_.train()
        for name, module in self.module_.named_modules():
            if below(name, self.phase.frozen):
                module.eval()

    def run_epoch(
        self, batches: Iterable[Batch], progress: Tensor, step: float
    ) -> dict[str, Tensor]:
        """Train on the batches and return the mean of each term, still on the device."""
        self.train_mode()
        totals = Totals()
        augment = self.recipe.augment
        for batch in batches:
            if augment is not None:
                batch = augment(batch, self.generator_)
            self.train_step(batch._replace(progress=progress), totals=totals)
            progress += step
        return totals.means()

    def train_step(self, batch: Batch, *, totals: "Totals") -> None:
        """Take one step; L-BFGS evaluates the closure several times, the first counts."""
        noise = self.draw(len(batch.x)) if self.noise_ else None
        objective = self.phase.objective or self.recipe.objective
        counted = False

        def closure() -> Tensor:
            nonlocal counted
            self.optimizer_.zero_grad()
            means = self.term_means(objective, batch, noise)
            loss = sum(means.values())
            loss.backward()
            if self.recipe.max_grad_norm is not None:
                nn.utils.clip_grad_norm_(
                    self.module_.parameters(), self.recipe.max_grad_norm
                )
            if not counted:
                totals.add(means, batch)
                counted = True
            return loss

        self.optimizer_.step(closure)

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> dict[str, Tensor]:
        """Return the mean of each term without noise and at the end of all warm-ups."""
        self.module_.eval()
        totals = Totals()
        objective = self.phase.objective or self.recipe.objective
        for batch in batches:
            means = self.term_means(objective, batch, None)
            totals.add(means, batch)
        return totals.means()

    def term_means(
        self, objective: Objective, batch: Batch, noise: Mapping[str, Tensor] | None
    ) -> Terms:
        """Return the (weighted) mean of each of the objective's terms over a batch."""
        trace: Mapping[str, Tensor]
        if self.recipe.precision == "bfloat16":
            with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16):
                trace = Float32Trace(self.module_(batch.x, noise))
        else:
            trace = self.module_(batch.x, noise)
        terms = objective(trace, batch)
        return {name: mean_term(term, batch.sample_weight) for name, term in terms.items()}

    def draw(self, n_rows: int) -> dict[str, Tensor]:
        """Draw the noise of a batch from the fit's own generator."""
        draws = {"normal": torch.randn, "uniform": torch.rand}
        return {
            stage: draws[kind](
                n_rows,
                *shape,
                generator=self.generator_,
                device=self.device,
                dtype=self.dtype,
            )
            for stage, (kind, shape) in self.noise_.items()
        }


class Totals:
    """Sums of the terms over an epoch, kept on the device until it ends."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.total: Tensor | float = 0.0
        self.weight: Tensor | float = 0.0

    def add(self, means: Terms, batch: Batch) -> None:
        """Add the means of a batch, weighted by its rows."""
        self.names = list(means)
        weight = len(batch.x) if batch.sample_weight is None else batch.sample_weight.sum()
        self.total = self.total + torch.stack(list(means.values())).detach() * weight
        self.weight = self.weight + weight

    def means(self) -> dict[str, Tensor]:
        """Return the mean of each term."""
        return dict(zip(self.names, self.total / self.weight, strict=True))


class Float32Trace(Mapping):
    """A trace whose stages are read in float32, each only when it is needed."""

    def __init__(self, trace: Mapping[str, Tensor]) -> None:
        self.trace = trace

    def __getitem__(self, stage: str) -> Tensor:
        return self.trace[stage].float()

    def __iter__(self) -> Iterator[str]:
        return iter(self.trace)

    def __len__(self) -> int:
        return len(self.trace)


def mean_term(term: Tensor, weight: Tensor | None) -> Tensor:
    """Weighted mean of a per-sample term; a 0-d term weighs for itself."""
    if term.ndim == 0:
        return term
    return term.mean() if weight is None else (term * weight).sum() / weight.sum()


def below(name: str, prefixes: Iterable[str]) -> bool:
    """Whether a dotted name is one of the prefixes or lies below one."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def rate_factor(name: str, rates: tuple[tuple[str, float], ...]) -> float:
    """Return the factor of the longest prefix that a parameter's name lies below."""
    fitting = [(len(prefix), factor) for prefix, factor in rates if below(name, [prefix])]
    return max(fitting)[1] if fitting else 1.0
