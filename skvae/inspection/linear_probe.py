"""A linear model that reads one target from the features of a layer."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss, make_scorer, r2_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RIDGES = np.logspace(-2, 5, 15)
INVERSE_STRENGTHS = np.logspace(-4, 0, 5)


class Probed(NamedTuple):
    """Scores on test rows by metric, and numbers of training and test rows."""

    scores: dict[str, float]
    sizes: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Target:
    """What is read: a column of numbers or of classes, and where it is known."""

    name: str
    values: np.ndarray
    known: np.ndarray
    is_class: bool

    def take(self, rows: np.ndarray) -> "Target":
        """Return some rows of it."""
        return replace(self, values=self.values[rows], known=self.known[rows])

    def probe(self, features: np.ndarray, n_train: int, groups: Any = None) -> Probed:
        """Fit a probe on the first rows, and score it on the others.

        Parameters
        ----------
        features : ndarray of shape (n_rows, n_features)
            Features of the training rows, then of the test rows.
        n_train : int
            Number of training rows.
        groups : ndarray of shape (n_rows,), default=None
            Patient of each row.

        Returns
        -------
        probed : Probed
            Scores of NaN where the target is constant in either part.
        """
        first = np.arange(len(features)) < n_train
        train, test = (
            np.flatnonzero(self.known & first),
            np.flatnonzero(self.known & ~first),
        )
        y_train, y_test = self.values[train], self.values[test]
        metrics = ("roc_auc",) if self.is_class else ("r2", "spearman")
        values = [np.nan] * len(metrics)
        if _differ(y_train) and _differ(y_test):
            inner = None if groups is None else groups[train]
            score = _classify if self.is_class else _regress
            features = features.astype(np.float64)
            values = score(features[train], y_train, features[test], y_test, inner)
        scores = dict(zip(metrics, map(float, values), strict=True))
        return Probed(scores, (len(train), len(test)))


def number_target(name: str, values: np.ndarray) -> Target:
    """Return numbers as a target; NaN where they are missing."""
    values = np.asarray(values, dtype=np.float64)
    return Target(name, values, np.isfinite(values), is_class=False)


def class_target(name: str, values: np.ndarray) -> Target:
    """Return classes as a target; NaN or None where they are missing."""
    known = np.array([v is not None and v == v for v in values.tolist()], dtype=bool)
    codes = np.full(len(values), -1)
    codes[known] = np.unique(values[known], return_inverse=True)[1]
    return Target(name, codes, known, is_class=True)


def _differ(values: np.ndarray) -> bool:
    return len(values) > 1 and bool((values != values[0]).any())


def _regress(
    Z: np.ndarray, y: np.ndarray, Z_test: np.ndarray, y_test: np.ndarray, groups: Any
) -> list[float]:
    """Return R2 and Spearman's correlation of a ridge regression."""
    folds = None
    if groups is not None:
        # The fast way, one row left out, would leave the patient's other rows in.
        n_splits = min(5, len(np.unique(groups)))
        folds = list(GroupKFold(n_splits).split(Z, y, groups))
    model = make_pipeline(StandardScaler(), RidgeCV(RIDGES, cv=folds)).fit(Z, y)
    predicted = model.predict(Z_test)
    order = 0.0
    if _differ(predicted):
        order = float(np.corrcoef(rankdata(predicted), rankdata(y_test))[0, 1])
    return [r2_score(y_test, predicted), order]


def _classify(
    Z: np.ndarray, y: np.ndarray, Z_test: np.ndarray, y_test: np.ndarray, groups: Any
) -> list[float]:
    """Return the area under the ROC curve of a logistic regression."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classes = np.unique(y)
    splits = _inner_splits(Z, y, groups)
    if splits:
        # Some parts may lack a class, which the plain name of the score does not know of.
        scoring = make_scorer(
            log_loss,
            response_method="predict_proba",
            greater_is_better=False,
            labels=classes,
        )
        model = GridSearchCV(
            model,
            {"logisticregression__C": INVERSE_STRENGTHS},
            cv=splits,
            scoring=scoring,
            error_score="raise",
        )
    model.fit(Z, y)
    both = np.isin(y_test, classes)
    if len(np.unique(y_test[both])) < len(classes):
        return [np.nan]
    shares = model.predict_proba(Z_test[both])
    shares = shares[:, 1] if len(classes) == 2 else shares
    return [roc_auc_score(y_test[both], shares, multi_class="ovr", labels=classes)]


def _inner_splits(
    Z: np.ndarray, y: np.ndarray, groups: Any
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return three folds of whole groups, of which each trains with all classes."""
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < 3 or (groups is not None and len(np.unique(groups)) < 3):
        return []
    inner = StratifiedKFold(3) if groups is None else StratifiedGroupKFold(3)
    splits = inner.split(Z, y, groups)
    return [part for part in splits if len(np.unique(y[part[0]])) == len(classes)]
