import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score

from skvae import MaskStratifiedKFold


def squares(rows):
    """Return masks of 8 x 8 pixels of which so many rows are foreground."""
    masks = np.zeros((len(rows), 8, 8), dtype=int)
    for mask, n in zip(masks, rows, strict=True):
        mask[:n] = 1
    return masks


def parts(cv, y, groups=None):
    return [test for _, test in cv.split(np.empty(len(y)), y, groups)]


@given(data=st.data(), n_splits=st.integers(2, 5), shuffle=st.booleans())
def test_folds_are_parts_of_equal_numbers_that_keep_patients_together(
    data, n_splits, shuffle
):
    n = data.draw(st.integers(n_splits, 30))
    y = data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    extra = st.lists(st.integers(0, n_splits + 3), min_size=n - n_splits, max_size=n)
    groups = np.array([*range(n_splits), *data.draw(extra)])[:n]
    cv = MaskStratifiedKFold(n_splits, shuffle=shuffle, random_state=0 if shuffle else None)
    for grouped in (groups, None):
        splits = list(cv.split(y, squares(y), grouped))
        assert len(splits) == cv.get_n_splits() == n_splits
        tested = np.concatenate([test for _, test in splits])
        np.testing.assert_array_equal(np.sort(tested), np.arange(n))
        unit = np.arange(n) if grouped is None else grouped
        sizes = [len(np.unique(unit[test])) for _, test in splits]
        assert max(sizes) - min(sizes) <= 1
        for train, test in splits:
            assert not np.isin(unit[train], unit[test]).any()
            np.testing.assert_array_equal(np.sort([*train, *test]), np.arange(n))


@settings(max_examples=20, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 9), min_size=8, max_size=30),
    names=st.permutations([f"P{i}" for i in range(10)]),
    shuffle=st.booleans(),
)
def test_what_patients_are_called_does_not_change_the_folds(numbers, names, shuffle):
    numbers = [0, 1, *numbers]
    y = squares(np.arange(len(numbers)) % 3)
    cv = MaskStratifiedKFold(2, shuffle=shuffle, random_state=0 if shuffle else None)
    called = np.array([names[i] for i in numbers])
    for test, expected in zip(
        parts(cv, y, called), parts(cv, y, np.array(numbers)), strict=True
    ):
        np.testing.assert_array_equal(test, expected)


@given(
    rare=st.integers(1, 6), empty=st.integers(0, 6), seed=st.integers(0, 99), n=st.just(25)
)
def test_the_rarest_label_and_empty_masks_are_spread(rare, empty, seed, n):
    rng = np.random.default_rng(seed)
    y = squares(rng.integers(1, 7, size=n))
    order = rng.permutation(n)
    y[order[:rare], 7] = 2
    y[order[rare : rare + empty]] = 0
    tests = parts(MaskStratifiedKFold(5), y)
    n_rare = [(y[test] == 2).any(axis=(1, 2)).sum() for test in tests]
    assert max(n_rare) - min(n_rare) <= 1
    # Empty masks come last in the order, and may begin within one stratum.
    n_empty = [(y[test] == 0).all(axis=(1, 2)).sum() for test in tests]
    assert max(n_empty) - min(n_empty) <= 2


def test_folds_have_like_foreground_where_plain_ones_do_not():
    y = squares(np.sort(np.random.default_rng(0).integers(0, 9, size=40)))

    def spread(cv):
        return np.ptp([y[test].mean() for test in parts(cv, y)])

    assert spread(KFold(5)) > 0.7
    assert spread(KFold(5, shuffle=True, random_state=0)) > 0.1
    assert spread(MaskStratifiedKFold(5)) < 0.05
    assert spread(MaskStratifiedKFold(5, shuffle=True, random_state=0)) < 0.05


def test_shuffling_is_reproducible_and_differs_between_states():
    y = squares(np.random.default_rng(0).integers(0, 9, size=23))

    def folds(state):
        cv = MaskStratifiedKFold(4, shuffle=True, random_state=state)
        return [test.tolist() for test in parts(cv, y)]

    assert folds(0) == folds(0) != folds(1)


