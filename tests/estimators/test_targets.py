import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from skvae.estimators.targets import (
    Classes,
    TargetScale,
    check_targets,
    class_probabilities,
    decision_values,
    encode_classes,
    labelled_score,
)

X = np.zeros((5, 2))


@pytest.mark.parametrize(
    ("y", "classes", "index"),
    [
        ([0, 1, 1, 1, 0], [0, 1], [0, 1, 1, 1, 0]),
        ([-1, 1, 1, -1, 1], [-1, 1], [0, 1, 1, 0, 1]),
        ([-1, 0, 1, 1, 0], [0, 1], [-1, 0, 1, 1, 0]),
        ([0.0, 1.0, np.nan, 1.0, 0.0], [0, 1], [0, 1, -1, 1, 0]),
        ([-1.0, 1.0, np.nan, 1.0, -1.0], [-1, 1], [0, 1, -1, 1, 0]),
        (["b", None, "a", "b", "a"], ["a", "b"], [1, -1, 0, 1, 0]),
        (
            np.array(["b", np.nan, "a", "b", "a"], dtype=object),
            ["a", "b"],
            [1, -1, 0, 1, 0],
        ),
        ([True, False, True, True, False], [False, True], [1, 0, 1, 1, 0]),
        ([3, -1, 7, 5, -1], [3, 5, 7], [0, -1, 2, 1, -1]),
    ],
)
def test_classes_and_what_is_missing(y, classes, index):
    y = np.array(y, dtype=object) if "a" in y else y
    found, codes = encode_classes(y, X, "Kind")
    np.testing.assert_array_equal(found, classes)
    np.testing.assert_array_equal(codes, index)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 1, 1, 1, 1], "the class 1 alone"),
        ([-1, -1, 1, 1, np.nan], None),
        ([np.nan] * 5, "no label at all"),
        ([0.1, 0.2, 0.3, 0.4, 0.5], "continuous"),
        ([0, 1], "inconsistent"),
    ],
)
def test_what_cannot_be_classified(y, message):
    if message is None:
        assert list(encode_classes(y, X, "Kind")[0]) == [-1, 1]
        return
    with pytest.raises(ValueError, match=message):
        encode_classes(y, X, "Kind")


def test_targets():
    targets = check_targets([1, None, 2.5, np.nan, 3], X, "Kind")
    np.testing.assert_array_equal(targets, np.float32([1, np.nan, 2.5, np.nan, 3]))
    with pytest.raises(ValueError, match="single target"):
        check_targets([np.nan] * 5, X, "Kind")
    with pytest.raises(ValueError, match="infinity"):
        check_targets([1, 2, np.inf, 3, 4], X, "Kind")


def test_class_weights_count_the_labelled_only():
    y, x = np.array(["a", "a", "a", "b", None, None], dtype=object), np.zeros((6, 1))

    def weights(class_weight):
        return Classes.learn(y, x, "Kind", class_weight)[0].weights

    assert weights(None) is None
    assert weights("balanced") == pytest.approx((4 / 6, 2.0))
    assert weights({"a": 2.0, "b": 5.0}) == (2.0, 5.0)


@pytest.mark.parametrize("offset", [0.0, 1e9, -4e12])
def test_targets_keep_their_digits_behind_a_large_offset(offset):
    """In float32, numbers near 1e9 are 64 apart."""
    y = np.array([1.0, 2.5, np.nan, 4.0, 7.0])
    scale, scaled = TargetScale.learn(y + offset, X, "Kind")
    expected = (y - np.nanmean(y)) / np.nanstd(y)
    np.testing.assert_allclose(scaled, expected, rtol=1e-3)
    np.testing.assert_allclose(scale.predict(scaled[:, None]) - offset, y, atol=1e-3)


def test_known_classes_need_not_all_be_there():
    known = np.array([0, 1, 2])
    classes, index = encode_classes([2, 0, -1], np.zeros((3, 1)), "A", known)
    np.testing.assert_array_equal(classes, known)
    np.testing.assert_array_equal(index, [2, 0, -1])
    with pytest.raises(ValueError, match="the class 3, but A knows the classes 0, 1, 2"):
        encode_classes([2, 3], np.zeros((2, 1)), "A", known)


def test_a_single_logit_is_that_of_the_second_class():
    logits = np.array([[-1.0], [0.0], [3.0]])
    found = class_probabilities(logits)
    np.testing.assert_allclose(found[:, 1], 1 / (1 + np.exp(-logits[:, 0])))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    two = np.hstack([np.zeros_like(logits), logits])
    np.testing.assert_allclose(class_probabilities(two), found)


@pytest.mark.parametrize(
    ("y", "doubtful"),
    [
        ([-1] * 10 + [1] * 10, False),  # a binary problem
        ([-1] * 18 + [1] * 2, True),
        ([-1] * 10 + [0] * 10, True),
        ([-1] * 10 + [2] * 10, True),
        ([-1] * 10 + [0] * 5 + [1] * 5, False),
        (["-1"] * 19 + ["1"], False),
    ],
)
def test_a_minus_one_that_may_be_no_class_is_warned_of(y, doubtful):
    x = np.zeros((20, 1))
    if doubtful:
        with pytest.warns(UserWarning, match=r"the classes -1 and \d, the latter in"):
            encode_classes(y, x, "Kind")
    else:
        encode_classes(y, x, "Kind")
    encode_classes(y, x, "Kind", np.unique(y))


