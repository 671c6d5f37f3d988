"""A report of a result, of what its study and its caller know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skvae.report.record import Record
from skvae.report.writing import write_record
from skvae.study.covariates import covariates_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from skvae.study.result import NestedCVResult

__all__ = ["record_of", "report"]


def report(
    result: "NestedCVResult",
    folder: str | Path,
    *,
    sections: Sequence[str] | None = None,
    inputs: Any = None,
    further: Mapping[str, "DataFrame"] | None = None,
    provenance: Mapping[str, Any] | None = None,
    command: str = "",
) -> list[Path]:
    """Write a report, as the method `report` of a result does.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    folder : str or Path
        Where to.
    sections : sequence of str, default=None
        Keys of the sections that are made.
    inputs : DataFrame or StudyInputs, default=None
        What may confound, by sample.
    further : mapping of str to DataFrame, default=None
        What took more fits than the study.
    provenance : mapping of str to object, default=None
        What is known of the run.
    command : str, default=""
        How it is run again.

    Returns
    -------
    list of Path
        The files, the page first.
    """
    options = (sections, inputs, further or {}, provenance or {}, command)
    return write_record(record_of(result, *options), folder)


def record_of(
    result: "NestedCVResult",
    sections: Sequence[str] | None = None,
    inputs: Any = None,
    further: Mapping[str, "DataFrame"] | None = None,
    provenance: Mapping[str, Any] | None = None,
    command: str = "",
) -> Record:
    """Put together what a report is made of.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    sections, inputs, further, provenance, command : object
        As `report` takes them.

    Returns
    -------
    Record
        The record.
    """
    settings = result.design.get("settings", {})
    by_patient = bool(settings.get("aggregate"))
    covariates = covariates_of(inputs, by_patient=by_patient)
    if covariates is inputs and inputs is not None:
        check_names(inputs, result)
    return Record(
        result,
        covariates=covariates,
        dropped=getattr(inputs, "dropped", None),
        excluded=getattr(inputs, "failed", None),
        notes=tuple(getattr(inputs, "notes", ())),
        about=getattr(inputs, "about", ""),
        further=further or {},
        provenance=provenance or {},
        command=command,
        sections=sections,
    )


def check_names(columns: "DataFrame", result: "NestedCVResult") -> None:
    """Refuse columns whose rows are not those of the predictions, by their names.

    Parameters
    ----------
    columns : DataFrame
        What may confound.
    result : NestedCVResult
        What was found; with `aggregate` its samples are patients.

    Raises
    ------
    ValueError
        If a name is missing or there twice, or rows were given where patients count.
    """
    settings, cohort = result.design.get("settings", {}), result.design.get("cohort", {})
    samples = result.predictions["sample"]
    counts = f"Got inputs of {len(columns)} rows"
    if settings.get("aggregate") and len(columns) != cohort.get("n_patients"):
        raise ValueError(
            f"{counts}, but with aggregate= the study counts {cohort.get('n_patients')} "
            "patients; expected one row for each, under the name that groups have for him."
        )
    if not columns.index.is_unique or not samples.isin(columns.index).all():
        raise ValueError(
            f"{counts} whose index is not that of the samples; expected each name of the "
            "column `sample` of result.predictions once."
        )
