"""What a study would do, and what speaks against it, before hours are spent on it."""

import resource
import sys
import time
import warnings
from dataclasses import dataclass, field, replace
from math import prod
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from skvae._compat import take_rows
from skvae.statistics.sample_size import riley_sample_size
from skvae.study.arm import Arm, named_arms
from skvae.study.cohort import Cohort
from skvae.study.configuration import StudyConfig
from skvae.study.external import checked_external
from skvae.study.folds import OuterFold, draw_folds
from skvae.study.input_blocks import Blocks
from skvae.study.leak_guards import leak_signs
from skvae.study.nested_cv import check_options
from skvae.study.progress import duration
from skvae.study.run_study import checked_cohort, n_jobs, rule, settled, study_arms
from skvae.study.study_inputs import StudyInputs

__all__ = ["StudyCheck", "check_study"]

# Below, the AUC of a fold is a matter of one or two patients.
_LEAST_POSITIVES = 5
_LEAST_EVENTS_PER_FEATURE = 10
_QUICK = 10.0  # seconds


@dataclass(frozen=True)
class StudyCheck:
    """What was found.

    Attributes
    ----------
    facts : dict of str to str
        What will be done, by what it is of.
    warnings : list of str
        What speaks against it.
    config : StudyConfig
        The effective configuration.
    """

    facts: dict[str, str]
    config: StudyConfig
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        width = max(map(len, self.facts))
        lines = [f"{name:<{width}}  {text}" for name, text in self.facts.items()]
        return "\n".join([*lines, *(f"WARNING  {text}." for text in self.warnings)])


def check_study(config: StudyConfig, inputs: StudyInputs) -> StudyCheck:
    """Check cohort, arms and folds, and estimate time and memory from one fit of each arm.

    Parameters
    ----------
    config : StudyConfig
        What a study would do.
    inputs : StudyInputs
        The rows.

    Returns
    -------
    StudyCheck
        What was found.
    """
    cohort = checked_cohort(config, inputs)
    check_options(rule(config.threshold), rule(config.aggregate), None, False, 0)
    if config.aggregate:
        cohort.check_patients()
    if inputs.external is not None:
        checked_external(inputs.external, cohort)
    with TemporaryDirectory(prefix="skvae-", ignore_cleanup_errors=True) as memory:
        arms = study_arms(config, inputs, cohort, memory=memory)
        config = settled(config, list(arms), cohort)
        with config_context(enable_metadata_routing=True):
            checked = named_arms(arms, config.reference, 1)
        folds = draw_folds(cohort, config.outer, config.inner, config.seed)  # type: ignore[arg-type]
        seconds = {arm.name: _seconds(arm, folds, cohort) for arm in checked}
    facts = _cohort_facts(cohort, inputs) | _plan_facts(config, checked, folds, cohort)
    n_processes = n_jobs(replace(config, cluster=""))
    total = sum(seconds.values()) / n_processes
    listed = ", ".join(f"{name} {duration(s)}" for name, s in seconds.items())
    facts["time"] = (
        f"about {duration(total)} with {n_processes} processes; on one, {listed}"
    )
    facts["memory"] = f"about {_peak_gigabytes() * n_processes:.1f} GB"
    return StudyCheck(facts, config, _objections(config, cohort, folds))


def _cohort_facts(cohort: Cohort, inputs: StudyInputs) -> dict[str, str]:
    outcome = cohort.outcome
    n_patients = len(np.unique(cohort.patients))
    facts = {"cohort": f"{len(cohort.samples)} samples of {n_patients} patients"}
    if outcome.kind == "classes":
        counts = np.bincount(outcome.strata)
        facts["outcome"] = ", ".join(
            f"{label}: {n}" for label, n in zip(outcome.classes, counts, strict=True)
        )
        if outcome.positive is not None:
            facts["outcome"] += f"; the positive class is {outcome.positive}"
    elif outcome.kind == "event":
        facts["outcome"] = f"{outcome.strata.sum()} events"
    else:
        low, middle, high = np.quantile(outcome.values, [0, 0.5, 1])
        facts["outcome"] = f"numbers from {low:g} to {high:g}, median {middle:g}"
    X = cohort.X
    blocks = {n: X[n] for n in X.names} if isinstance(X, Blocks) else {"inputs": X}
    facts |= {name: f"{np.shape(block)[1:]} each" for name, block in blocks.items()}
    facts |= inputs.left_out()
    if inputs.notes:
        facts["notes"] = "; ".join(inputs.notes)
    return facts


