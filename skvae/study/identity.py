"""Hashes of what decides the numbers of a study: its rows, its arms, its settings."""

import hashlib
import io
from collections.abc import Mapping
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils.metadata_routing import MetadataRequest

from skvae.code_pickler import CodePickler
from skvae.datasets.lazy_rows import LazyRows
from skvae.extras import import_extra
from skvae.study.arm import Arm
from skvae.study.cohort import Cohort
from skvae.study.input_blocks import Blocks
from skvae.training.data import update_with

__all__ = ["hashes_of_rows", "study_identity"]


def study_identity(
    arms: list[Arm],
    cohort: Cohort,
    external: Cohort | None,
    settings: Mapping[str, Any],
) -> dict[str, str]:
    """Name each thing that decides the results, with a text that changes with it.

    Parameters
    ----------
    arms : list of Arm
        What is compared.
    cohort, external : Cohort
        The rows.
    settings : mapping of str to object
        Plain values, and scores.

    Returns
    -------
    dict of str to str
        A hash, or the value itself where it is short.
    """
    identity = {f"arms[{arm.name!r}]": _hash_of_arm(arm) for arm in arms}
    identity["the order of the arms"] = ", ".join(arm.name for arm in arms)
    identity |= hashes_of_rows("", cohort)
    if external is not None:
        identity |= hashes_of_rows("external ", external)
    for name, value in settings.items():
        plain = isinstance(value, str | int | float | bool | tuple) or value is None
        identity[name] = repr(value) if plain else _hash(value)
    return identity


def hashes_of_rows(prefix: str, cohort: Cohort) -> dict[str, str]:
    """Hash the rows of a cohort: their values, not how they lie in memory.

    Parameters
    ----------
    prefix : str
        Before each name.
    cohort : Cohort
        The rows.

    Returns
    -------
    dict of str to str
        Hashes of inputs, outcome, patients and metadata.
    """
    if isinstance(cohort.X, Blocks):
        found = {
            f"{prefix}X[{name!r}]": _hash_of_rows(cohort.X[name]) for name in cohort.X.names
        }
    else:
        found = {f"{prefix}X": _hash_of_rows(cohort.X)}
    columns = {"y": cohort.outcome.values, "the names of the rows": cohort.samples}
    columns["positive"] = np.asarray(cohort.outcome.classes)
    columns |= {f"params[{k!r}]": v for k, v in cohort.metadata.items() if k != "groups"}
    if cohort.groups is not None:
        columns["groups"] = cohort.groups
    return found | {
        prefix + name: _hash_of_rows(column) for name, column in columns.items()
    }


def _hash_of_rows(rows: Any) -> str:
    """Hash values, not how they lie in memory."""
    if hasattr(rows, "iloc"):
        hashed = import_extra("pandas").util.hash_pandas_object(rows).to_numpy()
        return str(joblib.hash((list(map(str, getattr(rows, "columns", []))), hashed)))
    if isinstance(rows, LazyRows):  # a block at a time
        digest = hashlib.sha256(f"{rows.shape} {rows.dtype}".encode())
        update_with(digest, rows)
        return digest.hexdigest()
    array = np.asarray(rows)
    if array.dtype == object:
        return str(joblib.hash(array.tolist()))
    return str(joblib.hash(np.ascontiguousarray(array)))


def _hash_of_arm(arm: Arm) -> str:
    """Hash estimator and grid, without the folders that networks are kept in."""
    estimator = clone(arm.estimator)
    folders = [
        key
        for key in estimator.get_params()
        if key.rpartition("__")[2] in ("memory", "cache")
    ]
    return _hash((estimator.set_params(**dict.fromkeys(folders)), arm.grid))


class _IdentityPickler(CodePickler):
    """Take the requests of an estimator for what they say: they refer to the estimator."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, MetadataRequest):
            return str, (str(value),)
        return NotImplemented


def _hash(value: Any) -> str:
    pickled = io.BytesIO()
    pickler = _IdentityPickler(pickled, protocol=4)
    pickler.fast = True
    pickler.dump(value)
    return hashlib.sha256(pickled.getvalue()).hexdigest()
