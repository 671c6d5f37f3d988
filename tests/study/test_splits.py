import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skvae.study import RepeatedStratifiedGroupKFold


def cohort(n_patients, seed, sizes=(1, 6)):
    rng = np.random.default_rng(seed)
    n_rows = rng.integers(*sizes, size=n_patients)
    groups = np.repeat(rng.permutation(n_patients), n_rows)
    y = np.repeat(np.arange(n_patients) % 2, n_rows)
    order = rng.permutation(len(y))
    return y[order], groups[order]


@given(st.integers(10, 40), st.integers(2, 5), st.integers(1, 3), st.integers(0, 10**6))
def test_each_repeat_tests_each_row_once_and_never_splits_a_patient(
    n_patients, n_splits, n_repeats, seed
):
    y, groups = cohort(n_patients, seed)
    cv = RepeatedStratifiedGroupKFold(n_splits, n_repeats, seed)
    splits = list(cv.split(y, y, groups))
    assert len(splits) == cv.get_n_splits() == n_splits * n_repeats
    for i in range(n_repeats):
        tested = np.concatenate([t for _, t in splits[i * n_splits : (i + 1) * n_splits]])
        assert sorted(tested) == list(range(len(y)))
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == len(y)


def test_folds_keep_the_share_of_each_class():
    y, groups = cohort(200, seed=0)
    for _, test in RepeatedStratifiedGroupKFold(5, 4, 0).split(y, y, groups):
        assert abs(y[test].mean() - y.mean()) < 0.03
        assert abs(len(test) / len(y) - 0.2) < 0.03


def test_repeats_differ_even_where_all_patients_differ_in_size():
    sizes = np.arange(5, 45)
    groups, y = np.repeat(np.arange(40), sizes), np.repeat(np.arange(40) % 2, sizes)
    cv = RepeatedStratifiedGroupKFold(5, 6, 0)
    assert len({tuple(test) for _, test in cv.split(y, y, groups)}) == 30


@settings(max_examples=20, deadline=None)
@given(st.integers(10, 40), st.integers(0, 10**6), st.sampled_from([-1, "P{}", None]))
def test_what_patients_are_called_does_not_change_the_folds(n_patients, seed, name):
    y, groups = cohort(n_patients, seed)
    if name is None:
        called = [(i, str(i))[i % 2] for i in groups.tolist()]
        called = np.array(called, dtype=object)
    elif name == -1:
        called = -groups
    else:
        called = np.array([name.format(i * 7 % 41) for i in groups])
    cv = RepeatedStratifiedGroupKFold(3, 2, seed)
    for (_, test), (_, expected) in zip(
        cv.split(y, y, called), cv.split(y, y, groups), strict=True
    ):
        np.testing.assert_array_equal(test, expected)


def test_random_state_decides():
    y, groups = cohort(30, seed=0)

    def tests(random_state):
        cv = RepeatedStratifiedGroupKFold(3, 2, random_state)
        return [tuple(test) for _, test in cv.split(y, y, groups)]

    assert tests(0) == tests(0)
    assert tests(0) != tests(1)
    assert tests(None) != tests(None)


def test_without_groups_each_row_is_its_own():
    y = np.array([0, 1] * 15)
    for _, test in RepeatedStratifiedGroupKFold(5, 3, 0).split(y, y):
        assert y[test].sum() == len(test) - y[test].sum() == 3


def test_groups_reach_it_through_a_grid_under_routing():
    y, groups = cohort(30, seed=0)
    seen = []

    class Spy(RepeatedStratifiedGroupKFold):
        def split(self, X, y, groups=None):
            seen.append(groups)
            return super().split(X, y, groups)

    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=Spy(3, 1, 0))
    with sklearn.config_context(enable_metadata_routing=True):
        search.fit(y[:, None] * 1.0, y, groups=groups)
    assert np.array_equal(seen[0], groups)


@pytest.mark.parametrize("bad", [{"n_splits": 1}, {"n_splits": 2.5}, {"n_repeats": 0}])
def test_bad_counts_are_named(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=rf"Got {name}="):
        next(RepeatedStratifiedGroupKFold(**bad).split([0, 1], [0, 1]))


def test_too_few_groups():
    with pytest.raises(ValueError, match="only 2 groups"):
        next(RepeatedStratifiedGroupKFold(3).split([0] * 4, [0, 1, 0, 1], [1, 1, 2, 2]))
    with pytest.warns(UserWarning, match="class 1 is in only 1 groups"):
        next(RepeatedStratifiedGroupKFold(2).split([0] * 4, [0, 1, 0, 0], [1, 1, 2, 3]))


def test_repr_names_its_parameters():
    cv = RepeatedStratifiedGroupKFold(3, 2, random_state=1)
    assert (
        repr(cv) == "RepeatedStratifiedGroupKFold(n_repeats=2, n_splits=3, random_state=1)"
    )
