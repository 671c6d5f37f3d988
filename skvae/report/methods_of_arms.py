"""What the pipelines of a study do, in the sentences of its methods."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from skvae.report.number_format import count
from skvae.report.record import Record
from skvae.report.score_names import score_name
from skvae.report.steps_in_words import (
    KINDS,
    arm_in_words,
    grid_in_words,
    kinds_of_steps,
    searched_in,
)
from skvae.statistics.sample_size import riley_sample_size

__all__ = ["Sentences", "arms", "networks", "rarest_share", "tuning", "within_folds"]

_LEAST_PER_FEATURE = 10
Sentences: TypeAlias = Iterator[tuple[str, str]]


def arms(record: Record) -> Sentences:
    """Name the pipelines, step by step."""
    listed = ". ".join(f"{name}: {arm_in_words(arm)}" for name, arm in record.arms.items())
    yield "arms", f"The pipelines, step by step. {listed}."
    others = [name for name in record.arms if name != record.result.reference]
    if others:
        were = "was" if len(others) == 1 else "were"
        yield (
            "reference",
            f"{', '.join(others)} {were} compared with {record.result.reference}.",
        )
    yield from _simple_arms(record)
    blind = _arms_with(record, "baseline")
    if blind:
        yield (
            "baseline",
            f"Without a look at the inputs, for what chance scores: {', '.join(blind)}.",
        )


def _arms_with(record: Record, kind: str) -> list[str]:
    arms = record.arms.items()
    return [name for name, arm in arms if kind in kinds_of_steps(arm["steps"])]


def _by_class(record: Record, *kinds: str) -> str:
    """Name the classes of steps of some kinds, and whose they are if not all arms'."""
    found: dict[str, list[str]] = {}
    for name, arm in record.arms.items():
        sorted_steps = kinds_of_steps(arm["steps"])
        for step in dict.fromkeys(c for kind in kinds for c in sorted_steps.get(kind, [])):
            found.setdefault(step, []).append(name)
    return ", ".join(
        step if len(names) == len(record.arms) else f"{step} ({', '.join(names)})"
        for step, names in found.items()
    )


def _simple_arms(record: Record) -> Sentences:
    """Name the pipelines that reviewers want to see beside the others."""
    found: dict[str, list[str]] = {
        "simple": [],
        "volume": [],
        "clinical": [],
        "combined": [],
    }
    for name, arm in record.arms.items():
        for kind in _kinds_of_arm(name, arm):
            found[kind].append(name)
    words = {
        "simple": "Classical models of simple features, without a network: {}.",
        "volume": "Volume alone: {}.",
        "clinical": "Clinical columns alone: {}.",
        "combined": "Clinical columns with others: {}.",
    }
    for kind, names in found.items():
        if names:
            yield kind, words[kind].format(", ".join(names))


def _kinds_of_arm(name: str, arm: Mapping[str, Any]) -> Iterator[str]:
    steps = arm["steps"]
    kinds = kinds_of_steps(steps)
    if "classical" in kinds and "network" not in kinds:
        yield "simple"
    alone = not any(step.get("branch") for step in steps)
    of_masks = any(s["params"].get("func") == "log_volume" for s in _full(steps))
    if alone and (of_masks or name == "volume"):
        yield "volume"
    blocks = {s["params"].get("block") for s in _full(steps) if s["class"] == "SelectBlock"}
    if "clinical" in blocks:
        yield "clinical" if len(blocks) == 1 else "combined"


def _full(steps: Any) -> list[Mapping[str, Any]]:
    return [step for step in steps if "params" in step]


def within_folds(record: Record) -> Sentences:
    """Say what was learned within the folds."""
    kinds = kinds_of_steps(record.steps)
    n_missing = [b.get("n_missing") for b in record.cohort["inputs"].values()]
    known = [n for n in n_missing if n is not None]
    how = []
    if "missing" in kinds:
        how.append(f"{_by_class(record, 'missing')} filled them within each fold")
    if "masking" in kinds:
        names = _by_class(record, "masking")
        how.append(f"the networks of {names} left them out, as entries that are not known")
    if how and any(known):
        yield "missing", f"{sum(known):,} values were missing; {'; '.join(how)}."
    elif len(known) == len(n_missing) and known and not any(known):
        yield "missing", "No value of the inputs was missing."
    if "scaling" in kinds:
        names = _by_class(record, "scaling")
        yield "scaling", f"Columns were scaled within each fold by {names}."
    learned = _by_class(record, "reduction", "network")
    if learned:
        yield (
            "reduction",
            f"Features were selected or learned within each fold by {learned}.",
        )
    yield from _dimension(record)
    if "loading" in kinds:
        yield (
            "loading",
            "Scans were read and prepared by the step ImageLoader, as said above.",
        )


