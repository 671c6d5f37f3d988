"""The sections of a report in their order, each a function from the record to its parts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from skvae.report import analysis_sections, opening_sections, study_sections
from skvae.report.figure_calls import pictures
from skvae.report.parts import NotRun, Part
from skvae.report.record import Record

__all__ = ["SECTIONS", "SectionPlan", "check_sections", "parts_of"]


@dataclass(frozen=True)
class SectionPlan:
    """A section: its key, its heading, and what makes it.

    Attributes
    ----------
    key, title : str
        Its id in the page and its heading.
    make : callable
        From the record to the parts.
    further : bool
        Whether it takes more fits than the study itself.
    """

    key: str
    title: str
    make: Callable[[Record], Iterator[Part]]
    further: bool = False


def _drawn(key: str) -> Callable[[Record], Iterator[Part]]:
    """Return the section that has its figures alone."""
    return lambda record: pictures(key, record)


SECTIONS = (
    SectionPlan("summary", "What was found", opening_sections.summary),
    SectionPlan("flow", "Flow of patients", opening_sections.flow),
    SectionPlan("splits", "Splits and leak guards", opening_sections.splits),
    SectionPlan(
        "discrimination", "Discrimination: ROC and precision", _drawn("discrimination")
    ),
    SectionPlan("calibration", "Calibration", analysis_sections.calibration_section),
    SectionPlan("decision", "Decision curves", _drawn("decision")),
    SectionPlan("differences", "Paired differences", _drawn("differences")),
    SectionPlan("confusion", "Confusion matrices", _drawn("confusion")),
    SectionPlan("observed", "Predicted and observed", _drawn("observed")),
    SectionPlan("chosen", "Chosen layers and sizes", _drawn("chosen")),
    SectionPlan("training", "Loss curves and active units", analysis_sections.training),
    SectionPlan(
        "reconstructions", "Reconstructions and traversals", _drawn("reconstructions")
    ),
    SectionPlan("importance", "What drives the scores", _drawn("importance")),
    SectionPlan("attributes", "Attributes, with and without volume", _drawn("attributes")),
    SectionPlan("confounders", "Confounders", analysis_sections.confounders),
    SectionPlan("external", "External test", analysis_sections.external),
    SectionPlan("layer_map", "Scores by layer and size", study_sections.layer_map, True),
    SectionPlan("learning_curve", "Learning curve", study_sections.learning_curve, True),
    SectionPlan(
        "permutation_null", "Permuted outcomes", study_sections.permutation_null, True
    ),
    SectionPlan("stability", "Stability of features", study_sections.stability, True),
    SectionPlan("methods", "Methods", opening_sections.methods),
    SectionPlan("provenance", "Provenance", opening_sections.provenance),
)
KEYS = tuple(plan.key for plan in SECTIONS)


def check_sections(sections: object) -> None:
    """Raise where a section is asked for that a report does not have.

    Parameters
    ----------
    sections : sequence of str or None
        Keys of sections.
    """
    if sections is None:
        return
    if isinstance(sections, str):
        raise ValueError(f"Got sections={sections!r}, expected a list of names.")
    for key in sections:  # type: ignore[attr-defined]
        if key not in KEYS:
            raise ValueError(
                f"Got sections with {key!r}, expected some of {', '.join(KEYS)}."
            )


def parts_of(plan: SectionPlan, record: Record) -> list[Part]:
    """Return the parts of a section, or that it was not asked for.

    Parameters
    ----------
    plan : SectionPlan
        The section.
    record : Record
        What the report is made of.

    Returns
    -------
    list of Part
        One at the least.
    """
    if record.sections is not None and plan.key not in record.sections:
        return [
            NotRun("It was not asked for.", study_sections.how_to_run(record, plan.key))
        ]
    return list(plan.make(record))
