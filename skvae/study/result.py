"""What a nested cross-validation found: rows of scores, predictions and a summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.files import written_whole
from skvae.report.headline import headline_table
from skvae.report.number_format import bounds
from skvae.report.record import Record
from skvae.report.score_names import is_share
from skvae.statistics.bayesian_comparison import bayesian_correlated_ttest
from skvae.statistics.corrected_resampling import (
    Interval,
    corrected_interval,
    corrected_ttest,
)
from skvae.statistics.delong import delong_interval, delong_test
from skvae.statistics.multiplicity import holm
from skvae.study.explained import FRAMES, explained_frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["NestedCVResult", "score_interval"]

# Folds with a score that an interval or a test needs.
_LEAST_FOLDS = 2
# Arms that the text of a result has a line for.
_MOST_LINES = 10


def _no_rows() -> "DataFrame":
    return import_extra("pandas").DataFrame()


@dataclass(frozen=True, eq=False, repr=False)
class NestedCVResult:
    """Scores and out-of-fold predictions of a nested cross-validation.

    Parameters
    ----------
    scores : DataFrame
        One row for each arm and outer fold: `arm`, `repeat`, `fold`, `score`,
        `inner_score` (mean of the chosen configuration over the inner folds), further
        scores as `score_*`, `n_train`, `n_test`, `n_train_groups`, `n_test_groups`,
        `n_configurations`, `n_fits`, the chosen parameters as `param_*`, and the
        `threshold`, if one was chosen.
    predictions : DataFrame
        One row for each arm, repeat and sample (or patient): `arm`, `repeat`, `fold`,
        `sample` (index of X, or row number), `group`, the outcome (`y`, or `event` and
        `time`), `prediction` (the class or number), and `score` (the probability of the
        positive class, the decision value, or the risk; for more classes one column
        `score_*` each).
    timings : DataFrame
        Of each arm and outer fold the seconds, and `n_trainings`: how many networks were
        trained, where `n_fits` of the scores counts those that were found in a memory.
    scoring : str
        Name of the score.
    reference : str
        The arm that the others are compared with.
    positive : object
        The class that `score` is of; None unless there are two classes.
    kind : str
        Kind of outcome: `"classes"`, `"number"` or `"event"`.
    external_scores, external_predictions : DataFrame
        The same of the external cohort; without rows if there was none.
    design : dict of str to object, default={}
        What was done, in plain values: `settings`, `cohort`, `external`, the steps and
        grids of the `arms`, `versions`, and `hashes` of the rows.
    training : DataFrame
        With ``nested_cv(..., explain=True)``, like all that follows: one row for each epoch
        of each network of the chosen configuration, on each fold of the first repeat:
        `arm`, `repeat`, `fold`, `network` (names of the steps that lead to it), `phase`,
        `epoch`, `train_loss` and `valid_loss` (NaN without early stopping).
    units : DataFrame
        `arm`, `repeat`, `fold`, `network`, `layer` (the code, and the chosen layer if that
        is another), `n_units` and `n_active`: of a variational code the units whose mean
        has a variance above 0.01 in training, of others those that vary on the held-out
        rows by more than a hundredth of the mean variance.
    importance : DataFrame
        `arm`, `repeat`, `fold`, `block`, `columns` (all names, or the region), `n_columns`
        and `drop`: the score of the held-out rows, less its mean over `n_repeats` exchanges
        of the block between their patients, whose rows stay together; `n_rows` counts
        them. Blocks of a table are columns that go together (average linkage on
        1 - |Spearman's rho| up to 0.3, at most 30 blocks), found once on all rows without
        the outcome; those of images are regions of a grid; of several inputs, each as a
        whole is one more.
    attributes : DataFrame
        `arm`, `unit`, `attribute`, `n`, Spearman's `rho` with `ci_low`, `ci_high`, `p` and
        `p_corrected`, `controlled_for` (`""` or `"volume"`), and `own`: whether the unit
        was trained for the attribute; on the held-out rows of the first fold.
    pictures : dict of str to Pictures
        Of each arm with a decoder, reconstructions and traversals of the first fold.

    See Also
    --------
    skvae.study.nested_cv : What makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skvae.study import nested_cv
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(80) % 2
    >>> X = rng.normal(size=(80, 4)) + y[:, None]
    >>> pca = make_pipeline(PCA(2), LogisticRegression())
    >>> arms = {"pca": pca, "all": LogisticRegression()}
    >>> result = nested_cv(arms, X, y, outer=(4, 1))
    >>> len(result.scores), len(result.predictions), result.reference
    (8, 160, 'pca')
    >>> list(result.summary()["arm"])
    ['pca', 'all']
    """

    scores: "DataFrame"
    predictions: "DataFrame"
    timings: "DataFrame"
    scoring: str
    reference: str
    positive: Any
    kind: str
    external_scores: "DataFrame"
    external_predictions: "DataFrame"
    design: dict[str, Any] = field(default_factory=dict)
    training: "DataFrame" = field(default_factory=_no_rows)
    units: "DataFrame" = field(default_factory=_no_rows)
    importance: "DataFrame" = field(default_factory=_no_rows)
    attributes: "DataFrame" = field(default_factory=_no_rows)
    pictures: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_finished(
        cls,
        finished: Sequence[Any],
        *,
        scoring: str,
        reference: str,
        positive: Any,
        kind: str,
        design: dict[str, Any] | None = None,
    ) -> "NestedCVResult":
        """Build the frames.

        Parameters
        ----------
        finished : sequence of Finished
            One for each arm and outer fold, and for each arm and the external cohort.
        scoring : str
            Name of the score.
        reference : str
            Name of the reference arm.
        positive : object
            The positive class.
        kind : str
            Kind of outcome.
        design : dict of str to object, default=None
            What was done.

        Returns
        -------
        NestedCVResult
            The result.
        """
        pd = import_extra("pandas")
        inside = [f for f in finished if f.row["repeat"] > 0]
        outside = [f for f in finished if f.row["repeat"] == 0]

        def joined(some: Sequence[Any]) -> "DataFrame":
            frames = [pd.DataFrame(f.predictions) for f in some]
            return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

        return cls(
            pd.DataFrame([f.row for f in inside]),
            joined(inside),
            pd.DataFrame([f.timing for f in finished]),
            scoring,
            reference,
            positive,
            kind,
            pd.DataFrame([f.row for f in outside]),
            joined(outside),
            design=design or {},
            **explained_frames(inside),
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

    def summary(self, confidence: float = 0.95, rope: float = 0.02) -> "DataFrame":
        """Compare the arms: corrected intervals, and paired tests with Holm's correction.

        Parameters
        ----------
        confidence : float, default=0.95
            Coverage of the intervals.
        rope : float, default=0.02
            Differences up to this are of no practical importance.

        Returns
        -------
        DataFrame
            One row for each arm: `arm`, `mean`, `ci_low`, `ci_high` (NaN where all folds
            have the same score); the paired `difference` to the reference with
            `difference_ci_low` and `difference_ci_high`, `p` and `p_holm`, and the
            probabilities that the arm is `worse`, `equal` within the rope, or `better`
            (all missing for the reference itself); `n_configurations` tried in each fold;
            the `score` and the `positive` class that it is of.
        """
        rows = [self._arm_summary(arm, confidence, rope) for arm in self.arms]
        frame = import_extra("pandas").DataFrame(rows)
        others = frame["arm"] != self.reference
        p_holm = np.full(len(frame), np.nan)
        tested = others & frame["p"].notna()
        p_holm[tested] = holm(frame.loc[tested, "p"].to_numpy(dtype=float))
        frame.insert(frame.columns.get_loc("p") + 1, "p_holm", p_holm)
        return frame.assign(score=self.scoring, positive=self.positive)

    def external(self, confidence: float = 0.95) -> "DataFrame":
        """Compare the arms on the external cohort.

        Parameters
        ----------
        confidence : float, default=0.95
            Coverage of the intervals.

        Returns
        -------
        DataFrame
            One row for each arm: `arm`, `score`, and `n` rows. Where the score is the AUC
            and each patient has one row, DeLong's interval `ci_low` to `ci_high`, and his
            test of the `difference` to the reference, `p` and `p_holm`.

        Raises
        ------
        ValueError
            If the study had no external cohort.
        """
        if self.external_scores.empty:
            raise ValueError("There is no external cohort: the study got external=None.")
        columns = ["arm", "score", "n_test"]
        frame = self.external_scores[columns].rename(columns={"n_test": "n"})
        parts = dict(iter(self.external_predictions.groupby("arm")))
        one_row_each = parts[self.reference]["group"].is_unique
        if self.scoring != "roc_auc" or not one_row_each:
            return frame.reset_index(drop=True)
        scores = {arm: part["score"].to_numpy() for arm, part in parts.items()}
        y = (parts[self.reference]["y"] == self.positive).to_numpy().astype(int)
        rows = []
        for arm in frame["arm"]:
            row = delong_interval(y, scores[arm], confidence=confidence)
            test = delong_test(y, scores[arm], scores[self.reference])
            is_other = arm != self.reference
            found = (test.difference, test.pvalue) if is_other else (np.nan, np.nan)
            rows.append((row.low, row.high, *found))
        named = ["ci_low", "ci_high", "difference", "p"]
        compared = import_extra("pandas").DataFrame(rows, columns=named)
        frame = frame.reset_index(drop=True).join(compared)
        others = frame["p"].notna()
        frame["p_holm"] = np.nan
        frame.loc[others, "p_holm"] = holm(frame.loc[others, "p"].to_numpy())
        return frame

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write results.csv, predictions.csv, summary.csv and timings.csv.

        Each file is written whole, under another name, before it takes its place. Only
        timings.csv differs between two runs of the same study.

        Parameters
        ----------
        folder : str or Path
            Where to; made if it does not exist.

        Returns
        -------
        list of Path
            The files written; those of the external cohort among them, if there is one, and
            those of what was explained.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        frames = {
            "results.csv": self.scores,
            "predictions.csv": self.predictions,
            "summary.csv": self.summary(),
            "timings.csv": self.timings,
        }
        if not self.external_scores.empty:
            frames["external.csv"] = self.external()
            frames["external_predictions.csv"] = self.external_predictions
        told = {f"{name}.csv": getattr(self, name) for name in FRAMES}
        frames |= {name: frame for name, frame in told.items() if not frame.empty}
        for name, frame in frames.items():
            with written_whole(folder / name) as unfinished:
                frame.to_csv(unfinished, index=False)
        return [folder / name for name in frames]

    def table(self) -> "DataFrame":
        """Return the first table of the report, in texts.

        Returns
        -------
        DataFrame
            One row for each arm: mean and difference with their intervals, p-values, Brier
            score, sensitivity and specificity at the thresholds of the folds, and the
            price: configurations tried, networks trained, seconds. Columns that no arm has
            anything in are left out.

        See Also
        --------
        summary : The numbers.
        """
        return headline_table(Record(self))

    def plot(self, *, confidence: float = 0.95) -> "Figure":
        """Draw the score of each arm, and its paired difference to the reference.

        Parameters
        ----------
        confidence : float, default=0.95
            Coverage of the intervals.

        Returns
        -------
        matplotlib.figure.Figure
            The figure, free of pyplot's state; `savefig` writes it.
        """
        from skvae.report.comparison import comparison_figure

        return comparison_figure(self, confidence=confidence)

    def report(
        self,
        folder: str | Path,
        *,
        sections: Sequence[str] | None = None,
        inputs: Any = None,
        further: "Mapping[str, DataFrame] | None" = None,
        provenance: Mapping[str, Any] | None = None,
        command: str = "",
    ) -> list[Path]:
        """Write a page for readers, its figures and tables, and lists for reviewers.

        `report.html` is one file, which loads nothing and runs nothing. Beside it are the
        figures as SVG and as PNG of 300 dpi, the csv files, `methods.md`, `provenance.json`
        and the lists CLEAR, METRICS and TRIPOD+AI, filled in with what the report has. The
        same result has the same bytes.

        Parameters
        ----------
        folder : str or Path
            Where to; made if it does not exist.
        sections : sequence of str, default=None
            Keys of the sections that are made, such as `"calibration"`; the others say that
            they were not run. None for all.
        inputs : DataFrame, default=None
            Columns that may confound, such as volume, age and site, by the names of the
            rows; scores are correlated with them.
        further : mapping of str to DataFrame, default=None
            What takes more fits than the study: of `layer_map`, `learning_curve`,
            `permutation_null` and `stability` what the functions of these names return.
        provenance : mapping of str to object, default=None
            What is known of the run, such as its date.
        command : str, default=""
            How the study is run again.

        Returns
        -------
        list of Path
            The files, the page first.
        """
        from skvae.study.reporting import report

        return report(
            self,
            folder,
            sections=sections,
            inputs=inputs,
            further=further,
            provenance=provenance,
            command=command,
        )

    def __repr__(self) -> str:
        frame = self.summary()
        width = frame["arm"].str.len().max()
        outside = self._external_words()
        lines = [
            f"{row.arm:<{width}}  {row.mean:.3f} {bounds(row.ci_low, row.ci_high)}"
            + (
                ""
                if np.isnan(row.p_holm)
                else f"  {row.difference:+.3f}, p = {row.p_holm:.3f}"
            )
            + outside.get(row.arm, "")
            for row in frame.itertuples(name="Row")
        ]
        n_splits = len(self.fold_scores(self.reference))
        title = (
            f"{type(self).__name__}({self.scoring}, {len(frame)} arms x {n_splits} folds, "
            f"{self.n_samples} samples of {self.n_groups} groups, reference "
            f"{self.reference!r})"
        )
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} more in summary()"]
        return "\n  ".join([title, *lines])

    def _external_words(self) -> dict[str, str]:
        """Return what each arm's line says of the external cohort."""
        if self.external_scores.empty:
            return {}
        found = {}
        for row in self.external().itertuples(name="Row"):
            interval = (
                f" {bounds(row.ci_low, row.ci_high)}" if hasattr(row, "ci_low") else ""
            )
            found[row.arm] = f"  external {row.score:.3f}{interval}"
        return found

    def _arm_summary(self, arm: str, confidence: float, rope: float) -> dict[str, Any]:
        rows = self.scores[self.scores["arm"] == arm]
        sizes = (
            float(rows["n_train_groups"].mean()),
            float(rows["n_test_groups"].mean()),
        )
        scores = self.fold_scores(arm)
        interval = score_interval(rows, self.scoring, confidence)
        summary = {
            "arm": arm,
            "mean": interval.mean,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "difference": np.nan,
            "difference_ci_low": np.nan,
            "difference_ci_high": np.nan,
            "p": np.nan,
            "worse": np.nan,
            "equal": np.nan,
            "better": np.nan,
            "n_configurations": int(rows["n_configurations"].iloc[0]),
        }
        if arm != self.reference:
            paired = _known(scores - self.fold_scores(self.reference))
            if len(paired) < _LEAST_FOLDS:
                return summary
            difference = corrected_interval(paired, *sizes, confidence=confidence)
            summary |= {
                "difference": difference.mean,
                "difference_ci_low": difference.low,
                "difference_ci_high": difference.high,
                "p": corrected_ttest(paired, *sizes).pvalue,
                **bayesian_correlated_ttest(paired, *sizes, rope=rope)._asdict(),
            }
        return summary


def _known(scores: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return the scores of the folds in which there is one."""
    return scores[np.isfinite(scores)]


def score_interval(rows: "DataFrame", scoring: str, confidence: float) -> Interval:
    """Return the mean of an arm's scores with its interval, patients counted.

    Parameters
    ----------
    rows : DataFrame
        Rows of the scores of one arm.
    scoring : str
        Name of the score, which decides the scale of the interval.
    confidence : float
        Coverage.

    Returns
    -------
    Interval
        Mean and bounds.
    """
    sizes = rows[["n_train_groups", "n_test_groups"]].mean()
    scores = _known(rows["score"].to_numpy(dtype=float))
    if len(scores) < _LEAST_FOLDS:
        return Interval(float(scores[0]) if len(scores) else np.nan, np.nan, np.nan)
    return corrected_interval(
        scores,
        *sizes.astype(float),
        confidence=confidence,
        scale="logit" if is_share(scoring) else "raw",
    )
