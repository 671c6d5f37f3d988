"""Tables of features as radiomics software writes them: features, outcome, patients."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch

from skvae.datasets.csv_text import read_csv
from skvae.datasets.table_kinds import IDENTIFIER, TableKind, table_kind
from skvae.datasets.table_outcomes import (
    column_of_numbers,
    positive_class,
    settled_outcome,
    usable_outcome,
)
from skvae.extras import import_extra

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["read_features"]

# Which region of an image a row describes: a case may have several of them.
_LABEL_COLUMNS = ("Label", "image_mask_label", "ROI_label")
_REGION_COLUMNS = (*_LABEL_COLUMNS, "Label_channel", "Mask")
# Of the histogram of bins that MIRP makes of images without a unit, and of what a filter
# made of any image: `ivh_i10`, `log_s_2.0_ivh_i10`.
_BIN_NUMBERS = re.compile(r"(?P<filter>.+_)?ivh_(diff_)?i\d")
_WITH_A_UNIT = ("ct", "pet", "rtdose")
_BEYOND_THE_BINS = 1001
# Nyxus: the size of a region, and what it says of one voxel.
_ONE_VOXEL = {"AREA_PIXELS_COUNT": 1, "3VOXEL_VOLUME": 0, "3AREA": 0}


def read_features(
    path: "str | Path | DataFrame",
    *,
    target: str,
    group: str | None = None,
    id: str | None = None,
    positive: Any = None,
    clinical: Sequence[str] = (),
    cases: Sequence[Any] | str | Path | None = None,
) -> Bunch:
    """Read a table of features with its outcome: of PyRadiomics, MIRP, Nyxus or any other.

    What is not a feature (paths, settings, diagnostics, identifiers, text) is dropped and
    listed with the reason; so are rows without any feature or without an outcome. Missing
    values stay missing: imputing them is part of a pipeline, inside the fold.

    Parameters
    ----------
    path : str, Path or DataFrame
        A csv or tsv file, gzipped or not; or a frame, such as one of PyRadiomics' results.
    target : str
        Column of the outcome. Never guessed: in some tables `Label` is the value of a mask.
    group : str, default=None
        Column of the patient; `id` by default. Needed where an `id` repeats.
    id : str, default=None
        Column that names the case; rows are numbered without one. A case is read once: two
        rows of one `id` and one region (`Label`, `Mask`, ...) are an error.
    positive : object, default=None
        Of two classes the one that probabilities are of; by default the second in order.
    clinical : sequence of str, default=()
        Columns apart from the features, such as age and sex. Text is kept as it is.
    cases : sequence, str or Path, default=None
        All cases that were to be in the table, by `id`, or a table of them, such as the
        manifest that the software was run on, with a column `id`: some software leaves out
        what failed without a word. Those that are absent are listed among the failed.

    Returns
    -------
    Bunch
        `features` : DataFrame of shape (n_samples, n_features), float64 with NaN where a
        value is missing; its index is `id`.
        `clinical` : DataFrame of shape (n_samples, n_clinical).
        `target` : Series; classes as text, bool or int, or numbers.
        `groups` : Series of text or None; the patient of each row.
        `positive` : the positive class; None unless there are two classes.
        `dropped` : DataFrame of `column` and `reason`.
        `failed` : DataFrame of `case` and `reason`; rows that are not among the samples.
        `notes` : list of str; what else a reader should know of this table.
        `kind` : str; `"PyRadiomics"`, `"MIRP"`, `"Nyxus"` or `"plain"`.

    Raises
    ------
    ValueError
        Where a column is missing, a case is there twice, a feature is not a number, or
        tables are joined that cannot be compared.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae.datasets import read_features
    >>> table = pd.DataFrame({
    ...     "Case": ["a", "b", "c"],
    ...     "diagnostics_Versions_PyRadiomics": ["3.1"] * 3,
    ...     "original_shape_Sphericity": [0.7, 0.9, None],
    ...     "grade": ["low", "high", "low"],
    ... })
    >>> data = read_features(table, target="grade", id="Case", positive="high")
    >>> data.features
          original_shape_Sphericity
    Case
    a                           0.7
    b                           0.9
    >>> data.dropped
                                 column                     reason
    0  diagnostics_Versions_PyRadiomics  diagnostics of PyRadiomics
    >>> data.failed
      case                reason
    0    c  no feature has a value
    """
    named = [name for name in (id, group) if name is not None]
    _check_roles(target, named, clinical)
    table, notes = _table(path, named)
    roles = {"target": [target], "id": [id], "group": [group], "clinical": list(clinical)}
    _check_named(table, path, roles)
    _check_filled(table, {"id": id, "group": group})
    kind = table_kind(table.columns)
    names = np.arange(len(table)) if id is None else table[id].to_numpy()
    failed = _absent(names, cases, id)

    used = {target, *named, *clinical}
    columns, dropped = _chosen(table, kind, used, clinical)
    features = _numbers(table, columns, notes)
    features, more = _CHECKS.get(kind.name, _nothing_more)(table, features)
    notes += more
    if group is None:
        notes += _forgotten_patients(table, dropped)
    outcome = usable_outcome(table, target)
    reasons = _failures(outcome, features, kind)
    _check_cases(table, kind, id, group)

    kept = reasons == ""
    said = _with_regions(names, table)
    failed += [(name, why) for name, why in zip(said, reasons, strict=True) if why]
    if not kept.any():
        raise ValueError(f"Got a table with no usable row: {failed[-1][1]}.")
    index = import_extra("pandas").Index(names[kept], name=id)
    outcome = settled_outcome(outcome[kept].set_axis(index))
    patients = group if group is not None else id
    return Bunch(
        features=features[kept].set_axis(index),
        clinical=table.loc[kept, list(clinical)].set_axis(index),
        target=outcome,
        groups=None if patients is None else table[patients][kept].set_axis(index),
        positive=positive_class(outcome, positive),
        dropped=_frame(dropped, ["column", "reason"]),
        failed=_frame(failed, ["case", "reason"]),
        notes=notes,
        kind=kind.name,
    )


def _check_roles(target: str, named: list[str], clinical: Sequence[str]) -> None:
    """Refuse a column of two roles, such as an outcome that is also predicted from."""
    if target in named:
        raise ValueError(f"Got target={target!r}, which also names cases or patients.")
    for name in clinical:
        if name in (target, *named):
            role = "the outcome" if name == target else "the case or the patient"
            raise ValueError(f"Got clinical with {name!r}, which is {role}.")
    if len(set(clinical)) < len(clinical):
        raise ValueError(f"Got clinical={list(clinical)!r}, expected each column once.")


def _table(path: Any, named: list[str]) -> tuple["DataFrame", list[str]]:
    if isinstance(path, str | Path):
        table, notes = read_csv(path, as_text=tuple(named))
    elif hasattr(path, "iloc") and hasattr(path, "columns"):
        keep = path.index.name in named and path.index.name not in path
        table, notes = path.reset_index(drop=not keep).rename(columns=str), []
        if not table.columns.is_unique:
            raise ValueError(
                "Got a frame with two columns of one name, expected one of each."
            )
    else:
        raise TypeError(
            f"Got path of type {type(path).__name__}, expected a file or a DataFrame of "
            "pandas."
        )
    # Of text: 7 and "7" are one patient, and so are "7" and "7 ".
    text = {
        name: table[name].astype(object).map(_stripped, na_action="ignore")
        for name in named
        if name in table
    }
    return table.assign(**text), notes


def _stripped(value: Any) -> str:
    return str(value).strip()


def _check_named(table: "DataFrame", path: Any, roles: dict[str, list[str | None]]) -> None:
    for role, names in roles.items():
        for name in names:
            if name is not None and name not in table:
                where = "the frame" if hasattr(path, "iloc") else str(path)
                like = [c for c in table if c.strip().lower() == name.strip().lower()]
                hint = f"; there is {like[0]!r}" if like else ""
                raise ValueError(
                    f"Got {role}={name!r}, but {where} has no such column{hint}. Its first "
                    f"columns are {', '.join(map(str, table.columns[:8]))}, its last "
                    f"{', '.join(map(str, table.columns[-3:]))}."
                )


def _check_filled(table: "DataFrame", roles: dict[str, str | None]) -> None:
    for role, name in roles.items():
        if name is not None and table[name].isna().any():
            row = int(table[name].isna().to_numpy().argmax())
            raise ValueError(f"Got {role}={name!r} without a value in row {row}.")


def _absent(
    names: np.ndarray, cases: Sequence[Any] | str | Path | None, id: str | None
) -> list[tuple[Any, str]]:
    if cases is None:
        return []
    if id is None:
        raise ValueError("Got cases without id, expected the column that names them.")
    if isinstance(cases, str | Path):
        manifest, _ = read_csv(cases, as_text=(id,))
        _check_named(manifest, cases, {"id": [id]})
        cases = manifest[id].dropna().tolist()
    there = set(names.tolist())
    asked = dict.fromkeys(map(_stripped, cases))
    return [(case, "not in the table") for case in asked if case not in there]


def _with_regions(names: np.ndarray, table: "DataFrame") -> list[Any]:
    """Say of a case with several rows which of them each is."""
    labels = [c for c in _LABEL_COLUMNS if c in table][:1]
    if not labels or len(set(names.tolist())) == len(names):
        return names.tolist()
    (label,) = labels
    pairs = zip(names, table[label], strict=True)
    return [f"{name}, {label} {value}" for name, value in pairs]


def _chosen(
    table: "DataFrame", kind: TableKind, used: set[str], clinical: Sequence[str]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Part the columns that nobody named into features and what is dropped."""
    pd = import_extra("pandas")
    by_name = {c for c in table if c not in used and kind.is_feature_by_name(c)}
    columns, dropped = [], []
    for column in table:
        if column in used:
            continue
        reason = kind.reason_to_drop(column)
        if reason is None and column not in by_name:
            if by_name and kind.name == "PyRadiomics":
                reason = "not named as a feature of PyRadiomics; clinical= would keep it"
            elif not pd.api.types.is_numeric_dtype(table[column]):
                reason = "text; clinical= would keep it"
        if reason is None:
            columns.append(column)
        else:
            dropped.append((column, reason))
    if not columns and not clinical:
        raise ValueError(
            "Got a table without a column of features. Dropped: "
            + "; ".join(f"{name} ({why})" for name, why in dropped[:8])
            + "."
        )
    return columns, dropped


