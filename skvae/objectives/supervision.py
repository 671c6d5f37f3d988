"""How far predictions are from labels, of which some may be missing."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skvae.objectives.batch import Batch, Trace
from skvae.objectives.weighting import quotient, weighted_mean

# Class index of a row without a label.
UNLABELLED = -1


def class_scores(logits: Tensor) -> Tensor:
    """Return a column per class; a single logit is that of the second of two classes.

    softmax([0, l]) = [sigmoid(-l), sigmoid(l)]: one logit says all of two classes.
    """
    if logits.shape[1] > 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], dim=1)


def cross_entropy(
    logits: Tensor, labels: Tensor, class_weight: Tensor | None = None
) -> Tensor:
    """Cross-entropy of each row: -w_y log softmax(l)_y, and 0 where y is missing (-1)."""
    return nn.functional.cross_entropy(
        class_scores(logits),
        labels,
        weight=class_weight,
        ignore_index=UNLABELLED,
        reduction="none",
    )


def squared_residual(prediction: Tensor, target: Tensor) -> Tensor:
    """Half the squared residual of each target, and 0 where it is missing (NaN)."""
    residual = prediction.reshape(target.shape) - target
    # Of missing targets alone: a prediction that is NaN has a loss that is.
    return 0.5 * residual.masked_fill(target.isnan(), 0.0).square()


def over_labelled(loss: Tensor, labelled: Tensor, weight: Tensor | None = None) -> Tensor:
    """Scale a loss so that its mean over all rows is that over the labelled ones.

    A batch without any labelled row, or where none of them weighs, has the loss 0. Of
    several targets, each has a column, scaled by itself.
    """
    counted = labelled.to(loss.dtype)
    return loss * quotient(counted, weighted_mean(counted, weight))


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of the stage ``logits`` over the rows that have a label.

    Parameters
    ----------
    class_weight : tuple of float, optional
        Weight of each class.
    """

    class_weight: tuple[float, ...] | None = None

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("logits",)

    def __call__(self, trace: Trace, batch: Batch) -> Tensor:
        assert batch.y is not None
        logits = trace["logits"]
        weight = None if self.class_weight is None else logits.new_tensor(self.class_weight)
        loss = cross_entropy(logits, batch.y, weight)
        return over_labelled(loss, batch.y != UNLABELLED, batch.sample_weight)


@dataclass(frozen=True)
class SquaredResidual:
    """Half the squared residual of the stage ``prediction`` over the rows with a target.

    Of m targets, it is the mean of theirs: (1/m) sum_j (1/n_j) sum_i (f_ij - y_ij)^2 / 2
    over the n_j rows i that have target j.
    """

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("prediction",)

    def __call__(self, trace: Trace, batch: Batch) -> Tensor:
        assert batch.y is not None
        loss = squared_residual(trace["prediction"], batch.y)
        loss = over_labelled(loss, ~batch.y.isnan(), batch.sample_weight)
        return loss if loss.ndim == 1 else loss.mean(dim=1)
