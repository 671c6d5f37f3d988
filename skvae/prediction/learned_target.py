"""What y teaches a predictor, and what it then minimises."""

from dataclasses import dataclass
from typing import Any

from skvae.estimators.settled import Learned
from skvae.estimators.targets import Target
from skvae.objectives.batch import Batch, Terms, Trace
from skvae.objectives.supervision import CrossEntropy, SquaredResidual


@dataclass(frozen=True)
class Supervised:
    """An objective of one term, ``prediction``, over the rows with a label."""

    loss: CrossEntropy | SquaredResidual

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return self.loss.stages

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        return {"prediction": self.loss(trace, batch)}


@dataclass(frozen=True, eq=False)
class LearnedTarget(Learned):
    """What y teaches, what is predicted, and what X teaches of an encoder for it."""

    target: Target
    encoder: Learned | None = None

    def attributes(self) -> dict[str, Any]:
        return self.target.attributes()
