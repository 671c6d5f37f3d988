import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from skvae import dice_scores

MASKS = arrays(np.uint8, (4, 3, 5), elements=st.integers(0, 2))


@given(truth=MASKS, predicted=MASKS)
def test_the_mean_is_f1_over_samples(truth, predicted):
    rows = [(m == 1).reshape(4, -1).astype(int) for m in (truth, predicted)]
    expected = f1_score(*rows, average="samples", zero_division=1)
    assert dice_scores(truth, predicted, labels=[1]).mean() == pytest.approx(expected)


@given(truth=MASKS, predicted=MASKS)
def test_it_is_symmetric_and_one_for_equal_masks(truth, predicted):
    scores = dice_scores(truth, predicted, labels=[1, 2], ignore_label=None)
    np.testing.assert_array_equal(
        scores, dice_scores(predicted, truth, labels=[1, 2], ignore_label=None)
    )
    assert (dice_scores(truth, truth, labels=[1, 2]) == 1).all()
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_empty_masks():
    empty, full = np.zeros((1, 4), dtype=int), np.ones((1, 4), dtype=int)
    assert dice_scores(empty, empty, labels=[1]) == [[1.0]]
    assert dice_scores(empty, full) == [[0.0]]
    assert dice_scores(full, empty) == [[0.0]]


def test_pixels_that_do_not_count_and_images_of_unequal_sizes():
    truth = [np.array([[1, -1], [0, 1]]), np.array([[2, 1, 1]])]
    predicted = [np.array([[1, 1], [0, 0]]), np.array([[2, 0, 1]])]
    np.testing.assert_allclose(dice_scores(truth, predicted), [[2 / 3, 1], [2 / 3, 1]])
    with pytest.raises(ValueError, match=r"shapes \(2, 2\) and \(1, 3\) for the image 0"):
        dice_scores(truth[:1], predicted[1:])


def test_labels_that_overlap_by_axis_and_by_name():
    truth, predicted = np.random.default_rng(0).integers(0, 2, size=(2, 3, 2, 5, 4))
    scores = dice_scores(truth, predicted, multilabel=True)
    for k in (0, 1):
        alone = dice_scores(truth[:, k], predicted[:, k], labels=[1])
        np.testing.assert_array_equal(scores[:, [k]], alone)
    fields = [np.empty((3, 5, 4), [("lung", int), ("lesion", int)]) for _ in range(2)]
    for each, masks in zip(fields, (truth, predicted), strict=True):
        each["lung"], each["lesion"] = masks[:, 0], masks[:, 1]
    np.testing.assert_array_equal(dice_scores(*fields), scores)
    np.testing.assert_array_equal(dice_scores(*fields, labels=["lesion"]), scores[:, 1:])
    np.testing.assert_array_equal(dice_scores(fields[0], predicted), scores)
    with pytest.raises(ValueError, match="Got the label 2, but masks have 0, 1"):
        dice_scores(truth, predicted, multilabel=True, labels=[2])
