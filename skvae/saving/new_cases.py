"""Cases that a saved model has not seen: their columns found by name, and compared."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline

from skvae.datasets.csv_text import read_csv
from skvae.datasets.npz_file import open_npz
from skvae.datasets.table_outcomes import column_of_numbers
from skvae.extras import import_extra
from skvae.images import read_manifest, usable_cases
from skvae.saving.drift import SCANS, drift_table, scores_of
from skvae.study.evaluate import predicted_columns
from skvae.study.input_blocks import Blocks
from skvae.study.npz_cohort import checked_inputs, refuse_objects
from skvae.study.outcome import Outcome

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["NewCases", "features_of", "predictions_of", "read_new_cases"]

MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class NewCases:
    """Rows that a model can read.

    Attributes
    ----------
    X : array, DataFrame or Blocks
        Its inputs.
    names : DataFrame
        What names each row: case and patient, scans, or its number.
    notes : list of str
        What a reader should know.
    drift : DataFrame or None
        Of each column, how far it lies outside of the training rows; None where these are
        not known.
    """

    X: Any
    names: "DataFrame"
    notes: list[str]
    drift: "DataFrame | None"


def read_new_cases(
    path: str | Path, estimator: BaseEstimator, table: Mapping[str, Any]
) -> NewCases:
    """Read what a model needs of a file; its columns are found by their names.

    Parameters
    ----------
    path : str or Path
        A table, a table of scans, or an npz file with an array `X`.
    estimator : estimator
        The model.
    table : mapping
        What its file says of the training table; empty where it was saved from Python.

    Returns
    -------
    NewCases
        The rows.

    Raises
    ------
    ValueError
        Where a column is missing, or holds what is no number.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"Got data={str(path)!r}, which is not a file.")
    blocks = table.get("blocks") or _blocks_of_names(estimator)
    arrays = [block["shape"] for block in blocks.values() if block["shape"] is not None]
    if arrays:
        X, names, notes = _read_array(path, arrays[0])
    else:
        X, names, notes = _read_table(path, blocks, table)
    if "blocks" not in table:
        notes.append("the model does not say what its training rows were like")
        return NewCases(X, names, notes, None)
    drift = drift_table(blocks, X)
    notes += _said_of_drift(drift, table, estimator, X)
    return NewCases(X, names, notes, drift)