def _forgotten_patients(table: "DataFrame", dropped: list[tuple[str, str]]) -> list[str]:
    return [
        f"the column {name!r} has the same values in several rows; if these are of one "
        "patient, it is the group"
        for name, reason in dropped
        if reason == IDENTIFIER and table[name].nunique() < table[name].notna().sum()
    ]


def _numbers(table: "DataFrame", columns: list[str], notes: list[str]) -> "DataFrame":
    """Return the features as float64, infinite values as missing ones."""
    pd = import_extra("pandas")
    is_number = {c: pd.api.types.is_numeric_dtype(table[c]) for c in columns}
    features = table[[c for c in columns if is_number[c]]].astype(np.float64)
    others = {}
    for column in (c for c in columns if not is_number[c]):
        others[column], bad = column_of_numbers(table[column])
        if len(bad):
            raise ValueError(
                f"Got the feature {column!r} with {bad.iloc[0]!r} in row {bad.index[0]}, "
                "expected a number."
            )
    features = pd.concat([features, pd.DataFrame(others, index=table.index)], axis=1)
    features = features[columns]
    n_infinite = int(np.isinf(features.to_numpy()).sum())
    if n_infinite:
        notes.append(f"{n_infinite} infinite values count as missing")
        features = features.replace([np.inf, -np.inf], np.nan)
    empty = features.columns[features.isna().all()].tolist()
    if empty:
        notes.append(f"{len(empty)} features have no value at all: {', '.join(empty[:5])}")
    return features


