"""What a fit has settled before it trains, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from skvae.training.checkpointing import Checkpoint
from skvae.training.data import Data
from skvae.training.fitting import Fitted, Job
from skvae.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Learned:
    """What `fit` learns from its arguments before training, beside the rows: here nothing.

    A kind whose network or objective depends on them has a class of its own.
    """

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes that say so."""
        return {}


@dataclass(frozen=True, eq=False)
class Start:
    """Where training begins, and the attributes of what it borrows from."""

    fitted: Fitted | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Fit:
    """Everything that one fit has settled before it trains."""

    recipe: Recipe
    data: Data
    learned: Learned
    start: Start
    input_attributes: dict[str, Any]
    checkpoint: Checkpoint | None = None
    callbacks: Sequence[Any] = ()
    # Where what is found of the fitted network is kept as well; None for nowhere.
    memory: Any = None

    @property
    def job(self) -> Job:
        """The training that it comes to."""
        return Job(self.recipe, self.data, self.start.fitted)
