"""The model for use: one arm of a study, fitted to all rows."""

from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from skvae.saving.drift import described_table
from skvae.saving.encoding import PATHS
from skvae.study.arm import named_arms
from skvae.study.cohort import Cohort
from skvae.study.configuration import StudyConfig
from skvae.study.evaluate import scorer_of
from skvae.study.folds import inner_splits
from skvae.study.run_study import checked_cohort, study_arms
from skvae.study.study_inputs import StudyInputs

__all__ = ["fit_final"]

DEFAULT_ARM = "vae"
N_THREADS = 1


def fit_final(
    config: StudyConfig, inputs: StudyInputs
) -> tuple[BaseEstimator, dict[str, Any]]:
    """Fit one arm to all rows, as a study does for an external cohort.

    Parameters
    ----------
    config : StudyConfig
        Which arm, and how it is searched; `vae` where it names none.
    inputs : StudyInputs
        The rows.

    Returns
    -------
    estimator
        The search, or the arm where there is nothing to search; without the names of
        folders.
    dict
        What is to be known of the table when new cases are read.

    Raises
    ------
    ValueError
        Where the configuration names several arms.
    """
    arms = config.arms or (DEFAULT_ARM,)
    if len(arms) > 1:
        raise ValueError(
            f"Got arms={list(arms)!r}, but one model is fitted; expected one arm. `skvae "
            "study` compares them."
        )
    cohort = checked_cohort(config, inputs)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        config = replace(config, arms=arms)
        named = study_arms(config, inputs, cohort, memory=folder)
        estimator = _searched(config, named, cohort)
    _forget_folders(estimator)
    return estimator, _table(config, arms[0], cohort, estimator)


def _searched(config: StudyConfig, named: dict[str, Any], cohort: Cohort) -> Any:
    scoring = next(iter(cohort.outcome.scorings(list(config.scoring) or None).values()))
    with (
        config_context(enable_metadata_routing=True),
        threadpool_limits(N_THREADS, user_api="blas"),
    ):
        (arm,) = named_arms(named, next(iter(named)), N_THREADS)
        metadata = {
            name: cohort.metadata[name] for name in sorted(arm.wants(set(cohort.metadata)))
        }
        everyone = np.arange(len(cohort.samples))
        inner = inner_splits(cohort, everyone, config.inner, config.seed)
        search = arm.search(inner, scorer_of(scoring))
        search.fit(cohort.X, cohort.outcome.values, **metadata)
    if arm.grid is not None:
        search.set_params(cv=config.inner)  # the folds were of these rows
    return search


def _forget_folders(estimator: Any) -> None:
    """Take out where networks were kept while the arm was searched."""
    for each in (estimator, getattr(estimator, "best_estimator_", None)):
        if each is not None:
            paths = [k for k in each.get_params() if k.rpartition("__")[2] in PATHS]
            each.set_params(**dict.fromkeys(paths))


def _table(config: StudyConfig, arm: str, cohort: Cohort, estimator: Any) -> dict[str, Any]:
    outcome = cohort.outcome
    return {
        "arm": arm,
        "outcome": outcome.kind,
        "classes": list(outcome.classes),
        "recoded": outcome.is_recoded,
        "target": config.target or None,
        "id": config.id or None,
        "group": config.group or None,
        **described_table(estimator, cohort.X),
    }
