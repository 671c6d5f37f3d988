"""Tables of features as radiomics software writes them: features, outcome, patients."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch

from skvae.datasets.csv_text import read_csv
from skvae.datasets.table_kinds import TableKind, table_kind
from skvae.extras import import_extra

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["read_features"]

# A column of whole numbers with more values than these is an amount, not a class.
_MOST_CLASSES = 10
# Which region of an image a row describes: a case may have several of them.
_REGION_COLUMNS = ("Label", "Label_channel", "Mask", "image_mask_label", "ROI_label")
# Of the histogram of bins that MIRP makes of images without a unit.
_BIN_NUMBERS = r"ivh_(diff_)?i\d"
_BEYOND_THE_BINS = 1001


def read_features(
    path: "str | Path | DataFrame",
    *,
    target: str,
    group: str | None = None,
    id: str | None = None,
    positive: Any = None,
    clinical: Sequence[str] = (),
    cases: Sequence[Any] | None = None,
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
    cases : sequence, default=None
        All cases that were to be in the table, by `id`: some software leaves out what
        failed without a word. Those that are absent are listed among the failed.

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
    table, notes = _table(path, named)
    _check_named(table, path, {"target": [target], "id": [id], "group": [group]})
    _check_named(table, path, {"clinical": list(clinical)})
    kind = table_kind(table.columns)
    names = _case_names(table, id)
    failed = _absent(names, cases, id)

    used = {target, *named, *clinical}
    columns, dropped = _chosen(table, kind, used)
    features = _numbers(table, columns, notes)
    if kind.name == "MIRP":
        _check_mirp(table, features, notes)
    if kind.name == "Nyxus":
        notes.append("intensities are counted from the minimum of each image")
    reasons = _failures(table[target], features, kind)
    _check_cases(table, names, kind, id, group)

    kept = ~reasons.astype(bool)
    failed += [(name, why) for name, why in zip(names, reasons, strict=True) if why]
    if not kept.any():
        raise ValueError(f"Got a table with no usable row: {failed[0][1]}.")
    index = import_extra("pandas").Index(names[kept], name=id)
    outcome = _outcome(table[target][kept].set_axis(index))
    patients = group if group is not None else id
    return Bunch(
        features=features[kept].set_axis(index),
        clinical=table.loc[kept, list(clinical)].set_axis(index),
        target=outcome,
        groups=None if patients is None else table[patients][kept].set_axis(index),
        positive=_positive(outcome, positive),
        dropped=_frame(dropped, ["column", "reason"]),
        failed=_frame(failed, ["case", "reason"]),
        notes=notes,
        kind=kind.name,
    )


def _table(path: Any, named: list[str]) -> tuple["DataFrame", list[str]]:
    if not hasattr(path, "iloc"):
        return read_csv(path, as_text=tuple(named))
    if not path.columns.is_unique:
        raise ValueError("Got a frame with two columns of one name, expected one of each.")
    frame = path.reset_index(drop=True)
    return frame.assign(
        **{name: frame[name].astype(str) for name in named if name in frame}
    ), []


def _check_named(table: "DataFrame", path: Any, roles: dict[str, list[str | None]]) -> None:
    for role, names in roles.items():
        for name in names:
            if name is not None and name not in table:
                where = "the frame" if hasattr(path, "iloc") else str(path)
                like = [c for c in table if str(c).lower() == str(name).lower()]
                hint = f"; there is {like[0]!r}" if like else ""
                raise ValueError(
                    f"Got {role}={name!r}, but {where} has no such column{hint}. Its first "
                    f"columns are {', '.join(map(str, table.columns[:8]))}, its last "
                    f"{', '.join(map(str, table.columns[-3:]))}."
                )


def _case_names(table: "DataFrame", id: str | None) -> np.ndarray:
    return np.arange(len(table)) if id is None else table[id].to_numpy()


def _absent(
    names: np.ndarray, cases: Sequence[Any] | None, id: str | None
) -> list[tuple[Any, str]]:
    if cases is None:
        return []
    if id is None:
        raise ValueError("Got cases without id, expected the column that names them.")
    there = set(names.tolist())
    return [(case, "not in the table") for case in map(str, cases) if case not in there]


def _chosen(
    table: "DataFrame", kind: TableKind, used: set[str]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Part the columns that nobody named into features and what is dropped."""
    pd = import_extra("pandas")
    by_name = [c for c in table if c not in used and kind.is_feature_by_name(str(c))]
    columns, dropped = [], []
    for column in table:
        if column in used:
            continue
        reason = kind.reason_to_drop(str(column))
        if reason is None and column not in by_name:
            if by_name and kind.name == "PyRadiomics":
                reason = "not named as a feature of PyRadiomics"
            elif not pd.api.types.is_numeric_dtype(table[column]):
                reason = "text; name it in clinical= to keep it"
        if reason is None:
            columns.append(column)
        else:
            dropped.append((column, reason))
    if not columns:
        raise ValueError(
            "Got a table without a column of features. Dropped: "
            + "; ".join(f"{name} ({why})" for name, why in dropped[:8])
            + "."
        )
    return columns, dropped


