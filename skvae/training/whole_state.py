"""All that training goes on from, as if it had not stopped."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvae.training.fitting import Epoch


def whole_state(handle: "Epoch") -> dict[str, Any]:
    """Return what the next epoch depends on; its tensors are those that it will change."""
    net = handle.net
    stops_early = net.recipe.validation_fraction is not None
    return {
        "number": handle.number,
        "weights": dict(net.module_.state_dict()),
        "best": handle.weights if stops_early else None,
        "best_loss": handle.best_loss,
        "n_waited": handle.n_waited,
        "optimizer": net.optimizer_.state_dict(),
        "schedule": handle.schedule and handle.schedule.state_dict(),
        "noise": net.generator_.get_state(),
        "order": handle.order.get_state(),
        "history": handle.history,
        "phases": handle.phases,
    }


def restore(handle: "Epoch", state: Mapping[str, Any]) -> None:
    """Bring a new net, within the phase where it was, to a whole state."""
    net = handle.net
    phase = net.recipe.phases[state["number"]]
    net.module_.load_state_dict(state["weights"])
    net.begin(phase)
    handle.begin(state["number"])
    # A new schedule writes its first rate to the optimizer.
    net.optimizer_.load_state_dict(state["optimizer"])
    if handle.schedule is not None:
        handle.schedule.load_state_dict(state["schedule"])
    net.generator_.set_state(state["noise"])
    handle.order.set_state(state["order"])
    handle.best_loss, handle.n_waited = state["best_loss"], state["n_waited"]
    handle.history[:], handle.phases[:] = state["history"], state["phases"]
    handle.take()
    for name, value in (state["best"] or {}).items():
        handle.weights[name].copy_(value)
