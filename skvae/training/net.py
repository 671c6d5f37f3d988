"""The one skorch net of the library: a loss of named terms, and a lean epoch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from skorch import NeuralNet
from skorch.utils import TeeGenerator
from torch import Tensor, nn

from skvae.networks.staged import StagedNetwork, stage_shapes
from skvae.objectives.batch import Batch, Objective, Terms
from skvae.objectives.weighting import shares, weighted_mean
from skvae.training.fused_steps import FusedSteps
from skvae.training.listeners import BATCHES, GRADIENTS, overridden
from skvae.training.recipe import Phase, Recipe
from skvae.training.seeding import NOISE_STREAM, PrivateRandomness, generator

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


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
    callbacks : sequence
        skorch callbacks, or pairs of a name and one, which are initialized with the net.
    """

    def __init__(
        self, recipe: Recipe, sample_shape: tuple[int, ...], callbacks: Sequence[Any] = ()
    ) -> None:
        lbfgs = recipe.solver == "lbfgs"
        super().__init__(
            recipe.builder,
            criterion=nn.Identity,
            optimizer=torch.optim.LBFGS if lbfgs else torch.optim.Adam,
            train_split=None,
            callbacks=list(callbacks) or None,
            verbose=0,
            device=recipe.device,
        )
        self.recipe = recipe
        self.sample_shape = sample_shape
        self.phase = recipe.phases[0]
        if lbfgs:
            self.set_params(
                lr=1.0,
                # One iteration is one epoch; by default, max_eval leaves a single
                # iteration no evaluation for its line search, and it gets stuck.
                optimizer__max_iter=1,
                optimizer__max_eval=30,
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

    def initialize_callbacks(self) -> "ObjectiveNet":
        """Initialize the callbacks, and find out what they listen to."""
        super().initialize_callbacks()
        self.tells_of_batches_ = overridden(self.callbacks_, BATCHES)
        self.tells_of_gradients_ = overridden(self.callbacks_, GRADIENTS)
        return self

    def initialize_module(self) -> "ObjectiveNet":
        """Build the network with a generator of its own."""
        with PrivateRandomness(generator(self.recipe.seed)):
            self.module_: StagedNetwork = self.recipe.builder().to(self.dtype)
        shapes = stage_shapes(self.recipe.builder, self.sample_shape)
        self.noise_ = {
            stage: (kind, shapes[stage])
            for stage, kind in self.module_.noise_kinds().items()
        }
        refuse_impossible(self.recipe, self.module_)
        self.equal_: dict[int, tuple[Tensor, Tensor]] = {}
        self.generator_ = generator(self.recipe.seed + NOISE_STREAM, self.device)
        return self

    def begin(self, phase: Phase) -> "ObjectiveNet":
        """Freeze what a phase freezes and start its optimizer."""
        self.phase = phase
        self.objective_: Objective = phase.objective or self.recipe.objective
        for name, parameter in self.module_.named_parameters():
            parameter.requires_grad_(not below(name, phase.frozen))
        self.trained_ = [p for p in self.module_.parameters() if p.requires_grad]
        if self.recipe.solver == "adam":
            self.set_params(lr=phase.learning_rate)
        self.train_mode()
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
        self.steps_ = FusedSteps(self.optimizer_)
        return self

    def train_mode(self) -> None:
        """Train mode everywhere but in frozen modules, whose buffers stay as well."""
        self.module_.train()
        for name, module in self.module_.named_modules():
            if below(name, self.phase.frozen):
                module.eval()

    def run_epoch(
        self, batches: Iterable[Batch], progress: float, step: float
    ) -> dict[str, Tensor]:
        """Train on the batches and return the mean of each term, still on the device."""
        record = EpochTerms()
        augment = self.recipe.augment
        for batch in batches:
            if augment is not None:
                batch = augment(batch, self.generator_)
            batch = batch._replace(progress=progress)
            record.add(*self.told(self.train_step, batch, training=True))
            del batch  # the next one can take its place in memory
            progress += step
        self.steps_.settle()
        return record.means()

    def told(
        self, step: Callable[[Batch], tuple[Terms, Tensor]], batch: Batch, *, training: bool
    ) -> tuple[Terms, Tensor]:
        """Take a step on a batch, and tell of it the callbacks that listen to batches."""
        if not self.tells_of_batches_:
            return step(batch)
        pair, kind = (batch.x, batch.y), "train" if training else "valid"
        self.notify("on_batch_begin", batch=pair, training=training)
        terms, weights = step(batch)
        share = shares(weights)
        loss = torch.stack([mean_term(term, share) for term in terms.values()]).sum()
        self.history.record_batch(f"{kind}_loss", loss.item())
        self.history.record_batch(f"{kind}_batch_size", len(batch.x))
        # There is no single prediction.
        heard = {"batch": pair, "training": training, "loss": loss, "y_pred": None}
        self.notify("on_batch_end", **heard)
        return terms, weights

    def train_step(self, batch: Batch) -> tuple[Terms, Tensor]:
        """Take one step; return the terms before it and the weight of each sample."""
        noise = self.draw(len(batch.x)) if self.noise_ else None
        weights, share = self.weights(batch)
        if self.recipe.solver == "adam":
            terms = self.backward(batch, noise, share)
            # What callbacks do to an optimizer, it alone knows.
            (self.optimizer_ if self.callbacks_ else self.steps_).step()
        else:
            terms = self.step_of_evaluations(batch, share)
        return terms, weights

    def step_of_evaluations(self, batch: Batch, share: Tensor) -> Terms:
        """Take a step of L-BFGS, which evaluates the loss several times."""
        first: list[Terms] = []

        def closure() -> Tensor:
            terms = self.backward(batch, None, share, remember=not first)
            if not first:
                first.append(terms)
            return torch.stack([mean_term(term, share) for term in terms.values()]).sum()

        self.optimizer_.step(closure)
        return first[0]

    def backward(
        self,
        batch: Batch,
        noise: Mapping[str, Tensor] | None,
        share: Tensor,
        *,
        remember: bool = True,
        clipped: bool = True,
    ) -> Terms:
        """Compute the gradient of the sum of the terms' (weighted) means."""
        for parameter in self.trained_:
            parameter.grad = None
        trace = self.walk(batch, noise)
        terms = self.objective_(trace, batch)
        # A mean needs no place in the graph: the share of a sample is its gradient.
        moved = [term for term in terms.values() if term.requires_grad]
        torch.autograd.backward(
            moved, [share if term.ndim else torch.ones_like(term) for term in moved]
        )
        if self.tells_of_gradients_:
            found = TeeGenerator(self.get_all_learnable_params())
            heard = {"batch": (batch.x, batch.y), "training": True}
            self.notify("on_grad_computed", named_parameters=found, **heard)
        if clipped and self.recipe.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.trained_, self.recipe.max_grad_norm)
        if remember:
            self.module_.remember(trace)
        return terms

    @torch.no_grad()
    def evaluate(
        self, batches: Iterable[Batch], *, silent: bool = False
    ) -> dict[str, Tensor]:
        """Return the mean of each term without noise and at the end of all warm-ups."""
        self.module_.eval()
        record = EpochTerms()
        for batch in batches:
            if silent:
                record.add(*self.validation_step(batch))
            else:
                record.add(*self.told(self.validation_step, batch, training=False))
        self.train_mode()
        return record.means()

    def validation_step(self, batch: Batch) -> tuple[Terms, Tensor]:
        """Return the terms of a batch without noise, and the weight of each sample."""
        return self.objective_(self.walk(batch, None), batch), self.weights(batch)[0]

    def walk(
        self, batch: Batch, noise: Mapping[str, Tensor] | None
    ) -> Mapping[str, Tensor]:
        """Return the network's trace of a batch, readable in float32."""
        if self.recipe.precision == "float32":
            return self.trace(batch, noise)
        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16):
            trace = self.trace(batch, noise)
        # Inside of a caller's autocast, torch would keep the casts of these weights.
        torch.clear_autocast_cache()
        return Float32Trace(trace)

    def trace(
        self, batch: Batch, noise: Mapping[str, Tensor] | None
    ) -> Mapping[str, Tensor]:
        """Return the trace of a batch, from the encoded rows on where x is these."""
        if self.phase.encode_once:
            return dict(self.module_.stages_behind(batch.x, noise))
        # Sequences have their steps where images have channels.
        padded = self.module_.nan_is == "padding"
        x = batch.x if padded else channels_last(batch.x)
        trace: dict[str, Tensor] = self.module_(x, noise)
        return trace

    def weights(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the weight of each sample of a batch, and its share of their sum."""
        if batch.sample_weight is not None:
            return batch.sample_weight, shares(batch.sample_weight)
        n_rows = len(batch.x)
        if n_rows not in self.equal_:
            ones = batch.x.new_ones(n_rows)
            self.equal_[n_rows] = ones, ones / n_rows
        return self.equal_[n_rows]

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


def refuse_impossible(recipe: Recipe, network: StagedNetwork) -> None:
    """Refuse settings that the network cannot be trained with."""
    batch_norm = any(
        isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules()
    )
    if recipe.solver == "lbfgs" and recipe.augment is not None:
        raise ValueError(
            f"Got solver='lbfgs' with augment={recipe.augment!r}, which changes the images "
            "from step to step; expected augment=None or solver='adam'."
        )
    if recipe.solver == "lbfgs" and (batch_norm or network.noise_kinds()):
        why = "normalises over batches" if batch_norm else "draws noise while training"
        raise ValueError(
            "Got solver='lbfgs', which needs the same loss each time, but the network "
            f"{why}; expected solver='adam' with batch normalisation, dropout, corruption "
            "or a sampled code."
        )
    if recipe.solver == "lbfgs" and (recipe.weight_decay or recipe.max_grad_norm):
        raise ValueError(
            f"Got solver='lbfgs' with weight_decay={recipe.weight_decay} and "
            f"max_grad_norm={recipe.max_grad_norm}, which only solver='adam' heeds; "
            "expected 0 and None."
        )
    n_patches = getattr(recipe.augment, "n_patches", 1)
    if batch_norm and recipe.batch_size * n_patches < 2:
        raise ValueError(
            f"Got batch_size={recipe.batch_size} with normalization='batch', but "
            "expected at least 2 rows to normalise over."
        )


def channels_last(x: Tensor) -> Tensor:
    """Return the same images, on a CPU with the channels of each pixel side by side.

    The maps of a network then lie likewise: a step of a U-Net is 1.2 times as fast, of
    volumes 1.3 times, and of an autoencoder whose convolutions stride as fast as before
    (``benchmarks/channels_last.py``).
    """
    layout = CHANNELS_LAST.get(x.ndim)
    return x if layout is None or x.device.type != "cpu" else x.to(memory_format=layout)


class EpochTerms:
    """The terms of an epoch's batches, kept on the device and averaged at its end."""

    # Small tensors that live on between the large ones of each step fragment the heap.
    folded_at = 64

    def __init__(self) -> None:
        self.terms: dict[str, list[Tensor]] = {}
        self.weights: list[Tensor] = []

    def add(self, terms: Terms, weights: Tensor) -> None:
        """Keep the terms of a batch; a 0-d one weighs as its batch."""
        for name, term in terms.items():
            term = term.detach() if term.ndim else term.detach().expand_as(weights)
            self.terms.setdefault(name, []).append(term)
        self.weights.append(weights)
        if len(self.weights) == self.folded_at:
            self.fold()

    def fold(self) -> None:
        """Join what is kept into one tensor per term."""
        self.terms = {name: [torch.cat(batches)] for name, batches in self.terms.items()}
        self.weights = [torch.cat(self.weights)]

    def means(self) -> dict[str, Tensor]:
        """Return the weighted mean of each term."""
        self.fold()
        share = shares(self.weights[0])
        return {name: (values * share).sum(dim=0) for name, (values,) in self.terms.items()}


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


def mean_term(term: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of a per-sample term; a 0-d term weighs for itself."""
    return weighted_mean(term.detach(), weights) if term.ndim else term.detach()


def below(name: str, prefixes: Iterable[str]) -> bool:
    """Whether a dotted name is one of the prefixes or lies below one."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def rate_factor(name: str, rates: tuple[tuple[str, float], ...]) -> float:
    """Return the factor of the longest prefix that a parameter's name lies below."""
    fitting = [(len(prefix), factor) for prefix, factor in rates if below(name, [prefix])]
    return max(fitting)[1] if fitting else 1.0
