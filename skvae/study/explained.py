"""What a fitted arm does with held-out rows: learned, read, drawn."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skvae.extras import import_extra
from skvae.study.cohort import Cohort
from skvae.study.fitted_networks import TrainedNetwork, trained_networks
from skvae.study.importance import Judged, importance
from skvae.study.input_parts import clusters_of
from skvae.study.known_attributes import Attributes, attributes_of, unit_correlations
from skvae.study.pictures import Pictures, pictures_of
from skvae.study.training_record import active_units, epochs

__all__ = ["FRAMES", "Explanation", "explained", "explained_frames"]

# Frames of a result, with the columns that stand before the others.
FRAMES = {
    "training": ("arm", "repeat", "fold"),
    "units": ("arm", "repeat", "fold"),
    "importance": ("arm", "repeat", "fold"),
    "attributes": ("arm",),
}


@dataclass(frozen=True, eq=False)
class Explanation:
    """What all folds have in common, known without an outcome.

    Attributes
    ----------
    clusters : dict of str or None to list of ndarray
        Columns of each table that go together.
    attributes : Attributes
        What is known of all rows.
    """

    clusters: dict[str | None, list[NDArray[np.intp]]]
    attributes: Attributes

    @classmethod
    def of(cls, cohort: Cohort) -> "Explanation":
        """Look at all rows.

        Parameters
        ----------
        cohort : Cohort
            The rows.

        Returns
        -------
        Explanation
            What folds have in common.
        """
        nothing = Attributes((), np.empty((len(cohort.X), 0)), None)
        return cls(
            _tried("columns", lambda: clusters_of(cohort.X), {}),
            _tried("attributes", lambda: attributes_of(cohort), nothing),
        )


def explained(
    plan: Explanation,
    judged: Judged,
    where: dict[str, Any],
    test: NDArray[np.intp],
    samples: NDArray[Any],
) -> dict[str, Any]:
    """Explain an arm on the held-out rows of a fold.

    A part that fails is missing, and said: no study is lost for it.

    Parameters
    ----------
    plan : Explanation
        What folds have in common.
    judged : Judged
        The fitted arm and the rows.
    where : dict of str to object
        Arm, repeat and fold.
    test : ndarray of int
        Places of the rows.
    samples : ndarray
        Their names.

    Returns
    -------
    dict of str to object
        The rows of `FRAMES`, and `pictures`, as JSON can hold them.
    """
    is_first = where["fold"] == 1
    networks: list[TrainedNetwork] = []

    def find() -> list[Any]:
        networks.extend(trained_networks(judged.fitted, judged.X))
        return networks

    def correlate() -> list[dict[str, Any]]:
        if not (is_first and plan.attributes):
            return []
        return unit_correlations(networks, plan.attributes.rows(test), judged.patients)

    def draw() -> Any:
        drawn = pictures_of(networks, samples) if is_first else None
        return None if drawn is None else drawn.as_plain()

    _tried("networks", find, [])
    return {
        "training": _tried("training", lambda: epochs(networks), []),
        "units": _tried("units", lambda: active_units(networks), []),
        "importance": _tried(
            "importance", lambda: importance(judged, plan.clusters, where["fold"]), []
        ),
        "attributes": _tried("attributes", correlate, []),
        "pictures": _tried("pictures", draw, None),
    }


def _tried(name: str, explain: Callable[[], Any], instead: Any) -> Any:
    """Return an explanation; say so where there is none, instead of losing the study."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return explain()
    except Exception as error:
        warnings.warn(f"The {name} could not be explained: {error}", stacklevel=2)
        return instead


def explained_frames(finished: Sequence[Any]) -> dict[str, Any]:
    """Return the frames and pictures of a result.

    Parameters
    ----------
    finished : sequence of Finished
        What came of the folds.

    Returns
    -------
    dict of str to DataFrame or dict
        `training`, `units`, `importance`, `attributes` and `pictures`; without rows where
        nothing was explained.
    """
    pd = import_extra("pandas")
    told = [f for f in finished if f.explained is not None]
    found: dict[str, Any] = {
        name: pd.DataFrame(
            [
                {key: f.row[key] for key in keys} | row
                for f in told
                for row in f.explained[name]
            ]
        )
        for name, keys in FRAMES.items()
    }
    found["pictures"] = {
        f.row["arm"]: Pictures.from_plain(f.explained["pictures"])
        for f in told
        if f.explained["pictures"] is not None
    }
    return found