def _dimension(record: Record) -> Sentences:
    """Compare the number of patients with that of features, where both are known."""
    n_features = _most_features(record)
    if n_features is None or len(record.cohort.get("classes", {})) != 2:
        return
    n_rarest = _rarest_in_training(record)
    needed = riley_sample_size(n_features, rarest_share(record.cohort))
    is_enough = n_rarest >= _LEAST_PER_FEATURE * n_features
    is_enough &= record.cohort["n_patients"] >= needed
    yield (
        "dimension" if is_enough else "size",
        f"A model saw {n_features} features at the most. The smallest training part had "
        f"{count(n_rarest, 'patient')} of the rarer class, {n_rarest / n_features:.1f} for "
        f"each of them; {needed:,} patients are the least that is advised for so many "
        "predictors (Riley et al. 2020).",
    )


def _most_features(record: Record) -> int | None:
    """Return the most features that a model saw; None where that is not known of an arm."""
    sizes = [_n_features(record, name) for name in record.arms]
    known = [n for n in sizes if n is not None]
    return max(known) if known and len(known) == len(sizes) else None


def _n_features(record: Record, arm: str) -> int | None:
    described = record.arms[arm]
    if any(s.get("branch") or s["class"] == "OneHotEncoder" for s in described["steps"]):
        return None  # several parts side by side, of which each has its own
    kinds = kinds_of_steps(described["steps"])
    if "baseline" in kinds:
        return 0
    if any(s["params"].get("func") == "log_volume" for s in _full(described["steps"])):
        return 1
    if "network" in kinds:
        units = record.frame("units")
        of_arm = [] if units is None else units.loc[units["arm"] == arm, "n_units"]
        return int(max(of_arm)) if len(of_arm) else None
    return _most_components(described) or _n_columns(record, described)


def _most_components(described: Mapping[str, Any]) -> int | None:
    sizes = [s["params"].get("n_components") for s in _full(described["steps"])]
    for grid in described["grid"]:
        for key, values in grid.items():
            is_size = key.rpartition("__")[2] in ("n_components", "k")
            sizes += values if is_size else []
    return max((n for n in sizes if isinstance(n, int)), default=None)


def _n_columns(record: Record, described: Mapping[str, Any]) -> int | None:
    taken = [s["params"] for s in described["steps"] if s["class"] == "Columns"]
    if taken and isinstance(taken[0]["columns"], list):
        return len(taken[0]["columns"])
    inputs = list(record.cohort["inputs"].values())
    shape = inputs[0]["shape"]
    return int(shape[0]) if len(inputs) == 1 and len(shape) == 1 else None


def _rarest_in_training(record: Record) -> int:
    """Return the fewest patients of a class that a training part has."""
    frame = record.predicted_by(record.result.reference)
    whole = frame.groupby("y")["group"].nunique()
    tested = frame.groupby(["repeat", "fold", "y"])["group"].nunique().unstack(fill_value=0)
    return int((whole - tested).to_numpy().min())


def networks(record: Record) -> Sentences:
    """Name the networks and their settings."""
    networks = {
        f"{name}: {step['class']}": _settings(arm, step)
        for name, arm in record.arms.items()
        for step in arm["steps"]
        if step.get("stages")
    }
    if not networks:
        timings = record.result.timings
        n_trained = timings["n_trainings"].sum() if "n_trainings" in timings else 1
        last = {arm["steps"][-1]["class"] for arm in record.arms.values() if arm["steps"]}
        if not n_trained and last <= KINDS["classical"] | KINDS["baseline"]:
            yield "no-networks", "No pipeline trains a network."
        return
    listed = ". ".join(f"{name} with {words}" for name, words in networks.items())
    yield (
        "networks",
        f"Networks. {listed}. All other settings were the defaults of skvae "
        f"{record.design['versions'].get('skvae', '')}; all settings are in "
        "provenance.json.",
    )


def _settings(arm: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    """Return what was changed of the defaults of a step, and what was searched in it."""
    searched = searched_in(arm, step)
    changed = {k: _short(v) for k, v in step["changed"].items() if k not in searched}
    changed |= dict.fromkeys(searched, "searched")
    return ", ".join(f"{k} {v}" for k, v in changed.items()) or "its defaults"


def _short(value: Any) -> str:
    return " x ".join(map(str, value)) if isinstance(value, list) else str(value)


def tuning(record: Record) -> Sentences:
    """Say what was searched."""
    score = next(iter(record.settings["scoring"]))
    searched: dict[str, list[str]] = {}
    for name, arm in record.arms.items():
        if arm["grid"]:
            searched.setdefault(grid_in_words(arm), []).append(name)
    if not searched:
        return
    listed = ". ".join(f"{', '.join(n)}, {words}" for words, n in searched.items())
    as_is = [name for name, arm in record.arms.items() if not arm["grid"]]
    rest = f" Fitted as given, without a search: {', '.join(as_is)}." if as_is else ""
    yield (
        "tuning",
        "In each outer fold, the configuration of the highest mean "
        f"{score_name(score)} over the inner folds was fitted on the whole training "
        f"part, and predicted the test part once. What was searched: {listed}.{rest}",
    )


def rarest_share(cohort: Mapping[str, Any]) -> float:
    """Return the share of the rarest class.

    Parameters
    ----------
    cohort : mapping of str to object
        What is known of the rows.

    Returns
    -------
    float
        Of the rows.
    """
    return float(min(cohort["classes"].values()) / cohort["n_samples"])
