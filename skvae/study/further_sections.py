"""What a report shows on demand, since it takes more fits than the study."""

from collections.abc import Callable, Mapping, Sequence
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from skvae.study.configuration import StudyConfig
from skvae.study.inner_scores import has_layers, layer_map
from skvae.study.learning_curve import learning_curve
from skvae.study.permutation_null import permutation_null
from skvae.study.run_study import checked_cohort, n_jobs, rule, settled, study_arms
from skvae.study.study_inputs import StudyInputs

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["FURTHER", "check_further", "further_results"]

# Each permutation is a study of its own: days, where a study takes hours. Only when named.
OF_FULL = ("layer_map", "learning_curve")


def check_further(names: Sequence[str]) -> None:
    """Raise for a section that cannot be run, before hours of the study.

    Parameters
    ----------
    names : sequence of str
        Keys of sections.
    """
    for name in names:
        if name not in FURTHER:
            raise ValueError(
                f"Got sections with {name!r}, expected some of {', '.join(FURTHER)}."
            )


def further_results(
    config: StudyConfig, inputs: StudyInputs, names: Sequence[str]
) -> dict[str, "DataFrame"]:
    """Run what the sections of these names show.

    Parameters
    ----------
    config : StudyConfig
        What the study did.
    inputs : StudyInputs
        Its rows.
    names : sequence of str
        Keys of sections, of `FURTHER`.

    Returns
    -------
    dict of str to DataFrame
        By the key.
    """
    if not names:
        return {}
    cohort = checked_cohort(config, inputs)
    with TemporaryDirectory(prefix="skvae-", ignore_cleanup_errors=True) as memory:
        arms = study_arms(config, inputs, cohort, memory=memory)
        config = settled(config, list(arms), cohort)
        # Without layers there is no map, which is no reason to lose the rest.
        run = [name for name in names if name != "layer_map" or has_layers(arms)]
        return {name: FURTHER[name](arms, config, inputs) for name in run}


def _shared(config: StudyConfig, inputs: StudyInputs) -> dict[str, Any]:
    return {
        "groups": inputs.groups,
        "inner": config.inner,
        "scoring": list(config.scoring),
        "positive": inputs.positive,
        "outcome": config.outcome or None,
        "aggregate": rule(config.aggregate),
        "params": inputs.params,
        "random_state": config.seed,
    }


def _layers(arms: Any, config: StudyConfig, inputs: StudyInputs) -> "DataFrame":
    return layer_map(arms, inputs.X, inputs.y, **_shared(config, inputs))


def _curve(arms: Any, config: StudyConfig, inputs: StudyInputs) -> "DataFrame":
    options = _shared(config, inputs) | {"outer": config.outer, "n_jobs": n_jobs(config)}
    return learning_curve(arms, inputs.X, inputs.y, **options)


def _null(arms: Any, config: StudyConfig, inputs: StudyInputs) -> "DataFrame":
    options = _shared(config, inputs) | {
        "outer": config.outer,
        "n_jobs": n_jobs(config),
        "reference": config.reference,
    }
    return permutation_null(arms, inputs.X, inputs.y, **options)


FURTHER: Mapping[str, Callable[..., "DataFrame"]] = {
    "layer_map": _layers,
    "learning_curve": _curve,
    "permutation_null": _null,
}
