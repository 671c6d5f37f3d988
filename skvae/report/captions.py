"""What is said below a figure: no more than is so of this study."""

from skvae.report.canvas import averaged
from skvae.report.record import Record

__all__ = [
    "attributes",
    "comparison",
    "confusion",
    "external",
    "precision_recall",
    "reconstruction",
    "roc",
    "traversal",
]


def comparison(record: Record, arm: str | None = None) -> str:
    """Say what the first figure shows: of one arm there are no differences."""
    known = record.result.summary()["ci_low"].notna()
    scores = "the score on each outer fold (dots) and the mean"
    how = "Intervals: 95 %, Nadeau-Bengio."
    if not known.all():
        how += " There is none where all folds have the same score, or only one has any."
    if len(record.result.arms) == 1:
        return f"{scores.capitalize()}. {how}"
    return f"Left: {scores}. Right: paired differences to {record.result.reference}. {how}"


def roc(record: Record, arm: str | None = None) -> str:
    """Say what ROC curves are of."""
    return (
        f"ROC curves of the out-of-fold scores{averaged(record.result)}. Bands: 95 %, "
        "bootstrap of patients."
    )


def precision_recall(record: Record, arm: str | None = None) -> str:
    """Say what precision-recall curves are of."""
    return (
        f"Precision-recall curves of the out-of-fold scores{averaged(record.result)}. "
        "Bands: 95 %, bootstrap of patients."
    )


def confusion(record: Record, arm: str | None = None) -> str:
    """Say how rows are called."""
    how = (
        "the class that was predicted"
        if not record.has_thresholds
        else "the threshold of each fold, where an arm has one"
    )
    return f"Calls by {how}, and what was observed."


def attributes(record: Record, arm: str | None = None) -> str:
    """Say whether volume is held constant, which has to be known for it."""
    rows = record.frame("attributes")
    controls = () if rows is None else rows.loc[rows["arm"] == arm, "controlled_for"]
    more = ", alone and with volume held constant" if any(controls) else ""
    return (
        f"{arm}: rank correlation of units with attributes on held-out rows of the first "
        f"fold{more}."
    )


def external(record: Record, arm: str | None = None) -> str:
    """Say which scores have intervals."""
    inside = "Cross-validated scores with 95 % intervals (Nadeau-Bengio)"
    if "ci_low" in record.result.external():
        return f"{inside}, and external scores with theirs (DeLong)."
    return (
        f"{inside}, and external scores, which have none: DeLong's is of an AUC of one row "
        "a patient."
    )


def reconstruction(record: Record, arm: str) -> str:
    """Say what of the held-out rows is drawn: images, or shares of their columns."""
    if _kind(record, arm) == "table":
        return (
            f"{arm}: how much of the variance of columns the reconstructions of held-out "
            "rows of the first fold keep."
        )
    return f"{arm}: held-out rows of the first fold and what the network makes of them."


def traversal(record: Record, arm: str) -> str:
    """Say what of the decoded codes is drawn: images, or the columns that move most."""
    if _kind(record, arm) == "table":
        return (
            f"{arm}: the columns that move most where the decoder is given other values of "
            "the most active units."
        )
    return f"{arm}: what the decoder makes of the most active units at other values."


def _kind(record: Record, arm: str) -> str:
    pictures = record.result.pictures.get(arm)
    return "" if pictures is None else str(pictures.kind)
