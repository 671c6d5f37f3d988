"""The rows that a configuration names: of LIDC-IDRI, an npz file, or a table."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.datasets import read_features
from skvae.extras import import_extra
from skvae.study.configuration import BUILT_IN, StudyConfig
from skvae.study.lesion_cohort import ABOUT as ABOUT_LESIONS
from skvae.study.lesion_cohort import lesion_cohort
from skvae.study.lidc_cohort import ABOUT as ABOUT_LIDC
from skvae.study.lidc_cohort import lidc_cohort
from skvae.study.npz_cohort import npz_cohort
from skvae.study.scan_tables import names_scans, read_scans

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["StudyInputs", "study_inputs"]

_MOST_NAMED = 5
_COHORTS = {"lidc": (lidc_cohort, ABOUT_LIDC), "lesions": (lesion_cohort, ABOUT_LESIONS)}


@dataclass(frozen=True, eq=False)
class StudyInputs:
    """Inputs, outcome and patients, and what a reader should know of them.

    Attributes
    ----------
    X : array, DataFrame or dict of these
        Inputs.
    y, groups : array
        Outcome and patient of each row; groups may be None.
    positive : object
        The positive class that was named; None otherwise.
    params : dict
        Attributes, for the arm that learns them.
    external : tuple or None
        Inputs, outcome and patients of another cohort.
    dropped, failed : DataFrame or None
        Columns and rows that are left out, each with the reason.
    notes : list of str
        What was read.
    about : str
        What the inputs are, where that is known of a data set.
    """

    X: Any
    y: Any
    groups: Any
    positive: Any = None
    params: dict[str, Any] = field(default_factory=dict)
    external: tuple[Any, ...] | None = None
    dropped: "DataFrame | None" = None
    failed: "DataFrame | None" = None
    notes: list[str] = field(default_factory=list)
    about: str = ""

    def left_out(self) -> dict[str, str]:
        """Say which columns and rows are left out, and why.

        Returns
        -------
        dict of str to str
            By `dropped columns` and `excluded rows`; empty where nothing is.
        """
        tables = {
            "dropped columns": ("column", self.dropped),
            "excluded rows": ("case", self.failed),
        }
        return {
            what: "; ".join(
                f"{len(names)} {reason} ({_some(names.tolist())})"
                for reason, names in table.groupby("reason", sort=False)[column]
            )
            for what, (column, table) in tables.items()
            if table is not None and len(table)
        }


def _some(names: list[Any]) -> str:
    more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(str, names[:_MOST_NAMED])) + more


def study_inputs(config: StudyConfig) -> StudyInputs:
    """Read what a configuration names.

    Parameters
    ----------
    config : StudyConfig
        What to read.

    Returns
    -------
    StudyInputs
        The rows.

    Raises
    ------
    ValueError
        Where a file or a column is not what it is named for.
    """
    is_table = config.data not in BUILT_IN and not config.data.endswith(".npz")
    _check_files(config, is_table)
    if not is_table:
        for name in ("target", "group", "id", "clinical", "attributes", "cases"):
            if getattr(config, name):
                raise ValueError(
                    f"Got {name}={getattr(config, name)!r}, which names columns of a "
                    f"table, but data={config.data!r}."
                )
    if config.data in _COHORTS:
        cohort, about = _COHORTS[config.data]
        rows = cohort(full=config.full, random_state=config.seed)
        generated = ["the lesions are generated, and say nothing of patients"]
        notes = generated if config.data == "lesions" else []
        return StudyInputs(*rows, notes=notes, about=about)
    return _table(config) if is_table else _arrays(config)


def _check_files(config: StudyConfig, is_table: bool) -> None:
    for name in ("data", "external", "cases"):
        path = getattr(config, name)
        if path and path not in BUILT_IN and not Path(path).is_file():
            raise FileNotFoundError(f"Got {name}={path!r}, which is not a file.")
    if config.external and config.data in BUILT_IN:
        raise ValueError(f"Got external={config.external!r} with data={config.data!r}.")
    if config.external and config.external.endswith(".npz") == is_table:
        raise ValueError(
            f"Got external={config.external!r} with data={config.data!r}, expected two "
            "tables or two npz files."
        )


def _arrays(config: StudyConfig) -> StudyInputs:
    X, y, groups, external = npz_cohort(config.data)
    if config.external:
        try:
            external = npz_cohort(config.external)[:3]
        except ValueError as error:
            raise _of_external(config, error) from error
    positive = next((c for c in np.unique(y).tolist() if str(c) == config.positive), None)
    if config.positive and positive is None:
        raise ValueError(
            f"Got positive={config.positive!r}, but y has "
            f"{', '.join(map(str, np.unique(y)[:5]))}."
        )
    return StudyInputs(X, y, groups, positive, external=external)


def _table(config: StudyConfig) -> StudyInputs:
    if not config.target:
        raise ValueError(
            f"Got data={config.data!r} without target, expected the column of the outcome; "
            "it is never guessed."
        )
    data = _read(config, config.data, config.cases or None)
    notes = list(data.notes)
    if data.groups is None:
        notes.append("each row counts as a patient, since neither group nor id is named")
    external = None
    if config.external:
        try:
            other = _read(config, config.external)
        except ValueError as error:
            raise _of_external(config, error) from error
        external = (_blocks(other), other.target, other.groups)
        notes += [f"{config.external}: {note}" for note in other.notes]
        notes += [
            f"{config.external}: {row.case} is left out, {row.reason}"
            for row in other.failed.itertuples(name="Row")
        ]
    # A table takes the second of two values for it, which may be numbers.
    is_named = config.positive or config.outcome != "number"
    positive = data.positive if is_named else None
    params = {}
    if config.attributes:
        params["attributes"] = _attributes(data, config.attributes)
    return StudyInputs(
        _blocks(data),
        data.target,
        data.groups,
        positive,
        params,
        external,
        data.dropped,
        data.failed,
        notes,
    )


def _of_external(config: StudyConfig, error: Exception) -> ValueError:
    return ValueError(f"Got external={config.external!r}, of which: {error}")


def _read(config: StudyConfig, path: str, cases: str | None = None) -> Any:
    options = {
        "target": config.target,
        "group": config.group or None,
        "id": config.id or None,
        "positive": config.positive or None,
        "clinical": config.clinical,
    }
    if names_scans(path):
        return read_scans(path, **options)
    return read_features(path, cases=cases, **options)


def _blocks(data: Any) -> Any:
    """Return the features alone, or side by side with what else there is."""
    blocks = {} if "images" not in data else {"images": data.images}
    # Of scans alone, the only number is the volume of the region.
    name = "volume" if list(data.features) == ["volume_mm3"] else "radiomics"
    if data.features.shape[1]:
        blocks[name] = data.features
    if not data.clinical.empty:
        blocks["clinical"] = data.clinical
    return blocks if len(blocks) > 1 or "images" in blocks else data.features


def _attributes(data: Any, names: tuple[str, ...]) -> "DataFrame":
    both = import_extra("pandas").concat([data.features, data.clinical], axis=1)
    missing = [name for name in names if name not in both]
    if missing:
        raise ValueError(
            f"Got attributes={list(names)!r}, but neither the features nor the clinical "
            f"columns have {', '.join(missing)}."
        )
    return both[list(names)]