def _numbers(table: "DataFrame", columns: list[str], notes: list[str]) -> "DataFrame":
    """Return the features as float64, infinite values as missing ones."""
    pd = import_extra("pandas")
    converted = {}
    for column in columns:
        values = table[column]
        if not pd.api.types.is_numeric_dtype(values):
            # In a frame of PyRadiomics' results, most numbers are arrays of no dimension.
            plain = values.map(lambda v: v.item() if isinstance(v, np.ndarray) else v)
            numbers = pd.to_numeric(plain, errors="coerce")
            bad = plain[
                numbers.isna() & plain.notna() & (plain.astype(str).str.strip() != "")
            ]
            if len(bad):
                raise ValueError(
                    f"Got the feature {column!r} with {bad.iloc[0]!r} in row "
                    f"{bad.index[0]}, expected a number."
                )
            values = numbers
        converted[column] = values.astype(np.float64)
    features = pd.DataFrame(converted)
    n_infinite = int(np.isinf(features.to_numpy()).sum())
    if n_infinite:
        notes.append(f"{n_infinite} infinite values count as missing")
        features = features.replace([np.inf, -np.inf], np.nan)
    empty = [c for c in columns if features[c].isna().all()]
    if empty:
        notes.append(f"{len(empty)} features have no value at all: {', '.join(empty[:5])}")
    return features


def _check_mirp(table: "DataFrame", features: "DataFrame", notes: list[str]) -> None:
    modalities = sorted(set(table["image_modality"].astype(str)))
    if len(modalities) > 1:
        raise ValueError(
            f"Got a MIRP table of images of {', '.join(modalities)}, whose features are "
            "not in the same units; expected tables of one image_modality each."
        )
    bins = features.columns[features.columns.str.match(_BIN_NUMBERS)]
    if len(bins) and modalities[0].lower() != "ct":
        beyond = features[bins] == _BEYOND_THE_BINS
        n_beyond = int(beyond.to_numpy().sum())
        features[bins] = features[bins].mask(beyond)
        notes.append(
            f"{len(bins)} columns ivh_i* hold bin numbers, not intensities, since the "
            f"images are {modalities[0]}; {n_beyond} values beyond the last bin count as "
            "missing"
        )


def _failures(target: "Series", features: "DataFrame", kind: TableKind) -> np.ndarray:
    """Say for each row why it cannot be used; an empty text where it can."""
    reasons = np.full(len(target), "", dtype=object)
    reasons[target.isna()] = "no outcome"
    if kind.name == "Nyxus":
        # Nyxus gives such a region zeros, where no texture or shape is defined.
        for name in ("AREA_PIXELS_COUNT", "VOXEL_COUNT", "COUNT"):
            if name in features:
                reasons[features[name] <= 1] = "a region of at most one voxel"
    reasons[features.isna().all(axis=1)] = "no feature has a value"
    return reasons


def _check_cases(
    table: "DataFrame",
    names: np.ndarray,
    kind: TableKind,
    id: str | None,
    group: str | None,
) -> None:
    """Raise where a case is there twice, or patients repeat and are not named."""
    if id is None:
        return
    regions = [c for c in _REGION_COLUMNS if c in table and c not in (id, group)]
    # MIRP writes the label 2 of a mask as `region_2` or `2`, by how it was asked for.
    keys = table[regions].astype(str).replace(r"^region_", "", regex=True)
    twice = keys.assign(_case=names).duplicated()
    if twice.any():
        listed = ", ".join(map(str, dict.fromkeys(names[twice].tolist()))) or ""
        raise ValueError(
            f"Got id={id!r} with the same case twice: {listed[:200]}; expected one row for "
            f"each case{' and region' if regions else ''}."
        )
    if group is None and len(set(names.tolist())) < len(names):
        raise ValueError(
            f"Got id={id!r}, in which cases have several rows, without group; expected the "
            "column of the patient, whose rows stay on one side of each split."
        )


def _outcome(target: "Series") -> "Series":
    """Return classes as text, bool or int, and numbers as float."""
    pd = import_extra("pandas")
    if not pd.api.types.is_numeric_dtype(target):
        return target.astype(str).str.strip()
    if target.dtype == bool:
        return target
    whole = (target == target.round()).all()
    return target.astype(np.int64 if whole and target.nunique() <= _MOST_CLASSES else float)


def _positive(outcome: "Series", positive: Any) -> Any:
    classes = [] if outcome.dtype == float else sorted(set(outcome.tolist()))
    if positive is None:
        return classes[-1] if len(classes) == 2 else None
    # A command line knows text alone.
    found = [c for c in classes if c == positive or str(c) == str(positive)]
    if len(classes) != 2 or not found:
        listed = ", ".join(map(repr, classes)) if classes else "numbers"
        raise ValueError(
            f"Got positive={positive!r}, expected one of two classes; the outcome has "
            f"{listed}."
        )
    return found[0]


def _frame(rows: list[tuple[Any, str]], columns: list[str]) -> "DataFrame":
    return import_extra("pandas").DataFrame(rows, columns=columns)
