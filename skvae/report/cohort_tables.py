"""How many patients and outcomes each cohort, and each fold of the study, has."""

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from skvae.extras import import_extra
from skvae.report.number_format import count
from skvae.report.record import Record

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["cohort_table", "feature_table", "fold_table"]


def cohort_table(record: Record) -> "DataFrame":
    """Count patients, rows and outcomes of the study and of the external cohort.

    Parameters
    ----------
    record : Record
        What the report is made of.

    Returns
    -------
    DataFrame
        A row for each cohort. A patient with rows of two classes counts in both.
    """
    result = record.result
    first = result.predictions[result.predictions["repeat"] == 1]
    cohorts = [("study", first, record.cohort)]
    if len(result.external_predictions):
        outside = record.design.get("external") or {}
        cohorts.append(("external", result.external_predictions, outside))
    rows = []
    for name, frame, known in cohorts:
        of_one = frame[frame["arm"] == result.reference]
        rows.append({"cohort": name} | _counted(of_one, known, result.kind))
    return import_extra("pandas").DataFrame(rows).fillna("–")


def _counted(frame: "DataFrame", known: Mapping[str, Any], kind: str) -> dict[str, str]:
    n_rows = int(known.get("n_samples", len(frame)))
    found = {"patients": f"{frame['group'].nunique():,}", "rows": f"{n_rows:,}"}
    if kind == "event":
        found |= _times(frame)
    elif kind == "classes":
        found |= _classes(frame, known, n_rows)
    else:
        y = frame["y"]
        found["outcome, mean (SD)"] = f"{y.mean():.3g} ({y.std():.3g})"
        found["least to greatest"] = f"{y.min():.3g} to {y.max():.3g}"
    missing = [block.get("n_missing") for block in known.get("inputs", {}).values()]
    if missing and None not in missing:
        sizes = (prod(block["shape"]) for block in known["inputs"].values())
        found["missing values"] = f"{sum(missing):,} of {n_rows * sum(sizes):,}"
    return found


def _times(frame: "DataFrame") -> dict[str, str]:
    n_events, time = int(frame["event"].sum()), frame["time"]
    return {
        "events": f"{n_events:,} ({n_events / len(frame):.0%})",
        "censored": f"{len(frame) - n_events:,}",
        "time seen, median [least, greatest]": f"{time.median():.3g} "
        f"[{time.min():.3g}, {time.max():.3g}]",
    }


def _classes(frame: "DataFrame", known: Mapping[str, Any], n_rows: int) -> dict[str, str]:
    """Count rows of each class, and patients where these have several rows."""
    of_frame = frame["y"].astype(str).value_counts()
    counts = known.get("classes") or dict(sorted(of_frame.items()))
    patients = frame.groupby(frame["y"].astype(str))["group"].nunique()
    several = frame["group"].nunique() != n_rows
    found = {}
    for label, n in counts.items():
        more = f", {count(int(patients.get(label, 0)), 'patient')}" if several else ""
        found[f"class {label}"] = f"{n:,} ({n / n_rows:.0%}){more}"
    return found


def feature_table(record: Record) -> "DataFrame | None":
    """Count the columns of features by the image type and class that their names tell.

    Parameters
    ----------
    record : Record
        What the report is made of.

    Returns
    -------
    DataFrame or None
        A row for each type of image; None where names tell nothing.
    """
    counts: dict[str, dict[str, int]] = {}
    for block in record.cohort.get("inputs", {}).values():
        for image, of_image in block.get("feature_classes", {}).items():
            mine = counts.setdefault(image, {})
            for kind, n in of_image.items():
                mine[kind] = mine.get(kind, 0) + n
    if not counts:
        return None
    kinds = dict.fromkeys(kind for mine in counts.values() for kind in mine)
    rows = [
        {"type of image": image, **{kind: mine.get(kind, 0) for kind in kinds}}
        for image, mine in counts.items()
    ]
    table = import_extra("pandas").DataFrame(rows)
    return table.assign(all=table[list(kinds)].sum(axis=1))


def fold_table(record: Record) -> "DataFrame":
    """Count rows, patients and outcomes of the two parts of each outer fold.

    Parameters
    ----------
    record : Record
        What the report is made of.

    Returns
    -------
    DataFrame
        A row for each outer fold.
    """
    scores = record.result.scores
    rows = scores[scores["arm"] == record.result.reference]
    names = {
        "repeat": "repeat",
        "fold": "fold",
        "n_train": "rows to train on",
        "n_train_groups": "patients to train on",
        "n_test": "rows tested",
        "n_test_groups": "patients tested",
    }
    table = rows[list(names)].rename(columns=names).reset_index(drop=True)
    tested = _outcomes_by_fold(record)
    if tested is None:
        return table
    whole = tested.groupby("repeat").sum().loc[table["repeat"]].to_numpy()
    held = tested.loc[list(zip(table["repeat"], table["fold"], strict=True))].to_numpy()
    for k, label in enumerate(tested):
        cells = zip(whole[:, k] - held[:, k], held[:, k], strict=True)
        table[f"{label}: train / test"] = [f"{a:,} / {b:,}" for a, b in cells]
    return table


def _outcomes_by_fold(record: Record) -> "DataFrame | None":
    """Count what was predicted in each test part: the positive class, or each of several.

    With `aggregate` these are patients, else rows.
    """
    frame = record.predicted_by(record.result.reference)
    what = "patients " if record.settings.get("aggregate") else ""
    if "event" in frame:
        events = {f"{what}with the event".strip(): frame["event"].astype(bool)}
    elif record.result.kind == "classes":
        positive = record.result.positive
        labels = sorted(set(frame["y"]), key=str) if positive is None else [positive]
        events = {f"{what}of class {label}": frame["y"] == label for label in labels}
    else:
        return None
    counted = import_extra("pandas").DataFrame(events).astype(int)
    return counted.groupby([frame["repeat"], frame["fold"]]).sum()
