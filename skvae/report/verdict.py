"""What a study found, in one sentence."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.report.score_names import is_share

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["verdict"]

_CHANCE = 0.5


def verdict(result: Any, alpha: float = 0.05) -> str:
    """Say in one sentence what the comparison shows, and no more.

    Parameters
    ----------
    result : NestedCVResult
        What was found.
    alpha : float, default=0.05
        Level of the tests after Holm's correction.

    Returns
    -------
    str
        The sentence.
    """
    summary = result.summary().set_index("arm", drop=False)
    others = summary.query("arm != @result.reference")
    if others.empty:
        return f"There is no arm to compare with {result.reference}."
    significant = others[others["p_holm"] < alpha]
    # Where neither arm is above chance, the corrected test says "better" twice too often
    # (benchmarks/study_errors.py): the better of the two must be better than nothing.
    winners = significant["arm"].where(significant["difference"] > 0, result.reference)
    above = _above_chance(summary.loc[winners], result).to_numpy()
    found, unsure = significant[above], significant[~above]
    doubt = "".join(
        f" {row.arm} differs from {result.reference} (p {_p(row.p_holm)}), but neither is "
        "surely above chance: no finding."
        for row in unsure.itertuples(name="Row")
    )
    if found.empty:
        first = "No arm both is surely better than chance and" if len(unsure) else "No arm"
        return (
            f"{first} differs from {result.reference} beyond chance (Holm-corrected p "
            f">= {alpha:g}); that is no proof of equality: "
            f"{_remaining(others, result)}.{doubt}"
        )
    parts = [
        f"{row.arm} is {'better' if row.difference > 0 else 'worse'} than "
        f"{result.reference} by {abs(row.difference):.3f} (p {_p(row.p_holm)})"
        for row in found.itertuples(name="Row")
    ]
    rest = (
        ""
        if len(significant) == len(others)
        else "; of the others no difference is shown, which is no proof of equality"
    )
    return f"At Holm-corrected p < {alpha:g}, {', and '.join(parts)}{rest}.{doubt}"


def _remaining(others: "DataFrame", result: Any) -> str:
    """Say how large a difference the intervals leave possible."""
    bounds = np.abs(others[["difference_ci_low", "difference_ci_high"]].to_numpy())
    if not np.isfinite(bounds).any():
        return "no interval can be given"
    largest = np.nanmax(bounds)
    if largest >= 1 and is_share(result.scoring):
        return "the intervals exclude no difference at all"
    return f"differences of up to {largest:.3f} remain within the intervals"


def _above_chance(rows: "DataFrame", result: Any) -> "Series":
    """Say whether the interval of each arm lies above what guessing scores."""
    if result.scoring.startswith("roc_auc") or result.scoring == "concordance":
        return rows["ci_low"] > _CHANCE
    if result.scoring == "r2":
        return rows["ci_low"] > 0
    return rows["mean"].notna()


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"= {p:.3f}"
