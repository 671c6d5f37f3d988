"""What an objective may know of a batch beside its trace."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from torch import Tensor

Trace = Mapping[str, Tensor]
Terms = dict[str, Tensor]


class Batch(NamedTuple):
    """The rows of a batch and their columns; a column that is not given is ``None``.

    Parameters
    ----------
    x : Tensor of shape (n, *sample_shape)
        The rows as they are to be reconstructed.
    y : Tensor of shape (n, ...), optional
        Labels; missing ones are NaN, or -1 for class indices.
    mask : Tensor of shape (n, ...), optional
        A label per pixel.
    attributes : Tensor of shape (n, n_attributes), optional
        Known quantities; missing ones are NaN.
    sample_weight : Tensor of shape (n,), optional
        Weight of each row in the loss.
    progress : 0-d Tensor or float
        Share of the training budget that is done, for warm-ups.
    """

    x: Tensor
    y: Tensor | None = None
    mask: Tensor | None = None
    attributes: Tensor | None = None
    sample_weight: Tensor | None = None
    progress: Tensor | float = 1.0


class Objective(Protocol):
    """Maps a trace and a batch to named, weighted terms that are to be minimised.

    A term is per sample, of shape ``(n,)``; one whose equation is over the batch is
    0-d and weighs for itself. ``stages`` are those of the trace that it reads.
    """

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages."""
        ...

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        """Return the named terms."""
        ...
