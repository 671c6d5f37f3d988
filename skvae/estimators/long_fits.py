"""Fits that go on after they were killed."""

from pathlib import Path
from typing import Any

from skvae._compat import may_stop
from skvae.training.checkpointing import checkpoint_folder


def folder_of_checkpoints(estimator: Any, n_epochs: int) -> Path | None:
    """Return where a fit of so many epochs keeps them; None where it does not.

    A single epoch, as of ``partial_fit``, leaves nothing to go on with.

    Raises
    ------
    ValueError
        If the folder is not fit for it, or a killed fit could not go on as it would have.
    """
    folder = estimator.checkpoint
    if folder is None or n_epochs < 2:
        return None
    if estimator.random_state is None:
        raise ValueError(
            f"Got checkpoint={str(folder)!r} with random_state=None, which draws another "
            "seed each time, so that no fit would find what a killed one left; expected a "
            "number as random_state."
        )
    if may_stop(estimator) or estimator.skorch_callbacks:
        raise ValueError(
            f"Got checkpoint={str(folder)!r} with callbacks that could end the fit or "
            "change it, of which no checkpoint knows what they had seen; expected "
            "checkpoint=None, or progress bars alone."
        )
    return checkpoint_folder(folder)
