"""Which functions draw the figures of which section: one table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from skvae.report import captions
from skvae.report.not_drawn import why_not_drawn
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
    alt : str
        What it shows.
    caption : str or callable
        How that was computed; what depends on the study is a function of the record and
        the arm.
    each_arm : bool
        Whether there is one for each arm, which is then its second argument.
    """

    name: str
    function: str
    alt: str
    caption: str | Callable[..., str]
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

    def words(self, record: Record, arm: str | None) -> tuple[str, str]:
        """Return what it shows and how that was computed.

        Parameters
        ----------
        record : Record
            What the report is made of.
        arm : str or None
            The arm, where there is a figure for each.

        Returns
        -------
        (str, str)
            For those who do not see it, and below it.
        """
        caption = self.caption
        said = caption if isinstance(caption, str) else caption(record, arm)
        return self.alt.replace("{arm}", str(arm)), said


FIGURES: dict[str, tuple[FigureCall, ...]] = {
    "summary": (
        FigureCall(
            "comparison",
            "skvae.report.comparison.comparison_figure",
            "Scores of each arm on the outer folds, and what they differ by",
            captions.comparison,
        ),
    ),
    "discrimination": (
        FigureCall(
            "roc",
            "skvae.report.rank_curves.roc_figure",
            "Receiver operating characteristic curves of the arms",
            captions.roc,
        ),
        FigureCall(
            "precision-recall",
            "skvae.report.rank_curves.precision_recall_figure",
            "Precision against recall of the arms",
            captions.precision_recall,
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
            captions.confusion,
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
            "How many outer folds chose which layer, size or strength.",
        ),
    ),
    "training": (
        FigureCall(
            "loss",
            "skvae.report.training_curves.loss_figure",
            "Training and validation loss of each network by epoch",
            "Losses of the networks that were fitted on whole training parts, a line for "
            "each outer fold of the first repeat.",
        ),
    ),
    "reconstructions": (
        FigureCall(
            "reconstruction",
            "skvae.report.decoded_pictures.reconstruction_figure",
            "What {arm} keeps of held-out inputs in its reconstructions",
            captions.reconstruction,
            each_arm=True,
        ),
        FigureCall(
            "traversal",
            "skvae.report.decoded_pictures.traversal_figure",
            "What {arm} decodes along its most active units",
            captions.traversal,
            each_arm=True,
        ),
    ),
    "importance": (
        FigureCall(
            "importance",
            "skvae.report.block_importance.importance_figure",
            "Loss of score when parts of the inputs are exchanged between patients",
            "How much the score of held-out rows falls when a block of columns that go "
            "together, or a region of images, is exchanged between their patients.",
        ),
    ),
    "attributes": (
        FigureCall(
            "attributes",
            "skvae.report.unit_attributes.attribute_figure",
            "Rank correlation of the units of {arm} with attributes",
            captions.attributes,
            each_arm=True,
        ),
    ),
    "external": (
        FigureCall(
            "external",
            "skvae.report.external_scores.external_figure",
            "Scores of the arms on the external cohort beside the cross-validated ones",
            captions.external,
        ),
    ),
}


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
    absent = why_not_drawn(section, record)
    if absent is not None:
        yield absent
        return
    reasons, n_drawn = [], 0
    for call in FIGURES[section]:
        for number, arm in enumerate(record.result.arms if call.each_arm else [None]):
            try:
                figure = call.draw(record.result, *([] if arm is None else [arm]))
            except ValueError as error:  # such as an arm without a decoder among others
                reasons.append(str(error))
                continue
            n_drawn += 1
            name = call.name if arm is None else f"{call.name}-{number + 1}"
            yield Picture(name, figure, *call.words(record, arm))
    if not n_drawn:
        yield NotRun(f"The predictions do not allow it: {'; '.join(reasons)}")
