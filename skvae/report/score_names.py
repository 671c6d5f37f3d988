"""What a score is called, in all tables, figures and sentences of a study."""

__all__ = ["is_share", "score_name"]

# Between 0 and 1, so that an interval must stay there: on the scale of the logit.
_SHARES = (
    "roc_auc",
    "accuracy",
    "balanced_accuracy",
    "concordance",
    "average_precision",
    "f1",
    "precision",
    "recall",
    "jaccard",
)

_NAMES = {
    "roc_auc": "AUC",
    "roc_auc_ovr": "AUC (one against the rest)",
    "roc_auc_ovo": "AUC (one against one)",
    "roc_auc_ovr_weighted": "AUC (one against the rest, weighted)",
    "roc_auc_ovo_weighted": "AUC (one against one, weighted)",
    "r2": "R²",
    "concordance": "C index",
}


def score_name(scoring: str) -> str:
    """Return a score as readers call it.

    Parameters
    ----------
    scoring : str
        As scikit-learn calls it.

    Returns
    -------
    str
        Such as `AUC`.

    Examples
    --------
    >>> from skvae.report.score_names import score_name
    >>> score_name("roc_auc"), score_name("neg_log_loss")
    ('AUC', 'negative log loss')
    """
    if scoring.startswith("neg_"):
        return f"negative {scoring.removeprefix('neg_').replace('_', ' ')}"
    return _NAMES.get(scoring, scoring.replace("_", " "))


def is_share(scoring: str) -> bool:
    """Tell whether a score lies between 0 and 1.

    Parameters
    ----------
    scoring : str
        As scikit-learn calls it.

    Returns
    -------
    bool
        Whether it does.
    """
    return any(scoring == share or scoring.startswith(f"{share}_") for share in _SHARES)
