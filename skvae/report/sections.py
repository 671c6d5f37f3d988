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
    """

    key: str
    title: str
    make: Callable[[Record], Iterator[Part]]


def _drawn(key: str, *kinds: str) -> Callable[[Record], Iterator[Part]]:
    """Return the section that has its figures alone, for outcomes of these kinds."""
    return _only(kinds, lambda record: pictures(key, record))


def _only(
    kinds: tuple[str, ...], make: Callable[[Record], Iterator[Part]]
) -> Callable[[Record], Iterator[Part]]:
    def section(record: Record) -> Iterator[Part]:
        if kinds and record.result.kind not in kinds:
            named = " or ".join(_KINDS[kind] for kind in kinds)
            yield NotRun(f"It is for an outcome of {named}.", applies=False)
        else:
            yield from make(record)

    return section


_KINDS = {"classes": "classes", "number": "numbers", "event": "events and times"}
SECTIONS = (
    SectionPlan("summary", "What was found", opening_sections.summary),
    SectionPlan("flow", "Flow of patients", opening_sections.flow),
    SectionPlan("splits", "Splits and leak guards", opening_sections.splits),
    SectionPlan(
        "discrimination",
        "Discrimination: ROC and precision",
        _drawn("discrimination", "classes"),
    ),
    SectionPlan(
        "calibration",
        "Calibration",
        _only(("classes",), analysis_sections.calibration_section),
    ),
    SectionPlan("decision", "Decision curves", _drawn("decision", "classes")),
    SectionPlan("differences", "Paired differences", _drawn("differences")),
    SectionPlan("confusion", "Confusion matrices", _drawn("confusion", "classes")),
    SectionPlan(
        "observed", "Predicted and observed", _drawn("observed", "number", "event")
    ),
    SectionPlan("chosen", "Chosen layers and sizes", _drawn("chosen")),
    SectionPlan("training", "Loss curves and active units", analysis_sections.training),
    SectionPlan(
        "reconstructions", "Reconstructions and traversals", _drawn("reconstructions")
    ),
    SectionPlan("importance", "What drives the scores", _drawn("importance")),
    SectionPlan("attributes", "Units and attributes", _drawn("attributes")),
    SectionPlan("confounders", "Confounders", analysis_sections.confounders),
    SectionPlan("external", "External test", analysis_sections.external),
    SectionPlan("layer_map", "Scores by layer and size", study_sections.layer_map),
    SectionPlan("learning_curve", "Learning curve", study_sections.learning_curve),
    SectionPlan("permutation_null", "Permuted outcomes", study_sections.permutation_null),
    SectionPlan("stability", "Stability", study_sections.stability),
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
