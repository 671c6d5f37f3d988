"""The networks that were trained within a fitted arm, wherever they stand in it."""

from collections.abc import Iterator, Mapping
from functools import partial
from types import MethodType
from typing import Any, NamedTuple

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skvae._compat import take_rows
from skvae.study.input_blocks import SelectBlock
from skvae.study.input_parts import names_files

__all__ = ["TrainedNetwork", "trained_networks", "without_reading"]


class TrainedNetwork(NamedTuple):
    """A network of an arm.

    Attributes
    ----------
    name : str
        Names of the steps that lead to it.
    estimator : estimator
        What was trained.
    X : object
        What it is given of the rows; None where that is not known, as in ensembles.
    columns : list of str or None
        Names of the columns of that; None where they are not known.
    """

    name: str
    estimator: Any
    X: Any
    columns: list[str] | None


def trained_networks(fitted: Any, X: Any) -> list[TrainedNetwork]:
    """Find them in pipelines, unions, searches, ensembles and function transformers.

    Parameters
    ----------
    fitted : estimator
        A fitted arm.
    X : array, DataFrame, list or Blocks
        Rows as the arm takes them.

    Returns
    -------
    list of TrainedNetwork
        In the order of the steps; empty without any.
    """
    return list(_walk("", fitted, X, _names(X), set()))


def without_reading(fitted: Any, X: Any) -> tuple[Any, Any, str | None]:
    """Do the first steps of a pipeline that select a block, or read what X names.

    Parameters
    ----------
    fitted : estimator
        A fitted arm.
    X : array, DataFrame, list or Blocks
        Rows as the arm takes them.

    Returns
    -------
    fitted : estimator
        What is left of the arm.
    X : object
        Rows as that takes them.
    block : str or None
        The block that was selected, if any.
    """
    fitted, block = getattr(fitted, "best_estimator_", fitted), None
    if not isinstance(fitted, Pipeline):
        return fitted, X, block
    steps = list(fitted.steps)
    while len(steps) > 1 and (isinstance(steps[0][1], SelectBlock) or names_files(X)):
        _, step = steps.pop(0)
        X = step.transform(X)
        block = getattr(step, "block", block)
    return (Pipeline(steps) if len(steps) < len(fitted.steps) else fitted), X, block


def _walk(
    name: str, part: Any, X: Any, columns: list[str] | None, seen: set[int]
) -> Iterator[TrainedNetwork]:
    part = _unwrapped(part)
    if id(part) in seen or isinstance(part, str):
        return
    seen.add(id(part))
    if hasattr(part, "network_") and hasattr(part, "history_"):
        yield TrainedNetwork(name or type(part).__name__, part, X, columns)
    elif hasattr(part, "steps"):
        yield from _walk_steps(name, part.steps, X, columns, seen)
    else:
        for own, branch, rows, names in _branches(part, X, columns):
            yield from _walk(_joined(name, own), branch, rows, names, seen)


def _unwrapped(part: Any) -> Any:
    """Return what a search has chosen, or what is frozen."""
    while isinstance(part, FrozenEstimator) or hasattr(part, "best_estimator_"):
        part = getattr(part, "best_estimator_", None) or part.estimator
    return part


def _branches(
    part: Any, X: Any, columns: list[str] | None
) -> Iterator[tuple[str, Any, Any, list[str] | None]]:
    """Yield what stands side by side, with what it is given and the names of that."""
    if hasattr(part, "transformer_list"):
        for own, branch in part.transformer_list:
            yield own, branch, X, columns
    elif hasattr(part, "transformers_"):
        for own, branch, taken in part.transformers_:
            is_fitted = X is not None and not isinstance(branch, str)
            rows = take_rows(X, taken, axis=1) if is_fitted else None
            yield own, branch, rows, _names(rows)
    else:
        for own, held in _held(part):
            yield own, held, None, None


def _walk_steps(
    name: str, steps: Any, X: Any, columns: list[str] | None, seen: set[int]
) -> Iterator[TrainedNetwork]:
    real = [(own, step) for own, step in steps if step not in (None, "passthrough")]
    inside = [list(_walk("", step, None, None, set())) for _, step in real]
    for k, (own, step) in enumerate(real):
        if inside[k]:
            yield from _walk(_joined(name, own), step, X, columns, seen)
        # What goes on is of interest only as far as there is a network to take it.
        if X is not None and any(inside[k + 1 :]):
            X, columns = step.transform(X), _names_after(step, columns)


def _joined(name: str, own: str) -> str:
    return f"{name}/{own}" if name else own


def _held(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an estimator holds that may be fitted, or hold what is."""
    if isinstance(part, partial):
        yield from _possible("func", [part.func, *part.args, *part.keywords.values()])
    elif isinstance(part, MethodType):
        yield "", part.__self__
    elif _may_hold(part):
        # Parameters are as a rule what was cloned and fitted, and not fitted themselves.
        params = part.get_params(deep=False) if hasattr(part, "get_params") else {}
        held: dict[bool, list[tuple[str, Any]]] = {True: [], False: []}
        for key, value in vars(part).items():
            held[key in params] += _possible(key.strip("_"), value)
        yield from held[False] or held[True]


def _possible(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for k, one in enumerate(value):
            # As the parts of an ensemble are often pairs of a name and an estimator.
            yield from _possible(f"{key} {k + 1}", one)
    elif isinstance(value, partial | MethodType) or _may_hold(value):
        yield key, value


def _may_hold(value: Any) -> bool:
    # A calibrated classifier is no estimator, but has one.
    return hasattr(value, "get_params") or hasattr(value, "estimator")


def _names(X: Any) -> list[str] | None:
    return [str(name) for name in X.columns] if hasattr(X, "columns") else None


def _names_after(step: Any, columns: list[str] | None) -> list[str] | None:
    try:
        return [str(name) for name in step.get_feature_names_out(columns)]
    except Exception:  # each step has reasons of its own why it has no names
        return None
