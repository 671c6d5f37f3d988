"""What training rows were like, and how far new ones lie outside of that."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline

from skvae.extras import import_extra
from skvae.study.input_blocks import Blocks

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["described_table", "drift_table", "scores_of"]

# A row is unlikely where its score is below that of so many of the training rows.
UNLIKELY_SHARE = 0.01
# Of texts, so many different ones are remembered.
MOST_TEXTS = 100
# What names files of scans is compared by what is read of them.
SCANS = ("Image", "Mask", "Label", "Digest")


def blocks_of(X: Any) -> dict[str, Any]:
    """Return the blocks of an input by name; one alone has none."""
    return {name: X[name] for name in X} if isinstance(X, Blocks | Mapping) else {"": X}


def described_table(estimator: Any, X: Any) -> dict[str, Any]:
    """Say what training rows are like, to a model of them and column by column.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    X : array, DataFrame, Blocks or mapping
        Training rows.

    Returns
    -------
    dict
        `n_rows`, `blocks` as `described_blocks` has them, and the score `unlikely_below`
        which a row is unlikely, None where the estimator gives none.
    """
    blocks = described_blocks(X)
    return {
        "n_rows": len(next(iter(blocks_of(X).values()))),
        "blocks": blocks,
        "unlikely_below": unlikely_score(estimator, X),
    }


def described_blocks(X: Any) -> dict[str, Any]:
    """Say of each column of each block what its values are.

    Parameters
    ----------
    X : array, DataFrame or Blocks
        Training rows.

    Returns
    -------
    dict
        By block, the `shape` of a row of an array or None, and `columns`.
    """
    return {name: _described(block) for name, block in blocks_of(X).items()}


def _described(block: Any) -> dict[str, Any]:
    if hasattr(block, "iloc"):
        columns = [_of_column(str(name), block[name]) for name in block.columns]
        return {"shape": None, "columns": columns}
    array = np.asarray(block)
    pd = import_extra("pandas")
    if array.ndim > 2:
        columns = [_of_column("values", pd.Series(array.ravel()))]
    else:
        columns = [_of_column(f"column_{i}", pd.Series(c)) for i, c in enumerate(array.T)]
    return {"shape": list(array.shape[1:]), "columns": columns}


def _of_column(name: str, values: "Series") -> dict[str, Any]:
    if name in SCANS:
        return {"name": name, "kind": "file"}
    missing = float(values.isna().mean())
    if not is_number(values):
        texts = sorted(set(map(str, values.dropna())))
        texts = texts if len(texts) <= MOST_TEXTS else None
        return {"name": name, "kind": "text", "texts": texts, "missing": missing}
    low, high = (None, None) if values.isna().all() else (values.min(), values.max())
    found = {"name": name, "kind": "number", "missing": missing}
    return found | {"low": _plain(low), "high": _plain(high)}


def is_number(values: "Series") -> bool:
    """Whether a column holds numbers, and not truth values or texts."""
    types = import_extra("pandas").api.types
    return bool(types.is_numeric_dtype(values) and not types.is_bool_dtype(values))


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)


def drift_table(blocks: Mapping[str, Any], X: Any) -> "DataFrame":
    """Compare new rows with what is known of the training rows, column by column.

    Parameters
    ----------
    blocks : mapping
        Of `described_blocks`.
    X : array, DataFrame or Blocks
        New rows.

    Returns
    -------
    DataFrame
        A row for each column: its range in training, its range here, the shares of rows
        (of values, of an image) outside and missing; the worst first. Texts are outside
        where training had none like them.
    """
    found, rows = described_blocks(X), []
    for name, block in blocks.items():
        values = blocks_of(X)[name]
        for i, before in enumerate(block["columns"]):
            if before["kind"] == "file":
                continue
            now = found[name]["columns"][i]
            column = _column(values, i)
            rows.append(
                {
                    "block": name,
                    "column": before["name"],
                    "training_low": before.get("low"),
                    "training_high": before.get("high"),
                    "low": now.get("low"),
                    "high": now.get("high"),
                    "outside": float(_outside(column, before).mean()),
                    "missing": now["missing"],
                    "training_missing": before["missing"],
                }
            )
    table = import_extra("pandas").DataFrame(rows)
    return table.sort_values("outside", ascending=False, kind="stable", ignore_index=True)


def _column(values: Any, i: int) -> "Series":
    if hasattr(values, "iloc"):
        return values.iloc[:, i]
    array = np.asarray(values)
    flat = array.ravel() if array.ndim > 2 else array[:, i]
    return import_extra("pandas").Series(flat)


def _outside(values: "Series", before: Mapping[str, Any]) -> Any:
    if before["kind"] == "text":
        known = before["texts"]
        return values.notna() & (known is not None) & ~values.astype(str).isin(known or [])
    if before["low"] is None:
        return values.notna()
    return (values < before["low"]) | (values > before["high"])


def scores_of(estimator: Any, X: Any) -> Any:
    """Score rows by the first step that can; None where none can.

    Parameters
    ----------
    estimator : estimator
        A pipeline, a search over one, or an estimator alone.
    X : array, DataFrame or Blocks
        Rows.

    Returns
    -------
    ndarray or None
        A score for each row; higher is likelier.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("", estimator)]
    for _, step in steps:
        if hasattr(step, "score_samples"):
            return np.asarray(step.score_samples(X), dtype=np.float64)
        if step == "passthrough":
            continue
        if not hasattr(step, "transform"):
            return None
        X = step.transform(X)
    return None


def unlikely_score(estimator: Any, X: Any) -> float | None:
    """Return the score below which a row is unlikely; None where there is no score.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    X : array, DataFrame or Blocks
        Training rows.

    Returns
    -------
    float or None
        The score that one in a hundred of them is below.
    """
    scores = scores_of(estimator, X)
    return None if scores is None else float(np.quantile(scores, UNLIKELY_SHARE))
