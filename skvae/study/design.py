"""What a study did, in plain values: its rows, its folds, the steps of its arms."""

import inspect
import math
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from skvae.datasets.lazy_rows import LazyRows
from skvae.datasets.table_kinds import feature_classes
from skvae.extras import import_extra
from skvae.study.arm import Arm
from skvae.study.cohort import Cohort
from skvae.study.identity import hashes_of_rows
from skvae.study.input_blocks import Blocks

__all__ = ["describe_design"]

_PACKAGES = (
    "skvae",
    "scikit-learn",
    "numpy",
    "scipy",
    "torch",
    "skorch",
    "monai",
    "pandas",
    "matplotlib",
)
# Where things are kept decides nothing, and is nobody's business.
_PLACES = ("memory", "cache", "n_threads", "checkpoint")
_LONGEST = 300  # characters of a value


def describe_design(
    arms: list[Arm],
    cohort: Cohort,
    external: Cohort | None,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe a study for those who read of it.

    Parameters
    ----------
    arms : list of Arm
        What is compared.
    cohort, external : Cohort
        The rows.
    settings : mapping of str to object
        Folds, scores, rules and seed.

    Returns
    -------
    dict of str to object
        `settings`, `cohort`, `external`, `arms`, `versions` and `hashes` of the rows, in
        texts, numbers, lists and mappings alone.
    """
    hashes: dict[str, str] = {}
    for prefix, rows in (("", cohort), ("external ", external)):
        if rows is not None and not isinstance(rows.X, LazyRows):  # too many to read again
            hashes |= hashes_of_rows(prefix, rows)
    return {
        "settings": {name: _plain(value) for name, value in settings.items()},
        "cohort": _cohort(cohort),
        "external": None if external is None else _cohort(external),
        "arms": {arm.name: _arm(arm) for arm in arms},
        "versions": _versions(),
        "hashes": hashes,
    }


def _cohort(cohort: Cohort) -> dict[str, Any]:
    X, outcome = cohort.X, cohort.outcome
    blocks = {n: X[n] for n in X.names} if isinstance(X, Blocks) else {"X": X}
    found = {
        "n_samples": len(cohort.samples),
        "n_patients": len(np.unique(cohort.patients)),
        "has_groups": cohort.groups is not None,
        "kind": outcome.kind,
        "positive": None if outcome.positive is None else str(outcome.positive),
        "inputs": {str(name): _block(block) for name, block in blocks.items()},
    }
    if outcome.kind == "classes":
        counts = np.bincount(outcome.strata, minlength=len(outcome.classes)).tolist()
        found["classes"] = dict(zip(map(str, outcome.classes), counts, strict=True))
    elif outcome.kind == "event":
        found["n_events"] = int(outcome.strata.sum())
    return found


def _block(block: Any) -> dict[str, Any]:
    """Return shape, missing values and, of tables, whether rows name files."""
    found: dict[str, Any] = {"shape": list(np.shape(block)[1:])}
    if hasattr(block, "columns"):
        found["names_files"] = "Image" in block.columns
        if classes := feature_classes(map(str, block.columns)):
            found["feature_classes"] = classes
        if hasattr(block, "isna"):
            found["n_missing"] = int(block.isna().to_numpy().sum())
        return found
    if isinstance(block, LazyRows | list):
        return found
    values = np.asarray(block)
    may_lack = values.dtype.kind in "fcOmM"
    isna = import_extra("pandas").isna
    found["n_missing"] = int(isna(values).sum()) if may_lack else 0
    if values.ndim > 2:
        first = values[: max(1, 10**6 // max(1, values[0].size))]
        found["is_mask"] = len(np.unique(first)) == 2
    return found


def _arm(arm: Arm) -> dict[str, Any]:
    grid = arm.grid or []
    return {
        "steps": list(_steps("", "", arm.estimator)),
        "grid": [{key: _plain(list(v)) for key, v in part.items()} for part in grid],
        "n_configurations": arm.n_configurations,
        "blind_cv": sorted(arm.blind_cv()),
    }


def _steps(name: str, branch: str, estimator: Any) -> Iterator[dict[str, Any]]:
    """Yield the steps that do something, in order; those of a union by their branch."""
    if isinstance(estimator, Pipeline):
        for part, inner in estimator.steps:
            yield from _steps(f"{name}__{part}" if name else part, branch, inner)
    elif isinstance(estimator, FeatureUnion | ColumnTransformer):
        parts = getattr(estimator, "transformer_list", None) or estimator.transformers
        for part, inner, *taken in parts:
            inside = f"{branch}/{part}" if branch else part
            # What stands alone stands beside nothing.
            inside = inside if len(parts) > 1 else branch
            if taken and inner == "passthrough":
                yield _taken(taken[0]) | {"branch": inside}
            yield from _steps(f"{name}__{part}" if name else part, inside, inner)
    elif isinstance(estimator, BaseEstimator):
        yield _step(name, estimator) | {"branch": branch}


def _taken(columns: Any) -> dict[str, Any]:
    """Return what hands columns on as they are, as a step."""
    params = {"columns": _plain(columns)}
    return {"name": "", "class": "Columns", "stages": False} | {
        "params": params,
        "changed": params,
    }


def _step(name: str, estimator: BaseEstimator) -> dict[str, Any]:
    kind = type(estimator)
    values = {
        key: value
        for key, value in estimator.get_params(deep=False).items()
        if key not in _PLACES
    }
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(kind).parameters.items()
    }
    return {
        "name": name,
        "class": kind.__name__,
        "module": kind.__module__.partition(".")[0],
        "stages": _stages(estimator),
        "params": {key: _plain(value) for key, value in values.items()},
        "changed": {
            key: _plain(value)
            for key, value in values.items()
            if repr(value) != repr(defaults.get(key, inspect.Parameter.empty))
        },
    }


def _stages(estimator: Any) -> bool:
    """Whether it is a network with layers, of this package."""
    has_layers = hasattr(estimator, "layer") and hasattr(estimator, "max_iter")
    return has_layers or hasattr(estimator, "finetune_max_iter")


def _plain(value: Any) -> Any:
    """Return what JSON writes: a function by its name, other things by their repr."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)  # JSON has no word for it
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    # An address in memory differs from run to run.
    text = repr(value)
    return type(value).__name__ if " at 0x" in text else text[:_LONGEST]


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
