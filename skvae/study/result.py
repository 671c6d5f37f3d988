"""What a nested cross-validation found: rows of scores, predictions and a summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.statistics.corrected_resampling import corrected_interval, corrected_ttest
from skvae.statistics.multiplicity import holm

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["NestedCVResult"]


@dataclass(frozen=True, eq=False, repr=False)
class NestedCVResult:
    """Scores and out-of-fold predictions of a nested cross-validation.

    Parameters
    ----------
    scores : DataFrame
        One row for each arm and outer fold: `arm`, `repeat`, `fold`, `score`,
        `inner_score` (mean of the chosen configuration over the inner folds),
        `n_train`, `n_test`, `n_configurations`, `n_fits`, `fit_seconds`, and the
        chosen parameters as `param_*`.
    predictions : DataFrame
        One row for each arm, repeat and sample: `arm`, `repeat`, `fold`, `sample`
        (index of X, or row number), `group`, `y`, `prediction` (the class), and
        `score` (the probability of the second class, or the decision value; for more
        classes one column `score_*` each).
    scoring : str
        Name of the score.
    reference : str
        The arm that the others are compared with.

    See Also
    --------
    skvae.study.nested_cv : What makes it.
    """

    scores: "DataFrame"
    predictions: "DataFrame"
    scoring: str
    reference: str

    @classmethod
    def from_outcomes(
        cls, outcomes: Sequence[Any], *, scoring: str, reference: str
    ) -> "NestedCVResult":
        """Build the frames.

        Parameters
        ----------
        outcomes : sequence
            One for each arm and outer fold; `row` is a dict, `predictions` a dict of
            columns.
        scoring : str
            Name of the score.
        reference : str
            Name of the reference arm.

        Returns
        -------
        NestedCVResult
            The result.
        """
        pd = import_extra("pandas")
        return cls(
            pd.DataFrame([outcome.row for outcome in outcomes]),
            pd.concat([pd.DataFrame(o.predictions) for o in outcomes], ignore_index=True),
            scoring,
            reference,
        )

    @property
    def arms(self) -> list[str]:
        """Names of the arms, in the order given."""
        return list(dict.fromkeys(self.scores["arm"]))

    @property
    def n_samples(self) -> int:
        """Number of rows in the cohort."""
        one_pass = (self.predictions["arm"] == self.reference) & (
            self.predictions["repeat"] == 1
        )
        return int(one_pass.sum())

    @property
    def n_groups(self) -> int:
        """Number of patients."""
        return int(self.predictions["group"].nunique())

    def fold_scores(self, arm: str) -> "np.ndarray[Any, Any]":
        """Return the scores of an arm.

        Parameters
        ----------
        arm : str
            Its name.

        Returns
        -------
        ndarray of shape (n_splits,)
            One score for each outer split, in the same order for all arms.
        """
        return self.scores.loc[self.scores["arm"] == arm, "score"].to_numpy(dtype=float)

    def summary(self, confidence: float = 0.95) -> "DataFrame":
        """Compare the arms: corrected intervals, and paired tests with Holm's correction.

        Parameters
        ----------
        confidence : float, default=0.95
            Coverage of the intervals.

        Returns
        -------
        DataFrame
            One row for each arm: `arm`, `mean`, `ci_low`, `ci_high`; the paired
            `difference` to the reference with `difference_ci_low` and
            `difference_ci_high`, `p` and `p_holm` (missing for the reference itself);
            `n_configurations` tried in each fold, and `fit_seconds` in all.
        """
        rows = [self._arm_summary(arm, confidence) for arm in self.arms]
        frame = import_extra("pandas").DataFrame(rows)
        others = frame["arm"] != self.reference
        frame["p_holm"] = np.nan
        frame.loc[others, "p_holm"] = holm(frame.loc[others, "p"].to_numpy(dtype=float))
        front = [c for c in frame.columns if c not in ("n_configurations", "fit_seconds")]
        return frame[[*front, "n_configurations", "fit_seconds"]]

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write results.csv, predictions.csv and summary.csv.

        Parameters
        ----------
        folder : str or Path
            Where to; made if it does not exist.

        Returns
        -------
        list of Path
            The files written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        frames = {
            "results.csv": self.scores,
            "predictions.csv": self.predictions,
            "summary.csv": self.summary(),
        }
        for name, frame in frames.items():
            frame.to_csv(folder / name, index=False)
        return [folder / name for name in frames]

    def __repr__(self) -> str:
        frame = self.summary()
        width = frame["arm"].str.len().max()
        lines = [
            f"{row.arm:<{width}}  {row.mean:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]"
            + (
                ""
                if np.isnan(row.p_holm)
                else f"  {row.difference:+.3f}, p = {row.p_holm:.3f}"
            )
            for row in frame.itertuples(name="Row")
        ]
        n_splits = len(self.fold_scores(self.reference))
        title = (
            f"{type(self).__name__}({self.scoring}, {len(frame)} arms x {n_splits} folds, "
            f"{self.n_samples} samples of {self.n_groups} groups, reference "
            f"{self.reference!r})"
        )
        return "\n  ".join([title, *lines])

    def _arm_summary(self, arm: str, confidence: float) -> dict[str, Any]:
        rows = self.scores[self.scores["arm"] == arm]
        sizes = float(rows["n_train"].mean()), float(rows["n_test"].mean())
        scores = self.fold_scores(arm)
        interval = corrected_interval(scores, *sizes, confidence=confidence)
        summary = {
            "arm": arm,
            "mean": interval.mean,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "difference": np.nan,
            "difference_ci_low": np.nan,
            "difference_ci_high": np.nan,
            "p": np.nan,
            "n_configurations": int(rows["n_configurations"].iloc[0]),
            "fit_seconds": float(rows["fit_seconds"].sum()),
        }
        if arm != self.reference:
            paired = scores - self.fold_scores(self.reference)
            difference = corrected_interval(paired, *sizes, confidence=confidence)
            summary |= {
                "difference": difference.mean,
                "difference_ci_low": difference.low,
                "difference_ci_high": difference.high,
                "p": corrected_ttest(paired, *sizes).pvalue,
            }
        return summary