def _mirp(table: "DataFrame", features: "DataFrame") -> tuple["DataFrame", list[str]]:
    """Refuse images of several kinds, and blank what lies beyond the last bin."""
    modalities = sorted(set(table["image_modality"].astype(str)))
    if len(modalities) > 1:
        raise ValueError(
            f"Got a MIRP table of images of {', '.join(modalities)}, whose features are "
            "not in the same units; expected tables of one image_modality each."
        )
    found = {c: m for c in features if (m := _BIN_NUMBERS.match(c))}
    has_unit = modalities[0].lower() in _WITH_A_UNIT
    bins = [c for c, match in found.items() if match["filter"] or not has_unit]
    if not bins:
        return features, []
    beyond = features[bins] == _BEYOND_THE_BINS
    for column in bins:  # a difference of bins, one of which is beyond the last
        prefix, is_difference, ends = column.rpartition("ivh_diff_")
        if is_difference:
            parts = [f"{prefix}ivh_{end}" for end in ends.split("_")]
            beyond[column] |= beyond[[c for c in parts if c in beyond]].any(axis=1)
    n_beyond = int(beyond.to_numpy().sum())
    features = features.assign(**features[bins].mask(beyond))
    return features, [
        f"{len(bins)} columns ivh_i* hold bin numbers, not intensities, as MIRP makes them "
        f"of filtered images and of those without a unit; {n_beyond} values beyond the "
        "last bin count as missing"
    ]


