"""Whether fine-tuning destroyed what pretraining had learned."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skvae.training.reading import FittedNetwork

# A loss that grows by this factor at unfreezing says that the encoder was destroyed,
LARGEST_JUMP = 3.0
# if its weights also end far from where they began, as a share of their length: of a loss
# near zero, a multiple may still be nothing; and with many labels, weights may go far.
LARGEST_MOVE = 1 / 3


def diagnosis(phase: str, history: list[dict[str, Any]], move: float) -> str:
    """Say in a sentence when fine-tuning began by destroying the encoder."""
    losses = [row["loss"] for row in history if row["phase"] == phase]
    head = [row["loss"] for row in history if row["phase"] == "head"]
    if phase != "finetune" or not head or not losses:
        return ""
    peak = max(losses)
    if peak <= LARGEST_JUMP * head[-1] or move <= LARGEST_MOVE:
        return ""
    return (
        f"The loss rose from {head[-1]:.3g} to {peak:.3g} when the encoder was unfrozen, "
        f"and its weights moved by {move:.2g} of their length."
    )


def relative_move(before: FittedNetwork, after: Mapping[str, np.ndarray]) -> float:
    """Return how far the encoder's weights moved, as a share of their length.

    Only those that changed count, neither the decoder nor frozen stages.
    """
    pairs = [
        (before.state[name].ravel(), after[f"encoder.{name}"].ravel())
        for name, _ in before.module.named_parameters()
    ]
    pairs = [(a, b) for a, b in pairs if not np.array_equal(a, b)]
    if not pairs:
        return 0.0
    start, end = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return float(np.linalg.norm(end - start) / np.linalg.norm(start))