def test_every_layout_gives_the_same_folds():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, size=(13, 2, 6, 5)) * (rng.random((13, 2, 1, 1)) < 0.6)
    fields = [("lung", "u1"), ("lesion", "u1")]
    pixels = np.empty((13, 6, 5), dtype=fields)
    records = np.empty(13, dtype=[(name, kind, (6, 5)) for name, kind in fields])
    for k, (name, _) in enumerate(fields):
        pixels[name] = records[name] = masks[:, k]
    classes = masks[:, 0] + 2 * masks[:, 1]
    for layouts in (
        (classes, classes.reshape(13, -1), list(classes), classes[:, None].astype(float)),
        (pixels, records, list(pixels)),
    ):
        expected, *others = (parts(MaskStratifiedKFold(3), y) for y in layouts)
        for tests in others:
            for a, b in zip(tests, expected, strict=True):
                np.testing.assert_array_equal(a, b)


def test_unequal_sizes_and_pixels_that_do_not_count():
    rows = [1, 1, 2, 2, 3, 3, 4, 4]
    y = [np.pad(mask, (0, i), constant_values=-1) for i, mask in enumerate(squares(rows))]
    for test in parts(MaskStratifiedKFold(2), y):
        assert sorted(np.array(rows)[test]) == [1, 2, 3, 4]
    y[0][:] = -1
    assert len(parts(MaskStratifiedKFold(2), y)) == 2
    # Another label that does not count may be a class by itself.
    counted = parts(MaskStratifiedKFold(2, ignore_label=None), y)
    assert len(np.concatenate(counted)) == 8


def test_labels_of_a_patient_count_once():
    # Four patients of three slices; label 2 is on a single slice of two of them.
    y = squares([4] * 12)
    y[[0, 4], 7] = 2
    groups = np.repeat(list("abcd"), 3)
    for test in parts(MaskStratifiedKFold(2), y, groups):
        assert (y[test] == 2).any()
        assert len(set(groups[test])) == 2


def test_scikit_learn_takes_the_splitter_and_routes_groups():
    y = squares(range(8)).reshape(8, -1)
    X, groups = np.arange(8.0)[:, None], np.repeat(range(4), 2)
    cv = MaskStratifiedKFold(2)
    scores = cross_val_score(DummyRegressor(), X, y, cv=cv, groups=groups)
    search = GridSearchCV(DummyRegressor(), {"strategy": ["mean", "median"]}, cv=cv)
    assert search.fit(X, y, groups=groups).n_splits_ == 2
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(DummyRegressor(), X, y, cv=cv, params={"groups": groups})
        np.testing.assert_array_equal(routed, scores)


def test_what_cannot_be_split_is_named():
    y = squares([1, 2, 3])
    with pytest.raises(ValueError, match="n_splits=4, but there are only 3 images"):
        parts(MaskStratifiedKFold(4), y)
    with pytest.raises(ValueError, match="n_splits=3, but there are only 2 groups"):
        parts(MaskStratifiedKFold(3), y, [0, 0, 1])
    with pytest.raises(ValueError, match="Got y=None"):
        next(MaskStratifiedKFold(2).split(y, None))
    with pytest.raises(ValueError, match="n_splits=1"):
        MaskStratifiedKFold(1).get_n_splits()
    with pytest.raises(ValueError, match="shuffle is False"):
        parts(MaskStratifiedKFold(2, random_state=0), y)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        parts(MaskStratifiedKFold(2), y, [0, 1])


def test_slices_of_patients(real_data):
    with np.load(real_data / "sunnybrook/sunnybrook_128.npz") as data:
        y, patients = data["masks"].reshape(805, -1), data["patient"]

    def spread(splitter, state):
        cv = splitter(5, shuffle=True, random_state=state)
        tests = parts(cv, y, patients)
        assert {len(np.unique(patients[test])) for test in tests} == {9}
        return np.ptp([y[test].mean() for test in tests]) / y.mean()

    spreads = [[spread(k, s) for s in range(4)] for k in (MaskStratifiedKFold, GroupKFold)]
    assert np.mean(spreads[0]) < 0.2 < 0.3 < np.mean(spreads[1])