def test_targets_whose_squares_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match=r"y with entries up to 1e\+300"):
        check_targets([1e300, 1.0, 2.0, np.nan, 3.0], X, "Kind")


@pytest.mark.parametrize(
    ("y", "classes", "score"),
    [
        ([0, 1, -1, 1, -1], [0, 1], 2 / 3),
        ([0, 1, np.nan, 1, np.nan], [0, 1], 2 / 3),
        (np.array([0, 1, None, 1, None], dtype=object), [0, 1], 2 / 3),
        ([-1, 1, -1, 1, -1], [-1, 1], 1 / 5),
        ([0, 1, 0, 1, 0], [0, 1], 2 / 5),
    ],
)
def test_a_score_is_that_of_the_labelled(y, classes, score):
    predicted = np.array([0, 1, 1, 0, 1])
    found = labelled_score(accuracy_score, y, predicted, None, np.array(classes))
    assert found == pytest.approx(score)


def test_a_score_of_numbers_and_weights():
    y, predicted = np.array([1.0, np.nan, 2.0, 4.0]), np.array([1.5, 9.0, 2.0, 3.0])
    weight, there = np.array([1.0, 5.0, 2.0, 1.0]), [0, 2, 3]
    expected = r2_score(y[there], predicted[there], sample_weight=weight[there])
    found = labelled_score(r2_score, y, predicted, list(weight))
    assert found == pytest.approx(expected)
    with pytest.raises(ValueError, match="without a single label"):
        labelled_score(r2_score, [np.nan] * 4, predicted)


def test_scores_are_doubles_in_which_a_probability_near_1_is_not_1():
    logits = np.array([[20.0], [-20.0]], dtype=np.float32)
    assert decision_values(logits).dtype == np.float64
    found = class_probabilities(logits)
    rare = 1 / (1 + np.exp(20.0))
    np.testing.assert_allclose(found, [[rare, 1 - rare], [1 - rare, rare]], rtol=1e-12)
    assert found.max() < 1


def test_several_targets_each_have_a_scale():
    y = np.array(
        [[1.0, 5e9], [2.0, np.nan], [4.0, 5e9 + 2], [np.nan, np.nan], [3.0, 5e9 + 1]]
    )
    scale, scaled = TargetScale.learn(y, X, "Kind")
    np.testing.assert_allclose(scale.mean, np.nanmean(y, axis=0), rtol=1e-15)
    np.testing.assert_allclose(scale.deviation, np.nanstd(y, axis=0), rtol=1e-6)
    assert scale.n_outputs == 2
    np.testing.assert_array_equal(scale.labelled(scaled), [True, True, True, False, True])
    np.testing.assert_allclose(scale.predict(scaled), y, rtol=1e-7)
    columns = [TargetScale.learn(column, X, "Kind")[1] for column in y.T]
    np.testing.assert_array_equal(scaled, np.transpose(columns))
    with pytest.raises(ValueError, match=r"y of shape \(5,\), but Kind has learned 2 tar"):
        TargetScale.learn(y[:, 0], X, "Kind", known=scale)
    with pytest.raises(ValueError, match="without a single target"):
        TargetScale.learn(np.where([True, False], y, np.nan), X, "Kind")


def test_a_weight_counts_as_rows_would():
    y, weight = np.array([1.0, 2.0, 9.0, np.nan, 4.0]), np.array([1, 3, 0, 2, 2])
    scale, _ = TargetScale.learn(y, X, "Kind", weight)
    there = [0, 1, 4]
    repeated = np.repeat(y[there], weight[there])
    assert scale.mean == pytest.approx(repeated.mean(), rel=1e-14)
    assert scale.deviation == pytest.approx(repeated.std(), rel=1e-14)
    with pytest.raises(ValueError, match="without a single target"):
        TargetScale.learn(y, X, "Kind", np.array([0, 0, 0, 1, 0]))


def test_balanced_classes_count_their_weights():
    y, weight = np.array(["a", "a", "b", "c", "c"]), np.array([1.0, 2.0, 4.0, 0.0, 0.0])
    learned, _ = Classes.learn(y, X, "Kind", "balanced", weight)
    assert learned.weights == pytest.approx((7 / (3 * 3), 7 / (3 * 4), 0.0))


def test_a_score_of_several_targets_is_the_mean_of_theirs():
    rng = np.random.default_rng(0)
    y, predicted, weight = rng.normal(size=(9, 3)), rng.normal(size=(9, 3)), rng.random(9)
    scale = TargetScale(np.zeros(3), np.ones(3))
    expected = r2_score(y, predicted, sample_weight=weight)
    assert scale.score(y, predicted, weight) == pytest.approx(expected)
    y[2, 0] = y[5, 1] = np.nan
    there = ~np.isnan(y)
    each = [r2_score(a[t], b[t]) for a, b, t in zip(y.T, predicted.T, there.T, strict=True)]
    assert scale.score(y, predicted) == pytest.approx(np.mean(each))
    with pytest.raises(ValueError, match=r"y of shape \(9,\), but what is predicted"):
        scale.score(y[:, 0], predicted)


def test_a_score_needs_a_row_that_weighs():
    with pytest.raises(ValueError, match="sample_weight with 0 for every row that has a l"):
        labelled_score(r2_score, [1.0, np.nan, 2.0], np.zeros(3), [0.0, 1.0, 0.0])
