"""What skorch callbacks hear of a training, and what they change of it."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from torch.utils.data import Subset

from skvae.interrupts import noticed
from skvae.training.data import Data
from skvae.training.phase_report import hashes

if TYPE_CHECKING:
    from skvae.training.fitting import Epoch

BATCHES = ("on_batch_begin", "on_batch_end")
GRADIENTS = ("on_grad_computed",)


class Listeners:
    """The callbacks of a net, where it has any; each phase is to them a training.

    Parameters
    ----------
    handle : Epoch
        Of the training.
    data : Data
        Its rows.
    index, held_out : ndarray, ndarray or None
        Which of them train, and which validate.
    """

    def __init__(
        self, handle: "Epoch", data: Data, index: np.ndarray, held_out: np.ndarray | None
    ) -> None:
        self.handle = handle
        self.net = handle.net
        self.given = {"X": data.x, "y": data.y}
        self.sets: dict[str, Any] = {}
        self.best: dict[str, float] = {}
        if self.net.callbacks_:
            rows = Dataset(data.x, data.y, length=len(data))
            valid = None if held_out is None else Subset(rows, held_out)
            self.sets = {"dataset_train": Subset(rows, index), "dataset_valid": valid}

    @contextmanager
    def training(self) -> Iterator[None]:
        """Tell of a phase that is trained within; keep the weights that they leave.

        As in skorch, they hear of the end also where training is interrupted.
        """
        net, handle = self.net, self.handle
        if not net.callbacks_:
            yield
            return
        # A schedule with a history would go on with an optimizer that is gone.
        self.best = {}
        net.initialize_history()
        net.notify("on_train_begin", **self.given)
        try:
            yield
        except (KeyboardInterrupt, GeneratorExit):
            net.notify("on_train_end", **self.given)
            raise
        net.notify("on_train_end", **self.given)
        handle.take()
        handle.phases[-1] |= hashes(net.module_.state_dict(), "after")

    def begin_epoch(self) -> None:
        """Tell that an epoch begins."""
        if self.net.callbacks_:
            self.net.notify("on_epoch_begin", **self.sets)

    def end_epoch(self, row: dict[str, Any], n_batches: Mapping[str, int]) -> bool:
        """Tell of an epoch, take what is recorded of it, and return whether to stop.

        That is what a KeyboardInterrupt says in skorch, where it is not Ctrl-C.
        """
        net = self.net
        if not net.callbacks_:
            return False
        told = {k: v for k, v in row.items() if k not in ("epoch", "loss")}
        told["train_loss"] = row["loss"]
        for name in ("train_loss", "valid_loss"):
            if name in told:
                told[f"{name}_best"] = told[name] < self.best.get(name, math.inf)
                self.best[name] = min(told[name], self.best.get(name, math.inf))
        told |= {f"{name}_batch_count": n for name, n in n_batches.items()}
        for name, value in told.items():
            net.history.record(name, value)
        if not net.history[-1, "batches"]:
            net.history.new_batch()  # skorch's Checkpoint looks for the last one
        stops = False
        with noticed() as pressed:
            try:
                net.notify("on_epoch_end", **self.sets)
            except KeyboardInterrupt:
                if pressed:
                    raise
                stops = True
        known = {"epoch", "batches", *told}
        row |= {k: v for k, v in net.history[-1].items() if k not in known}
        return stops


def overridden(callbacks: Iterable[tuple[str, Any]], methods: Sequence[str]) -> bool:
    """Whether any of the callbacks does something in any of the methods."""
    return any(
        getattr(type(callback), method) is not getattr(Callback, method)
        for _, callback in callbacks
        for method in methods
    )


def fresh_callbacks(callbacks: Any) -> list[tuple[str, Any] | Any]:
    """Return clones of the callbacks that a parameter has, for a single fit.

    Raises
    ------
    ValueError
        If they are no skorch callbacks, have a name twice, or cannot be cloned.
    """
    fresh: list[Any] = []
    names: set[str] = set()
    for item in callbacks or ():
        named = isinstance(item, tuple) and len(item) == 2
        name, callback = item if named else (None, item)
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback) or not isinstance(name, str | None):
            raise ValueError(
                f"Got skorch_callbacks={callbacks!r}, but expected a list of skorch "
                "callbacks, or of pairs of a name and one."
            )
        if name in names:
            raise ValueError(
                f"Got skorch_callbacks with the name {name!r} twice, but expected a name "
                "of its own for each."
            )
        names |= {name} - {None}
        try:
            cloned = callback() if isinstance(callback, type) else clone(callback)
        except (TypeError, RuntimeError) as error:
            raise ValueError(
                f"Got skorch_callbacks with {callback!r}, which cannot be cloned "
                f"({error}); expected that what is no parameter of its __init__ is set in "
                "initialize or later, under a name that ends with an underscore."
            ) from error
        fresh.append(cloned if name is None else (name, cloned))
    return fresh
