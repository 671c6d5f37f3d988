"""How active the units of a code are, estimated over the rows that went by."""

import torch
from torch import Tensor, nn

# Rows after which an estimate has forgotten half, and a silent unit counts as dead.
MEMORY_ROWS = 1000
# A unit with values in [0, 1] is never quite silent: it counts as active above this.
ACTIVE_SIGMOID = 0.1


def unit_mean(code: Tensor) -> Tensor:
    """Mean of each unit over the rows and, in a feature map, over all positions."""
    return code.mean(dim=[axis for axis in range(code.ndim) if axis != 1])


class RunningMean(nn.Module):
    """A mean over the last rows, with a memory counted in rows and not in batches.

    So it does not depend on the batch size. Its gradient is that of the batch's mean.
    """

    total: Tensor
    weight: Tensor

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(size))
        self.register_buffer("weight", torch.zeros(()))

    def forward(self, batch_mean: Tensor, n_rows: int) -> Tensor:
        """Return the estimate; while training, with a batch of ``n_rows`` rows in it."""
        if not self.training:
            return self.total / self.weight.clamp(min=torch.finfo(self.total.dtype).tiny)
        total, weight = self.updated(batch_mean.detach(), n_rows)
        return total / weight + (batch_mean - batch_mean.detach())

    def updated(self, batch_mean: Tensor, n_rows: int) -> tuple[Tensor, Tensor]:
        """Return the running sum and its weight after a batch."""
        kept = 0.5 ** (n_rows / MEMORY_ROWS)
        return (
            kept * self.total + (1 - kept) * batch_mean,
            kept * self.weight + (1 - kept),
        )

    def remember(self, batch_mean: Tensor, n_rows: int) -> None:
        """Take a batch in, unless the module is frozen."""
        if self.training:
            total, weight = self.updated(batch_mean.detach(), n_rows)
            self.total.copy_(total)
            self.weight.copy_(weight)


class Silence(nn.Module):
    """Rows since each unit was last active."""

    rows: Tensor

    def __init__(self, n_units: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(n_units))

    @property
    def dead(self) -> Tensor:
        """Whether a unit has been silent for longer than memory reaches."""
        return self.rows >= MEMORY_ROWS

    def remember(self, code: Tensor) -> None:
        """Take a batch in, unless the module is frozen."""
        if self.training:
            axes = [axis for axis in range(code.ndim) if axis != 1]
            silent = (code == 0).all(dim=axes)
            self.rows.copy_((self.rows + len(code)) * silent)