def _blocks_of_names(estimator: Any) -> dict[str, Any]:
    """Return the columns of a model that was fitted to a frame."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    first = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    names = getattr(first, "feature_names_in_", None)
    if names is None:
        raise ValueError(
            "Got a model that does not know the names of its columns; expected one of "
            "`skvae fit`, or one that was fitted to a DataFrame."
        )
    return {"": {"shape": None, "columns": [{"name": n, "kind": "number"} for n in names]}}


def _read_array(
    path: str | Path, shape: list[int]
) -> tuple[np.ndarray, "DataFrame", list[str]]:
    if Path(path).suffix != ".npz":
        raise ValueError(
            f"Got data={str(path)!r}, but the model reads arrays: an npz file."
        )
    with open_npz(path, "data") as file:
        if "X" not in file.names:
            raise ValueError(f"Got data={str(path)!r} without X, expected the rows.")
        refuse_objects("X", file.header("X").dtype)
        X = checked_inputs(file.read("X"))
    if list(X.shape[1:]) != shape:
        raise ValueError(
            f"Got data={str(path)!r} with X of shape {X.shape}, but the model was fitted "
            f"on rows of shape {tuple(shape)}."
        )
    return X, import_extra("pandas").DataFrame({"row": np.arange(len(X))}), []


def _read_table(
    path: str | Path, blocks: Mapping[str, Any], table: Mapping[str, Any]
) -> tuple[Any, "DataFrame", list[str]]:
    named = [name for name in (table.get("id"), table.get("group")) if name is not None]
    reads_scans = any(c["kind"] == "file" for b in blocks.values() for c in b["columns"])
    if reads_scans:
        frame, notes = _scans(path)
    else:
        frame, notes = read_csv(path, as_text=tuple(named))
    used = [column for block in blocks.values() for column in block["columns"]]
    wanted = [column["name"] for column in used]
    if missing := [name for name in wanted if name not in frame]:
        raise ValueError(
            f"Got data={str(path)!r} without {_some(missing)}, which the model reads."
        )
    X = {name: _block(frame, block["columns"]) for name, block in blocks.items()}
    own = {*wanted, *named, table.get("target"), *SCANS, "volume_mm3"}
    if more := [str(name) for name in frame if name not in own]:
        notes.append(f"{len(more)} columns are ignored: {_some(more)}")
    named += ["Image"] if reads_scans else []
    names = frame[[name for name in named if name in frame]]
    if names.empty:
        names = import_extra("pandas").DataFrame({"row": np.arange(len(frame))})
    return (X[""] if "" in X else Blocks(X)), names.reset_index(drop=True), notes


def _scans(path: str | Path) -> tuple["DataFrame", list[str]]:
    """Read a manifest without what cannot be used, which is told."""
    usable, quality = usable_cases(read_manifest(path), on_error="exclude")
    bad = quality[~quality["usable"]]
    notes = [f"{row.image} is left out: {row.reason}" for row in bad.itertuples()]
    return usable.assign(Digest=quality.loc[usable.index, "digest"]), notes


def _block(frame: "DataFrame", columns: list[Mapping[str, Any]]) -> "DataFrame":
    """Return the columns in the order of training: numbers as such, texts as they are."""
    found = {}
    for column in columns:
        name = column["name"]
        found[name] = frame[name]
        if column["kind"] == "number":
            numbers, bad = column_of_numbers(frame[name])
            if len(bad):
                raise ValueError(
                    f"Got the column {name!r} with {bad.iloc[0]!r} in row {bad.index[0]}, "
                    "expected a number."
                )
            found[name] = numbers.replace([np.inf, -np.inf], np.nan)
    return import_extra("pandas").DataFrame(found)


def _said_of_drift(
    drift: "DataFrame", table: Mapping[str, Any], estimator: Any, X: Any
) -> list[str]:
    """Say how many columns, and how many rows, are unlike those of the training."""
    outside = drift[drift["outside"] > 0]
    n = table["n_rows"]
    notes = [f"all columns are within the range of the {n} training rows"]
    if len(outside):
        listed = [f"{r.column} ({r.outside:.0%} of rows)" for r in outside.itertuples()]
        notes = [
            f"{len(outside)} of {len(drift)} columns have values outside the range of the "
            f"{n} training rows: {_some(listed)}"
        ]
    limit = table.get("unlikely_below")
    if limit is not None:
        share = float(np.mean(scores_of(estimator, X) < limit))
        notes.append(
            f"{share:.1%} of the rows have a score that 1 % of the training rows are below"
        )
    return notes


def _some(names: list[str]) -> str:
    more = f", and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def features_of(
    estimator: BaseEstimator, cases: NewCases, layer: str | None = None
) -> "DataFrame":
    """Read the features of a model, as its network or its components have them.

    Parameters
    ----------
    estimator : estimator
        The model; it stays as it is.
    cases : NewCases
        Rows.
    layer : str, default=None
        Layer of its network; by default the one that the model reads.

    Returns
    -------
    DataFrame
        What names each row, and its features.

    Raises
    ------
    ValueError
        Where the model has no network, or no such layer.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("", estimator)]
    steps, last = list(steps), _last_of_features(steps)
    name, reader = steps[last]
    if layer is not None:
        if "layer" not in reader.get_params(deep=False):
            raise ValueError(
                f"Got layer={layer!r}, but the model has no network whose layers can be "
                "read alone; expected none."
            )
        reader = copy.copy(reader).set_params(layer=layer)
    values = cases.X
    for _, step in steps[:last]:
        values = values if step == "passthrough" else step.transform(values)
    values = np.asarray(reader.transform(values))
    names = _feature_names(reader, name, values.shape[1])
    features = import_extra("pandas").DataFrame(values, columns=names)
    return import_extra("pandas").concat([cases.names, features], axis=1)


def _last_of_features(steps: list[tuple[str, Any]]) -> int:
    """Return which step makes the features: a network, what is called so, or the last."""
    for i in reversed(range(len(steps))):
        if "layer" in getattr(steps[i][1], "get_params", dict)():
            return i
    named = [i for i, (name, _) in enumerate(steps) if name == "features"]
    able = [i for i, (_, step) in enumerate(steps) if hasattr(step, "transform")]
    if not able:
        raise ValueError("Got a model that makes no features; `skvae predict` reads it.")
    return (named or able)[-1]


def _feature_names(reader: Any, name: str, n_features: int) -> list[str]:
    try:
        return [str(each) for each in reader.get_feature_names_out()]
    except (AttributeError, ValueError):
        return [f"{name or 'feature'}_{i}" for i in range(n_features)]


def predictions_of(
    estimator: BaseEstimator, cases: NewCases, table: Mapping[str, Any]
) -> "DataFrame":
    """Predict new cases.

    Parameters
    ----------
    estimator : estimator
        The model.
    cases : NewCases
        Rows.
    table : mapping
        What its file says of the training table.

    Returns
    -------
    DataFrame
        What names each row, its `prediction` and, of classes, the probabilities: `score`
        of the second or positive class, or `score_CLASS` of several.

    Raises
    ------
    ValueError
        Where the model predicts nothing.
    """
    if not hasattr(estimator, "predict"):
        raise ValueError("Got a model that predicts nothing; `skvae transform` reads it.")
    kind = table.get("outcome") or ("classes" if is_classifier(estimator) else "number")
    classes = tuple(table.get("classes", ()))
    outcome = Outcome(np.empty(0), kind, classes, bool(table.get("recoded")))
    columns = predicted_columns(estimator, cases.X, outcome)
    pd = import_extra("pandas")
    return pd.concat([cases.names, pd.DataFrame(columns)], axis=1)
