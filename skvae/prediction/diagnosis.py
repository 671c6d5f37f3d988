"""Whether fine-tuning destroyed what pretraining had learned."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skvae.exceptions import PretrainingLostWarning, warn_caller
from skvae.training.reading import FittedNetwork
from skvae.training.recipe import Phase

# A loss that grows by this factor at unfreezing says that the encoder was destroyed,
LARGEST_JUMP = 3.0
# if its weights also end far from where they began, as a share of their length: of a loss
# near zero, a multiple may still be nothing; and with many labels, weights may go far.
LARGEST_MOVE = 1 / 3


def diagnoses(
    reports: Sequence[Mapping[str, Any]], history: Sequence[Mapping[str, Any]], move: float
) -> list[str]:
    """Say of each phase, in a sentence, when it began by destroying the encoder.

    Judged are phases that change more of the encoder than the one before, by the last
    loss before them, if that is of the same terms: behind pretraining there is none.

    Parameters
    ----------
    reports : list of dict
        The phases, in order.
    history : list of dict
        The epochs of all of them.
    move : float
        See `relative_move`.

    Returns
    -------
    diagnoses : list of str
        One for each phase, empty if all is well.
    """
    found, start = [], 0
    for i, report in enumerate(reports):
        rows = history[start : start + report["n_epochs"]]
        unfreezes = (
            i > 0
            and report["n_trainable"] > reports[i - 1]["n_trainable"]
            and report["encoder_before"] != report["encoder_after"]
        )
        before = history[start - 1 : start] if unfreezes else []
        found.append(diagnosis(before, rows, move))
        start += report["n_epochs"]
    return found


def diagnosis(
    before: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], move: float
) -> str:
    """Say in a sentence whether epochs destroyed an encoder that was frozen before."""
    if not before or not rows or before[-1].keys() != rows[0].keys():
        return ""
    loss, peak = before[-1]["loss"], max(row["loss"] for row in rows)
    if peak <= LARGEST_JUMP * loss or move <= LARGEST_MOVE:
        return ""
    return (
        f"The loss rose from {loss:.3g} to {peak:.3g} when the encoder was unfrozen, "
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


def warn_of_lost_pretraining(estimator: Any, phases: Sequence[Phase]) -> None:
    """Warn of phases of a fit in which the encoder lost what it had learned.

    Parameters
    ----------
    estimator : PretrainedPredictor
        What was fitted.
    phases : sequence of Phase
        Of its recipe.
    """
    # Pretraining is no phase of the recipe; before it, there are no weights.
    own = [report for report in estimator.phases_ if "encoder_before" in report]
    for report, phase in zip(own, phases, strict=False):
        if report["diagnosis"]:
            warn_caller(
                f"{report['diagnosis']} The encoder has lost what it had learned. Try "
                f"a smaller {_rates_of(estimator, phase)}.",
                PretrainingLostWarning,
            )


def _rates_of(estimator: Any, phase: Phase) -> str:
    """Name the parameters that say how fast a phase changes the encoder."""
    if estimator.phases is not None:
        return (
            f"learning_rate of the phase {phase.name!r} (now {phase.learning_rate}) "
            f"or rate of its encoder (now rates={phase.rates})"
        )
    return (
        f"finetune_learning_rate_init (now {estimator.finetune_learning_rate_init}) or "
        f"encoder_learning_rate_scale (now {estimator.encoder_learning_rate_scale})"
    )
