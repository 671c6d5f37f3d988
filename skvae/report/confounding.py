"""Whether the scores of a study are volume, age or site in another coat."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.report.number_format import amount, bounds, p_value
from skvae.report.record import Record
from skvae.statistics.correlation import attribute_correlation

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "compared_frames",
    "confounding_table",
    "correlations",
    "largest",
    "mean_scores",
]

_MOST_COLUMNS = 20
_FEWEST_ROWS = 5


def mean_scores(record: Record) -> "DataFrame":
    """Return the out-of-fold scores of each sample, the mean over the repeats."""
    frame = record.result.predictions
    column = "prediction" if record.result.kind == "number" else "score"
    if column not in frame:
        return import_extra("pandas").DataFrame()
    means = frame.groupby(["sample", "arm"], sort=False)[column].mean().unstack("arm")
    known = [arm for arm in record.result.arms if arm in means and means[arm].notna().all()]
    return means[known]


def correlations(record: Record) -> "DataFrame | None":
    """Correlate the scores of each arm with the columns that may confound.

    Rank correlations; of three or more classes without order the correlation ratio of
    ranks. Where patients have several rows, the patients' means.
    """
    compared = compared_frames(record)
    if compared is None:
        return None
    varying, covariates, groups = compared
    return attribute_correlation(
        varying, covariates, groups=groups, method="auto", correction="holm"
    ).table()


def confounding_table(found: "DataFrame") -> "DataFrame":
    """Lay correlations out in texts, a row for each arm and column."""
    return (
        import_extra("pandas")
        .DataFrame(
            {
                "arm": found["unit"],
                "column": found["attribute"],
                "n": found["n"],
                "correlation [95 % CI]": list(map(_in_text, found.to_dict("records"))),
                "p": [p_value(p) for p in found["p"]],
                "Holm p": [p_value(p) for p in found["p_corrected"]],
            }
        )
        .reset_index(drop=True)
    )


def _in_text(row: Any) -> str:
    value, low, high = row["statistic"], row["low"], row["high"]
    interval = "" if np.isnan(low) else f" {bounds(low, high, 2, sign='+')}"
    return f"{value:+.2f}{interval}"


def compared_frames(record: Record) -> "tuple[DataFrame, DataFrame, Any] | None":
    """Return the scores and the columns that are compared, and the patients of both."""
    scores = mean_scores(record)
    if record.covariates is None or scores.empty:
        return None
    groups = _patients(record, scores.index)
    covariates = record.covariates.reindex(scores.index)
    covariates = covariates[_usable(covariates, groups)]
    varying = scores[[arm for arm in scores if scores[arm].nunique() > 1]]
    return None if covariates.empty or varying.empty else (varying, covariates, groups)


def _usable(covariates: Any, groups: Any) -> list[Any]:
    """Return columns of numbers, or of few classes that are the patient's, which vary."""
    is_number = import_extra("pandas").api.types.is_numeric_dtype

    def usable(column: Any) -> bool:
        values = column.dropna()
        n_values = values.nunique()
        if len(values) < _FEWEST_ROWS or n_values < 2:
            return False
        if is_number(column):
            return True
        of_patient = groups is None or (column.groupby(groups).nunique() <= 1).all()
        return bool(of_patient and n_values <= max(2, len(values) // _FEWEST_ROWS))

    return [c for c in covariates if usable(covariates[c])][:_MOST_COLUMNS]


def _patients(record: Record, samples: Any) -> Any:
    """Return the patient of each sample, or None where each is its own."""
    frame = record.result.predictions
    groups = frame.drop_duplicates("sample").set_index("sample")["group"].reindex(samples)
    return None if groups.is_unique else groups.to_numpy()


def largest(found: "DataFrame", alpha: float = 0.05) -> str:
    """Say which correlation is the surest: sizes of rho and of eta cannot be compared.

    Parameters
    ----------
    found : DataFrame
        As of `correlations`.
    alpha : float, default=0.05
        Level of the tests after Holm's correction.

    Returns
    -------
    str
        A sentence, which names the rule.
    """
    sizes = found.assign(size=-found["statistic"].abs())
    row = sizes.sort_values(["p_corrected", "p", "size"], kind="stable").iloc[0]
    said = (
        f"{row['unit']} with {row['attribute']}, {_in_text(row)} (Holm p "
        f"{p_value(row['p_corrected'])}, n = {amount(row['n'], 0)})"
    )
    if row["p_corrected"] < alpha:
        return f"The surest correlation, that of the smallest Holm-corrected p: {said}."
    return (
        f"No correlation has a Holm-corrected p below {alpha:g}, which is no proof of "
        f"independence; that of the smallest: {said}."
    )
