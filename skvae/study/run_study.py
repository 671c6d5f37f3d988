"""A study from its configuration to its files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from joblib import cpu_count

from skvae.exceptions import warn_caller
from skvae.files import writable_folder
from skvae.images.loader import ImageLoader
from skvae.report.record import POSSIBLE_LEAK
from skvae.study.checkpoints import Checkpoints
from skvae.study.cluster import on_cluster
from skvae.study.cohort import Cohort
from skvae.study.configuration import StudyConfig
from skvae.study.default_arms import default_arms
from skvae.study.leak_guards import leak_signs
from skvae.study.nested_cv import nested_cv
from skvae.study.result import NestedCVResult
from skvae.study.study_inputs import StudyInputs

__all__ = ["checked_cohort", "n_jobs", "rule", "run_study", "settled", "study_arms"]

_MOST_JOBS = 8
_NETWORKS = {"autoencoder", "vae", "attri_vae"}


def run_study(
    config: StudyConfig,
    inputs: StudyInputs,
    folder: str | Path,
    *,
    resume: bool = False,
    restart: bool = False,
    verbose: bool = False,
    explain: bool = True,
) -> NestedCVResult:
    """Compare the arms of a configuration and keep what is finished in a folder.

    Parameters
    ----------
    config : StudyConfig
        What to do.
    inputs : StudyInputs
        The rows that it names.
    folder : str or Path
        Where finished folds are kept, and `study.toml` is written.
    resume : bool, default=False
        Whether to go on with what is there.
    restart : bool, default=False
        Whether to forget what is there.
    verbose : bool, default=False
        Whether to show a live progress bar.
    explain : bool, default=True
        Whether the arms are explained on held-out rows.

    Returns
    -------
    NestedCVResult
        The result.
    """
    folder = writable_folder(folder)
    checkpoints = Checkpoints(folder)
    if restart:
        checkpoints.clear()
    cohort = checked_cohort(config, inputs)
    for sign in leak_signs(cohort):
        warn_caller(f"A possible leak: {sign}.")
        inputs.notes.append(f"{POSSIBLE_LEAK}: {sign}")
    arms = study_arms(config, inputs, cohort, memory=str(checkpoints.networks))
    config = settled(config, list(arms), cohort)
    config.write(folder / "study.toml")
    with on_cluster(config.cluster):
        return nested_cv(
            arms,
            inputs.X,
            inputs.y,
            groups=inputs.groups,
            outer=config.outer,  # type: ignore[arg-type]  # checked there
            inner=config.inner,
            scoring=list(config.scoring),
            reference=config.reference,
            positive=inputs.positive,
            outcome=config.outcome or None,
            threshold=rule(config.threshold),
            aggregate=rule(config.aggregate),
            external=inputs.external,
            params=inputs.params,
            n_jobs=n_jobs(config),
            task_timeout=config.task_timeout or None,
            random_state=config.seed,
            folder=folder,
            resume=resume,
            verbose=verbose,
            explain=explain,
        )


def n_jobs(config: StudyConfig) -> int:
    """Return the number of processes.

    Parameters
    ----------
    config : StudyConfig
        What to do.

    Returns
    -------
    int
        As asked for, or one for each core, 8 at most; on a cluster, -1 for all workers.
    """
    if config.cluster:
        return config.jobs or -1
    return config.jobs or min(cpu_count(), _MOST_JOBS)


def rule(name: str) -> str | None:
    """Return the rule of a name, or None where there is none.

    Parameters
    ----------
    name : str
        As a configuration has it: empty, or `"none"`, for none.

    Returns
    -------
    str or None
        The rule.
    """
    return None if name in ("", "none") else name


def checked_cohort(config: StudyConfig, inputs: StudyInputs) -> Cohort:
    """Check the rows as a study does.

    Parameters
    ----------
    config : StudyConfig
        What to do.
    inputs : StudyInputs
        The rows.

    Returns
    -------
    Cohort
        The same, checked.
    """
    columns = (inputs.y, inputs.groups, inputs.params)
    return Cohort.checked(inputs.X, *columns, inputs.positive, config.outcome or None)


def study_arms(
    config: StudyConfig, inputs: StudyInputs, cohort: Cohort, *, memory: str | None
) -> dict[str, Any]:
    """Return the arms that a configuration names.

    Parameters
    ----------
    config : StudyConfig
        What to do.
    inputs : StudyInputs
        The rows.
    cohort : Cohort
        The same, checked.
    memory : str or None
        Where networks are kept.

    Returns
    -------
    dict of str to (estimator, grid)
        The arms by name.
    """
    _check_arms(config, inputs)
    return default_arms(
        inputs.X,
        list(config.arms) or None,
        outcome=cohort.outcome.kind,
        layers=config.layers or None,
        n_components=config.n_components,
        full=config.full,
        memory=memory,
        random_state=config.seed,
        loader=_loader(config, inputs),
    )


def _loader(config: StudyConfig, inputs: StudyInputs) -> ImageLoader | None:
    """Return what reads scans, where the inputs name any."""
    if not (isinstance(inputs.X, Mapping) and "images" in inputs.X):
        return None
    window = tuple(config.window) or None
    return ImageLoader(
        spacing_mm=_three(config.spacing_mm),
        window=window,
        normalize="zscore" if window is None else "window",
        crop=config.crop or None,
        size=config.size or None,
        mask_mode=config.mask_mode,
    )


def _three(spacing: tuple[float, ...]) -> Any:
    return spacing[0] if len(spacing) == 1 else spacing or None


def _check_arms(config: StudyConfig, inputs: StudyInputs) -> None:
    """Refuse arms without what they need, and what no arm takes."""
    arms = list(config.arms)
    twice = next((name for name in arms if arms.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"Got arms with {twice!r} twice, expected each once.")
    kinds = {part.partition(":")[0] for name in arms for part in name.split("+")}
    if ("attri_vae" in kinds) != bool(inputs.params):
        raise ValueError(
            f"Got arms={arms!r} and attributes={list(config.attributes)!r}, expected the "
            "arm attri_vae and the columns that it learns, or neither."
        )
    if "clinical" in kinds and not isinstance(inputs.X, Mapping):
        raise ValueError(
            "Got arms with 'clinical' without clinical, expected the names of its columns."
        )
    if config.layers and arms and not kinds & _NETWORKS:
        raise ValueError(
            f"Got layers={list(config.layers)!r}, but none of the arms {', '.join(arms)} "
            "has layers."
        )


def settled(config: StudyConfig, arms: list[str], cohort: Cohort) -> StudyConfig:
    """Return the configuration with what was left to the defaults.

    Parameters
    ----------
    config : StudyConfig
        What to do.
    arms : list of str
        The arms that were made of it.
    cohort : Cohort
        The rows.

    Returns
    -------
    StudyConfig
        The effective configuration.
    """
    reference = config.reference or next((a for a in arms if a.startswith("pca")), arms[0])
    scoring = tuple(cohort.outcome.scorings(list(config.scoring) or None))
    # A table of calls and the sensitivity of an arm are what readers ask for.
    threshold = config.threshold or (
        "none" if cohort.outcome.positive is None else "youden"
    )
    return replace(
        config,
        arms=tuple(arms),
        reference=reference,
        scoring=scoring,
        threshold=threshold,
    )
