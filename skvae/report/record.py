"""All that a report may say, in one place: the result, and what is known beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["POSSIBLE_LEAK", "Record"]

# How a note begins that tells of one.
POSSIBLE_LEAK = "a possible leak"


@dataclass(frozen=True, eq=False)
class Record:
    """What a report is made of.

    Attributes
    ----------
    result : NestedCVResult
        What was found.
    covariates : DataFrame or None
        Columns that may confound, such as volume, age and site, by sample.
    dropped, excluded : DataFrame or None
        Columns and rows that did not enter the study, each with the `reason`.
    notes : sequence of str
        What was read, in sentences.
    about : str
        What the inputs are and how they were prepared, and what the outcome is.
    further : mapping of str to DataFrame
        What takes more fits than the study: by the key of its section, such as
        `learning_curve`.
    provenance : mapping of str to object
        What the caller knows of the run, such as its date and its command.
    command : str
        How the study is run again; empty where it was no command.
    sections : sequence of str or None
        Keys of the sections that are wanted; None for all.
    """

    result: Any
    covariates: "DataFrame | None" = None
    dropped: "DataFrame | None" = None
    excluded: "DataFrame | None" = None
    notes: Sequence[str] = ()
    about: str = ""
    further: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    sections: Sequence[str] | None = None

    @property
    def design(self) -> Mapping[str, Any]:
        """What was done, as `nested_cv` wrote it down; empty of older results."""
        return getattr(self.result, "design", {})

    @property
    def settings(self) -> Mapping[str, Any]:
        """Folds, scores, rules and seed."""
        return self.design.get("settings", {})

    @property
    def arms(self) -> Mapping[str, Any]:
        """Steps and grids by the name of the arm."""
        return self.design.get("arms", {})

    @property
    def cohort(self) -> Mapping[str, Any]:
        """What is known of the rows."""
        return self.design.get("cohort", {})

    @property
    def n_rows(self) -> int:
        """Rows of the inputs; `aggregate` makes fewer predictions of them."""
        return int(self.cohort.get("n_samples", self.result.n_samples))

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        """The steps of all arms."""
        return [step for arm in self.arms.values() for step in arm["steps"]]

    @property
    def is_searched(self) -> bool:
        """Whether the inner folds choose the configuration of some arm."""
        if not self.arms:  # of older results
            return bool((self.result.scores["n_configurations"] > 1).any())
        return any(arm["grid"] for arm in self.arms.values())

    @property
    def is_nested(self) -> bool:
        """Whether there is a search within the outer folds: of the study, or an arm's."""
        own = any(step["class"].endswith("SearchCV") for step in self.steps)
        return self.is_searched or own

    @property
    def has_inner_folds(self) -> bool:
        """Whether anything was chosen by the inner folds."""
        return self.is_searched or self.has_thresholds

    @property
    def has_probabilities(self) -> bool:
        """Whether some arm gives probabilities of one of two classes."""
        return any(self.gives_probabilities(arm) for arm in self.result.arms)

    def gives_probabilities(self, arm: str) -> bool:
        """Tell whether the scores of an arm are probabilities of one of two classes.

        Parameters
        ----------
        arm : str
            Its name.

        Returns
        -------
        bool
            Whether they are.
        """
        frame = self.predicted_by(arm)
        if self.result.positive is None or "score" not in frame:
            return False
        known = frame["score"].dropna()
        return bool(len(known) and known.between(0, 1).all())

    @property
    def has_thresholds(self) -> bool:
        """Whether each fold chose one."""
        frame = self.result.predictions
        return "threshold" in frame and bool(frame["threshold"].notna().any())

    def frame(self, name: str) -> Any:
        """Return a frame of the result that older results lack.

        Parameters
        ----------
        name : str
            Such as `training`.

        Returns
        -------
        DataFrame or None
            None where it is not there or has no rows.
        """
        found = getattr(self.result, name, None)
        return None if found is None or not len(found) else found

    def predicted_by(self, arm: str) -> Any:
        """Return the out-of-fold predictions of an arm.

        Parameters
        ----------
        arm : str
            Its name.

        Returns
        -------
        DataFrame
            Its rows.
        """
        frame = self.result.predictions
        return frame[frame["arm"] == arm]
