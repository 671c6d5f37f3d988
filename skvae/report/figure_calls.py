"""Which functions draw the figures of which section: one table."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from skvae.report.parts import NotRun, Part, Picture
from skvae.report.record import Record

__all__ = ["FIGURES", "FigureCall", "pictures"]


@dataclass(frozen=True)
class FigureCall:
    """A function of a result, and what is said of what it draws.

    Attributes
    ----------
    name : str
        Name of the files.
    function : str
        Module and name, such as `skvae.report.flow.flow_figure`.
    alt, caption : str
        What it shows, and how that was computed.
    each_arm : bool
        Whether there is one for each arm, which is then its second argument.
    """

    name: str
    function: str
    alt: str
    caption: str
    each_arm: bool = False

    def draw(self, *arguments: Any) -> Any:
        """Return the figure.

        Parameters
        ----------
        *arguments : object
            The result, and the arm where there is one for each.

        Returns
        -------
        Figure
            What the function draws.
        """
        module, _, name = self.function.rpartition(".")
        return getattr(import_module(module), name)(*arguments)


FIGURES: dict[str, tuple[FigureCall, ...]] = {
    "summary": (
        FigureCall(
            "comparison",
            "skvae.report.comparison.comparison_figure",
            "Scores of each arm with their means and intervals, and differences to the "
            "reference",
            "Left: the score on each outer fold (dots), the mean and its 95 % interval. "
            "Right: paired differences to the reference. Intervals: Nadeau-Bengio.",
        ),
    ),
    "discrimination": (
        FigureCall(
            "roc",
            "skvae.report.rank_curves.roc_figure",
            "Receiver operating characteristic curves of the arms",
            "ROC curves of the out-of-fold scores, averaged over the repeats. Bands: 95 %, "
            "bootstrap of patients.",
        ),
        FigureCall(
            "precision-recall",
            "skvae.report.rank_curves.precision_recall_figure",
            "Precision against recall of the arms",
            "Precision-recall curves of the out-of-fold scores. Bands: 95 %, bootstrap of "
            "patients.",
        ),
    ),
    "calibration": (
        FigureCall(
            "calibration",
            "skvae.report.calibration_panels.calibration_figure",
            "Observed shares against predicted probabilities of the arms",
            "Calibration of the out-of-fold probabilities. Intervals: 95 %, bootstrap of "
            "patients.",
        ),
    ),
    "decision": (
        FigureCall(
            "decision-curve",
            "skvae.report.benefit_curves.decision_curve_figure",
            "Net benefit of the arms against the threshold probability",
            "Net benefit of treating by each arm, of treating all and of treating none.",
        ),
    ),
    "differences": (
        FigureCall(
            "differences",
            "skvae.report.fold_differences.difference_figure",
            "Difference of each arm to the reference in every outer fold",
            "Paired differences of every outer fold, mean and corrected 95 % interval.",
        ),
    ),
    "confusion": (
        FigureCall(
            "confusion",
            "skvae.report.confusion_panels.confusion_figure",
            "Confusion matrix of each arm",
            "Calls and what was observed; the figure says at which threshold.",
        ),
    ),
    "observed": (
        FigureCall(
            "observed",
            "skvae.report.observed_outcomes.observed_figure",
            "Predictions against what was observed",
            "Out-of-fold predictions and what was observed.",
        ),
    ),
    "chosen": (
        FigureCall(
            "chosen",
            "skvae.report.chosen_configurations.chosen_figure",
            "How often each layer and size was chosen",
            "What the inner folds chose, by outer fold.",
        ),
    ),
    "training": (
        FigureCall(
            "loss",
            "skvae.report.training_curves.loss_figure",
            "Training and validation loss of each network by epoch",
            "Losses of the chosen networks, a line for each outer fold.",
        ),
    ),
    "reconstructions": (
        FigureCall(
            "reconstruction",
            "skvae.report.decoded_pictures.reconstruction_figure",
            "Held-out inputs and their reconstructions by {arm}",
            "{arm}: held-out rows of the first fold and what the network makes of them.",
            each_arm=True,
        ),
        FigureCall(
            "traversal",
            "skvae.report.decoded_pictures.traversal_figure",
            "Decoded images along the most active units of {arm}",
            "{arm}: what the decoder makes of the most active units at other values.",
            each_arm=True,
        ),
    ),
    "importance": (
        FigureCall(
            "importance",
            "skvae.report.block_importance.importance_figure",
            "Loss of score when blocks of columns or regions are permuted",
            "How much the score of held-out rows falls when a block of correlated columns, "
            "or a region, is permuted among them.",
        ),
    ),
    "attributes": (
        FigureCall(
            "attributes",
            "skvae.report.unit_attributes.attribute_figure",
            "Rank correlation of the units of {arm} with attributes",
            "{arm}: rank correlation of units with attributes on held-out rows, alone and "
            "with volume held constant.",
            each_arm=True,
        ),
    ),
    "external": (
        FigureCall(
            "external",
            "skvae.report.external_scores.external_figure",
            "Scores of the arms on the external cohort beside the cross-validated ones",
            "Cross-validated and external scores with 95 % intervals.",
        ),
    ),
}


# What arms have learned is looked at only when asked for.
_EXPLAINED = ("training", "reconstructions", "importance", "attributes")


def pictures(section: str, record: Record) -> Iterator[Part]:
    """Draw the figures of a section, or say why there are none.

    Parameters
    ----------
    section : str
        Its key.
    record : Record
        What the report is made of.

    Yields
    ------
    Picture or NotRun
        The figures; where none could be drawn, the reason.
    """
    reasons, n_drawn = [], 0
    for call in FIGURES[section]:
        for number, arm in enumerate(record.result.arms if call.each_arm else [None]):
            try:
                figure = call.draw(record.result, *([] if arm is None else [arm]))
            except ValueError as error:
                reasons.append(str(error))
                continue
            n_drawn += 1
            name = call.name if arm is None else f"{call.name}-{number + 1}"
            texts = (text.replace("{arm}", str(arm)) for text in (call.alt, call.caption))
            yield Picture(name, figure, *texts)
    if not n_drawn:
        asked = record.settings.get("explain", False)
        how = "" if asked or section not in _EXPLAINED else "nested_cv(..., explain=True)"
        yield NotRun(reasons[0] if reasons else "There is nothing to draw.", how)
