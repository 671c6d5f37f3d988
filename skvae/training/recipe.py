"""Everything that a training run depends on but its data, as one value."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import torch

from skvae.networks.builder import Builder
from skvae.objectives.batch import Batch, Objective

Augment = Callable[[Batch, torch.Generator], Batch]


@dataclass(frozen=True)
class Phase:
    """A stretch of training with its own budget, rates and frozen parts.

    Parameters
    ----------
    n_epochs : int
        Passes over the training rows.
    learning_rate : float
        Step size of Adam.
    rates : tuple of (str, float)
        Factors of the learning rate for the parameters below a module's name, as in
        ``(("dense.hidden", 0.1),)``; the longest name that fits counts.
    frozen : tuple of str
        Names of modules that do not change: neither weights nor normalisation buffers.
    encode_once : bool
        Whether what the encoder makes of each row is computed once, before the phase:
        for networks with an encoder, which is frozen, and rows that no augmentation
        changes. Not for users: an estimator finds out by itself, and sets it whatever
        it was.
    objective : Objective, optional
        What this phase minimises, if not the recipe's objective.
    annealed : bool
        Whether the learning rate falls from epoch to epoch along half a cosine, and
        would reach 0 after the last. Loshchilov & Hutter (2017), SGDR: stochastic
        gradient descent with warm restarts, ICLR, eq. 5, without restarts.
    name : str
        Its name in the history.
    rate_parameter : str
        What an estimator calls the learning rate, for messages. Not for users.

    Examples
    --------
    A head that learns alone for five epochs, and then all of the network for ten, the
    encoder with a tenth of the steps, which fall to 0:

    >>> from skvae import AutoencoderRegressor, Phase
    >>> phases = (
    ...     Phase(5, 1e-2, frozen=("encoder",), name="head"),
    ...     Phase(10, 2e-3, rates=(("encoder", 0.1),), annealed=True, name="all"),
    ... )
    >>> regressor = AutoencoderRegressor(phases=phases)
    >>> sum(phase.n_epochs for phase in regressor.phases)
    15
    """

    n_epochs: int
    learning_rate: float = 1e-3
    rates: tuple[tuple[str, float], ...] = ()
    frozen: tuple[str, ...] = ()
    encode_once: bool = False
    objective: Objective | None = None
    annealed: bool = False
    name: str = "fit"
    rate_parameter: str = field(default="learning_rate", repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.n_epochs, Integral) or self.n_epochs < 0:
            raise ValueError(
                f"Got n_epochs={self.n_epochs!r}, but expected a whole number of at "
                "least 0."
            )
        if not is_share(self.learning_rate):
            raise ValueError(
                f"Got learning_rate={self.learning_rate!r}, but expected a number of at "
                "least 0."
            )
        if not isinstance(self.frozen, tuple | list) or not all(
            isinstance(name, str) for name in self.frozen
        ):
            raise ValueError(
                f"Got frozen={self.frozen!r}, but expected a tuple of names of modules, "
                "such as ('encoder',)."
            )
        if not isinstance(self.rates, tuple | list) or not all(map(is_rate, self.rates)):
            raise ValueError(
                f"Got rates={self.rates!r}, but expected a tuple of names of modules with "
                "their factors, such as (('encoder', 0.1),)."
            )
        # Lists would neither hash nor be equal to tuples of the same.
        object.__setattr__(self, "frozen", tuple(self.frozen))
        object.__setattr__(self, "rates", tuple(map(tuple, self.rates)))


def is_share(value: Any) -> bool:
    """Whether a value is a finite number of at least 0."""
    return isinstance(value, Real) and 0 <= value < math.inf


def is_rate(pair: Any) -> bool:
    """Whether a value is a name with a factor."""
    listed = isinstance(pair, tuple | list) and len(pair) == 2
    return listed and isinstance(pair[0], str) and is_share(pair[1])


@dataclass(frozen=True)
class Recipe:
    """Same recipe, same data: same network, bit for bit.

    Parameters
    ----------
    builder : Builder
        The untrained network.
    objective : Objective
        What training minimises.
    phases : tuple of Phase
        The budget.
    seed : int
        Of the private generators that initialise, shuffle, split and draw noise.
    batch_size : int
        Rows per step.
    weight_decay : float
        L2 penalty, as in Adam.
    max_grad_norm : float, optional
        Gradients are scaled down to this norm; costs a pass over the weights.
    solver : {"adam", "lbfgs"}
        ``"lbfgs"`` takes all rows at once, in float64; deterministic networks only.
    validation_fraction : float, optional
        Share of the rows (of the groups, where the data has them) held out for early
        stopping; without it, training uses all rows and its whole budget.
    n_iter_no_change, tol : int, float
        Early stopping waits so many epochs for an improvement of the validation loss
        by more than ``tol``.
    precision : {"float32", "bfloat16"}
        Of the forward pass; weights and losses are float32.
    device : str
        Resolved name of a torch device.
    n_threads : int
        Torch's thread count; results depend on it in the last bits.
    augment : callable, optional
        ``augment(batch, generator) -> batch``, applied to training batches.
    """

    builder: Builder
    objective: Objective
    phases: tuple[Phase, ...]
    seed: int
    batch_size: int = 32
    weight_decay: float = 0.0
    max_grad_norm: float | None = None
    solver: str = "adam"
    validation_fraction: float | None = None
    n_iter_no_change: int = 10
    tol: float = 1e-4
    precision: str = "float32"
    device: str = "cpu"
    n_threads: int = 1
    augment: Augment | None = None

    @property
    def n_epochs(self) -> int:
        """The whole budget."""
        return sum(phase.n_epochs for phase in self.phases)


def refuse_missing_stages(recipe: Recipe, shapes: Iterable[str]) -> None:
    """Refuse an objective that reads what its network does not compute.

    Raises
    ------
    ValueError
        If a stage is missing.
    """
    shapes = list(shapes)
    for objective in (recipe.objective, *(phase.objective for phase in recipe.phases)):
        missing = set(getattr(objective, "stages", ())) - set(shapes)
        if missing:
            raise ValueError(
                f"Got the objective {objective!r}, which reads the stage "
                f"{sorted(missing)[0]!r}, but the network has {', '.join(shapes)}."
            )