def _plan_facts(
    config: StudyConfig, arms: list[Arm], folds: list[OuterFold], cohort: Cohort
) -> dict[str, str]:
    n_folds, n_repeats = config.outer
    return {
        "arms": ", ".join(f"{arm.name} ({arm.n_configurations} tried)" for arm in arms),
        "folds": f"{n_folds} x {n_repeats} outer, {config.inner} inner; whole patients",
        "score": f"{', '.join(config.scoring)}; compared with {config.reference}",
        "fits": str(sum(a.n_configurations * config.inner + 1 for a in arms) * len(folds)),
    }


def _seconds(arm: Arm, folds: list[OuterFold], cohort: Cohort) -> float:
    """Time one fit, and a second whose network and features are remembered."""
    fold = folds[0]
    X, y = take_rows(cohort.X, fold.train), cohort.outcome.values[fold.train]
    names = arm.wants(set(cohort.metadata))
    metadata = {name: take_rows(cohort.metadata[name], fold.train) for name in names}
    grid = (arm.grid or [{}])[0]
    trained = {k: v for k, v in grid.items() if _decides_training(k)}
    first, again = (_one_fit(arm, X, y, metadata) for _ in range(2))
    if first < _QUICK:  # most of which may be what a process does but once
        first = min(first, _one_fit(_reseeded(arm), X, y, metadata))
    n_fits = (arm.n_configurations * len(fold.inner) + 1) * len(folds)
    n_new = (prod(len(v) for v in trained.values()) * len(fold.inner) + 1) * len(folds)
    return n_new * first + max(0, n_fits - n_new) * again


def _reseeded(arm: Arm) -> Arm:
    """Return the arm with other random states, whose networks are not remembered."""
    estimator = clone(arm.estimator)
    keys = [k for k in estimator.get_params() if k.endswith("random_state")]
    return replace(arm, estimator=estimator.set_params(**dict.fromkeys(keys, 12345)))


def _decides_training(key: str) -> bool:
    return not key.startswith("classify__") and not key.endswith("__layer")


def _one_fit(arm: Arm, X: Any, y: Any, metadata: dict[str, Any]) -> float:
    with (
        config_context(enable_metadata_routing=True),
        threadpool_limits(1, user_api="blas"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        fitted = clone(arm.estimator).fit(X, y, **metadata)
        fitted.predict(X)
        return time.perf_counter() - start


def _objections(config: StudyConfig, cohort: Cohort, folds: list[OuterFold]) -> list[str]:
    outcome = cohort.outcome
    found = [f"A possible leak: {sign}" for sign in leak_signs(cohort)]
    if cohort.groups is None:
        found.append("no column of patients is named: each row counts as a patient")
    if outcome.kind == "number":
        return found
    rarest = min(
        len(np.unique(cohort.patients[outcome.strata == s]))
        for s in np.unique(outcome.strata)
    )
    fewest = min(np.bincount(outcome.strata[fold.test]).min() for fold in folds)
    if fewest < _LEAST_POSITIVES:
        found.append(
            f"a test fold has only {fewest} rows of the rarest class: scores will jump"
        )
    X = cohort.X
    tables = [X[n] for n in X.names] if isinstance(X, Blocks) else [X]
    n_columns = sum(np.shape(t)[1] for t in tables if np.ndim(t) == 2)
    if n_columns and rarest / n_columns < _LEAST_EVENTS_PER_FEATURE:
        found.append(
            f"{rarest} patients of the rarest class for {n_columns} columns are "
            f"{rarest / n_columns:.2g} events per feature; below "
            f"{_LEAST_EVENTS_PER_FEATURE}, only penalised or reduced models are of use"
        )
    if outcome.positive is not None:
        size = max(config.n_components)
        if len(tables) == 1:
            size = min(size, int(np.prod(np.shape(X)[1:])))
        share = float(np.mean(outcome.strata == 1))
        needed = riley_sample_size(size, share)
        n = len(np.unique(cohort.patients))
        if n < needed:
            found.append(
                f"a model of {size} predictors would need {needed} patients (Riley et al. "
                f"2020), there are {n}: expect optimism, and wide intervals"
            )
    return found


def _peak_gigabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 30 if sys.platform == "darwin" else 1 << 20)
