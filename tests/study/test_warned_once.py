"""What hundreds of fits warn of is said once."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression

from skvae.study import learning_curve, nested_cv, permutation_null


class Risk(BaseEstimator):
    """Predict the first column, whatever was fitted."""

    def __init__(self, depth=1):
        self.depth = depth

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X[:, 0]


class Talkative(ClassifierMixin, BaseEstimator):
    """Warn in each fit, with other numbers each time."""

    def fit(self, X, y):
        warnings.warn(f"{X.sum():.4f} is far from [0.1 2.]", stacklevel=1)
        self.model_ = LogisticRegression().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def predict(self, X):
        return self.model_.predict(X)


@pytest.fixture
def late_events():
    """Return a cohort in which the last five of 40 times alone are events."""
    rng = np.random.default_rng(0)
    y = np.zeros(40, dtype=[("died", bool), ("months", float)])
    y["months"] = rng.exponential(size=40)
    y["died"][np.argsort(-y["months"])[:5]] = True
    return rng.normal(size=(40, 2)), y


def caught(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        made = call()
    return made, [(w.category, str(w.message)) for w in found]


def test_an_undefined_score_is_one_warning(late_events):
    X, y = late_events
    arms = {"pca": Risk(), "other": Risk()}
    result, found = caught(lambda: nested_cv(arms, X, y, outer=(5, 2)))
    n = result.scores["score"].isna().sum()
    assert n > 0
    ((category, text),) = found
    assert category is UndefinedMetricWarning
    assert (
        f"'concordance' is undefined in {n} of 20 outer folds ({n // 2} of arm 'pca'"
        in text
    )


def test_means_are_of_the_folds_that_have_a_score(late_events):
    X, y = late_events
    y["died"][np.argsort(y["months"])[:2]] = True
    with pytest.warns(UndefinedMetricWarning, match="is undefined in"):
        result = nested_cv({"pca": Risk(), "other": Risk()}, X, y, outer=(5, 2))
    scores = result.fold_scores("pca")
    assert 2 <= np.isfinite(scores).sum() < 10
    assert result.summary()["mean"].iloc[0] == pytest.approx(np.nanmean(scores))
    assert result.summary()["difference"].iloc[1] == 0


def test_texts_that_differ_in_numbers_are_the_same(cohort):
    X, y, groups = cohort
    arms = {"pca": Talkative(), "other": Talkative()}
    _, found = caught(lambda: nested_cv(arms, X, y, groups=groups))
    ((_, text),) = found
    assert text.endswith("(arm 'pca', 5 of 5 outer folds; arm 'other', 5 of 5 outer folds)")


def test_curves_and_permutations_warn_once(cohort):
    X, y, groups = cohort
    arms = {"pca": Talkative()}
    call = lambda: learning_curve(arms, X, y, groups=groups, shares=(0.5, 1.0))  # noqa: E731
    assert [text.partition("(")[2] for _, text in caught(call)[1]] == [
        "arm 'pca', 10 of 10 outer folds)"
    ]
    call = lambda: permutation_null(arms, X, y, groups=groups, n_permutations=3)  # noqa: E731
    ((category, text),) = caught(call)[1]
    assert category is UserWarning
    assert text.endswith("(arm 'pca', 5 of 5 outer folds) (the first of 4 runs)")