def _nyxus(table: "DataFrame", features: "DataFrame") -> tuple["DataFrame", list[str]]:
    notes = [
        "Nyxus takes intensities as whole numbers, and counts them from the minimum of the "
        "image where that is below zero"
    ]
    if not set(_ONE_VOXEL) & set(features):
        notes.append(
            f"regions of one voxel, to which Nyxus gives zeros, are not known without one "
            f"of the columns {', '.join(_ONE_VOXEL)}"
        )
    return features, notes


def _nothing_more(
    table: "DataFrame", features: "DataFrame"
) -> tuple["DataFrame", list[str]]:
    return features, []


_CHECKS = {"MIRP": _mirp, "Nyxus": _nyxus}


def _failures(target: "Series", features: "DataFrame", kind: TableKind) -> np.ndarray:
    """Say for each row why it cannot be used; an empty text where it can."""
    reasons = np.full(len(target), "", dtype=object)
    reasons[target.isna()] = "no outcome"
    if kind.name == "Nyxus":
        # Nyxus gives such a region zeros, where no texture or shape is defined.
        for name, size in _ONE_VOXEL.items():
            if name in features:
                reasons[features[name] <= size] = "a region of at most one voxel"
    if features.shape[1]:
        reasons[features.isna().all(axis=1)] = "no feature has a value"
    return reasons


def _check_cases(
    table: "DataFrame", kind: TableKind, id: str | None, group: str | None
) -> None:
    """Raise where a case is there twice, or patients repeat and are not named."""
    case = id if id is not None else kind.case
    if case is None or case not in table:
        return
    said = f"id={id!r}" if id is not None else f"a table of {kind.name} without id"
    regions = [c for c in _REGION_COLUMNS if c in table and c not in (case, group)]
    # MIRP writes the label 2 of a mask as `region_2` or `2`, by how it was asked for.
    keys = table[regions].astype(str).replace(r"^region_", "", regex=True)
    twice = keys.assign(_case=table[case]).duplicated()
    if twice.any():
        listed = ", ".join(map(str, dict.fromkeys(table.loc[twice, case])))
        which = "each case and region" if regions else "each case; patients are the group"
        raise ValueError(
            f"Got {said} and the same {case} twice: {listed[:200]}; expected one row for "
            f"{which}."
        )
    if group is None and not table[case].is_unique:
        raise ValueError(
            f"Got {said}, in which {case} has several rows, without group; expected the "
            "column of the patient, whose rows stay on one side of each split."
        )


def _frame(rows: list[tuple[Any, str]], columns: list[str]) -> "DataFrame":
    return import_extra("pandas").DataFrame(rows, columns=columns)
