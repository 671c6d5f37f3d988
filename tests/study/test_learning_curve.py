import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skvae.study import learning_curve, nested_cv, permutation_null
from skvae.study.cohort import Cohort
from skvae.study.folds import draw_folds
from skvae.study.learning_curve import _part
from skvae.study.permutation_null import _shuffled


def test_more_patients_teach_more(cohort):
    X, y, groups = cohort
    X = X.copy()
    X[:, 0] -= 1.2 * y  # a weaker signal, which few patients do not show
    arms = {"plain": (LogisticRegression(), {"C": [0.1, 1.0]})}
    curve = learning_curve(arms, X, y, groups=groups, shares=(0.2, 1.0), outer=(3, 4))
    assert curve["mean"].iloc[1] > curve["mean"].iloc[0]
    assert curve["n_train_groups"].iloc[0] == pytest.approx(0.2 * 50 * 2 / 3, abs=1.5)
    assert (curve["ci_low"] < curve["mean"]).all()
    whole = nested_cv(arms, X, y, groups=groups, outer=(3, 4), reference="plain")
    sizes = whole.scores[["n_train", "n_train_groups"]].mean()
    assert list(curve[["n_train", "n_train_groups"]].iloc[1]) == list(sizes)


def test_patients_are_scored_where_their_rows_are_aggregated(cohort):
    X, y, groups = cohort
    arms = {"plain": LogisticRegression()}
    how = {"groups": groups, "outer": (3, 1), "aggregate": "mean"}
    curve = learning_curve(arms, X, y, shares=(1.0,), **how)
    whole = nested_cv(arms, X, y, reference="plain", **how)
    rows = nested_cv(arms, X, y, reference="plain", **how | {"aggregate": None})
    assert curve["mean"][0] == pytest.approx(whole.scores["score"].mean())
    assert curve["mean"][0] != pytest.approx(rows.scores["score"].mean())


def test_parts_are_of_whole_patients_and_contain_one_another(cohort):
    checked = Cohort.checked(*cohort, None)
    for fold in draw_folds(checked, (3, 1), 2, 0):
        small, large = (_part(fold, checked, share, 2, 0) for share in (0.3, 0.7))
        assert set(small.train) < set(large.train) < set(fold.train)
        assert np.array_equal(small.test, fold.test)
        for part in (small, large):
            patients = set(checked.groups[part.train])
            rows = np.isin(checked.groups[fold.train], list(patients))
            assert np.array_equal(part.train, fold.train[rows])
            for train, test in part.inner:
                inside = checked.groups[part.train]
                assert not set(inside[train]) & set(inside[test])


def test_a_signal_is_beyond_the_null_and_noise_is_not(cohort):
    X, y, groups = cohort
    arms = {"signal": LogisticRegression()}
    options = {"groups": groups, "n_permutations": 9, "outer": (3, 1), "inner": 2}
    found = permutation_null(arms, X, y, **options).iloc[0]
    assert found["p"] == pytest.approx(0.1)
    assert abs(found["null_mean"] - 0.5) < 0.1
    noise = permutation_null(arms, X[:, 1:], y, **options).iloc[0]
    assert noise["p"] > 0.1


def test_outcomes_are_shuffled_between_patients():
    rng = np.random.RandomState(0)
    groups = np.repeat(np.arange(30), np.arange(30) % 3 + 1)
    y = (groups % 2).astype(int)
    shuffled = _shuffled(y, groups, rng)
    assert all(np.ptp(shuffled[groups == g]) == 0 for g in range(30))
    assert shuffled[np.unique(groups, return_index=True)[1]].sum() == 15
    assert not np.array_equal(shuffled, y)
    # Nodules of a patient that differ: each patient keeps the number of rows.
    mixed = rng.randint(2, size=len(y))
    again = _shuffled(mixed, groups, rng)
    rows = {
        size: [g for g in range(30) if (groups == g).sum() == size] for size in (1, 2, 3)
    }
    for of_size in rows.values():
        before, after = (
            sorted(tuple(values[groups == g]) for g in of_size) for values in (mixed, again)
        )
        assert before == after


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda *a, **o: learning_curve(*a, shares=(0.5, 1.5), **o), "Got shares=1.5"),
        (lambda *a, **o: permutation_null(*a, n_permutations=0, **o), "n_permutations=0"),
    ],
)
def test_bad_arguments(cohort, call, message):
    X, y, groups = cohort
    with pytest.raises(ValueError, match=message):
        call({"plain": LogisticRegression()}, X, y, groups=groups)
    with pytest.raises(TypeError, match="Got folder in permutation_null"):
        permutation_null({"plain": LogisticRegression()}, X, y, folder="x")


class Undefined(LogisticRegression):
    """Warn of other numbers in each fit."""

    def fit(self, X, y):
        warnings.warn(f"scores [nan {X.mean()}] in {len(X)} rows", stacklevel=1)
        return super().fit(X, y)


def test_what_is_undefined_in_many_fits_is_one_warning(cohort):
    X, y, groups = cohort
    arms = {"one": Undefined(), "other": Undefined()}
    options = {"groups": groups, "outer": (2, 1), "inner": 2}
    with pytest.warns(UserWarning, match=r"scores \[nan") as caught:
        learning_curve(arms, X, y, shares=(0.5, 1.0), **options)
    (warned,) = caught
    said = str(warned.message)
    assert said.endswith("(arm 'one', 4 of 4 outer folds; arm 'other', 4 of 4 outer folds)")
    with pytest.warns(UserWarning, match="scores") as caught:
        permutation_null(arms, X, y, n_permutations=3, **options)
    assert len(caught) == 1
